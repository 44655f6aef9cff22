# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth as users run it, on synthetic rooms: one view and two, figures, the C++ program, inference.

The network is a tiny one, but for what must hold of the real one and the slow tests.
"""
from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from src.geometry import sphere
from src.layers.circular import CircularConv2d, CircularUpsample
from src.panodepth.net import PanoNet
from src.training.checkpoints import save_network
from tests.commands import assert_same_figures, evaluate, figures, refusal, run
from tests.cpp_program import build_cpp_program, needs_cpp, run_cpp_program
from tests.geometry.panorama_scene import Panorama, pixel_directions
from tests.panorama_files import HEIGHT, WIDTH, write_rooms
from tests.samples import save
from tests.script_runner import ScriptFolder
from tests.training.test_trainer import Stop, assert_same_training, rows, stop_before, weights

SMALL = ("--image_height", HEIGHT, "--image_width", WIDTH)
TOLERANCE = 1e-3  # between the figures of eval.py and of the C++ program
PROTOCOLS = ("panorama", "panorama_latitude")
NAMES = tuple(f"{n:04d}" for n in range(4))  # of the test room's panoramas


class TinyNet(nn.Cell):
    """In the place of a `PanoNet`: a strided convolution, normalised as there, and a head of its range."""

    def __init__(self, backbone: str, depth_range_m: tuple[float, float]):
        super().__init__()
        self.encoder = nn.SequentialCell(CircularConv2d(3, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU())
        self.head = CircularConv2d(8, 1, 3, has_bias=True)
        self.up = CircularUpsample(2)
        self.low, self.span = (math.log(value) for value in (depth_range_m[0],
                                                             depth_range_m[1] / depth_range_m[0]))

    def construct(self, image):
        return ops.exp(self.low + self.span * ops.sigmoid(self.up(self.head(self.encoder(image)))))


@pytest.fixture(scope="module", autouse=True)
def tiny_network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("src.panodepth.net.PanoNet", TinyNet)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two rooms to train on, one to validate on and one to test, of four panoramas each."""
    return write_rooms(tmp_path_factory.mktemp("panorama") / "rooms", 12, 4)


def train(folder: Path, *argv: object) -> Path:
    """Two epochs of four batches."""
    run("train", "--method", "panodepth", "--device_target", "CPU", "--train_url", folder, *SMALL,
        "--batch_size", 2, "--epochs", 2, "--learning_rate", 1e-2, "--log_every", 1, "--save_every", 1,
        "--eval_every", 4, *argv)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data) -> Path:
    """A training, and its exported files."""
    folder = train(tmp_path_factory.mktemp("trained"), "--data_url", data, "--picture_every", 4)
    run("export", "--train_url", folder, "--file_format", "ONNX,MINDIR")
    return folder


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, trained, data) -> Path:
    return evaluate(tmp_path_factory.mktemp("evaluated"), trained, data)


def listed(data: Path, name: str) -> list[dict[str, str]]:
    """Rows of a list by column."""
    with (data / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def maps_in(folder: Path) -> list[np.ndarray]:
    return [np.load(folder / "pano" / f"{name}.npy") for name in NAMES]


# --- training ---------------------------------------------------------------------------------------------


def test_training_leaves_the_network_every_term_and_pictures(trained):
    names = {"FinalPanoNet.ckpt", "BestPanoNet.ckpt", "last.ckpt"}
    assert {path.name for path in (trained / "Ckpt").glob("*.ckpt")} == names
    steps = [row for row in rows(trained) if "loss" in row]
    assert [(row["stage"], row["step"], row["epoch"]) for row in steps] == [
        ("depth", step, step // 4) for step in range(8)]
    for row in steps:
        terms = row["terms"]
        assert terms.keys() == {"l1", "normal", "ssim"} and min(terms.values()) > 0
        expected = 0.1 * terms["l1"] + 0.1 * terms["normal"] + 0.8 * terms["ssim"]
        assert row["loss"] == pytest.approx(expected, rel=1e-5)
    lines = (trained / "train.log").read_text().splitlines()
    pattern = r"training pano net, step: \d+ loss: \d+\.\d{7}, time cost: \d+\.\d{4}"
    assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 8
    pictures = [path.name for path in (trained / "images").glob("*.png")]
    assert {name.split("_")[1] for name in pictures} == {"000004", "000008"}
    assert all(name.startswith("depth_0") for name in pictures)
    (events,) = (trained / "summary").glob("events.out.tfevents.*")
    for tag in (b"depth/train/ssim", b"depth/validation/pano/normal_deg", b"\x89PNG"):
        assert tag in events.read_bytes()


def test_validation_is_an_evaluation_of_the_validation_list(trained, data, tmp_path):
    validations = [row for row in rows(trained) if "validation" in row]
    assert [row["step"] for row in validations] == [4, 8]
    run("eval", "--train_url", trained, "--test_list", data / "valid.csv", "--output_json",
        tmp_path / "figures.json")
    found = figures(tmp_path / "figures.json")
    assert validations[-1]["validation"] == {"pano": pytest.approx(found["pano", "panorama_latitude"])}


def test_a_training_in_pieces_is_the_same_training(trained, data, tmp_path):
    own = ("--data_url", data, "--picture_every", 4)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        stop_before(patch, "depth", 5)
        train(tmp_path, *own)
    train(tmp_path, *own, "--resume")
    assert_same_training(tmp_path, trained)


def test_own_lists_without_poses_give_the_same_training(trained, data, tmp_path):
    for name in ("train", "valid"):
        lines = [f"{data / row['image']}, {data / row['depth']}\n" for row in listed(data, name)]
        (tmp_path / f"{name}.csv").write_text("".join(lines))
    train(tmp_path / "Model", "--data_list", tmp_path / "train.csv", "--val_list", tmp_path / "valid.csv",
          "--picture_every", 0)
    assert rows(tmp_path / "Model") == rows(trained)
    for name in ("FinalPanoNet.ckpt", "BestPanoNet.ckpt"):
        assert weights(tmp_path / "Model/Ckpt" / name) == weights(trained / "Ckpt" / name)


def test_two_views_are_trained_together(trained, data, tmp_path):
    train(tmp_path, "--data_url", data, "--rate", "0.1,0.1,0.8,0,0,0.5", "--max_steps", 3, "--picture_every",
          0)
    steps = [row for row in rows(tmp_path) if "loss" in row]
    rate = {"l1": 0.1, "normal": 0.1, "ssim": 0.8, "photometric": 0.5, "consistency": 0.5}
    assert [row["step"] for row in steps] == [0, 1, 2]
    for row in steps:
        terms = row["terms"]
        assert terms.keys() == rate.keys()
        assert all(np.isfinite(value) and value > 0 for value in terms.values())
        expected = sum(weight * terms[name] for name, weight in rate.items())
        assert row["loss"] == pytest.approx(expected, rel=1e-5)
    assert b"depth/train/consistency" in next((tmp_path / "summary").iterdir()).read_bytes()
    start, found = (weights(folder / "Ckpt/FinalPanoNet.ckpt") for folder in (trained, tmp_path))
    assert all(found[name] != start[name] for name in found)


# --- evaluation -------------------------------------------------------------------------------------------


def direct_figures(data: Path, maps: list[np.ndarray], weighted: bool) -> dict[str, float]:
    """Means over the images, counted pixel by pixel of the files."""
    images = []
    for row, found_m in zip(listed(data, "test"), maps, strict=True):
        truth_m = cv2.imread(str(data / row["depth"]), cv2.IMREAD_UNCHANGED) / 1000
        counted = (truth_m > 1e-3) & (truth_m <= 10)
        t, p = truth_m[counted], np.clip(found_m[counted].astype(float), 1e-3, 10)
        latitude = np.pi / 2 - np.pi * (np.arange(HEIGHT) + 0.5) / HEIGHT
        area = np.broadcast_to(np.cos(latitude)[:, None], truth_m.shape)[counted]
        share = area / area.sum() if weighted else 1 / counted.sum()
        images.append({"abs_rel": np.sum(share * abs(p - t) / t),
                       "rmse": np.sqrt(np.sum(share * (p - t) ** 2)),
                       "delta1": np.sum(share * (np.maximum(p / t, t / p) < 1.25)),
                       "rmse_log10": np.sqrt(np.sum(share * (np.log10(p) - np.log10(t)) ** 2))})
    return {name: np.mean([image[name] for image in images]) for name in images[0]}


def test_figures_are_plain_and_weighted_by_latitude(evaluated, data):
    found = figures(evaluated / "figures.json")
    assert found.keys() == {("pano", protocol) for protocol in PROTOCOLS}
    for protocol in PROTOCOLS:
        metrics = found["pano", protocol]
        expected = direct_figures(data, maps_in(evaluated / "maps"), protocol == "panorama_latitude")
        assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-4)
        assert 0 < metrics["normal_deg"] < 120
    plain, weighted = (found["pano", protocol]["abs_rel"] for protocol in PROTOCOLS)
    assert abs(plain - weighted) > 1e-3


def test_evaluation_writes_maps_and_panels(evaluated):
    for name, depth_m in zip(NAMES, maps_in(evaluated / "maps")):
        assert depth_m.shape == (HEIGHT, WIDTH) and depth_m.dtype == np.float32
        stored = cv2.imread(str(evaluated / f"png/pano_{name}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(stored, np.rint(depth_m * 1000.0))
    assert {path.name for path in (evaluated / "panels").iterdir()} == {f"{n}_pano.png" for n in NAMES}


def test_shuffled_inputs_are_another_panoramas(trained, evaluated, data, tmp_path):
    run("eval", "--train_url", trained, "--data_url", data, "--shuffle_inputs", "--save_predictions",
        tmp_path / "maps", "--output_json", tmp_path / "figures.json")
    plain, found = maps_in(evaluated / "maps"), maps_in(tmp_path / "maps")
    for number in range(4):
        np.testing.assert_allclose(found[number], plain[(number + 2) % 4], rtol=1e-5)
    metrics = figures(tmp_path / "figures.json")["pano", "panorama"]
    assert metrics["abs_rel"] != figures(evaluated / "figures.json")["pano", "panorama"]["abs_rel"]
    expected = direct_figures(data, found, weighted=False)
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-4)


def test_flip_average_is_the_mean_with_the_mirrored_pictures_map(trained, evaluated, data, tmp_path):
    run("eval", "--train_url", trained, "--data_url", data, "--flip_average", "--save_predictions",
        tmp_path / "maps")
    for row, name in zip(listed(data, "test"), NAMES):
        picture = cv2.imread(str(data / row["image"]))
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture[:, ::-1])
    infer(tmp_path, trained, tmp_path / "R", "--save", "npy")
    for name, plain_m, found_m in zip(NAMES, maps_in(evaluated / "maps"), maps_in(tmp_path / "maps")):
        mirrored_m = np.load(tmp_path / "R" / f"{name}.npy")[:, ::-1]
        np.testing.assert_allclose(found_m, (plain_m + mirrored_m) / 2, rtol=1e-5)
        assert np.abs(mirrored_m - plain_m).max() > 0.01


# --- the C++ program --------------------------------------------------------------------------------------


@needs_cpp
def test_the_cpp_program_gives_evals_figures(trained, evaluated, data, tmp_path):
    run("preprocess", "--train_url", trained, "--dataset_path", data, "--output_path", tmp_path / "P")
    run_cpp_program(tmp_path / "P", {"pano": trained / "MindIR/FinalPanoNet.mindir"}, tmp_path / "R")
    run("postprocess", "--result_path", tmp_path / "R", "--label_file", tmp_path / "P/label", "--output_json",
        tmp_path / "figures.json")
    assert_same_figures(figures(tmp_path / "figures.json"), figures(evaluated / "figures.json"),
                        rel=TOLERANCE, abs=TOLERANCE)


# --- inference --------------------------------------------------------------------------------------------


def infer(given: object, model: Path, folder: Path, *argv: object) -> list[dict]:
    run("infer", given, model, "--output_dir", folder, *argv)
    index = json.loads((folder / "index.json").read_text())
    assert (index["method"], index["unit"], index["depth"]) == ("panodepth", "m", "ray")
    return index["samples"]


@pytest.mark.parametrize("model", ["", "Ckpt/FinalPanoNet.ckpt", "ONNX/FinalPanoNet.onnx", "MindIR"])
def test_a_folder_of_panoramas_gives_evals_maps(trained, evaluated, data, tmp_path, model):
    pictures = data / listed(data, "test")[0]["image"]
    samples = infer(pictures.parent, trained / model, tmp_path, "--save", "npy,png")
    assert [sample["name"] for sample in samples] == list(NAMES)
    for sample, expected_m in zip(samples, maps_in(evaluated / "maps")):
        npy, png = sample["files"]
        np.testing.assert_allclose(np.load(tmp_path / npy), expected_m, rtol=1e-4)
        stored = cv2.imread(str(tmp_path / png), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(stored, np.rint(np.load(tmp_path / npy) * 1000.0))
        assert sample["seen_share"] == 1 and "camera" not in sample


@pytest.mark.parametrize("name", ["test.csv", "test_pairs.csv", "own.csv", "pictures.txt"])
def test_lists_give_evals_maps(trained, evaluated, data, tmp_path, name):
    rows = listed(data, "test")
    own = [[row["depth"], row["image"]] for row in rows]
    (data / "own.csv").write_text("depth,image\n" + "".join(f"{','.join(row)}\n" for row in own))
    (data / "pictures.txt").write_text("".join(f"{row['image']}\n" for row in rows))
    samples = infer(data / name, trained, tmp_path, "--save", "npy")
    expected = dict(zip([row["image"] for row in rows], maps_in(evaluated / "maps")))
    pictures = [row["image"] for row in listed(data, "test_pairs" if "pairs" in name else "test")]
    assert len(samples) == len(pictures)
    for sample, picture in zip(samples, pictures):
        np.testing.assert_allclose(np.load(tmp_path / sample["files"][0]), expected[picture], rtol=1e-4)


def read_ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points (K, 3) and colours (K, 3) of a binary file."""
    header, body = path.read_bytes().split(b"end_header\n", 1)
    vertices = np.frombuffer(body, [("position", "<f4", 3), ("color", "u1", 3)])
    assert f"element vertex {len(vertices)}\n".encode() in header
    return vertices["position"], vertices["color"]


def test_points_lie_on_the_rays_and_normals_are_the_maps(trained, tmp_path):
    """Of a picture twice as large as the network sees it."""
    _, image = Panorama(pillar=True).picture(2 * HEIGHT, 2 * WIDTH)
    rgb = np.rint(np.moveaxis(image, 0, -1) * 255).astype(np.uint8)
    (sample,) = infer(save(tmp_path / "room.png", rgb), trained, tmp_path / "R", "--save",
                      "npy,normal,ply,color", "--edge_threshold", 0.05)
    assert sample["files"] == ["room.npy", "room_normal.png", "room.ply", "room_color.png"]
    depth_m = np.load(tmp_path / "R/room.npy")
    assert depth_m.shape == (2 * HEIGHT, 2 * WIDTH)
    points, colors = read_ply(tmp_path / "R/room.ply")
    kept = ~sphere.edge_mask(depth_m, 0.05)
    assert 0.2 < kept.mean() <= 1 and len(points) == kept.sum()
    expected = pixel_directions(2 * HEIGHT, 2 * WIDTH) * depth_m[..., None]
    np.testing.assert_allclose(points, expected[kept], atol=1e-5)
    np.testing.assert_array_equal(colors, rgb[kept])
    shown = cv2.imread(str(tmp_path / "R/room_normal.png"))[..., ::-1]
    normals, exists = sphere.normals(depth_m)
    assert shown.shape == rgb.shape and exists.any()
    np.testing.assert_allclose(shown[exists] / 255.0 * 2 - 1, normals[exists], atol=0.005)
    np.testing.assert_array_equal(np.unique(shown[~exists]), [128] if (~exists).any() else [])


def test_the_real_network_turns_with_the_picture(tmp_path, monkeypatch):
    """By any multiple of its stride, through both changes of size."""
    monkeypatch.setattr("src.panodepth.net.PanoNet", PanoNet)
    ms.set_seed(0)
    net = PanoNet().set_train()
    _, image = Panorama(pillar=True).picture(4 * HEIGHT, 4 * WIDTH)
    rgb = np.rint(np.moveaxis(image, 0, -1) * 255).astype(np.uint8)
    half = cv2.resize(rgb, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_AREA) / np.float32(255)
    for _ in range(3):  # statistics: in a new net the signal explodes
        net(ms.Tensor(np.moveaxis(half, -1, 0)[None]))
    save_network(net, tmp_path / "FinalPanoNet.ckpt", "")
    shifts = (0, 64, 192)  # of the picture, which the network sees at half its size
    for shift in shifts:
        save(tmp_path / "pictures" / f"{shift}.png", np.roll(rgb, shift, axis=1))
    infer(tmp_path / "pictures", tmp_path / "FinalPanoNet.ckpt", tmp_path / "R", "--method", "panodepth",
          "--image_height", 2 * HEIGHT, "--image_width", 2 * WIDTH, "--save", "npy")
    plain_m, *turned = (np.load(tmp_path / "R" / f"{shift}.npy") for shift in shifts)
    assert plain_m.max() > 1.2 * plain_m.min() and np.abs(plain_m - turned[0]).max() > 0.1
    for shift, found_m in zip(shifts[1:], turned, strict=True):
        np.testing.assert_allclose(found_m, np.roll(plain_m, shift, axis=1), rtol=1e-4)


def test_a_picture_that_is_no_panorama_is_refused(capsys, trained, tmp_path):
    path = save(tmp_path / "street.png", np.zeros((48, 64, 3), np.uint8))
    line = refusal(capsys, "infer", path, trained, "--output_dir", tmp_path / "R")
    assert "street: the picture is 64x48, but a panorama is twice as wide as high" in line
    assert not list(tmp_path.glob("R/*.npy"))


# --- the real network -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_resnet50_learns(data, tmp_path, monkeypatch):
    monkeypatch.setattr("src.panodepth.net.PanoNet", PanoNet)
    train(tmp_path, "--data_url", data, "--backbone", "resnet50", "--max_steps", 1, "--eval_limit", 1)
    (row,) = (row for row in rows(tmp_path) if "loss" in row)
    assert np.isfinite(row["loss"]) and row["applied"]
    stored = ms.load_checkpoint(str(tmp_path / "Ckpt/FinalPanoNet.ckpt"))
    assert sum(name.startswith("encoder.layer") for name in stored) > 200


@needs_cpp
@pytest.mark.slow
def test_scripts_from_training_to_the_cpp_program(data, tmp_path):
    build_cpp_program()
    scripts = ScriptFolder(tmp_path)
    scripts.run("run_standalone_train_ascend.sh", data, 0, "--method", "panodepth", *SMALL, "--max_steps", 2,
                "--batch_size", 2)
    scripts.run("run_eval.sh", data)
    scripts.run("run_export.sh", "pano")
    scripts.run("run_infer_310.sh", f"pano={scripts.model}/MindIR/FinalPanoNet.mindir", data, 0)
    expected, found = scripts.printed_figures("eval.log"), scripts.printed_figures("acc.log")
    assert expected.keys() == {("pano", protocol) for protocol in PROTOCOLS}
    assert all("normal_deg" in metrics for metrics in expected.values())
    assert_same_figures(found, expected, rel=TOLERANCE, abs=TOLERANCE)
