# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""infer.py where a sample is several pictures: what it takes, runs, writes and refuses."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import src.config
import src.method
from src.datasets.image_files import read_rgb
from tests.commands import refusal, run
from tests.dummy_method.two_views import NEAREST_M, SECTION, write_model

SIZES_WH = {"left": (20, 12), "right": (16, 10)}  # the views need not have one size
FOCAL_35MM = {"left": 28, "right": 50}
MODELS = {"left": "FinalLeftNet.onnx", "right": "FinalRightNet.onnx"}


@pytest.fixture(scope="module", autouse=True)
def registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(src.method, "_METHODS", dict(src.method._METHODS))
        patch.setattr(src.config, "_EXTRA_METHODS", dict(src.config._EXTRA_METHODS))
        src.method.register("two_views", "tests.dummy_method.two_views:TwoViews", SECTION)
        yield


@pytest.fixture
def pairs(tmp_path) -> Path:
    """left/ and right/ with pictures 2 and 10, in which every pixel differs; each camera has its lens."""
    rng = np.random.default_rng(0)
    for view, (width, height) in SIZES_WH.items():
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0xA405] = FOCAL_35MM[view]
        (tmp_path / view).mkdir()
        for name in ("2", "10"):
            picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
            picture.save(tmp_path / view / f"{name}.jpg", exif=exif)
    return tmp_path


@pytest.fixture
def model(tmp_path) -> Path:
    for view, file in MODELS.items():
        write_model(tmp_path / "Model/ONNX" / file, NEAREST_M[view])
    return tmp_path / "Model"


def both(pairs: Path, name: str = "") -> str:
    """A,B: the folders, or two files of them."""
    return ",".join(str(pairs / view / name) for view in SIZES_WH)


def infer(given: object, model: Path, folder: Path, *argv: object) -> list[dict]:
    run("infer", given, model, "--method", "two_views", "--output_dir", folder, *argv)
    return json.loads((folder / "index.json").read_text())["samples"]


def expected_m(pairs: Path, view: str, name: str) -> np.ndarray:
    return read_rgb(pairs / view / f"{name}.jpg")[..., 0] / 255 + NEAREST_M[view]


def refused(capsys, given: object, model: Path) -> str:
    return refusal(capsys, "infer", given, model, "--method", "two_views", "--output_dir", model / "out")


# --- what it takes and writes

def test_two_files_are_a_sample_with_a_map_for_each(pairs, model, tmp_path):
    samples = infer(both(pairs, "2.jpg"), model, tmp_path / "R")
    assert [(entry["name"], entry["net"], entry["files"]) for entry in samples] == [
        ("2", net, [f"2_{net}.npy", f"2_{net}_depth.png", f"2_{net}_color.png"]) for net in SIZES_WH]
    for view in SIZES_WH:
        np.testing.assert_allclose(np.load(tmp_path / f"R/2_{view}.npy"), expected_m(pairs, view, "2"),
                                   rtol=1e-6)
    written = {file for entry in samples for file in entry["files"]}
    assert {path.name for path in (tmp_path / "R").iterdir()} == written | {"index.json"}


def test_two_folders_are_paired_by_name(pairs, model, tmp_path):
    (pairs / "right/2.jpg").rename(pairs / "right/2.JPG")  # another ending is no other name
    samples = infer(both(pairs), model, tmp_path / "R", "--save", "npy", "--eval_batch_size", 2)
    assert [(entry["name"], entry["net"]) for entry in samples] == [
        (name, net) for name in ("2", "10") for net in SIZES_WH]
    (pairs / "right/2.JPG").rename(pairs / "right/2.jpg")
    for entry in samples:
        np.testing.assert_allclose(np.load(tmp_path / "R" / entry["files"][0]),
                                   expected_m(pairs, entry["net"], entry["name"]), rtol=1e-6)


def test_a_list_file_names_pairs(pairs, model, tmp_path):
    (pairs / "pairs.txt").write_text("left/2.jpg right/10.jpg\n")
    infer(pairs / "pairs.txt", model, tmp_path / "R", "--save", "npy")
    np.testing.assert_allclose(np.load(tmp_path / "R/2_left.npy"), expected_m(pairs, "left", "2"), rtol=1e-6)
    np.testing.assert_allclose(np.load(tmp_path / "R/2_right.npy"), expected_m(pairs, "right", "10"),
                               rtol=1e-6)


def test_one_networks_file_needs_its_own_picture_alone(pairs, model, tmp_path):
    (pairs / "pairs.txt").write_text("left/10.jpg right/10.jpg\n")
    (pairs / "own.txt").write_text("right/10.jpg\n")
    for view, given in (("left", pairs / "left/10.jpg"), ("right", pairs / "right"),
                        ("right", pairs / "right/10.jpg"), ("right", both(pairs, "10.jpg")),
                        ("right", pairs / "pairs.txt"), ("right", pairs / "own.txt"), ("left", both(pairs))):
        folder = tmp_path / "R"
        (folder / "10.npy").unlink(missing_ok=True)
        *_, entry = infer(given, model / "ONNX" / MODELS[view], folder, "--save", "npy")
        assert (entry["name"], entry["net"], entry["files"]) == ("10", view, ["10.npy"])
        np.testing.assert_allclose(np.load(folder / "10.npy"), expected_m(pairs, view, "10"), rtol=1e-6)


def test_points_have_the_colours_and_the_camera_of_their_own_view(pairs, model, tmp_path):
    for entry in infer(both(pairs, "2.jpg"), model, tmp_path, "--save", "ply", "--edge_threshold", 9):
        view = entry["net"]
        header, _, body = (tmp_path / f"2_{view}.ply").read_bytes().partition(b"end_header\n")
        points = np.frombuffer(body, [("position", "<f4", 3), ("color", "u1", 3)])
        width, height = SIZES_WH[view]
        assert f"element vertex {width * height}\n".encode() in header
        np.testing.assert_array_equal(points["color"], read_rgb(pairs / view / "2.jpg").reshape(-1, 3))
        focal_px = FOCAL_35MM[view] * np.hypot(width, height) / np.hypot(36, 24)
        assert entry["camera"] == pytest.approx(
            {"fx_px": focal_px, "fy_px": focal_px, "cx_px": width / 2, "cy_px": height / 2}, rel=1e-4)


def test_a_path_with_a_comma_that_is_there_is_one_path(pairs, model, tmp_path):
    picture = (pairs / "left/2.jpg").rename(pairs / "a,b.jpg")
    (entry,) = infer(picture, model / "ONNX" / MODELS["left"], tmp_path / "R", "--save", "npy")
    assert entry["files"] == ["a,b.npy"]


def test_a_video_serves_one_network(capsys, model, tmp_path):
    clip = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"mp4v"), 5, (32, 24))
    writer.write(np.full((24, 32, 3), 200, np.uint8))
    writer.release()
    for view, file in MODELS.items():
        *_, video = infer(clip, model / "ONNX" / file, tmp_path / "R", "--save", "npy")
        assert video == {"name": "clip", "net": view, "files": ["clip_depth.mp4"], "frames": 1}
        depth_m = np.load(tmp_path / "R/clip_000000.npy")
        np.testing.assert_allclose(depth_m, NEAREST_M[view] + 200 / 255, atol=0.05)
    assert refused(capsys, clip, model).endswith(
        "two_views needs left picture and right picture for each sample, a video has frames only; "
        "FinalLeftNet or FinalRightNet as MODEL needs one alone")


# --- what it refuses

def test_what_is_missing_of_a_sample_is_said(capsys, pairs, model):
    hint = ("two_views needs left picture and right picture for each sample: give LEFT_PICTURE,RIGHT_PICTURE "
            "(files, or folders with equal names), or a list file, one sample a line; FinalLeftNet or "
            "FinalRightNet as MODEL needs one alone")
    for given in (pairs / "left/2.jpg", pairs / "left", f"{pairs}/left,", f"{both(pairs)},{pairs}/left"):
        assert refused(capsys, given, model) == f"error: {hint}"
    assert refused(capsys, f"{pairs}/left,{pairs}/middle", model).endswith(f"video: {pairs}/middle")
    assert refused(capsys, pairs / "gone.jpg", model).endswith("gone.jpg")
    assert "mixes files and folders" in refused(capsys, f"{pairs}/left/2.jpg,{pairs}/right", model)
    (pairs / "pairs.txt").write_text("left/2.jpg right/2.jpg\nleft/10.jpg\n")
    line = refused(capsys, pairs / "pairs.txt", model)
    assert ("line 2 names 1 files; each line needs 2 to 4: left picture, right picture; or left picture, "
            "right picture, true depth, true depth") in line
    (pairs / "pairs.txt").write_text("left/2.jpg right/2.jpg\nleft/10.jpg right/10.jpg a.png\n")
    line = refused(capsys, pairs / "pairs.txt", model)
    assert "the line of left/10.jpg names 3 files; each line needs left picture, right picture; or" in line


def test_unpaired_names_are_named_and_counted(capsys, pairs, model):
    left, right = pairs / "left", pairs / "right"
    (right / "2.jpg").rename(right / "3.jpg")
    assert f"paired by their names: {right} has no 2; {left} has no 3; add" in refused(
        capsys, both(pairs), model)
    for name in ("4", "5", "6"):
        (left / f"{name}.jpg").touch()
    line = refused(capsys, both(pairs), model)
    assert f"{right} has no 2; {left} has no 3; {right} has no 4 and 2 more; add" in line
    (left / "10.png").touch()
    assert f"{left} has both 10.jpg and 10.png" in refused(capsys, both(pairs), model)
    (pairs / "empty").mkdir()
    assert f"{pairs}/empty holds no pictures" in refused(capsys, f"{right},{pairs}/empty", model)


def test_a_folder_with_one_of_two_independent_networks_says_how_to_run_it(capsys, pairs, model):
    (model / "ONNX" / MODELS["right"]).unlink()
    assert refused(capsys, both(pairs), model).endswith(
        f"{model} holds no complete set of FinalLeftNet, FinalRightNet as .ckpt, .onnx, .mindir or .tflite: "
        f"{model}/ONNX has no FinalRightNet.onnx; give {model}/ONNX/FinalLeftNet.onnx as MODEL for its depth "
        "alone")
