# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Own stereo pairs from a list: files in their order, the rig's camera, and every mistake named."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.datasets.stereo_list import listed_stereo
from src.errors import UserError
from src.geometry.pinhole import Intrinsics
from tests.mergedepth_files import method_of, settings_of
from tests.samples import save

WIDTH, HEIGHT = 40, 24
RIG = ("--fx_px", 52.5, "--baseline_m", 0.21)


def pictures(seed: int) -> list[np.ndarray]:
    """Left and right picture, left and right depth in 1/100 m."""
    rng = np.random.default_rng(seed)
    rgb = [rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(2)]
    return rgb + [(rng.integers(100, 9000, (HEIGHT, WIDTH)) * (rng.random((HEIGHT, WIDTH)) < 0.4))
                  .astype(np.uint16) for _ in range(2)]


@pytest.fixture
def pairs(tmp_path) -> Path:
    """A list of two pairs in folders beside it; the depth maps of the second are arrays in 1/100 m."""
    for seed, names in enumerate((("l/a.png", "r/a.png", "dl/a.png", "dr/a.png"),
                                  ("l/b.png", "r/b.png", "dl/b.npy", "dr/b.npy"))):
        for name, values in zip(names, pictures(seed)):
            if name.endswith(".npy"):
                (tmp_path / name).parent.mkdir(exist_ok=True)
                np.save(tmp_path / name, values.astype(np.float64))
            else:
                save(tmp_path / name, values)
    listed = tmp_path / "pairs.txt"
    listed.write_text("# own\nl/a.png r/a.png dl/a.png dr/a.png\nl/b.png, r/b.png, dl/b.npy, dr/b.npy\n")
    return listed


def opened(listed: Path, *argv: object, with_truth: bool = True):
    return listed_stereo(str(listed), settings_of("--depth_scale", 100, *RIG, *argv), with_truth)


def refusal(function, *argv: object, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        function(*argv, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pairs_are_read_in_the_lists_order(pairs):
    frames = opened(pairs)
    assert len(frames) == 2 and frames.names == ("00000_a", "00001_b")
    assert frames.describe(1) == "l/b.png r/b.png dl/b.npy dr/b.npy"
    for index in range(2):
        frame, expected = frames.read(index), pictures(index)
        np.testing.assert_array_equal(frame.left_rgb, expected[0])
        np.testing.assert_array_equal(frame.right_rgb, expected[1])
        np.testing.assert_allclose(frame.left_depth_m, expected[2] / 100, rtol=1e-6)
        np.testing.assert_allclose(frame.right_depth_m, expected[3] / 100, rtol=1e-6)
        assert frame.left_depth_m.dtype == np.float32 and frame.baseline_m == 0.21


def test_the_rig_is_the_users(pairs):
    middle = opened(pairs).read(0)
    assert middle.left_camera == middle.right_camera == Intrinsics(52.5, 52.5, 20, 12, WIDTH, HEIGHT)
    own = opened(pairs, "--fy_px", 50, "--cx_px", 21.5, "--cy_px", 11).read(0)
    assert own.left_camera == own.right_camera == Intrinsics(52.5, 50, 21.5, 11, WIDTH, HEIGHT)
    two = opened(pairs, "--cx_px", 0, "--right_cx_px", 23).read(0)
    assert (two.left_camera.cx_px, two.right_camera.cx_px) == (0, 23)


@pytest.mark.parametrize("lost", [None, "dl/a.png"])
def test_pictures_alone_do_without_depth(pairs, lost):
    """Depth maps that are named anyway are not even looked at."""
    if lost:
        (pairs.parent / lost).unlink()
    else:
        pairs.write_text("l/a.png r/a.png\nl/b.png r/b.png\n")
    frames = opened(pairs, with_truth=False)
    assert frames.describe(0) == "l/a.png r/a.png"
    frame = frames.read(0)
    np.testing.assert_array_equal(frame.right_rgb, pictures(0)[1])
    for depth_m in (frame.left_depth_m, frame.right_depth_m):
        assert depth_m.shape == (HEIGHT, WIDTH) and depth_m.dtype == np.float32 and not depth_m.any()


def test_stages_and_evaluation_open_the_list(pairs):
    """Without depth the unsupervised stage alone trains."""
    own = ("--data_list", pairs, "--depth_scale", 100, *RIG)
    assert len(method_of(*own).train_samples("supervised")) == 2
    samples = method_of(*own, command="eval").eval_samples()
    np.testing.assert_allclose(samples[1].truth_m, pictures(1)[2] / 100, rtol=1e-6)
    np.testing.assert_allclose(samples[1].extras["right_truth_m"], pictures(1)[3] / 100, rtol=1e-6)
    assert samples[1].extras["focal_baseline_px_m"] == pytest.approx(52.5 * 0.21)
    assert method_of(*own).validation_samples() is None
    assert len(method_of(*own, "--val_list", pairs).validation_samples()) == 2
    pairs.write_text("l/a.png r/a.png\n")
    assert len(method_of(*own).train_samples("unsupervised")) == 1
    needed = "line 1 names 2 files; each line needs 4: left picture, right picture, left depth, right depth"
    assert needed in refusal(method_of(*own).train_samples, "supervised")
    assert needed in refusal(method_of(*own).eval_samples)


@pytest.mark.parametrize("given", [(), RIG[:2], RIG[2:]])
def test_the_rig_must_be_known(pairs, given):
    line = refusal(listed_stereo, str(pairs), settings_of(*given), with_truth=False)
    assert "give --fx_px" in line and "--baseline_m" in line


@pytest.mark.parametrize(("text", "words"), [
    ("l/a.png r/a.png dl/a.png", "line 1 names 3 files; each line needs 4"),
    ("l/a.png r/a.png dl/a.png dr/a.png l/b.png", "line 1 names 5 files"),
    ("# nothing", "names no samples"),
    ("l/no.png r/a.png dl/a.png dr/a.png", "l/no.png is missing"),
    ("dl/b.npy r/a.png dl/a.png dr/a.png", "dl/b.npy is neither JPEG nor PNG"),
    ("l/a.png r/a.png dl/a.png l/b.png", "l/b.png is not a single-channel depth PNG")])
def test_lists_that_do_not_fit_are_refused(pairs, text, words):
    pairs.write_text(f"{text}\n")
    line = refusal(opened, pairs)
    assert str(pairs) in line and words in line


def test_few_bad_files_are_named_and_the_others_counted(pairs):
    pairs.write_text("".join(f"l/{i}.png r/a.png dl/a.png dr/a.png\n" for i in range(5)))
    line = refusal(opened, pairs)
    assert "l/0.png is missing; l/1.png is missing; l/2.png is missing and 2 more; add" in line


def test_a_list_that_is_missing_is_named(tmp_path):
    assert f"cannot read the list {tmp_path / 'no.txt'}" in refusal(opened, tmp_path / "no.txt")


@pytest.mark.parametrize(("name", "values"), [
    ("r/a.png", np.zeros((HEIGHT, WIDTH - 1, 3), np.uint8)), ("dl/a.png", np.zeros((20, WIDTH), np.uint16)),
    ("dr/a.png", np.zeros((20, WIDTH), np.uint16)), ("l/b.png", np.zeros((HEIGHT, 20, 3), np.uint8))])
def test_files_of_another_size_are_refused(pairs, name, values):
    save(pairs.parent / name, values)
    height, width = values.shape[:2]
    line = refusal(opened, pairs)
    assert f"{name} is {width}x{height}, not {WIDTH}x{HEIGHT} as the files before it" in line


def test_a_damaged_picture_is_named(pairs):
    path = pairs.parent / "r/a.png"
    path.write_bytes(path.read_bytes()[:200])
    assert f"cannot decode {path}" in refusal(opened(pairs).read, 0)


@pytest.mark.parametrize(("damage", "wrong"), [
    (lambda path: path.write_bytes(path.read_bytes()[:90]), "no NumPy array, or cut off"),
    (lambda path: np.save(path, np.zeros((2, HEIGHT, WIDTH))), "no array (H, W)")])
def test_depth_arrays_that_are_no_maps_are_refused(pairs, damage, wrong):
    damage(pairs.parent / "dr/b.npy")
    assert f"dr/b.npy is {wrong}" in refusal(opened, pairs)
