# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The geometry of mergedepth's pairs through resizing, pooling and flips, against exact stereo."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.datasets.stereo import StereoFrame
from src.mergedepth.data_loader import network_image, output_hw
from tests.geometry.stereo_scene import View, bilinear
from tests.mergedepth_files import (
    PLAIN,
    SMALL,
    exact_frame,
    frames_of,
    method_of,
    read_exact_m,
    read_one,
    settings_of,
    write_seed_layout,
    write_streets,
)

SIDES = {"left": ("right", -1), "right": ("left", 1)}


def dense(sample: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Depth and picture (4, h, w) float64 of a view at the maps' size."""
    depth_m = sample[f"depth_{side}_m"]
    height, width = depth_m.shape[1:]
    image = sample[side].reshape(3, height, sample[side].shape[1] // height, width, -1).mean((2, 4))
    return np.concatenate([depth_m, image]).astype(np.float64)


def warped(sample: dict[str, np.ndarray], side: str, factor: float = 1.0) -> dict[str, np.ndarray]:
    """Compare a view with the other one, seen by this view's depth times `factor`."""
    other, sign = SIDES[side]
    own_m, image = dense(sample, side)[0], dense(sample, side)[1:]
    fx, baseline_m, cx_left, cx_right = sample["camera"].astype(np.float64)
    shift = (cx_right - cx_left) * -sign
    height, width = own_m.shape
    column, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    u = column + shift + sign * fx * baseline_m / np.where(own_m > 0, own_m * factor, 1e9)
    values, inside = bilinear(dense(sample, other), u, row)
    both = inside & (own_m > 0) & (np.abs(values[0] - own_m) < 0.1 * own_m)
    return {"error": np.abs(values[1:] - image).mean(0), "both": both,
            "unwarped": np.abs(dense(sample, other)[1:] - image).mean(0)}


def is_mirrored(sample: dict[str, np.ndarray], frame: StereoFrame, settings) -> bool:
    """Whether the left column is the mirrored right picture; else it must be the left picture."""
    left, right = (network_image(rgb, settings).transpose(2, 0, 1) for rgb in frame[:2])
    if np.abs(sample["left"] - left).max() < 1e-6:
        np.testing.assert_allclose(sample["right"], right, atol=1e-6)
        return False
    # Resizing is symmetric up to the rounding of bytes.
    np.testing.assert_allclose(sample["left"], right[:, :, ::-1], atol=1.01 / 255)
    np.testing.assert_allclose(sample["right"], left[:, :, ::-1], atol=1.01 / 255)
    return True


@pytest.mark.parametrize(("size", "bound"), [
    ((*SMALL, "--fullscale", "true"), 0.05), (SMALL, 0.2),
    (("--image_height", 32, "--image_width", 96, "--fullscale", "true"), 0.2),
    (("--image_height", 128, "--image_width", 192), 0.05)])
def test_exact_depth_warps_one_view_to_the_other_flipped_or_not(size, bound):
    frame, settings, seen = exact_frame(), settings_of(*size, "--grayscale", 0), set()
    for seed in range(8):
        sample = read_one(frame, seed, *size, "--grayscale", 0)
        flipped = is_mirrored(sample, frame, settings)
        if flipped in seen:
            continue
        seen.add(flipped)
        for side in SIDES:
            found, off = warped(sample, side), warped(sample, side, 1.1)
            both = found["both"]
            assert both.mean() > 0.8
            error = found["error"][both].mean()
            assert error < bound * found["unwarped"][both].mean()
            assert off["error"][both & off["both"]].mean() > 2 * error
    assert seen == {False, True}


@pytest.mark.parametrize("size", [(64, 96, "true"), (64, 96, "false"), (96, 320, "false"), (32, 32, "true")])
def test_points_fall_where_the_camera_column_says(size):
    """Random points, one reading each, in cameras with principal points of their own."""
    size = ("--image_height", size[0], "--image_width", size[1], "--fullscale", size[2], "--grayscale", 0)
    left, right = View(51.3), View(44.9, np.array([0.37, 0.0, 0.0]))
    rng, settings, seen = np.random.default_rng(0), settings_of(*size), set()
    height, width = output_hw(settings)
    for seed in range(30):
        z, u_left, v = rng.uniform(2, 40), rng.uniform(30, 90), rng.uniform(1, 63)
        x = (u_left - left.cx_px) * z / left.focal_px
        u_right = (x - 0.37) * right.focal_px / z + right.cx_px
        depths_m = np.zeros((2, left.height_px, left.width_px), np.float32)
        depths_m[0, int(v), int(u_left)] = depths_m[1, int(v), int(u_right)] = z
        frame = exact_frame(left, right)._replace(left_depth_m=depths_m[0], right_depth_m=depths_m[1])
        sample = read_one(frame, seed, *size)
        flipped = is_mirrored(sample, frame, settings)
        seen.add(flipped)
        fx, baseline_m, *cx = sample["camera"].astype(np.float64)
        assert baseline_m == pytest.approx(0.37)
        # The mirrored scene, seen from what was the right camera.
        x_left = 0.37 - x if flipped else x
        columns = [fx * x_left / z + cx[0], fx * (x_left - baseline_m) / z + cx[1]]
        exact = [96 - u_right, 96 - u_left] if flipped else [u_left, u_right]
        np.testing.assert_allclose(columns, np.array(exact) * width / 96, rtol=1e-5)
        for side, column in zip(SIDES, columns):
            (_, row, cell), = np.argwhere(sample[f"depth_{side}_m"] > 0)
            assert sample[f"depth_{side}_m"][0, row, cell] == np.float32(z)
            assert abs(cell + 0.5 - column) <= 0.5 + 0.5 * width / 96 + 1e-6
            assert abs(row + 0.5 - v * height / 64) <= 0.5 + 0.5 * height / 64 + 1e-6
    assert seen == {False, True}


def test_depth_is_the_nearest_reading_of_each_cell():
    rng = np.random.default_rng(1)
    depths_m = np.where(rng.random((2, 64, 96)) < 0.2, rng.uniform(2, 80, (2, 64, 96)), 0).astype(np.float32)
    frame = exact_frame()._replace(left_depth_m=depths_m[0], right_depth_m=depths_m[1])
    sample = read_one(frame, 0, "--image_height", 32, "--image_width", 96, *PLAIN)
    for side, depth_m in zip(SIDES, depths_m):
        expected = np.zeros((1, 16, 48))
        for row in range(16):
            for column in range(48):
                cell = depth_m[4 * row:4 * row + 4, 2 * column:2 * column + 2]
                expected[0, row, column] = min(cell[cell > 0], default=0)
        np.testing.assert_array_equal(sample[f"depth_{side}_m"], expected)
        assert 0.05 < (expected == 0).mean() < 0.6


@pytest.fixture(scope="module")
def streets(tmp_path_factory) -> dict[str, Path]:
    """Two frames to train on and one test frame in KITTI raw's layout and in the seed's."""
    raw = write_streets(tmp_path_factory.mktemp("streets") / "raw", 2, 1, (192, 128))
    return {"raw": raw, "seed": write_seed_layout(raw.parent / "seed", raw)}


@pytest.mark.parametrize(("layout", "truth"), [("raw", "png"), ("seed", "auto")])
def test_streets_keep_their_geometry_through_files(streets, layout, truth):
    """Exact depth matches the pairs at half the pictures' size, also mirrored."""
    own = ("--data_url", streets[layout], "--ground_truth", truth, "--noise", 0)
    samples = method_of(*own, *SMALL, "--fullscale", "true").train_samples("supervised")
    assert len(samples) == 2
    for number in range(6):
        sample = samples.read(number % 2, np.random.default_rng(number))
        for side in SIDES:
            found = warped(sample, side)
            error, unwarped = (found[name][found["both"]].mean() for name in ("error", "unwarped"))
            assert found["both"].mean() > 0.3 and error < 0.4 * unwarped


def test_the_seeds_layout_is_read_in_metres(streets):
    method = method_of("--data_url", streets["seed"], "--image_height", 128, "--image_width", 192,
                       "--fullscale", "true", *PLAIN)
    sample = method.train_samples("supervised").read(1, np.random.default_rng(0))
    drive, frame = frames_of(streets["raw"], "train")[1]
    for side in SIDES:
        exact_m = read_exact_m(streets["raw"], drive, frame, side)
        np.testing.assert_allclose(sample[f"depth_{side}_m"][0], exact_m, rtol=1e-6)
    assert len(method.eval_samples()) == 1
