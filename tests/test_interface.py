# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The interface: a sixth method, in a folder of its own, goes through every command and the C++ program."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import src.config
import src.method
from src.deploy.runtimes import open_runners
from src.errors import UserError
from tests.commands import assert_same_figures, figures, refusal, run
from tests.cpp_program import needs_cpp, run_cpp_program
from tests.dummy_method.method import SECTION

HEIGHT, WIDTH = 48, 64
NETS = ("refine", "denoise")
NUM_TEST = 5


@pytest.fixture(scope="module", autouse=True)
def registered():
    """Add the method as a program of the user would, and take it away again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(src.method, "_METHODS", dict(src.method._METHODS))
        patch.setattr(src.config, "_EXTRA_METHODS", dict(src.config._EXTRA_METHODS))
        src.method.register("dummy", "tests.dummy_method.method:DummyMethod", SECTION)
        yield


def write_sample(folder: Path, name: str, seed: int) -> None:
    """Write a slanted wall: true depth, noisy depth with holes (both mm), and a grey picture of it."""
    rng = np.random.default_rng(seed)
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    truth_mm = 900 + 700 * rng.random() + (10 * rng.random() * columns + 8 * rng.random() * rows)
    raw_mm = truth_mm + rng.normal(0, 20, truth_mm.shape)
    raw_mm[rng.random(raw_mm.shape) < 0.1] = 0
    truth_mm[:seed % 7 + 1] = 0  # so that images differ in their number of readings
    for kind, values in (("raw", raw_mm), ("truth", truth_mm)):
        cv2.imwrite(str(folder / f"{name}_{kind}.png"), values.astype(np.uint16))
    cv2.imwrite(str(folder / f"{name}_grey.png"), (truth_mm / 10).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dummy_data")
    for part, count, first_seed in (("train", 6, 0), ("test", NUM_TEST, 100)):
        names = [f"{part}{i}" for i in range(count)]
        for i, name in enumerate(names):
            write_sample(folder, name, first_seed + i)
        lines = [f"{name}_raw.png {name}_grey.png {name}_truth.png\n" for name in names]
        (folder / f"{part}.txt").write_text("".join(lines))
    (folder / "infer.txt").write_text("".join(f"test{i}_raw.png test{i}_grey.png\n" for i in range(NUM_TEST)))
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    """Train both stages, export everything."""
    folder = tmp_path_factory.mktemp("dummy") / "Model"
    run("train", "--method", "dummy", "--data_url", data, "--train_url", folder, "--max_steps", 8,
        "--log_every", 1, "--dummy_height", 20, "--dummy_rate", 0.02)
    run("export", "--method", "dummy", "--train_url", folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(data, trained, tmp_path_factory) -> Path:
    """Evaluate; return the folder of figures.json, rows.csv and maps/."""
    folder = tmp_path_factory.mktemp("evaluated")
    run("eval", "--method", "dummy", "--data_url", data, "--train_url", trained, "--output_json",
        folder / "figures.json", "--save_predictions", folder / "maps", "--save_images", folder / "panels")
    return folder


@pytest.fixture(scope="module")
def bundle(data, trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    run("preprocess", "--method", "dummy", "--data_url", data, "--train_url", trained,
        "--output_path", folder)
    return folder


def test_training_goes_through_both_stages(trained):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    terms = {row["stage"]: set(row["terms"]) for row in rows if "terms" in row}
    assert terms == {"denoise": {"denoise_l1"}, "joint": {"denoise_l1", "refine_l1"}}
    first, *_, last = [row["loss"] for row in rows if row["stage"] == "denoise" and "loss" in row]
    assert last < first
    validated = [(row["stage"], set(row["validation"])) for row in rows if "validation" in row]
    assert validated == [("denoise", {"denoise"}), ("joint", set(NETS))]
    names = {path.name for path in (trained / "Ckpt").glob("Final*")}
    assert names == {"FinalDenoiseNet.ckpt", "FinalRefineNet.ckpt"}


def test_export_writes_every_network_in_both_formats(trained):
    for kind in ("MindIR", "ONNX"):
        names = {path.name for path in (trained / kind).glob("Final*")}
        assert names == {f"Final{net}Net.{kind.lower()}" for net in ("Denoise", "Refine")}


def test_figures_are_those_of_the_saved_maps(data, evaluated):
    found = figures(evaluated / "figures.json")
    for net in NETS:
        shares, counts, maes_mm = [], [], []
        for i in range(NUM_TEST):
            truth_m = cv2.imread(str(data / f"test{i}_truth.png"), cv2.IMREAD_UNCHANGED) / 1000
            error_m = np.abs(np.load(evaluated / f"maps/{net}/test{i}_raw.npy") - truth_m)[truth_m > 0]
            shares.append(np.mean(error_m < 0.1))
            counts.append(error_m.size)
            maes_mm.append(np.mean(error_m) * 1000)
        assert len(set(counts)) > 1
        by_image, by_pixel = found[net, "panorama"], found[net, "kinect_mm"]
        assert by_image["within_10cm"] == pytest.approx(np.mean(shares), abs=1e-6)
        assert by_pixel["within_10cm"] == pytest.approx(np.average(shares, weights=counts), abs=1e-6)
        assert by_pixel["mae_mm"] == pytest.approx(np.average(maes_mm, weights=counts), rel=1e-4)
    assert found["refine", "panorama"] != found["denoise", "panorama"]
    assert len(list((evaluated / "panels").iterdir())) == 2 * NUM_TEST


@pytest.mark.parametrize("size", [2, 3, 8])
def test_batches_with_an_incomplete_last_one_change_nothing(data, trained, evaluated, tmp_path, size):
    run("eval", "--method", "dummy", "--data_url", data, "--train_url", trained, "--eval_batch_size", size,
        "--output_json", tmp_path / "figures.json")
    assert_same_figures(figures(tmp_path / "figures.json"), figures(evaluated / "figures.json"), rel=1e-5)


def test_bundle_holds_inputs_labels_and_extras(data, bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert [(spec["name"], spec["dtype"]) for spec in manifest["inputs"]] == [
        ("grey", "float32"), ("depth", "float32"), ("valid", "int32")]
    assert manifest["models"][1]["inputs"] == [{"name": "depth", "from": "denoise:denoised"},
                                               {"name": "grey", "from": "input:grey"}]
    assert manifest["samples"][0] == {"name": "test0_raw", "label_shape": [HEIGHT, WIDTH],
                                      "extras": ["scale_m"]}
    raw_mm = cv2.imread(str(data / "test0_raw.png"), cv2.IMREAD_UNCHANGED)
    scale_m = np.load(bundle / "label/test0_raw_scale_m.npy")
    assert scale_m == pytest.approx(np.median(raw_mm[raw_mm > 0]) / 1000)
    valid = np.fromfile(bundle / "img_data/test0_raw_2.bin", np.int32)
    depth = np.fromfile(bundle / "img_data/test0_raw_1.bin", np.float32)
    assert 0 < valid.sum() < valid.size == 20 * 32
    np.testing.assert_array_equal(depth > 0, valid == 1)


def check_postprocess(bundle: Path, results: Path, evaluated: Path, tmp_path: Path) -> None:
    run("postprocess", "--result_path", results, "--label_file", bundle / "label", "--output_json",
        tmp_path / "figures.json")
    found, expected = figures(tmp_path / "figures.json"), figures(evaluated / "figures.json")
    assert set(expected) == {(net, protocol) for net in NETS for protocol in ("panorama", "kinect_mm")}
    assert_same_figures(found, expected, rel=1e-5, abs=1e-6)


def test_postprocess_of_results_made_in_python_gives_evals_figures(bundle, trained, evaluated, tmp_path):
    method = method_of(trained)
    runners = open_runners(method, method.graph, str(trained / "ONNX/FinalRefineNet.onnx"))
    (tmp_path / "R").mkdir()
    for i in range(NUM_TEST):
        inputs = {}
        for k, spec in enumerate(method.graph.inputs):
            values = np.fromfile(bundle / f"img_data/test{i}_raw_{k}.bin", spec.dtype)
            inputs[spec.name] = values.reshape(1, *spec.shape)
        for k, values in enumerate(method.graph.run(runners, inputs).values()):
            values.tofile(tmp_path / f"R/test{i}_raw_{k}.bin")
    check_postprocess(bundle, tmp_path / "R", evaluated, tmp_path)


@needs_cpp
@pytest.mark.parametrize("batch", [1, 3])
def test_the_cpp_program_gives_evals_figures(bundle, trained, evaluated, tmp_path, batch):
    models = {net: trained / f"MindIR/Final{net.capitalize()}Net.mindir" for net in NETS}
    run_cpp_program(bundle, models, tmp_path / "R", "--batch", batch)
    check_postprocess(bundle, tmp_path / "R", evaluated, tmp_path)


def method_of(trained: Path) -> src.method.Method:
    settings = src.config.load_settings("eval", "", ["--method", "dummy", "--train_url", str(trained)],
                                        trained_in="train_url")
    return src.method.build_method(settings)


def test_the_training_decides_the_networks_size(trained):
    assert method_of(trained).map_hw == (20, 32)


def test_infer_agrees_from_checkpoints_mindir_and_onnx(data, trained, evaluated, tmp_path):
    for kind, model in (("ckpt", trained), ("mindir", trained / "MindIR"), ("onnx", trained / "ONNX")):
        run("infer", data / "infer.txt", model, "--method", "dummy", "--save", "npy,ply", "--fov_deg", 60,
            "--output_dir", tmp_path / kind)
        index = json.loads((tmp_path / kind / "index.json").read_text())
        assert (index["depth"], len(index["samples"])) == ("z", NUM_TEST)
        for i in range(NUM_TEST):
            depth_m = np.load(tmp_path / kind / f"test{i}_raw.npy")
            expected_m = np.load(evaluated / f"maps/refine/test{i}_raw.npy")
            np.testing.assert_allclose(depth_m, expected_m, rtol=1e-5)


def test_infer_runs_what_the_named_file_needs_and_no_more(data, trained, evaluated, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "FinalDenoiseNet.onnx").write_bytes((trained / "ONNX/FinalDenoiseNet.onnx").read_bytes())
    run("infer", data / "infer.txt", alone / "FinalDenoiseNet.onnx", "--method", "dummy", "--save", "npy",
        "--dummy_height", 20, "--output_dir", tmp_path / "R")
    expected_m = np.load(evaluated / "maps/denoise/test0_raw.npy")
    np.testing.assert_allclose(np.load(tmp_path / "R/test0_raw.npy"), expected_m, rtol=1e-5)
    line = "complete set of FinalDenoiseNet, FinalRefineNet .*no FinalRefineNet.onnx; give .*DenoiseNet.onnx"
    with pytest.raises(UserError, match=line):
        open_runners(method_of(trained), method_of(trained).graph, str(alone))


def test_what_a_method_of_two_files_cannot_do_is_refused_in_one_line(capsys, data, trained, tmp_path):
    given = ("--method", "dummy", "--output_dir", tmp_path)
    line = refusal(capsys, "infer", data / "test0_grey.png", trained, *given)
    assert line.endswith("dummy needs raw depth map and grey picture for each sample: give "
                         "RAW_DEPTH_MAP,GREY_PICTURE (files, or folders with equal names), or a list file, "
                         "one sample a line")
    (tmp_path / "one.txt").write_text(f"{data}/test0_raw.png\n")
    line = refusal(capsys, "infer", tmp_path / "one.txt", trained, *given)
    assert "line 1 names 1 files; each line needs 2" in line
    video = cv2.VideoWriter(str(tmp_path / "v.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 5, (WIDTH, HEIGHT))
    video.write(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    video.release()
    assert "a video has frames only" in refusal(capsys, "infer", tmp_path / "v.mp4", trained, *given)


def test_a_method_that_is_not_registered_cannot_score_its_bundle(capsys, bundle, monkeypatch):
    monkeypatch.delitem(src.method._METHODS, "dummy")
    assert "no method dummy here" in refusal(capsys, "postprocess", "--label_file", bundle / "label")
