# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Runners of the graph's models from files: checkpoints, MindIR, ONNX, TFLite."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from src.errors import UserError
from src.graph import Graph, Model
from src.method import Method
from src.prediction import Runner, as_arrays, network_runners

_KINDS = ".ckpt, .onnx, .mindir or .tflite"


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


def tflite_runner(path: Path, model: Model) -> Runner:
    """Run a TFLite file in LiteRT on the CPU, one sample at a time: such files have a batch of 1.

    A file has its channels last and its tensors in no particular order; those of its signature are known by
    the names that they have in the model.

    Raises:
        UserError: LiteRT is not installed, or the file is damaged or of another model.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise UserError(f"{path} is run by LiteRT, which is not installed: pip install ai-edge-litert, or "
                        "give the .onnx file") from None
    try:
        signature = Interpreter(str(path), num_threads=os.cpu_count()).get_signature_runner()
    except (RuntimeError, ValueError) as error:
        reason = _first_line(error)
        raise UserError(f"{path} cannot be loaded as TFLite ({reason}); convert it again") from None
    taken, made = signature.get_input_details(), signature.get_output_details()
    inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (model.inputs, model.outputs))
    if set(taken) != set(inputs) or set(made) != set(outputs):
        raise UserError(f"{path} makes {', '.join(made)} of {', '.join(taken)}, {model.file} would make "
                        f"{', '.join(outputs)} of {', '.join(inputs)}; convert {model.file}.onnx again")

    def run(*values: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = []
        for sample in zip(*values):
            channels_last = (np.moveaxis(value[None], 1, -1) for value in sample)
            found = signature(**dict(zip(inputs, channels_last)))
            rows.append([np.moveaxis(found[name], -1, 1) for name in outputs])
        return tuple(np.concatenate(column) for column in zip(*rows))

    shapes = (taken[name]["shape"].tolist() for name in inputs)
    return _checked(run, path, [("N", channels, *size) for _, *size, channels in shapes])


def graph_of(method: Method, model: str) -> Graph:
    """Return the part of the method's graph that makes the depth which a model gives.

    Args:
        method: whose graph it is.
        model: a folder of a training, of checkpoints or of exported files: it gives `Method.inferred`.
            Or an `.onnx`, `.mindir`, `.tflite` or `.ckpt` file of one of the graph's models: it gives that
            model's result.

    Raises:
        UserError: there is no such folder or file, or it is none of the method's models.
    """
    path = Path(model)
    if path.is_dir():
        return method.graph.upto(method.inferred)
    if not path.is_file():
        raise UserError(f"no model {path}: give a folder of models, or a {_KINDS} file")
    owners = [m.name for m in method.graph.models if path.stem in (m.file, f"{m.file}_rank0")]
    results = method.graph.results_of(tuple(owners))
    if not results:
        stems = ", ".join(m.file for m in method.graph.models if method.graph.results_of((m.name,)))
        raise UserError(f"{path.name} is none of {method.name}'s models that make depth ({stems}); rename "
                        "it, or give the folder and --ckpt NAME=PATH")
    return method.graph.upto(results[:1])


def open_runners(method: Method, graph: Graph, model: str) -> dict[str, Runner]:
    """Return a runner for each model of a part of the graph.

    Args:
        method: whose graph to run.
        graph: the part, see `graph_of`.
        model: the folder of its models, or the file of the last one, beside which the others are. `--ckpt`
            names checkpoints that are elsewhere.

    Raises:
        UserError: nothing usable is there (what was looked for is named).
    """
    path = Path(model)
    if path.is_dir():
        return _runners_of_folder(method, graph, path)
    if path.suffix == ".ckpt":
        return _from_checkpoints(method, graph, path.parent)
    return _from_files(method, graph, path.parent, path.suffix)


def _runners_of_folder(method: Method, graph: Graph, folder: Path) -> dict[str, Runner]:
    """Take the first kind of model in the folder; of a training its checkpoints, which are never stale."""
    if method.settings.ckpt:
        return _from_checkpoints(method, graph, folder / "Ckpt" if (folder / "Ckpt").is_dir() else folder)
    places = ((folder, ".onnx"), (folder, ".mindir"), (folder, ".tflite"), (folder, ".ckpt"),
              (folder / "Ckpt", ".ckpt"), (folder / "ONNX", ".onnx"), (folder / "MindIR", ".mindir"),
              (folder / "TFLite", ".tflite"))
    for place, suffix in places:
        if not _missing(graph, place, suffix):
            return (_from_checkpoints(method, graph, place) if suffix == ".ckpt"
                    else _from_files(method, graph, place, suffix))
    hints = (_incomplete(method, graph, place, suffix) for place, suffix in places)
    raise UserError(f"{folder} holds no complete set of {', '.join(_stems(graph))} as "
                    f"{_KINDS}{next(filter(None, hints), '')}")


def _stems(graph: Graph) -> list[str]:
    return [model.file for model in graph.networks.values()]


def _file(folder: Path, stem: str, suffix: str) -> Path | None:
    ends = (suffix, f"_rank0{suffix}") if suffix == ".ckpt" else (suffix,)
    return next((path for end in ends if (path := folder / f"{stem}{end}").is_file()), None)


def _missing(graph: Graph, folder: Path, suffix: str) -> list[str]:
    return [f"{stem}{suffix}" for stem in _stems(graph) if _file(folder, stem, suffix) is None]


def _incomplete(method: Method, graph: Graph, folder: Path, suffix: str) -> str:
    """Say what a folder with some of the models lacks, and which one of them makes depth without it."""
    missing = _missing(graph, folder, suffix)
    if len(missing) == len(_stems(graph)):
        return ""
    alone = [_file(folder, method.graph.model(result.split(":", 1)[0]).file, suffix)
             for result in method.graph.results
             if not _missing(method.graph.upto((result,)), folder, suffix)]
    hint = f"; give {alone[0]} as MODEL for its depth alone" if alone else ""
    return f": {folder} has no {', '.join(missing)}{hint}"


def _from_files(method: Method, graph: Graph, folder: Path, suffix: str) -> dict[str, Runner]:
    openers = {".onnx": onnx_runner, ".mindir": mindir_runner}
    if suffix not in (*openers, ".tflite"):
        raise UserError(f"models end in {_KINDS}, not {suffix or 'nothing'}")
    if suffix == ".mindir":
        _set_up_device(method)
    opened: dict[str, Runner] = {}
    for name, model in graph.networks.items():
        path = folder / f"{model.file}{suffix}"
        if not path.is_file():
            raise UserError(f"model {model.name} of the graph is missing: {path}")
        opened[name] = tflite_runner(path, model) if suffix == ".tflite" else openers[suffix](path)
    return {model.name: opened[model.network] for model in graph.models}


def _from_checkpoints(method: Method, graph: Graph, folder: Path) -> dict[str, Runner]:
    from src.training.checkpoints import load_trained

    _set_up_device(method)
    return network_runners(load_trained(method, graph, folder))


def _set_up_device(method: Method) -> None:
    from src.training.device import set_up_device  # MindSpore is imported only where it runs the models

    set_up_device(method.settings)
