# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Export of a method's networks, each file checked against the network that it was made from."""
from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn

from src.deploy import int8
from src.deploy.onnx_export import BATCH, export_onnx
from src.deploy.runtimes import mindir_runner, onnx_runner
from src.errors import UserError
from src.files import atomic_path
from src.graph import DTYPES, Model, TensorSpec
from src.method import Method
from src.prediction import Runner, network_runner
from src.training.checkpoints import load_one, named_paths, trained_path
from src.training.device import set_up_device

FOLDERS = {"MINDIR": "MindIR", "ONNX": "ONNX", "AIR": "AIR", "INT8": int8.FOLDER}
_CHECKED_BATCH = 3  # of files whose batch size is free


def export(method: Method) -> None:
    """Write, check and print `<train_url>/<format>/Final<Net>.<suffix>` for the chosen networks and formats.

    INT8 makes further ONNX files of those of float32, see `src.deploy.int8`.

    Raises:
        UserError: a checkpoint is missing, AIR is asked for without an Ascend backend, or a file differs from
            its network by more than `tolerance`.
    """
    s, graph = method.settings, method.graph
    set_up_device(s)
    _check_choices(method)
    networks = method.build_networks()
    floats: dict[str, Path] = {}
    for name in _chosen(method, networks):
        _load(networks, method, name)
        for file_format in s.file_format:
            if file_format == "INT8":
                continue
            model = graph.networks[name]
            path = Path(s.train_url) / FOLDERS[file_format] / f"{model.file}.{file_format.lower()}"
            print(_export_one(networks[name], method, model, file_format, path))
            if file_format == "ONNX":
                floats[name] = path
    if "INT8" in s.file_format:
        _export_int8(networks, method, floats)
    for file_format in s.file_format:  # beside the files, so that who moves their folder takes it along
        s.write(Path(s.train_url) / FOLDERS[file_format] / "config.yaml")


def _check_choices(method: Method) -> None:
    s, known = method.settings, method.graph.networks
    unknown = [name for name in s.export_nets if name not in known]
    if unknown:
        raise UserError(f"--export_nets {','.join(unknown)} is not known: {method.name} has "
                        f"{', '.join(known)}")
    if "AIR" in s.file_format and ms.get_context("device_target") != "Ascend":
        raise UserError("AIR is written by MindSpore's Ascend backend only, and there is no Ascend device "
                        "here; give --file_format MINDIR,ONNX")
    if "INT8" in s.file_format:
        int8.measured_part(method)


def _chosen(method: Method, networks: Mapping[str, nn.Cell]) -> list[str]:
    """Return the networks of `--export_nets`; by default all but untrained ones that make no depth."""
    graph, found = method.graph, []
    needed = {*graph.upto(graph.results).networks, *named_paths(method.settings, networks)}
    for name, model in graph.networks.items():
        path = trained_path(method, name, networks)
        if method.settings.export_nets:
            found += [name] if name in method.settings.export_nets else []
        elif name in needed or path.is_file():
            found.append(name)
        else:
            print(f"{model.file}: left out, since it has not been trained (there is no {path})")
    return found


def _load(networks: Mapping[str, nn.Cell], method: Method, name: str) -> None:
    load_one(method, name, networks)
    networks[name].set_train(False)


def _export_int8(networks: Mapping[str, nn.Cell], method: Method, floats: Mapping[str, Path]) -> None:
    """Write int8 files of the float32 ONNX files; of networks that have none here they are temporary."""
    part = int8.measured_part(method)
    with tempfile.TemporaryDirectory() as folder:
        sources = {}
        for name, model in part.networks.items():
            sources[name] = floats.get(name) or Path(folder) / f"{model.file}.onnx"
            if name not in floats:
                _load(networks, method, name)
                _export_one(networks[name], method, model, "ONNX", sources[name])
        int8.write_int8(method, part, sources)


def _export_one(network: nn.Cell, method: Method, model: Model, file_format: str, path: Path) -> str:
    """Write and check one file; return the line that says what came out."""
    s, sizes, inputs = method.settings, method.example_sizes, method.graph.input_specs(model)
    with atomic_path(path) as temporary:
        batch, free = s.export_batch_size, ()
        if file_format == "ONNX":
            batch = 1
            free = export_onnx(network, inputs, model.outputs, temporary, sizes, method.size_step)
        else:
            examples = [ms.Tensor(value) for value in _examples(inputs, batch, sizes)]
            ms.export(network, *examples, file_name=str(temporary), file_format=file_format)
        if file_format == "AIR":
            note = "not checked: only an Ascend card runs AIR"
        else:
            runner = (onnx_runner if file_format == "ONNX" else mindir_runner)(temporary)
            difference = np.max([_difference(network_runner(network), runner, inputs, model.outputs, *checked)
                                 for checked in _checked_sizes(method, batch, free)])
            if not difference <= s.tolerance:
                raise UserError(f"{path.name}: differs from the network by {difference:.2e} of its largest "
                                f"output, more than --tolerance {s.tolerance:g}; the file was not kept")
            note = f"differs from the network by at most {difference:.1e} of its largest output"
        size = temporary.stat().st_size / 1e6
        temporary.chmod(0o644)  # MindSpore makes its files read-only
    if file_format == "ONNX" and not set(sizes) <= set(free):
        note = f"its size could not be left free, {note}"
    dimensions = [f"{title} {'free' if name in free else fixed}" for name, title, fixed in (
        (BATCH, "batch", batch), *((name, name, fixed) for name, fixed in sizes.items()))]
    return f"{path}: {size:.2f} MB, {', '.join(dimensions)}, {note}"


def _checked_sizes(method: Method, batch: int, free: tuple[str, ...]) -> list[tuple[int, Mapping[str, int]]]:
    """Return the batch sizes and sizes that a file is run at: all of its fixed ones, others of free ones."""
    sizes = method.example_sizes
    if not free:
        return [(batch, sizes)]
    if free == (BATCH,):
        return [(_CHECKED_BATCH, sizes)]
    small = {name: (3 + 2 * i) * method.size_step.get(name, 1) for i, name in enumerate(sizes)}
    return [(batch, sizes), (_CHECKED_BATCH, small)]


def _examples(inputs: tuple[TensorSpec, ...], batch: int, sizes: Mapping[str, int]) -> list[np.ndarray]:
    """Return random inputs: uniform in [0, 1], integers 0 or 1."""
    rng = np.random.default_rng(0)
    shapes = [(batch, *spec.bind(sizes).shape) for spec in inputs]
    return [rng.integers(0, 2, shape).astype(DTYPES[spec.dtype]) if spec.dtype == "int32"
            else rng.random(shape, DTYPES[spec.dtype]) for spec, shape in zip(inputs, shapes)]


def _difference(network: Runner, file: Runner, inputs: tuple[TensorSpec, ...],
                outputs: tuple[TensorSpec, ...], batch: int, sizes: Mapping[str, int]) -> float:
    """Return the largest difference of all outputs, each relative to the network's largest value in it.

    Raises:
        ValueError: the outputs are not those of the graph of models.
    """
    examples = _examples(inputs, batch, sizes)
    expected, found = network(*examples), file(*examples)
    promised = [(batch, *spec.bind(sizes).shape) for spec in outputs]
    for made in (expected, found):
        if [value.shape for value in made] != promised:
            raise ValueError(f"outputs are {[value.shape for value in made]}, the graph says {promised}")
    return float(np.max([np.abs(a - b).max() / max(np.abs(a).max(), np.finfo(np.float32).tiny)
                         for a, b in zip(expected, found)]))  # np.max, unlike max, lets no NaN pass
