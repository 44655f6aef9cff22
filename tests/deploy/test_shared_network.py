# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Two models of a graph that run one network: one checkpoint and one exported file through every command."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mindspore import nn, ops

import src.config
import src.method
from src.graph import Graph, Model, TensorSpec, Wire
from src.method import Stage
from src.prediction import network_runners
from src.training import checkpoints
from tests.commands import assert_same_figures, figures, refusal, run
from tests.cpp_program import needs_cpp, run_cpp_program
from tests.deploy.test_free_sizes import write_samples
from tests.dummy_method.method import SECTION, DummyMethod
from tests.dummy_method.net import MaskedL1
from tests.nyu_files import method_of

TWIN = ("--method", "twin")
VIEWS = ("left", "right")
NUM = 4


class SharedNet(nn.Cell):
    """image (N, 1, H, W) -> depth (N, 1, H, W)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, has_bias=True)
        self.head = nn.Conv2d(4, 1, 1, has_bias=True)

    def construct(self, image):
        return self.head(ops.relu(self.conv(image)))


class Both(nn.Cell):
    """The network on both views."""

    def __init__(self, network: nn.Cell):
        super().__init__(auto_prefix=False)
        self.network = network

    def construct(self, left, right):
        return self.network(left), self.network(right)


class Twin(DummyMethod):
    """One network sees the depth file as left and the picture as right view."""

    name = "twin"
    stage_names = ("shared",)

    @property
    def graph(self) -> Graph:
        shape = (1, *self.map_hw)
        models = (Model(view, "FinalSharedNet", (Wire("image", f"input:{source}"),),
                        (TensorSpec("map", shape),), network="shared")
                  for view, source in zip(VIEWS, ("depth", "grey")))
        return Graph((TensorSpec("depth", shape), TensorSpec("grey", shape)), tuple(models),
                     tuple(f"{view}:map" for view in VIEWS))

    def build_networks(self) -> dict:
        return {"shared": SharedNet()}

    def build_stage(self, name: str, networks: dict) -> Stage:
        objective = MaskedL1(Both(networks["shared"]), ("left_l1", "right_l1"))
        return Stage(name, "shared net", objective, ("truth", "mask", "depth", "grey"),
                     trained=("shared",), learning_rate=self.settings.dummy_rate)


@pytest.fixture(scope="module", autouse=True)
def registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(src.method, "_METHODS", dict(src.method._METHODS))
        patch.setattr(src.config, "_EXTRA_METHODS", dict(src.config._EXTRA_METHODS))
        src.method.register("twin", f"{__name__}:Twin", SECTION)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_samples(tmp_path_factory.mktemp("twin_data") / "D", *[(48, 64)] * NUM)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("twin") / "Model"
    run("train", *TWIN, "--data_list", data / "test.txt", "--val_list", data / "test.txt", "--train_url",
        folder, "--max_steps", 2, "--log_every", 1, "--dummy_rate", 0.02)
    run("export", *TWIN, "--train_url", folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(data, trained, tmp_path_factory) -> Path:
    """Evaluate; return the folder of figures.json and maps/."""
    folder = tmp_path_factory.mktemp("evaluated")
    run("eval", *TWIN, "--data_list", data / "test.txt", "--train_url", trained, "--output_json",
        folder / "figures.json", "--save_predictions", folder / "maps")
    return folder


def test_training_writes_one_checkpoint_and_validates_both_models(trained):
    assert {path.name for path in (trained / "Ckpt").glob("*.ckpt")} == {
        "FinalSharedNet.ckpt", "BestSharedNet.ckpt", "last.ckpt"}
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [set(row["validation"]) for row in rows if "validation" in row] == [set(VIEWS)]
    names = set(checkpoints.read_checkpoint(trained / "Ckpt/FinalSharedNet.ckpt"))
    assert names == {"conv.weight", "conv.bias", "head.weight", "head.bias"}


def test_export_writes_one_file(trained, capsys):
    run("export", *TWIN, "--train_url", trained, "--export_nets", "shared")
    assert capsys.readouterr().out.count(" MB, ") == 2
    for kind in ("MindIR", "ONNX"):
        names = {path.name for path in (trained / kind).glob("Final*")}
        assert names == {f"FinalSharedNet.{kind.lower()}"}


def test_a_checkpoint_is_loaded_once(trained, monkeypatch):
    loaded = []

    def load(network, path):
        loaded.append(path)
        return load_network(network, path)

    load_network = checkpoints.load_network
    monkeypatch.setattr(checkpoints, "load_network", load)
    method = method_of(*TWIN, "--train_url", trained)
    networks = checkpoints.load_trained(method, method.graph)
    assert loaded == [trained / "Ckpt/FinalSharedNet.ckpt"]
    assert networks["left"] is networks["right"]


def test_both_models_run_the_trained_network(data, trained, evaluated):
    """Each on its own input, as the saved maps show."""
    stored = method_of(*TWIN, "--train_url", trained)
    network = network_runners(checkpoints.load_trained(stored, stored.graph))["left"]
    samples = method_of(*TWIN, "--data_list", data / "test.txt").eval_samples()
    for sample in (samples[i] for i in range(NUM)):
        found = {}
        for view, source in zip(VIEWS, ("depth", "grey")):
            made = network(sample.inputs[source][None])[0][0]
            expected_m, _ = stored.to_full(stored.decode("", made, sample), sample)
            found[view] = np.load(evaluated / f"maps/{view}/{sample.name}.npy")
            np.testing.assert_allclose(found[view], expected_m, rtol=1e-5, atol=1e-6)
        assert np.abs(found["left"] - found["right"]).mean() > 1e-3


def test_ckpt_and_export_nets_name_the_network(data, trained, evaluated, tmp_path, capsys):
    ckpt = trained / "Ckpt/FinalSharedNet.ckpt"
    argv = ("eval", *TWIN, "--data_list", data / "test.txt", "--train_url", tmp_path)
    run(*argv, "--ckpt", f"shared={ckpt}", "--output_json", tmp_path / "figures.json")
    assert figures(tmp_path / "figures.json") == figures(evaluated / "figures.json")
    line = refusal(capsys, *argv, "--ckpt", f"left={ckpt}")
    assert "must be NAME=PATH with NAME one of shared" in line
    line = refusal(capsys, "export", *TWIN, "--train_url", trained, "--export_nets", "left")
    assert "--export_nets left is not known: twin has shared" in line


@pytest.mark.parametrize("model", ["", "Ckpt", "Ckpt/FinalSharedNet.ckpt", "ONNX", "ONNX/FinalSharedNet.onnx",
                                   "MindIR/FinalSharedNet.mindir"])
def test_infer_gives_the_first_models_map(data, trained, evaluated, tmp_path, model):
    run("infer", data / "infer.txt", trained / model, *TWIN, "--save", "npy", "--output_dir", tmp_path)
    for i in range(NUM):
        expected_m = np.load(evaluated / f"maps/left/s{i}_raw.npy")
        np.testing.assert_allclose(np.load(tmp_path / f"s{i}_raw.npy"), expected_m, rtol=1e-5, atol=1e-6)


@needs_cpp
@pytest.mark.parametrize("batch", [1, 3])
def test_the_cpp_program_runs_one_file_as_two_models(data, trained, evaluated, tmp_path, batch):
    run("preprocess", *TWIN, "--data_list", data / "test.txt", "--train_url", trained,
        "--output_path", tmp_path / "P")
    manifest = json.loads((tmp_path / "P/manifest.json").read_text())
    assert [(entry["name"], entry["file"], entry["network"]) for entry in manifest["models"]] == [
        (view, "FinalSharedNet", "shared") for view in VIEWS]
    models = dict.fromkeys(VIEWS, trained / "MindIR/FinalSharedNet.mindir")
    run_cpp_program(tmp_path / "P", models, tmp_path / "R", "--batch", batch)
    run("postprocess", "--result_path", tmp_path / "R", "--label_file", tmp_path / "P/label",
        "--output_json", tmp_path / "figures.json")
    found, expected = figures(tmp_path / "figures.json"), figures(evaluated / "figures.json")
    assert set(expected) == {(v, p) for v in VIEWS for p in ("panorama", "kinect_mm")}
    assert_same_figures(found, expected, rel=1e-4, abs=1e-5)
    assert found["left", "panorama"] != found["right", "panorama"]
