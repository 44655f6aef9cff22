# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Exported files against the networks they were made from: the full-size nets, then what is refused."""
from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from src.deploy import export as export_module
from src.deploy.runtimes import mindir_runner, onnx_runner
from src.prediction import network_runners
from src.training.checkpoints import load_trained
from tests.commands import refusal, run
from tests.nyu_files import TINY, method_of, write_training

_OPENVINO = """
import sys, numpy as np, openvino as ov, openvino.properties.hint as hint
arrays = np.load(sys.argv[2])
model = ov.Core().compile_model(sys.argv[1], "CPU", {hint.inference_precision: ov.Type.f32})
np.save(sys.argv[3], model({name: arrays[name] for name in arrays})[0])
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Path:
    """The folder of a training of the ModelZoo's nets, exported."""
    folder = tmp_path_factory.mktemp("full") / "Model"
    write_training(folder)
    run("export", "--train_url", folder)
    return folder


def runners_of(folder: Path, *argv: str):
    method = method_of("--train_url", folder, *argv)
    return network_runners(load_trained(method, method.graph))


@pytest.fixture(scope="module")
def networks(full):
    return runners_of(full)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "Model"
    write_training(folder, *TINY)
    return folder


def inputs_of(net: str, batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(batch)
    inputs = {"image": rng.random((batch, 3, 228, 304), np.float32)}
    if net == "fine":
        inputs["coarse"] = rng.normal(1, 0.5, (batch, 1, 55, 74)).astype(np.float32)
    return inputs


def path_of(full: Path, net: str, kind: str) -> Path:
    return full / kind / f"Final{net.capitalize()}Net.{kind.lower()}"


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert expected.std() > 1e-3  # a constant would prove nothing


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("net", ["coarse", "fine"])
def test_onnx_runtime_gives_the_networks_numbers(full, networks, net, batch):
    inputs = inputs_of(net, batch)
    session = onnxruntime.InferenceSession(path_of(full, net, "ONNX"), providers=["CPUExecutionProvider"])
    assert_close(session.run(["log_depth"], inputs)[0], networks[net](*inputs.values())[0])


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")
@pytest.mark.parametrize(("net", "batch"), [("coarse", 3), ("fine", 1)])
def test_openvino_gives_the_networks_numbers(full, networks, tmp_path, net, batch):
    inputs = inputs_of(net, batch)
    np.savez(tmp_path / "inputs.npz", **inputs)
    files = (path_of(full, net, "ONNX"), tmp_path / "inputs.npz", tmp_path / "outputs.npy")
    subprocess.run([sys.executable, "-c", _OPENVINO, *map(str, files)], check=True)
    assert_close(np.load(tmp_path / "outputs.npy"), networks[net](*inputs.values())[0])


@pytest.mark.parametrize("net", ["coarse", "fine"])
def test_mindir_comes_back_exactly(full, networks, net):
    inputs = inputs_of(net, 1)
    found = mindir_runner(path_of(full, net, "MindIR"))(*inputs.values())
    np.testing.assert_array_equal(found[0], networks[net](*inputs.values())[0])


def test_files_have_the_published_sizes(full):
    for kind in ("MindIR", "ONNX"):
        assert 84e6 < path_of(full, "coarse", kind).stat().st_size < 88e6  # 21.9 million float32
        assert 477e3 < path_of(full, "fine", kind).stat().st_size < 487e3


def test_onnx_files_carry_the_graphs_names_and_a_free_batch(full):
    model = onnx.load(path_of(full, "fine", "ONNX"))
    shapes = {value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
              for value in (*model.graph.input, *model.graph.output)}
    assert shapes == {"image": ["N", 3, 228, 304], "coarse": ["N", 1, 55, 74], "log_depth": ["N", 1, 55, 74]}
    assert [value.name for value in model.graph.input] == ["image", "coarse"]


def test_exported_files_can_be_overwritten_and_removed(tiny):
    for _ in range(2):
        run("export", "--train_url", tiny, "--coarse_or_fine", "fine", "--file_format", "MINDIR")
    path = path_of(tiny, "fine", "MindIR")
    assert path.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in sorted(path.parent.iterdir())] == [path.name, "config.yaml"]


def test_mindir_has_the_batch_size_that_was_asked_for(tiny):
    run("export", "--train_url", tiny, "--coarse_or_fine", "fine", "--file_format", "MINDIR",
        "--export_batch_size", 2)
    inputs = inputs_of("fine", 2)
    found = mindir_runner(path_of(tiny, "fine", "MindIR"))(*inputs.values())[0]
    assert_close(found, runners_of(tiny, *TINY)["fine"](*inputs.values())[0])


def test_air_is_refused_without_an_ascend_card(capsys, tiny):
    assert "AIR is written by MindSpore's Ascend backend only" in refusal(
        capsys, "export", "--train_url", tiny, "--file_format", "AIR,ONNX")
    assert not (tiny / "AIR").exists()


def test_a_file_beyond_tolerance_is_not_kept(capsys, tiny, monkeypatch):
    path = path_of(tiny, "fine", "ONNX")
    given = ("--train_url", tiny, "--coarse_or_fine", "fine", "--file_format", "ONNX")
    monkeypatch.setattr(export_module, "onnx_runner", off_by(1.0))
    assert "FinalFineNet.onnx: differs from the network by" in refusal(capsys, "export", *given)
    assert not list(path.parent.iterdir())
    monkeypatch.undo()
    run("export", *given)
    before = path.read_bytes()
    monkeypatch.setattr(export_module, "onnx_runner", off_by(np.nan))
    assert "differs from the network by nan" in refusal(capsys, "export", *given)
    assert path.read_bytes() == before
    assert [file.name for file in sorted(path.parent.iterdir())] == [path.name, "config.yaml"]


def off_by(difference: float):
    """An ONNX runtime that is wrong."""
    def opener(path):
        run_file = onnx_runner(path)
        return lambda *inputs: tuple(value + np.float32(difference) for value in run_file(*inputs))

    return opener


def test_missing_and_swapped_checkpoints_are_refused(capsys, tiny, tmp_path):
    line = refusal(capsys, "export", "--train_url", tmp_path)
    assert f"no checkpoint {tmp_path}/Ckpt/FinalCoarseNet.ckpt" in line
    assert not (tmp_path / "ONNX").exists()
    line = refusal(capsys, "export", "--train_url", tiny, "--coarse_or_fine", "fine", "--fine_ckpt_model",
                   tiny / "Ckpt/FinalCoarseNet.ckpt")
    assert "does not fit FineNet" in line


def test_unknown_networks_are_refused(capsys, tiny):
    line = refusal(capsys, "export", "--train_url", tiny, "--export_nets", "medium")
    assert "--export_nets medium is not known: depthnet has coarse, fine" in line
