# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""dcnf as users run it, on synthetic rooms: both stages, figures, the C++ program, inference, all its forms.

The trunk is a tiny one, but in the trainings of the published forms.
"""
from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np
import pytest

from scripts.datasets import main as datasets
from src.datasets.nyu_labelled import NyuLabelled
from src.dcnf.net import TRUNKS, LightTrunk
from src.method import build_method
from tests.commands import assert_same_figures, evaluate, figures, refusal, run
from tests.cpp_program import build_cpp_program, needs_cpp, run_cpp_program
from tests.dcnf.crf_reference import most_probable
from tests.dcnf_files import HEIGHT, MAT, SMALL, WIDTH, TinyTrunk, settings_of, write_hu, write_mat
from tests.samples import save
from tests.script_runner import ScriptFolder
from tests.training.test_trainer import Stop, assert_same_training, rows, stop_before, weights

TOLERANCE = 1e-3  # between the figures of eval.py and of the C++ program
NETS = ("dcnf", "unary")
JUDGED = {"unary": "unary", "joint": "dcnf"}  # what each stage is validated on
NAMES = tuple(f"{n:05d}" for n in range(4))  # of the test pictures
CROP = (slice(4, 47), slice(4, 60))  # nyu_eigen's 45:471 of 480 and 41:601 of 640
MAX_DEPTH_M = {"make3d_c1": 70, "make3d_c2": 82, "nyu_eigen": 10}
PROTOCOLS = ("--protocol", ",".join(MAX_DEPTH_M))


@pytest.fixture(scope="module", autouse=True)
def tiny_trunk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TRUNKS, "light", TinyTrunk)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Six rooms to train on and four to test on: a labelled file, records with superpixels, Hu's layout."""
    folder = tmp_path_factory.mktemp("nyu")
    write_hu(folder / "hu", write_mat(folder, 6, 4))
    datasets(["pack", "--method", "dcnf", "--data_url", str(folder / MAT), "--output_dir",
              str(folder / "records"), "--shards", "1", "--workers", "1", *map(str, SMALL)])
    return folder


def train(folder: Path, *argv: object) -> Path:
    """Two epochs of three batches a stage."""
    run("train", "--method", "dcnf", "--device_target", "CPU", "--train_url", folder, *SMALL, "--batch_size",
        2, "--epochs", 2, "--unary_learning_rate", 1e-2, "--joint_learning_rate", 1e-2, "--log_every", 1,
        "--save_every", 1, "--eval_every", 3, "--picture_every", 0, *argv)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data) -> Path:
    """A training of both stages on stored superpixels, and its exported files."""
    folder = train(tmp_path_factory.mktemp("trained"), "--data_url", data / "records", "--picture_every", 4)
    run("export", "--train_url", folder, "--file_format", "ONNX,MINDIR,INT8", "--data_url", data / "records")
    return folder


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, trained, data) -> Path:
    """Everything that eval.py writes, and figures of further protocols."""
    folder = evaluate(tmp_path_factory.mktemp("evaluated"), trained, data / "records")
    for pooling in ("image", "pixel"):
        run("eval", "--train_url", trained, "--data_url", data / "records", *PROTOCOLS, "--pooling", pooling,
            "--output_json", folder / f"{pooling}.json")
    return folder


def maps_in(folder: Path, net: str = "dcnf") -> list[np.ndarray]:
    return [np.load(folder / net / f"{name}.npy") for name in NAMES]


def truths(data: Path) -> list[np.ndarray]:
    pairs = NyuLabelled(data / MAT, "test")
    return [pairs.read(index)[1] for index in range(len(pairs))]


def beta_of(path: Path) -> np.ndarray:
    """The similarities' weights of a checkpoint, as the network makes them."""
    network = build_method(settings_of()).build_networks()["dcnf"]
    stored = ms.load_checkpoint(str(path))
    network.crf.beta_logit.set_data(stored["crf.beta_logit"])
    return network.crf.beta().asnumpy()


# --- training ---------------------------------------------------------------------------------------------


def test_training_leaves_the_network_both_terms_and_pictures(trained):
    assert {path.name for path in (trained / "Ckpt").glob("*.ckpt")} == {
        "FinalDcnf.ckpt", "BestDcnf.ckpt", "last.ckpt"}
    steps = [row for row in rows(trained) if "loss" in row]
    assert [(row["stage"], row["step"], row["epoch"]) for row in steps] == [
        (stage, step, step // 3) for stage in ("unary", "joint") for step in range(6)]
    for row in steps:
        assert row["terms"].keys() == {"squared_error" if row["stage"] == "unary" else "nll"}
        assert np.isfinite(row["loss"]) and row["loss"] == sum(row["terms"].values()) and row["applied"]
    lines = (trained / "train.log").read_text().splitlines()
    pattern = r"training dcnf net, (unary|joint), step: \d+ loss: -?\d+\.\d{7}, time cost: \d+\.\d{4}"
    assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 12
    assert {path.name for path in (trained / "images").iterdir()} == {
        f"{stage}_{step:06d}_{net}.png" for stage, net in JUDGED.items() for step in (4, 6)}
    (events,) = (trained / "summary").glob("events.out.tfevents.*")
    for tag in (b"unary/train/squared_error", b"joint/train/nll", b"unary/validation/unary/rmse",
                b"joint/validation/dcnf/rmse"):
        assert tag in events.read_bytes()


def test_validation_is_an_evaluation_of_the_test_set(trained, evaluated):
    validations = [row for row in rows(trained) if "validation" in row]
    assert [(row["stage"], row["step"]) for row in validations] == [
        ("unary", 3), ("unary", 6), ("joint", 3), ("joint", 6)]
    found = figures(evaluated / "figures.json")
    assert validations[-1]["validation"] == {"dcnf": pytest.approx(found["dcnf", "nyu_eigen"])}
    assert all(row["validation"].keys() == {JUDGED[row["stage"]]} for row in validations)


def test_a_training_in_pieces_is_the_same_training(trained, data, tmp_path):
    own = ("--data_url", data / "records", "--picture_every", 4)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        stop_before(patch, "joint", 4)
        train(tmp_path, *own)
    train(tmp_path, *own, "--resume")
    assert_same_training(tmp_path, trained)


def test_superpixels_made_in_training_give_the_same_training(trained, data, tmp_path):
    """Of the labelled file itself; the validation set is its test frames again."""
    train(tmp_path, "--data_url", data / MAT)
    assert rows(tmp_path) == rows(trained)
    for name in ("FinalDcnf.ckpt", "BestDcnf.ckpt"):
        assert weights(tmp_path / "Ckpt" / name) == weights(trained / "Ckpt" / name)


def test_weights_of_similarities_are_trained_last_and_stay_positive(trained, data, tmp_path):
    """Also in half precision, and where the optimizer drives them as far as it can."""
    own = ("--data_url", data / "records", "--amp_level", "O2", "--stages")
    train(tmp_path, *own, "unary", "--max_steps", 2)
    np.testing.assert_allclose(beta_of(tmp_path / "Ckpt/FinalDcnf.ckpt"), 1, rtol=1e-5)
    assert np.abs(beta_of(trained / "Ckpt/FinalDcnf.ckpt") - 1).max() > 1e-2
    train(tmp_path, *own, "joint", "--crf_lr_scale", 2e3)
    beta = beta_of(tmp_path / "Ckpt/FinalDcnf.ckpt")
    assert beta.shape == (3,) and np.all((beta >= 0) & (beta <= 10)) and np.abs(beta - 1).max() > 0.9
    losses = [row["loss"] for row in rows(tmp_path) if "loss" in row]
    assert len(losses) == 8 and np.isfinite(losses).all()


@pytest.mark.parametrize("argv", [("--beta_max", 50), ("--similarities", "colour,histogram,texture")])
@pytest.mark.parametrize("command", ["eval", "export", "infer"])
def test_weights_that_mean_something_else_are_refused(capsys, trained, data, tmp_path, command, argv):
    """Names and shapes fit: without a look at the training's settings the betas would be others."""
    where = {"eval": ("--train_url", trained, "--data_url", data / "records"),
             "export": ("--train_url", trained, "--data_url", data / "records"),
             "infer": (data / "hu/Test", trained / "Ckpt", "--output_dir", tmp_path)}[command]
    line = refusal(capsys, command, *where, *argv)
    assert "was trained as another network: " in line and argv[0][2:] in line


def test_weights_of_other_similarities_are_refused(capsys, trained, data, tmp_path):
    for kinds in ("histogram,colour", "colour,histogram,texture"):
        line = refusal(capsys, "train", "--method", "dcnf", "--device_target", "CPU", "--data_url",
                       data / "hu", "--train_url", tmp_path, *SMALL, "--batch_size", 2, "--stages", "joint",
                       "--ckpt", f"dcnf={trained}/Ckpt/FinalDcnf.ckpt", "--similarities", kinds)
        assert f"another network: similarities texture,histogram,colour there, {kinds} here; give" in line


# --- evaluation -------------------------------------------------------------------------------------------


def direct_figures(truths_m: list[np.ndarray], maps: list[np.ndarray], protocol: str,
                   pooling: str) -> dict[str, float]:
    """Figures counted pixel by pixel, as means over images or over all pixels."""
    images = []
    for truth_m, found_m in zip(truths_m, maps, strict=True):
        part = CROP if protocol == "nyu_eigen" else ()
        t, p = truth_m[part].astype(float), found_m[part].astype(float)
        counted = (t > 1e-3) & (t <= MAX_DEPTH_M[protocol])
        images.append((t[counted], np.clip(p[counted], 1e-3, MAX_DEPTH_M[protocol])))
    if pooling == "pixel":
        images = [tuple(np.concatenate(parts) for parts in zip(*images))]
    found = [{"abs_rel": np.mean(abs(p - t) / t), "log10": np.mean(abs(np.log10(p) - np.log10(t))),
              "rmse": np.sqrt(np.mean((p - t) ** 2)), "delta1": np.mean(np.maximum(p / t, t / p) < 1.25)}
             for t, p in images]
    return {name: np.mean([image[name] for image in found]) for name in found[0]}


def test_figures_of_the_crf_stand_beside_the_unary_networks(evaluated, data):
    assert figures(evaluated / "figures.json").keys() == {(net, "nyu_eigen") for net in NETS}
    for pooling in ("image", "pixel"):
        found = figures(evaluated / f"{pooling}.json")
        assert found.keys() == {(net, protocol) for net in NETS for protocol in MAX_DEPTH_M}
        for (net, protocol), metrics in found.items():
            expected = direct_figures(truths(data), maps_in(evaluated / "maps", net), protocol, pooling)
            assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    by_image, by_pixel = (figures(evaluated / f"{pooling}.json") for pooling in ("image", "pixel"))
    for key, metrics in by_image.items():
        assert metrics["rmse"] != pytest.approx(by_pixel[key]["rmse"], rel=1e-4)
    assert by_pixel["dcnf", "nyu_eigen"]["rmse"] != by_pixel["unary", "nyu_eigen"]["rmse"]


def test_c1_leaves_out_what_is_beyond_70_m(trained, data, tmp_path):
    """Own pairs; their depth files are read as if a metre had fewer units."""
    test = data / "hu/Test"
    (tmp_path / "own.txt").write_text("".join(f"{test}/{name}_colors.png {test}/{name}_depth.png\n"
                                              for name in NAMES))
    scale = 75 / np.quantile(truths(data), 0.9)  # a tenth beyond 75 m
    run("eval", "--train_url", trained, "--data_list", tmp_path / "own.txt", "--depth_scale", 1000 / scale,
        "--protocol", "make3d_c1,make3d_c2", "--output_json", tmp_path / "figures.json",
        "--save_predictions", tmp_path / "maps")
    found = figures(tmp_path / "figures.json")
    far_m = [np.rint(truth_m * 1000) / (1000 / scale) for truth_m in truths(data)]
    for net in NETS:
        maps = [np.load(path) for path in sorted((tmp_path / "maps" / net).iterdir())]
        for protocol in ("make3d_c1", "make3d_c2"):
            expected = direct_figures(far_m, maps, protocol, "pixel")
            metrics = found[net, protocol]
            assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-4)
        assert found[net, "make3d_c1"]["rmse"] < found[net, "make3d_c2"]["rmse"]


def test_maps_are_the_painted_exact_solution(trained, data, tmp_path):
    """The CRF's depth of the unary network's, by NumPy's solver, in every pixel of its superpixel."""
    run("eval", "--train_url", trained, "--data_url", data / "records", "--smoothing", "none",
        "--save_predictions", tmp_path / "maps")
    samples = build_method(settings_of("--data_url", data / MAT, command="eval")).eval_samples()
    beta = beta_of(trained / "Ckpt/FinalDcnf.ckpt")
    for index, (found_m, unary_m) in enumerate(zip(maps_in(tmp_path / "maps"),
                                                   maps_in(tmp_path / "maps", "unary"), strict=True)):
        labels, similarity = samples[index].extras["labels"], samples[index].inputs["similarity"]
        number = int(labels.max()) + 1
        z = np.array([np.log(unary_m[labels == label].astype(float)).mean() for label in range(number)])
        depth_m = np.exp(most_probable(z, similarity[:, :number, :number], beta))
        np.testing.assert_allclose(unary_m, np.exp(z)[labels], rtol=1e-5)
        np.testing.assert_allclose(found_m, depth_m[labels], rtol=1e-4)
        assert np.abs(found_m - unary_m).max() > 1e-3


def test_evaluation_writes_maps_and_panels(evaluated):
    for net in NETS:
        for name, depth_m in zip(NAMES, maps_in(evaluated / "maps", net)):
            assert depth_m.shape == (HEIGHT, WIDTH) and depth_m.dtype == np.float32
            stored = cv2.imread(str(evaluated / f"png/{net}_{name}.png"), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(stored, np.rint(depth_m * 1000.0))
    names = {f"{name}_{net}.png" for name in NAMES for net in NETS}
    assert {path.name for path in (evaluated / "panels").iterdir()} == names


# --- exported files ---------------------------------------------------------------------------------------


def test_int8_is_measured_beside_float32(trained, evaluated):
    accuracy = json.loads((trained / "INT8/accuracy.json").read_text())
    assert accuracy["calibration"] == {"from": "the training set", "samples": 6}
    assert [result["net"] for result in accuracy["results"]] == list(NETS)
    for result in accuracy["results"]:
        expected = figures(evaluated / "figures.json")[result["net"], "nyu_eigen"]
        assert result["float32"] == pytest.approx(expected, rel=1e-4)
        assert 0 < abs(result["difference"]["abs_rel"]) < 0.05 * result["float32"]["abs_rel"]


@needs_cpp
def test_the_cpp_program_gives_evals_figures(trained, evaluated, data, tmp_path):
    run("preprocess", "--train_url", trained, "--dataset_path", data / "records", "--output_path",
        tmp_path / "P")
    run_cpp_program(tmp_path / "P", {"dcnf": trained / "MindIR/FinalDcnf.mindir"}, tmp_path / "R")
    score = ("postprocess", "--result_path", tmp_path / "R", "--label_file", tmp_path / "P/label",
             "--output_json", tmp_path / "figures.json")
    for name, more in (("figures", ()), ("pixel", (*PROTOCOLS, "--pooling", "pixel"))):
        run(*score, *more)
        assert_same_figures(figures(tmp_path / "figures.json"), figures(evaluated / f"{name}.json"),
                            rel=TOLERANCE, abs=TOLERANCE)


# --- inference --------------------------------------------------------------------------------------------


def infer(given: object, model: Path, folder: Path, *argv: object) -> list[dict]:
    run("infer", given, model, "--output_dir", folder, *argv)
    index = json.loads((folder / "index.json").read_text())
    assert (index["method"], index["unit"], index["depth"]) == ("dcnf", "m", "z")
    return index["samples"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, data) -> Path:
    """The test pictures as files."""
    pairs, folder = NyuLabelled(data / MAT, "test"), tmp_path_factory.mktemp("pictures")
    for index, name in enumerate(NAMES):
        save(folder / f"{name}.png", pairs.read(index)[0])
    return folder


@pytest.mark.parametrize("model", ["", "Ckpt/FinalDcnf.ckpt", "ONNX/FinalDcnf.onnx", "MindIR"])
def test_a_folder_of_pictures_gives_evals_maps(trained, evaluated, pictures, tmp_path, model):
    samples = infer(pictures, trained / model, tmp_path, "--save", "npy,png")
    assert [(sample["name"], sample["net"]) for sample in samples] == [(name, "dcnf") for name in NAMES]
    for sample, expected_m in zip(samples, maps_in(evaluated / "maps")):
        npy, png = sample["files"]
        np.testing.assert_allclose(np.load(tmp_path / npy), expected_m, rtol=1e-4)
        stored = cv2.imread(str(tmp_path / png), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(stored, np.rint(np.load(tmp_path / npy) * 1000.0))


def test_a_large_picture_is_divided_smaller_and_its_map_enlarged(trained, pictures, tmp_path):
    small = cv2.imread(str(pictures / "00001.png"))
    cv2.imwrite(str(tmp_path / "large.png"), small.repeat(3, axis=0).repeat(3, axis=1))
    own = ("--save", "npy,color,ply,normal", "--fov_deg", 60, "--smoothing", "none")
    (large,) = infer(tmp_path / "large.png", trained, tmp_path / "L", *own, "--max_edge_px", WIDTH)
    (plain,) = infer(pictures / "00001.png", trained, tmp_path / "P", *own)
    assert sorted(large["files"]) == [f"large{end}" for end in (".npy", ".ply", "_color.png", "_normal.png")]
    found_m, expected_m = np.load(tmp_path / "L/large.npy"), np.load(tmp_path / "P" / plain["files"][0])
    assert found_m.shape == (3 * HEIGHT, 3 * WIDTH)
    np.testing.assert_allclose(found_m[1::3, 1::3], expected_m, rtol=1e-5)


def test_a_video_gives_a_video(trained, evaluated, pictures, tmp_path):
    clip = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"mp4v"), 5, (WIDTH, HEIGHT))
    for name in NAMES:
        writer.write(cv2.imread(str(pictures / f"{name}.png")))
    writer.release()
    samples = infer(clip, trained, tmp_path / "R", "--save", "npy")
    assert samples[-1] == {"name": "clip", "net": "dcnf", "files": ["clip_depth.mp4"], "frames": 4}
    for sample, expected_m in zip(samples, maps_in(evaluated / "maps")):  # the clip is compressed
        found_m = np.load(tmp_path / "R" / sample["files"][0])
        assert np.corrcoef(np.log(found_m).ravel(), np.log(expected_m).ravel())[0, 1] > 0.8


def test_a_picture_that_cannot_be_divided_is_refused(capsys, trained, tmp_path):
    path = save(tmp_path / "line.png", np.zeros((2, 300, 3), np.uint8))
    line = refusal(capsys, "infer", path, trained, "--output_dir", tmp_path / "R")
    assert "a picture of 300 x 2 is too narrow for at most 24 superpixels" in line
    assert not list(tmp_path.glob("R/*.npy"))


# --- the published forms ----------------------------------------------------------------------------------

FORMS = {
    "cpu": ("--preset", "cpu"),
    "seed": ("--preset", "seed", "--block_px", 16, "--max_superpixels", 12),
    "paper": ("--preset", "paper"),
    "patches": ("--unary", "patches", "--num_superpixels", 4, "--max_superpixels", 6)}
SLOW_FORMS = ("paper", "patches")


@pytest.mark.parametrize("form", [pytest.param(form, marks=pytest.mark.slow if form in SLOW_FORMS else ())
                                  for form in FORMS])
def test_published_forms_learn(data, tmp_path, monkeypatch, form):
    """A step of each stage at a small size, then figures."""
    monkeypatch.setitem(TRUNKS, "light", LightTrunk)
    own = (*SMALL, *FORMS[form])
    run("train", "--method", "dcnf", "--device_target", "CPU", "--train_url", tmp_path, "--data_url",
        data / MAT, *own, "--cg_steps", 8, "--batch_size", 1, "--max_steps", 1, "--eval_limit", 1,
        "--log_every", 1, "--picture_every", 0)
    steps = [row for row in rows(tmp_path) if "loss" in row]
    assert [row["stage"] for row in steps] == ["unary", "joint"]
    assert all(np.isfinite(row["loss"]) and row["applied"] for row in steps)
    validations = [(row["stage"], row["validation"]) for row in rows(tmp_path) if "validation" in row]
    assert [stage for stage, _ in validations] == list(JUDGED)
    assert all(found.keys() == {JUDGED[stage]} and found[JUDGED[stage]]["rmse"] < 10
               for stage, found in validations)
    beta = 2 if form == "seed" else 3
    assert ms.load_checkpoint(str(tmp_path / "Ckpt/FinalDcnf.ckpt"))["crf.beta_logit"].shape == (beta,)


@needs_cpp
@pytest.mark.slow
def test_scripts_from_training_to_the_cpp_program(data, tmp_path):
    build_cpp_program()
    scripts = ScriptFolder(tmp_path)
    scripts.run("run_standalone_train_ascend.sh", data / "hu", 0, "--method", "dcnf", *SMALL, "--max_steps",
                2, "--batch_size", 2)
    scripts.run("run_eval.sh", data / "hu")
    scripts.run("run_export.sh", "dcnf")
    scripts.run("run_infer_310.sh", f"dcnf={scripts.model}/MindIR/FinalDcnf.mindir", data / "hu", 0)
    expected, found = scripts.printed_figures("eval.log"), scripts.printed_figures("acc.log")
    assert expected.keys() == {(net, "nyu_eigen") for net in NETS}
    assert all("rmse" in metrics for metrics in expected.values())
    assert_same_figures(found, expected, rel=TOLERANCE, abs=TOLERANCE)
