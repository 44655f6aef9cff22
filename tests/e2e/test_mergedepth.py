# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth as users run it, on synthetic streets: both stages, figures, the C++ program, inference.

The networks are tiny ones, but for the slow tests: the published ones take a minute a stage to compile.
"""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np
import pytest

from src.datasets.kitti.calibration import read_calibration
from tests.commands import assert_same_figures, evaluate, figures, refusal, run
from tests.cpp_program import build_cpp_program, needs_cpp, run_cpp_program
from tests.mergedepth_files import (
    CAMERAS,
    SMALL,
    TINY,
    TinyNet,
    frames_of,
    read_exact_m,
    write_own_list,
    write_seed_layout,
    write_streets,
)
from tests.samples import save
from tests.script_runner import ScriptFolder
from tests.training.test_trainer import Stop, assert_same_training, rows, stop_before, weights

WIDTH, HEIGHT = 101, 66  # of the pictures; the networks see 96 x 64
CROPS = {"kitti_garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
         "kitti_eigen": (0.3324324, 0.91351351, 0.0359477, 0.96405229)}
FILES = {"independent": {"left": "FinalLeftNet", "right": "FinalRightNet"},
         "shared": {"left": "FinalSharedNet", "right": "FinalSharedNet"}}
TOLERANCE = 1e-3  # between the figures of eval.py and of the C++ program


@pytest.fixture(scope="module", autouse=True)
def tiny_networks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("src.mergedepth.net.MergeNet", TinyNet)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A drive to train on and one to test, of four frames each."""
    return write_streets(tmp_path_factory.mktemp("kitti") / "streets", 4, 4, (WIDTH, HEIGHT))


def train(folder: Path, *argv: object) -> Path:
    """Two epochs of two batches a stage, by the published schedule."""
    run("train", "--method", "mergedepth", "--device_target", "CPU", "--train_url", folder, *SMALL,
        "--batch_size", 2, "--epochs", 2, "--log_every", 1, "--save_every", 1, "--color_range", 0.2,
        "--picture_every", 0, *argv)
    return folder


def exact(data: Path) -> tuple:
    """Streets with exact depth instead of scans."""
    return "--data_url", data, "--ground_truth", "png"


def own_rig(data: Path) -> tuple:
    """What a user says of the same streets as own data."""
    calibration = read_calibration(data / "2011_09_26")
    camera = calibration.left.intrinsics
    return ("--depth_scale", 256, "--fx_px", camera.fx_px, "--cx_px", camera.cx_px, "--cy_px", camera.cy_px,
            "--baseline_m", calibration.baseline_m)


@pytest.fixture(scope="module", params=FILES)
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data, kind) -> Path:
    """Both stages; two networks on KITTI raw, or one on the seed's layout. The exported files lie beside."""
    folder = tmp_path_factory.mktemp(kind)
    if kind == "shared":
        seed = write_seed_layout(tmp_path_factory.mktemp("seed") / "data", data)
        train(folder, "--data_url", seed, "--shared_weights", "true")
    else:
        train(folder, *exact(data))
    run("export", "--train_url", folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, trained, data) -> Path:
    return evaluate(tmp_path_factory.mktemp("evaluated"), trained, data)


independent = pytest.mark.parametrize("kind", ["independent"], indirect=True)


def names_of(data: Path, split: str = "test") -> list[str]:
    return [f"{drive.split('/')[1]}_{frame}" for drive, frame in frames_of(data, split)]


# --- training ---------------------------------------------------------------------------------------------


def test_training_leaves_networks_and_every_term(trained, kind):
    nets = {name.removeprefix("Final") for name in FILES[kind].values()}
    assert {path.name for path in (trained / "Ckpt").glob("*.ckpt")} == {
        f"{which}{net}.ckpt" for which in ("Final", "Best") for net in nets} | {"last.ckpt"}
    steps = [row for row in rows(trained) if "loss" in row]
    assert [(row["stage"], row["step"]) for row in steps] == [
        (stage, step) for stage in ("supervised", "unsupervised") for step in range(4)]
    for row in steps:
        terms = row["terms"]
        name, weight, scale = {"supervised": ("su", 1.0, 1), "unsupervised": ("rec", 0.01, 120)}[row["stage"]]
        assert terms.keys() == {f"{term}_{view}" for term in (name, "con") for view in CAMERAS}
        assert all(value > 0 for value in terms.values())
        given = weight * (terms[f"{name}_left"] + terms[f"{name}_right"])
        consistency = 0.01 * (terms["con_left"] + terms["con_right"]) / scale ** 2
        assert row["loss"] == pytest.approx((given + consistency) / (2 * (weight + 0.01)), rel=1e-5)
    rates = [rate * 0.9 ** step for rate in (1e-3, 1e-4) for step in range(4)]  # twice an epoch
    assert [row["learning_rate"] for row in steps] == pytest.approx(rates, rel=1e-5)
    validations = [row["validation"] for row in rows(trained) if "validation" in row]
    assert [set(found) for found in validations] == [{"left", "right"}] * 2
    assert {"epe_px", "d1", "abs_rel"} <= validations[-1]["left"].keys()


@independent
@pytest.mark.parametrize("stops", [
    (("unsupervised", 2),),
    pytest.param((("supervised", 3), ("unsupervised", 1)), marks=pytest.mark.slow)])
def test_a_training_in_pieces_is_the_same_training(trained, data, tmp_path, stops):
    resume = ()
    for stage, number in stops:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
            stop_before(patch, stage, number)
            train(tmp_path, *exact(data), *resume)
        resume = ("--resume",)
    train(tmp_path, *exact(data), *resume)
    assert_same_training(tmp_path, trained)


@independent
def test_each_stage_alone_on_own_data_is_the_same_training(trained, data, tmp_path):
    """Phase 1 on a list of the same pictures and depth, phase 2 from its checkpoints and pictures alone."""
    lists = {split: write_own_list(tmp_path / f"{split}.csv", data, split) for split in ("train", "test")}
    first = train(tmp_path / "first", "--stages", "supervised", *own_rig(data), "--data_list", lists["train"],
                  "--val_list", lists["test"])
    assert rows(first) == [row for row in rows(trained) if row["stage"] == "supervised"]
    pictures = [", ".join(line.split(", ")[:2]) for line in lists["train"].read_text().splitlines()]
    lists["train"].write_text("\n".join(pictures))
    second = train(tmp_path / "second", "--stages", "unsupervised", *own_rig(data), "--data_list",
                   lists["train"], "--l_model_pth", first / "Ckpt/FinalLeftNet.ckpt", "--r_model_pth",
                   first / "Ckpt/FinalRightNet.ckpt")
    for name in FILES["independent"].values():
        start, found, whole = (weights(folder / f"Ckpt/{name}.ckpt") for folder in (first, second, trained))
        assert found == whole and all(found[key] != start[key] for key in found if "weight" in key)
    assert not any("validation" in row for row in rows(second))  # it has no ground truth


# --- evaluation -------------------------------------------------------------------------------------------


def direct_figures(data: Path, maps: Path, view: str, protocol: str, cap_m: float, median: bool) -> dict:
    """Means over the images of abs_rel, rmse and delta1 in the crop, and of EPE and D1 everywhere."""
    top, bottom, left, right = CROPS[protocol]
    crop = np.s_[int(top * HEIGHT):int(bottom * HEIGHT), int(left * WIDTH):int(right * WIDTH)]
    images = []
    for (drive, frame), name in zip(frames_of(data, "test"), names_of(data)):
        calibration = read_calibration(data / drive.split("/")[0])
        focal_baseline = calibration.left.intrinsics.fx_px * calibration.baseline_m
        found_m = np.load(maps / view / f"{name}.npy").astype(np.float64)
        truth_m = read_exact_m(data, drive, frame, view)
        z, g = found_m[truth_m > 0], truth_m[truth_m > 0]
        off_px, true_px = abs(focal_baseline / z - focal_baseline / g), focal_baseline / g
        counted = np.zeros(truth_m.shape, bool)
        counted[crop] = (truth_m[crop] > 1e-3) & (truth_m[crop] <= cap_m)
        p, t = found_m[counted], truth_m[counted]
        p = np.clip(p * np.median(t) / np.median(p) if median else p, 1e-3, cap_m)
        images.append((np.mean(abs(p - t) / t), np.sqrt(np.mean((p - t) ** 2)),
                       np.mean(np.maximum(p / t, t / p) < 1.25), off_px.mean(),
                       np.mean((off_px > 3) & (off_px > 0.05 * true_px))))
    return dict(zip(("abs_rel", "rmse", "delta1", "epe_px", "d1"), np.mean(images, axis=0)))


@independent
@pytest.mark.parametrize(("argv", "cap_m", "median"), [
    ((), 80, False), (("--max_depth_m", 50), 50, False), (("--alignment", "median"), 80, True)])
def test_figures_are_kittis(trained, evaluated, data, tmp_path, argv, cap_m, median):
    """Against exact depth, counted directly from the maps that were written."""
    run("eval", "--train_url", trained, *exact(data), "--output_json", tmp_path / "figures.json",
        "--protocol", ",".join(CROPS), *argv)
    found = figures(tmp_path / "figures.json")
    assert found.keys() == {(view, protocol) for view in CAMERAS for protocol in CROPS}
    for (view, protocol), metrics in found.items():
        expected = direct_figures(data, evaluated / "maps", view, protocol, cap_m, median)
        assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-4), view
    report = json.loads((tmp_path / "figures.json").read_text())["results"][0]["protocol"]
    assert (report["max_depth_m"], report["alignment"]) == (cap_m, "median" if median else "none")


def test_evaluation_writes_both_views(evaluated, data):
    found = figures(evaluated / "figures.json")
    assert found.keys() == {(view, protocol) for view in CAMERAS for protocol in CROPS}
    assert all({"epe_px", "d1"} <= metrics.keys() for metrics in found.values())
    assert found["left", "kitti_garg"]["epe_px"] == found["left", "kitti_eigen"]["epe_px"]
    for view in CAMERAS:
        for name in names_of(data):
            depth_m = np.load(evaluated / f"maps/{view}/{name}.npy")
            stored = cv2.imread(str(evaluated / f"png/{view}_{name}.png"), cv2.IMREAD_UNCHANGED)
            assert depth_m.shape == (HEIGHT, WIDTH) and stored.dtype == np.uint16
            np.testing.assert_array_equal(stored, np.rint(depth_m * 256.0))
    assert len(list((evaluated / "panels").iterdir())) == 8


@independent
def test_flip_average_is_the_mean_with_the_mirrored_pictures_map(trained, evaluated, data, tmp_path):
    run("eval", "--train_url", trained, "--data_url", data, "--flip_average", "--limit", 1,
        "--save_predictions", tmp_path / "maps", "--output_json", tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text())["results"][0]["protocol"]["flip_average"]
    (drive, frame), name = frames_of(data, "test")[0], names_of(data)[0]
    for view, camera in CAMERAS.items():
        picture = cv2.imread(str(data / drive / camera / f"data/{frame}.png"))
        cv2.imwrite(str(tmp_path / "mirrored.png"), picture[:, ::-1])
        run("infer", tmp_path / "mirrored.png", trained / f"Ckpt/{FILES['independent'][view]}.ckpt",
            "--output_dir", tmp_path / view, "--save", "npy")
        mirrored_m = np.load(tmp_path / view / "mirrored.npy")[:, ::-1]
        mean_m = (np.load(evaluated / f"maps/{view}/{name}.npy") + mirrored_m) / 2
        # A picture resized to bytes and its mirror image differ by their rounding.
        np.testing.assert_allclose(np.load(tmp_path / f"maps/{view}/{name}.npy"), mean_m, atol=0.3)
        assert np.abs(mean_m - mirrored_m).max() > 1


# --- the C++ program --------------------------------------------------------------------------------------


@needs_cpp
def test_the_cpp_program_gives_evals_figures(trained, evaluated, data, tmp_path, kind):
    run("preprocess", "--train_url", trained, "--dataset_path", data, "--output_path", tmp_path / "P")
    models = {view: trained / f"MindIR/{file}.mindir" for view, file in FILES[kind].items()}
    run_cpp_program(tmp_path / "P", models, tmp_path / "R")
    run("postprocess", "--result_path", tmp_path / "R", "--label_file", tmp_path / "P/label", "--output_json",
        tmp_path / "figures.json")
    assert_same_figures(figures(tmp_path / "figures.json"), figures(evaluated / "figures.json"),
                        rel=TOLERANCE, abs=TOLERANCE)
    for format_name in ("MindIR", "ONNX"):
        names = {path.stem for path in (trained / format_name).glob("Final*")}
        assert names == set(FILES[kind].values())


# --- inference --------------------------------------------------------------------------------------------


def infer(given: object, model: Path, folder: Path, *argv: object) -> list[dict]:
    run("infer", given, model, "--output_dir", folder, *argv)
    return json.loads((folder / "index.json").read_text())["samples"]


def pictures_of(data: Path, view: str) -> Path:
    """The folder with the test drive's pictures of a view."""
    return data / frames_of(data, "test")[0][0] / CAMERAS[view] / "data"


@pytest.mark.parametrize("model", ["", "ONNX", "MindIR"])
def test_a_pair_gives_both_maps(trained, evaluated, data, tmp_path, model):
    given = ",".join(str(pictures_of(data, view)) for view in CAMERAS)
    samples = infer(given, trained / model, tmp_path, "--save", "npy,png")
    assert [(sample["name"], sample["net"]) for sample in samples] == [
        (frame, view) for _, frame in frames_of(data, "test") for view in CAMERAS]
    names = dict(zip((frame for _, frame in frames_of(data, "test")), names_of(data)))
    for sample in samples:
        found_m, (npy, png) = np.load(tmp_path / sample["files"][0]), sample["files"]
        assert (npy, png) == tuple(f"{sample['name']}_{sample['net']}{end}" for end in (".npy", "_depth.png"))
        expected_m = np.load(evaluated / f"maps/{sample['net']}/{names[sample['name']]}.npy")
        np.testing.assert_allclose(found_m, expected_m, rtol=1e-4, atol=1e-4)
        stored = cv2.imread(str(tmp_path / png), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(stored, np.rint(found_m * 256.0))  # KITTI's units, which it says
    assert json.loads((tmp_path / "index.json").read_text())["png_scale"] == 256


@independent
@pytest.mark.parametrize("model", ["Ckpt/{}.ckpt", "ONNX/{}.onnx"])
def test_one_views_folder_needs_its_own_network_alone(trained, evaluated, data, tmp_path, model):
    for view, file in FILES["independent"].items():
        alone = tmp_path / view / Path(model.format(file)).name
        alone.parent.mkdir()
        shutil.copy(trained / model.format(file), alone)  # no other model is near
        shutil.copy(trained / "config.yaml", alone.parent)
        samples = infer(pictures_of(data, view), alone, tmp_path / view / "R", "--save", "npy")
        assert [sample["net"] for sample in samples] == [view] * 4
        for sample, name in zip(samples, names_of(data)):
            found_m = np.load(tmp_path / view / "R" / f"{sample['name']}.npy")
            expected_m = np.load(evaluated / f"maps/{view}/{name}.npy")
            np.testing.assert_allclose(found_m, expected_m, rtol=1e-4, atol=1e-4)


@independent
def test_one_depth_has_one_colour_in_all_pictures(trained, data, tmp_path):
    """From 0 to 80 m, unless the user says otherwise; a scale of each picture's own would differ."""
    street = cv2.imread(str(next(iter(pictures_of(data, "left").iterdir()))))[..., ::-1]
    save(tmp_path / "pictures/street.png", np.ascontiguousarray(street))
    save(tmp_path / "pictures/half.png", np.ascontiguousarray(street // 2))

    def colours(folder: str, *argv: object) -> list[np.ndarray]:
        """Depth in steps of 0.05 m -> colour, of each picture."""
        infer(tmp_path / "pictures", trained / "Ckpt/FinalLeftNet.ckpt", tmp_path / folder, *argv)
        tables = []
        for name in ("street", "half"):
            depth_m = np.load(tmp_path / folder / f"{name}.npy")
            rgb = cv2.imread(str(tmp_path / folder / f"{name}_color.png"))[:, :WIDTH].astype(int)
            table = np.full((2400, 3), -1)
            table[(depth_m / 0.05).astype(int).ravel()] = rgb.reshape(-1, 3)
            tables.append(table)
        return tables

    def differences(tables: list[np.ndarray]) -> np.ndarray:
        both = (tables[0] >= 0).all(1) & (tables[1] >= 0).all(1)
        assert both.sum() > 20
        return np.abs(tables[0] - tables[1])[both]

    assert differences(colours("fixed")).max() <= 4  # one of 256 colours further, at most
    near, far = colours("given", "--min_depth_m", 50, "--far_depth_m", 70)
    assert differences([near, far]).max() <= 4 * 4
    assert np.abs(colours("fixed")[0] - near).max() > 50


@independent
def test_mistakes_in_inference_end_with_one_line(capsys, trained, data, tmp_path):
    left, right = (pictures_of(data, view) for view in CAMERAS)
    small = save(tmp_path / "small.png", np.zeros((HEIGHT, WIDTH - 2, 3), np.uint8))
    picture = next(iter(left.iterdir()))
    for given, words in ((left, "mergedepth needs left picture and right picture for each sample"),
                         (f"{picture},{right}", "mixes files and folders"),
                         (f"{picture},{small}", f"is {WIDTH}x{HEIGHT}, the right one {WIDTH - 2}x{HEIGHT}")):
        assert words in refusal(capsys, "infer", given, trained, "--output_dir", tmp_path / "R")


# --- the published networks, in scripts -------------------------------------------------------------------


@needs_cpp
@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_scripts_from_training_to_the_cpp_program(tmp_path, kind):
    """ResNet-50 with a sixteenth of its channels, scans, drives of two dates."""
    build_cpp_program()
    data = write_streets(tmp_path / "streets", 8, 4, (WIDTH, HEIGHT))
    scripts = ScriptFolder(tmp_path)
    shared = "true" if kind == "shared" else "false"
    scripts.run("run_standalone_train_ascend.sh", data, 0, "--method", "mergedepth", *TINY, "--max_steps", 2,
                "--batch_size", 2, "--shared_weights", shared)
    stored = ms.load_checkpoint(str(scripts.model / f"Ckpt/{FILES[kind]['left']}.ckpt"))
    assert sum(name.startswith("encoder.") for name in stored) == 265  # torchvision's
    scripts.run("run_eval.sh", data)
    scripts.run("run_export.sh", "shared" if kind == "shared" else "left")
    if kind == "independent":
        scripts.run("run_export.sh", "right")
    models = (f"{view}={scripts.model}/MindIR/{file}.mindir" for view, file in FILES[kind].items())
    scripts.run("run_infer_310.sh", *models, data, 0)
    expected, found = scripts.printed_figures("eval.log"), scripts.printed_figures("acc.log")
    assert expected.keys() == {(view, protocol) for view in CAMERAS for protocol in CROPS}
    assert all("epe_px" in metrics for metrics in expected.values())
    assert_same_figures(found, expected, rel=TOLERANCE, abs=TOLERANCE)
