# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Runners of the graph's models from files: checkpoints, MindIR, ONNX."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from src.errors import UserError
from src.graph import Graph
from src.method import Method
from src.prediction import Runner, as_arrays, network_runners


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _checked(run: Runner, path: Path, declared: list[tuple]) -> Runner:
    """Turn inputs that a file does not take into one line.

    Args:
        run: the runner.
        path: the file.
        declared: its inputs' shapes, batch first; what is no number is free.
    """
    def fits(shape: tuple[int, ...], taken: tuple) -> bool:
        return len(shape) == len(taken) and all(  # of the batch size the runtime decides
            size == own for size, own in zip(shape[1:], taken[1:]) if isinstance(own, int))

    def checked(*inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        shapes = [value.shape for value in inputs]
        reason = f"it takes {_shapes_text(declared)}"
        if len(shapes) == len(declared) and all(map(fits, shapes, declared)):
            try:
                return run(*inputs)
            except Exception as error:  # the runtimes raise classes of their own, without a common base
                reason = _first_line(error)
        raise UserError(f"{path} does not take inputs {_shapes_text(shapes)} ({reason}); is it of this "
                        "method, settings, size and batch size? Else export it again") from None

    return checked


def _shapes_text(shapes: list[tuple]) -> str:
    return ", ".join(f"({', '.join(map(str, shape))})" for shape in shapes)


def mindir_runner(path: Path) -> Runner:
    """Run a MindIR file in MindSpore, at the sizes it was exported with."""
    import mindspore as ms
    from mindspore.train.mind_ir_pb2 import ModelProto

    try:
        cell = ms.nn.GraphCell(ms.load(str(path)))
    except (RuntimeError, ValueError) as error:
        reason = _first_line(error)
        raise UserError(f"{path} cannot be loaded as MindIR ({reason}); export it again") from None

    def run(*inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        return as_arrays(cell(*(ms.Tensor(value) for value in inputs)))

    # MindSpore itself compares no sizes: some files work at others than theirs, some fail deep inside.
    graph = ModelProto.FromString(path.read_bytes()).graph
    return _checked(run, path, [tuple(value.tensor[0].dims) for value in graph.input])


def onnx_runner(path: Path) -> Runner:
    """Run an ONNX file in ONNX Runtime on the CPU."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own, without a common base
        reason = _first_line(error)
        raise UserError(f"{path} cannot be loaded as ONNX ({reason}); export it again") from None
    names = [value.name for value in session.get_inputs()]

    def run(*inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(session.run(None, dict(zip(names, inputs))))

    return _checked(run, path, [tuple(value.shape) for value in session.get_inputs()])


def open_runners(method: Method, model: str) -> tuple[Graph, dict[str, Runner]]:
    """Return the part of the method's graph that makes one depth map, and a runner for each of its models.

    Args:
        method: whose graph to run.
        model: a folder of a training, of checkpoints or of exported files: it gives the graph's first result.
            Or an `.onnx`, `.mindir` or `.ckpt` file of one of the graph's models: it gives that model's
            result; the models before it are its neighbours. `--ckpt` names checkpoints that are elsewhere.

    Raises:
        UserError: nothing usable is there (what was looked for is named).
    """
    path = Path(model)
    if path.is_dir():
        graph = method.graph.upto(method.graph.results[:1])
        return graph, _runners_of_folder(method, graph, path)
    if not path.is_file():
        raise UserError(f"no model {path}: give a folder of checkpoints, an .onnx or a .mindir file")
    graph = _graph_of_file(method, path)
    if path.suffix == ".ckpt":
        return graph, _from_checkpoints(method, graph, path.parent)
    return graph, _from_files(method, graph, path.parent, path.suffix)


def _graph_of_file(method: Method, path: Path) -> Graph:
    owners = [m.name for m in method.graph.models if path.stem in (m.file, f"{m.file}_rank0")]
    results = method.graph.results_of(tuple(owners))
    if not results:
        stems = ", ".join(m.file for m in method.graph.models if method.graph.results_of((m.name,)))
        raise UserError(f"{path.name} is none of {method.name}'s models that make depth ({stems}); rename "
                        "it, or give the folder and --ckpt NAME=PATH")
    return method.graph.upto(results[:1])


def _runners_of_folder(method: Method, graph: Graph, folder: Path) -> dict[str, Runner]:
    """Take the first kind of model in the folder; of a training its checkpoints, which are never stale."""
    if method.settings.ckpt:
        return _from_checkpoints(method, graph, folder / "Ckpt" if (folder / "Ckpt").is_dir() else folder)
    stems = [model.file for model in graph.models]
    for candidate, suffix in ((folder, ".onnx"), (folder, ".mindir"), (folder, ".ckpt"),
                              (folder / "Ckpt", ".ckpt"), (folder / "ONNX", ".onnx"),
                              (folder / "MindIR", ".mindir")):
        if _complete(candidate, stems, suffix):
            return (_from_checkpoints(method, graph, candidate) if suffix == ".ckpt"
                    else _from_files(method, graph, candidate, suffix))
    raise UserError(f"{folder} holds no complete set of {', '.join(stems)} as .ckpt, .onnx or .mindir")


def _complete(folder: Path, stems: list[str], suffix: str) -> bool:
    ends = (suffix, f"_rank0{suffix}") if suffix == ".ckpt" else (suffix,)
    return all(any((folder / f"{stem}{end}").is_file() for end in ends) for stem in stems)


def _from_files(method: Method, graph: Graph, folder: Path, suffix: str) -> dict[str, Runner]:
    openers = {".onnx": onnx_runner, ".mindir": mindir_runner}
    if suffix not in openers:
        raise UserError(f"models end in .ckpt, .onnx or .mindir, not {suffix or 'nothing'}")
    if suffix == ".mindir":
        _set_up_device(method)
    runners = {}
    for model in graph.models:
        path = folder / f"{model.file}{suffix}"
        if not path.is_file():
            raise UserError(f"model {model.name} of the graph is missing: {path}")
        runners[model.name] = openers[suffix](path)
    return runners


def _from_checkpoints(method: Method, graph: Graph, folder: Path) -> dict[str, Runner]:
    from src.training.checkpoints import load_trained

    _set_up_device(method)
    return network_runners(load_trained(method, graph, folder))


def _set_up_device(method: Method) -> None:
    from src.training.device import set_up_device  # MindSpore is imported only where it runs the models

    set_up_device(method.settings)
