# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A fully convolutional method, whose maps may have any size, through every command that runs its files."""
from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from mindspore import float32, nn, ops

import src.config
import src.method
from src.deploy.runtimes import mindir_runner, onnx_runner
from src.graph import Graph, TensorSpec
from src.layers.resize import BilinearUpsample
from src.prediction import network_runners
from src.training.checkpoints import load_trained
from tests.commands import assert_same_figures, figures, refusal, run
from tests.cpp_program import needs_cpp, run_cpp_program
from tests.dummy_method.method import SECTION, DummyMethod
from tests.dummy_method.net import RefineNet
from tests.nyu_files import method_of, write_training

FREE = ("--method", "free")
NETS = ("Denoise", "Refine")
NUM = 3


class HalvingNet(nn.Cell):
    """depth, valid (N, 1, H, W), H and W even -> depth (N, 1, H, W), by way of half the size."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(2, 4, 3, stride=2, pad_mode="same", has_bias=True)
        self.up = nn.Conv2dTranspose(4, 1, 3, stride=2, pad_mode="same")
        self.column = nn.Conv2d(4, 1, 1)
        self.enlarge = BilinearUpsample(2)

    def construct(self, depth, valid):
        half = ops.relu(self.down(ops.concat((depth, valid.astype(float32)), 1)))
        return depth + self.up(half) + self.enlarge(self.column(half))


class FreeMethod(DummyMethod):
    """The dummy method, with maps as large as the files."""

    name = "free"
    example_sizes = {"H": 24, "W": 32}
    size_step = {"H": 2, "W": 2}

    @property
    def graph(self) -> Graph:
        graph = super().graph

        def freed(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
            return tuple(dataclasses.replace(spec, shape=(1, "H", "W")) for spec in specs)

        models = tuple(dataclasses.replace(model, outputs=freed(model.outputs)) for model in graph.models)
        return Graph(freed(graph.inputs), models, graph.results)

    def build_networks(self) -> dict:
        return {"denoise": HalvingNet(), "refine": RefineNet()}

    def shrunk(self, depth_m: np.ndarray) -> np.ndarray:
        return depth_m


@pytest.fixture(scope="module", autouse=True)
def registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(src.method, "_METHODS", dict(src.method._METHODS))
        patch.setattr(src.config, "_EXTRA_METHODS", dict(src.config._EXTRA_METHODS))
        src.method.register("free", f"{__name__}:FreeMethod", SECTION)
        yield


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("free") / "Model"
    write_training(folder, *FREE)
    run("export", *FREE, "--train_url", folder)
    return folder


def write_samples(folder: Path, *sizes: tuple[int, int]) -> Path:
    """Write raw and true depth in mm and a grey picture of each size, and their list; return the folder."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i, size in enumerate(sizes):
        rows, columns = (np.arange(count) for count in size)
        truth_mm = 900 + np.add.outer(rng.random() * 40 * rows, rng.random() * 30 * columns)
        cv2.imwrite(str(folder / f"s{i}_truth.png"), truth_mm.astype(np.uint16))
        raw_mm = (truth_mm + rng.normal(0, 20, size)) * (rng.random(size) > 0.1)
        cv2.imwrite(str(folder / f"s{i}_raw.png"), raw_mm.astype(np.uint16))
        cv2.imwrite(str(folder / f"s{i}_grey.png"), rng.integers(0, 256, size).astype(np.uint8))
    names = [f"s{i}" for i in range(len(sizes))]
    (folder / "test.txt").write_text("".join(f"{n}_raw.png {n}_grey.png {n}_truth.png\n" for n in names))
    (folder / "infer.txt").write_text("".join(f"{n}_raw.png {n}_grey.png\n" for n in names))
    return folder


def inputs_of(batch: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(batch)
    depth = rng.random((batch, 1, height, width), np.float32)
    return depth, rng.integers(0, 2, depth.shape).astype(np.int32)


def test_every_format_says_its_sizes(exported, capsys):
    run("export", *FREE, "--train_url", exported)
    lines = [line.partition(" MB, ")[2] for line in capsys.readouterr().out.splitlines() if " MB, " in line]
    assert [line.partition(", differs")[0] for line in lines] == [
        "batch 1, H 24, W 32", "batch free, H free, W free"] * 2


def test_onnx_runtime_gives_the_networks_numbers_at_any_size(exported):
    method = method_of(*FREE, "--train_url", exported)
    networks = network_runners(load_trained(method, method.graph))
    file = onnx_runner(exported / "ONNX/FinalDenoiseNet.onnx")
    for shape in ((1, 24, 32), (3, 10, 6), (2, 2, 50)):
        inputs = inputs_of(*shape)
        (found,), (expected,) = file(*inputs), networks["denoise"](*inputs)
        assert np.abs(expected - inputs[0]).std() > 1e-3
        np.testing.assert_allclose(found, expected, atol=1e-5)
    dims = onnx.load(exported / "ONNX/FinalDenoiseNet.onnx").graph.input[1].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", 1, "H", "W"]


def test_mindir_has_the_example_sizes(exported):
    inputs = inputs_of(1, 24, 32)
    found = mindir_runner(exported / "MindIR/FinalDenoiseNet.mindir")(*inputs)[0]
    np.testing.assert_allclose(found, onnx_runner(exported / "ONNX/FinalDenoiseNet.onnx")(*inputs)[0],
                               atol=1e-5)


def test_a_network_that_holds_its_size_is_exported_for_it(exported, tmp_path, capsys, monkeypatch):
    class Flattening(HalvingNet):
        def construct(self, depth, valid):
            n, _, h, w = depth.shape
            return ops.softmax(super().construct(depth, valid).reshape((n, h * w))).reshape((n, 1, h, w))

    monkeypatch.setitem(globals(), "HalvingNet", Flattening)
    run("export", *FREE, "--train_url", tmp_path, "--export_nets", "denoise", "--file_format", "ONNX",
        "--ckpt", f"denoise={exported}/Ckpt/FinalDenoiseNet.ckpt")
    assert "batch free, H 24, W 32, its size could not be left free, differs" in capsys.readouterr().out


def test_infer_takes_every_size_from_onnx_and_one_from_mindir(exported, tmp_path, capsys):
    sizes = (24, 32), (24, 32), (20, 28)
    data = write_samples(tmp_path / "data", *sizes)
    for folder, batch in (("Ckpt", 1), ("ONNX", 3)):  # a batch ends where the size changes
        run("infer", data / "infer.txt", exported / folder, *FREE, "--save", "npy", "--output_dir",
            tmp_path / folder, "--eval_batch_size", batch)
    for i, size in enumerate(sizes):
        found, expected = (np.load(tmp_path / folder / f"s{i}_raw.npy") for folder in ("ONNX", "Ckpt"))
        assert found.shape == size
        np.testing.assert_allclose(found, expected, atol=1e-4)
    line = refusal(capsys, "infer", data / "infer.txt", exported / "MindIR", *FREE, "--output_dir",
                   tmp_path / "R")
    assert "FinalDenoiseNet.mindir does not take inputs (1, 1, 20, 28), (1, 1, 20, 28)" in line
    assert "(it takes (1, 1, 24, 32), (1, 1, 24, 32))" in line


def test_a_bundle_has_one_size(exported, tmp_path, capsys):
    data = write_samples(tmp_path / "data", (20, 28), (20, 28), (24, 32))
    line = refusal(capsys, "preprocess", *FREE, "--data_url", data, "--train_url", exported,
                   "--output_path", tmp_path / "P")
    assert "sample s2_raw has H 24, W 32, s0_raw has H 20, W 28: the C++ program runs one size" in line
    assert "--data_list" in line
    assert not (tmp_path / "P/manifest.json").exists()


@pytest.fixture
def bundle(exported, tmp_path) -> Path:
    data = write_samples(tmp_path / "data", *[(20, 28)] * NUM)
    run("preprocess", *FREE, "--data_url", data, "--train_url", exported, "--output_path", tmp_path / "P")
    return tmp_path / "P"


def test_the_manifest_holds_the_samples_size(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    specs = [*manifest["inputs"], *(spec for model in manifest["models"] for spec in model["outputs"])]
    assert {tuple(spec["shape"]) for spec in specs} == {(1, 20, 28)}


@needs_cpp
@pytest.mark.parametrize("batch", [1, 2])
def test_the_cpp_program_gives_evals_figures(exported, bundle, tmp_path, batch):
    models = {net.lower(): exported / f"MindIR/Final{net}Net.mindir" for net in NETS}
    run_cpp_program(bundle, models, tmp_path / "R", "--batch", batch)
    run("postprocess", "--result_path", tmp_path / "R", "--label_file", bundle / "label", "--output_json",
        tmp_path / "cpp.json")
    run("eval", *FREE, "--data_url", tmp_path / "data", "--train_url", exported, "--output_json",
        tmp_path / "eval.json")
    found, expected = figures(tmp_path / "cpp.json"), figures(tmp_path / "eval.json")
    assert set(found) >= {(net.lower(), protocol) for net in NETS for protocol in DummyMethod.protocols}
    assert_same_figures(found, expected, rel=1e-5, abs=1e-6)
