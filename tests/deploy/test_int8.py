# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""export.py --file_format INT8: what it calibrates on, what it writes and measures, and what it refuses."""
from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

import src.config
import src.method
from src.deploy import int8
from src.deploy.runtimes import onnx_runner
from src.graph import Graph
from src.prediction import network_runners
from src.training.checkpoints import load_trained, save_network
from tests.commands import figures, refusal, run
from tests.ddrnet_files import write_ddrnet
from tests.deploy.test_free_sizes import write_samples
from tests.dummy_method.method import SECTION, DummyMethod
from tests.mergedepth_files import TINY, TinyNet, write_own_list, write_streets
from tests.nyu_files import method_of, write_training
from tests.panorama_files import write_picture

DUMMY = ("--method", "dummy")
EXTRA = ("--method", "extra")
NUM = 5
SHOWN = ("delta1", "abs_rel", "rmse")


class ExtraMethod(DummyMethod):
    """The refining network makes none of the results."""

    name = "extra"

    @property
    def graph(self) -> Graph:
        graph = super().graph
        return Graph(graph.inputs, graph.models, ("denoise:denoised",))


@pytest.fixture(scope="module", autouse=True)
def registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(src.method, "_METHODS", dict(src.method._METHODS))
        patch.setattr(src.config, "_EXTRA_METHODS", dict(src.config._EXTRA_METHODS))
        src.method.register("dummy", "tests.dummy_method.method:DummyMethod", SECTION)
        src.method.register("extra", f"{__name__}:ExtraMethod", SECTION)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_samples(tmp_path_factory.mktemp("data") / "D", *[(48, 64)] * NUM)


@pytest.fixture(scope="module")
def exported(data, tmp_path_factory) -> Path:
    """The dummy method's networks in float32 and int8, calibrated on its five samples."""
    folder = tmp_path_factory.mktemp("dummy") / "Model"
    write_training(folder, *DUMMY)
    run("export", *DUMMY, "--train_url", folder, "--file_format", "INT8,ONNX", "--data_url", data,
        "--calibration_list", data / "infer.txt")
    return folder


@pytest.fixture
def own(exported, tmp_path) -> Path:
    """A copy of it to export to again."""
    return shutil.copytree(exported, tmp_path / "Model")


class Recorder:
    """In the place of `int8.quantize`: keeps what each network would be calibrated on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.samples: dict[str, list[tuple[np.ndarray, ...]]] = {}
        monkeypatch.setattr(int8, "quantize", self.quantize)

    def quantize(self, source: Path, destination: Path, samples: Iterable, reduce_range: bool) -> int:
        self.reduce_range = reduce_range
        self.samples[source.stem] = list(samples)
        destination.parent.mkdir(exist_ok=True)
        destination.write_bytes(source.read_bytes())
        return len(self.samples[source.stem])


def accuracy_of(folder: Path) -> dict:
    return json.loads((folder / "INT8/accuracy.json").read_text())


# --- what it calibrates on

def test_each_network_is_calibrated_on_what_reaches_it(data, exported, tmp_path, monkeypatch):
    recorded = Recorder(monkeypatch)
    method = method_of(*DUMMY, "--train_url", tmp_path, "--data_url", data, "--calibration_samples", 2,
                       "--calibration_list", data / "infer.txt")
    files = {name: exported / f"ONNX/{model.file}.onnx" for name, model in method.graph.networks.items()}
    int8.write_int8(method, int8.measured_part(method), files)
    denoise = network_runners(load_trained(method, method.graph, exported / "Ckpt"))["denoise"]
    for i, index in enumerate((0, 2)):  # of 5, evenly spread
        files = {"raw depth map": data / f"s{index}_raw.png", "grey picture": data / f"s{index}_grey.png"}
        inputs = {name: value[None] for name, value in method.prepare("", files).inputs.items()}
        depth, valid = recorded.samples["FinalDenoiseNet"][i]
        np.testing.assert_array_equal(depth, inputs["depth"])
        np.testing.assert_array_equal(valid, inputs["valid"])
        denoised, grey = recorded.samples["FinalRefineNet"][i]
        np.testing.assert_array_equal(grey, inputs["grey"])
        np.testing.assert_allclose(denoised, denoise(depth, valid)[0], atol=1e-5)
        assert np.abs(denoised - depth).mean() > 1e-2
    assert [len(samples) for samples in recorded.samples.values()] == [2, 2]
    assert not recorded.reduce_range


def test_the_training_set_is_taken_as_it_is_in_use(tmp_path, monkeypatch):
    """Of stereo pairs without noise, mirroring and grey; a network of both views is given both."""
    monkeypatch.setattr("src.mergedepth.net.MergeNet", TinyNet)
    recorded = Recorder(monkeypatch)
    raw = write_streets(tmp_path / "raw", 4, 4)
    own = (*TINY, "--shared_weights", "true", "--noise", 1, "--grayscale", 1, "--color_range", 0.5)
    write_training(tmp_path / "Model", "--method", "mergedepth", *own)
    run("export", "--train_url", tmp_path / "Model", "--file_format", "INT8", "--data_url", raw,
        "--calibration_samples", 2, "--int8_weight_bits", 7)
    assert recorded.reduce_range
    rows = (write_own_list(tmp_path / "own.txt", raw, "train")).read_text().splitlines()
    method = method_of("--method", "mergedepth", *own)
    expected = [method.prepare("", {f"{view} picture": Path(rows[i].split(", ")[k])}).inputs[view][None]
                for i in (0, 2) for k, view in enumerate(("left", "right"))]
    (found,) = recorded.samples.values()
    np.testing.assert_array_equal(np.stack([image for image, in found]), np.stack(expected))
    assert [result["net"] for result in accuracy_of(tmp_path / "Model")["results"]] == ["left", "right"]


# --- what it writes and measures

def test_int8_files_stand_beside_the_others(exported):
    assert {path.name for path in (exported / "INT8").iterdir()} == {
        "FinalDenoiseNet.onnx", "FinalRefineNet.onnx", "accuracy.json", "config.yaml"}
    accuracy = accuracy_of(exported)
    assert accuracy["calibration"] == {"from": accuracy["calibration"]["from"], "samples": NUM}
    for net, entry in accuracy["files"].items():
        sizes = [(exported / kind / f"Final{net.capitalize()}Net.onnx").stat().st_size
                 for kind in ("ONNX", "INT8")]
        assert [entry["float32_bytes"], entry["int8_bytes"]] == sizes
        assert entry["ratio"] == pytest.approx(sizes[1] / sizes[0])


def test_accuracy_is_what_eval_measures(data, exported, tmp_path):
    accuracy = accuracy_of(exported)
    assert (accuracy["num_images"], accuracy["protocol"]["name"]) == (NUM, "panorama")
    found = {result["net"]: result for result in accuracy["results"]}
    evaluate = ("eval", *DUMMY, "--data_url", data, "--train_url", exported, "--protocol", "panorama",
                "--output_json", tmp_path / "figures.json")
    run(*evaluate)
    expected = figures(tmp_path / "figures.json")
    assert set(found) == {net for net, _ in expected} == {"denoise", "refine"}
    for net, result in found.items():
        assert result["float32"] == pytest.approx(expected[net, "panorama"], rel=1e-3, abs=1e-5)
        assert result["int8"]["rmse"] != result["float32"]["rmse"]
        for name, value in result["difference"].items():
            assert value == pytest.approx(result["int8"][name] - result["float32"][name], abs=1e-12)
    run("infer", data / "infer.txt", exported / "INT8", *DUMMY, "--save", "npy", "--output_dir",
        tmp_path / "maps")
    run(*evaluate, "--predictions", tmp_path / "maps")
    expected = figures(tmp_path / "figures.json")["external", "panorama"]
    assert found["refine"]["int8"] == pytest.approx(expected, rel=1e-6)


def test_both_rows_and_the_difference_are_printed(data, own, capsys):
    run("export", *DUMMY, "--train_url", own, "--file_format", "INT8", "--data_url", data, "--limit", 3,
        "--calibration_list", data / "infer.txt", "--protocol", "kinect_mm", "--export_nets", "denoise")
    lines = capsys.readouterr().out.splitlines()
    accuracy = accuracy_of(own)
    (result,) = accuracy["results"]
    entry = accuracy["files"]["denoise"]
    head, title, protocol, *rows = lines[-6:]
    assert f"MB, {100 * entry['ratio']:.1f} % of the float32 file, calibrated on {NUM} inputs from" in head
    assert title == "3 images" and protocol.startswith("kinect_mm:")
    for row, line in zip(("float32", "int8", "difference"), rows):
        sign = "+" if row == "difference" else ""
        shown = " ".join(f"{name}: {result[row][name]:{sign}.6f}" for name in SHOWN)
        assert line == f"  denoise {row}: {shown}"


def test_one_network_of_two_is_quantized_alone(data, tmp_path):
    write_training(tmp_path, *DUMMY)
    run("export", *DUMMY, "--train_url", tmp_path, "--file_format", "INT8", "--data_url", data,
        "--calibration_list", data / "infer.txt", "--export_nets", "refine")
    assert {path.name for path in tmp_path.iterdir()} == {"Ckpt", "INT8", "config.yaml"}  # no float32 file
    assert [path.name for path in (tmp_path / "INT8").glob("*.onnx")] == ["FinalRefineNet.onnx"]
    accuracy = accuracy_of(tmp_path)
    assert list(accuracy["files"]) == [result["net"] for result in accuracy["results"]] == ["refine"]


def test_without_an_evaluation_set_the_maps_are_compared(data, own, tmp_path, capsys):
    capsys.readouterr()
    run("export", *DUMMY, "--train_url", own, "--file_format", "INT8,ONNX", "--data_url", tmp_path,
        "--calibration_list", data / "infer.txt")
    out = capsys.readouterr().out
    assert f"no evaluation set, so no figures: cannot read the list {tmp_path}/test.txt" in out
    accuracy = accuracy_of(own)
    assert (accuracy["num_images"], accuracy["protocol"]) == (0, None)
    found = {result["net"]: result["mean_relative_difference"] for result in accuracy["results"]}
    method = method_of(*DUMMY)
    shares: dict[str, list[float]] = {"denoise": [], "refine": []}
    for i in range(NUM):
        files = {"raw depth map": data / f"s{i}_raw.png", "grey picture": data / f"s{i}_grey.png"}
        inputs = {name: value[None] for name, value in method.prepare("", files).inputs.items()}
        maps = []
        for kind in ("ONNX", "INT8"):
            denoise, refine = (onnx_runner(own / kind / f"Final{net}Net.onnx")
                               for net in ("Denoise", "Refine"))
            (denoised,) = denoise(inputs["depth"], inputs["valid"])
            maps.append({"denoise": denoised, "refine": refine(denoised, inputs["grey"])[1]})
        for net, share in shares.items():
            float32, rounded = (np.maximum(made[net], 0) for made in maps)
            share.append(np.abs(rounded - float32).mean() / float32.mean())
    assert found == pytest.approx({net: np.mean(share) for net, share in shares.items()}, rel=1e-4)
    assert 0 < found["denoise"] < 0.1
    assert f"refine: int8 is {100 * found['refine']:.3f} % off float32 in the mean of {NUM}" in out


def test_a_panorama_network_becomes_small(tmp_path):
    """Without any data set, on a folder of own pictures."""
    for i in range(2):
        write_picture(tmp_path / f"own/{i}.jpg", 128, 64, seed=i)
    ms.set_seed(0)
    method = method_of("--method", "panodepth", "--image_height", 64, "--image_width", 128,
                       "--output_min_m", 1, "--output_max_m", 5)
    network, rng = method.build_networks()["pano"].set_train(), np.random.default_rng(0)
    for _ in range(30):  # statistics of its own features, or they grow from block to block
        network(ms.Tensor(rng.random((2, 3, 64, 128), np.float32)))
    save_network(network, tmp_path / "Model/Ckpt/FinalPanoNet.ckpt", "")
    method.settings.write(tmp_path / "Model/config.yaml")
    run("export", "--train_url", tmp_path / "Model", "--file_format", "INT8", "--data_url", tmp_path,
        "--calibration_list", tmp_path / "own")
    accuracy = accuracy_of(tmp_path / "Model")
    assert accuracy["files"]["pano"]["ratio"] <= 0.35
    assert 0 < accuracy["results"][0]["mean_relative_difference"] < 0.05
    run("infer", tmp_path / "own", tmp_path / "Model/INT8/FinalPanoNet.onnx", "--save", "npy", "--output_dir",
        tmp_path / "maps")
    depth_m = np.load(tmp_path / "maps/0.npy")
    assert depth_m.shape == (64, 128) and depth_m.std() > 0.1


def test_free_sizes_stay_free(tmp_path):
    data = write_ddrnet(tmp_path / "data")
    own = ("--method", "ddrnet", "--dnnet", "base", "--image_size", 64, "--diff_thres", 0)
    write_training(tmp_path / "Model", *own, "--frame_height", 64, "--frame_width", 96)
    run("export", "--train_url", tmp_path / "Model", "--data_url", data, "--file_format", "INT8,ONNX",
        "--calibration_samples", 2)
    assert [result["net"] for result in accuracy_of(tmp_path / "Model")["results"]] == ["refine", "denoise"]
    frame = method_of(*own, "--data_url", data).eval_samples()[0].inputs
    for net, names in (("Denoise", ["raw"]), ("Refine", ["raw", "grey"])):
        runners = [onnx_runner(tmp_path / f"Model/{kind}/Final{net}Net.onnx") for kind in ("ONNX", "INT8")]
        for height, width in ((64, 96), (32, 40)):
            inputs = [np.stack([frame[name][:, :height, :width]] * 2) for name in names]
            (float32,), (rounded,) = (run_file(*inputs) for run_file in runners)
            assert rounded.shape == (2, 1, height, width)
            assert 0 < np.abs(rounded - float32).mean() < 0.1 * float32.std()


# --- networks that make no depth, and what is refused

@pytest.fixture
def extra(tmp_path) -> Path:
    write_training(tmp_path / "Model", *EXTRA)
    return tmp_path / "Model"


def test_a_network_without_depth_stays_float32(data, extra, capsys):
    argv = ("export", *EXTRA, "--train_url", extra, "--file_format", "ONNX,INT8", "--data_url", data,
            "--calibration_list", data / "infer.txt")
    run(*argv)
    assert {path.name for path in (extra / "ONNX").glob("*.onnx")} == {
        "FinalDenoiseNet.onnx", "FinalRefineNet.onnx"}
    assert [path.name for path in (extra / "INT8").glob("*.onnx")] == ["FinalDenoiseNet.onnx"]
    line = refusal(capsys, *argv, "--export_nets", "denoise,refine")
    assert "--file_format INT8: refine makes no depth that int8 could be measured by" in line


def test_a_network_without_depth_need_not_be_trained(extra, capsys):
    missing = extra / "Ckpt/FinalRefineNet.ckpt"
    missing.unlink()
    argv = ("export", *EXTRA, "--train_url", extra, "--file_format", "ONNX")
    run(*argv)
    assert f"FinalRefineNet: left out, since it has not been trained (there is no {missing})" in (
        capsys.readouterr().out)
    assert [path.name for path in (extra / "ONNX").glob("*.onnx")] == ["FinalDenoiseNet.onnx"]
    assert f"no checkpoint {missing}" in refusal(capsys, *argv, "--export_nets", "refine")
    assert "no checkpoint absent.ckpt" in refusal(capsys, *argv, "--ckpt", "refine=absent.ckpt")


def test_mistakes_are_refused_before_anything_is_written(data, extra, capsys, tmp_path):
    argv = ("export", *EXTRA, "--train_url", extra, "--file_format", "INT8")
    line = refusal(capsys, *argv, "--data_url", tmp_path)
    assert f"give --calibration_list, or the training set (cannot read the list {tmp_path}/train.txt" in line
    line = refusal(capsys, *argv, "--data_url", data, "--calibration_list", tmp_path / "absent")
    assert "absent" in line
    line = refusal(capsys, *argv, "--calibration_samples", 0)
    assert "--calibration_samples 0 is not possible" in line
    line = refusal(capsys, *argv, "--calibration_list", data / "infer.txt", "--protocol", "panorma")
    assert "did you mean panorama?" in line
    assert not (extra / "INT8").exists()
