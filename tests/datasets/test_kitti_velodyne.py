# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Projection of scans: exact geometry, KITTI's formula point by point, stereo depth of the real frames."""
from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from src.datasets.kitti.calibration import View, read_calibration
from src.datasets.kitti.velodyne import project, read_scan
from src.errors import UserError
from src.geometry.pinhole import Intrinsics, back_project
from tests.kitti_files import projected, random_scan, write_calibration
from tests.samples import DEPTH_SAMPLES, needs_samples

DATE = DEPTH_SAMPLES / "KITTI/2011_09_26"
DRIVE = DATE / "2011_09_26_drive_0048_sync"
CAMERA = Intrinsics(8.0, 8.0, 4.0, 3.0, 8, 6)
AT_CAMERA = View(CAMERA, np.eye(3, 4))
"""A view whose frame is the scanner's."""


def pixel_points(depth_m: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """Return the points at the pixels' centres, (N, 3), where there is depth."""
    return back_project(depth_m.astype(np.float64), intrinsics)[depth_m > 0]


def test_scans_are_read(tmp_path):
    scan = random_scan(0, 7)
    scan.tofile(tmp_path / "scan.bin")
    read = read_scan(tmp_path / "scan.bin")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, scan)


def test_damaged_scans_are_named(tmp_path):
    path = tmp_path / "scan.bin"
    for data, words in ((None, "missing"), (b"", "empty"), (bytes(40), "no whole number of points (40")):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(UserError) as caught:
            read_scan(path)
        assert f"the scan {path} is {words}" in str(caught.value)


@pytest.mark.parametrize("seed", [0, 1])
def test_projection_is_kittis_formula(tmp_path, seed):
    calibration = read_calibration(write_calibration(tmp_path))
    scan = random_scan(seed)
    for view, camera in zip(calibration.views, ("02", "03")):
        depth_m = project(scan, view)
        expected = projected(scan, camera)
        assert depth_m.dtype == np.float32 and 300 < np.count_nonzero(expected) < expected.size
        np.testing.assert_allclose(depth_m, expected, rtol=1e-6)
        np.testing.assert_array_equal(project(scan[::-1], view), depth_m)  # the order of points is no matter


def test_a_surface_comes_back_pixel_by_pixel():
    rng = np.random.default_rng(2)
    depth_m = np.where(rng.random((6, 8)) < 0.6, rng.uniform(0.5, 80, (6, 8)), 0).astype(np.float32)
    np.testing.assert_allclose(project(pixel_points(depth_m, CAMERA), AT_CAMERA), depth_m, rtol=1e-6)


def test_a_point_belongs_to_the_pixel_around_it():
    for u, column in ((0.0, 0), (0.999, 0), (1.0, 1), (7.999, 7), (-1e-6, None), (8.0, None)):
        depth_m = project(np.array([[(u - 4) / 8 * 2, 0, 2.0]]), AT_CAMERA)
        expected = np.zeros((6, 8))
        if column is not None:
            expected[3, column] = 2
        np.testing.assert_array_equal(depth_m, expected)


def test_the_nearest_point_of_a_pixel_stays():
    far = pixel_points(np.full((6, 8), 50.0), CAMERA)
    near = pixel_points(np.full((6, 8), 3.0), CAMERA)
    for points in (np.vstack([far, near]), np.vstack([near, far])):
        np.testing.assert_allclose(project(points, AT_CAMERA), 3.0)


def test_points_behind_beside_or_nowhere_leave_no_reading():
    front = pixel_points(np.full((6, 8), 5.0), CAMERA)
    nowhere = np.array([[0, 0, 0], [1, 1, 0], [0, 0, np.nan], [np.inf, 0, 5], [0, 0, np.inf],
                        [1e30, 1e30, 1e-30], [50, 0, 5], [0, -50, 5]])
    with np.errstate(all="raise"):
        assert not project(np.vstack([-front, nowhere]), AT_CAMERA).any()
        assert not project(np.empty((0, 4), np.float32), AT_CAMERA).any()


def test_views_agree_along_the_baseline(tmp_path):
    calibration = read_calibration(write_calibration(tmp_path))
    camera = dataclasses.replace(calibration.left.intrinsics, fx_px=5000.0, cx_px=2000.0, width_px=4000)
    left, right = (View(camera, view.from_velodyne) for view in calibration.views)
    pairs = [(project(point[None], left), project(point[None], right)) for point in random_scan(3, 200)]
    seen_by_both = [(left_m, right_m) for left_m, right_m in pairs if left_m.any() and right_m.any()]
    assert len(seen_by_both) > 10
    for left_m, right_m in seen_by_both:
        disp_px = np.nonzero(left_m)[1][0] - np.nonzero(right_m)[1][0]
        # z differs by 0.3 mm between the cameras; pixels are whole.
        assert disp_px == pytest.approx(5000.0 * calibration.baseline_m / left_m.max(), abs=1.5)


def stereo_depths_m(frame: str, calibration) -> tuple[np.ndarray, np.ndarray]:
    """Return depth of both views by OpenCV's semi-global matching, NaN where it finds no match."""
    left, right = (cv2.imread(str(DRIVE / f"image_0{x}/data/{frame}.png"), cv2.IMREAD_GRAYSCALE)
                   for x in (2, 3))
    matcher = cv2.StereoSGBM_create(0, 128, 5, 8 * 25, 32 * 25, disp12MaxDiff=1, uniquenessRatio=10,
                                    speckleWindowSize=100, speckleRange=2)
    # Mirrored, the right view is the left one of a pair.
    disps_px = (matcher.compute(left, right),
                matcher.compute(cv2.flip(right, 1), cv2.flip(left, 1))[:, ::-1])
    focal_baseline = calibration.left.intrinsics.fx_px * calibration.baseline_m
    return tuple(focal_baseline / np.where(disp > 0, disp / 16, np.nan) for disp in disps_px)


def median_difference(scan_m: np.ndarray, stereo_m: np.ndarray) -> float:
    both = (scan_m > 0) & np.isfinite(stereo_m)
    assert np.count_nonzero(both) > 10_000
    return float(np.median(np.abs(stereo_m - scan_m)[both] / scan_m[both]))


@needs_samples("KITTI")
@pytest.mark.parametrize("frame", ["0000000000", "0000000001", "0000000002"])
def test_scans_agree_with_stereo_depth(frame):
    calibration = read_calibration(DATE)
    scan = read_scan(DRIVE / f"velodyne_points/data/{frame}.bin")
    left_m, right_m = (project(scan, view) for view in calibration.views)
    assert left_m.shape == (375, 1242) and 0.03 < np.mean(left_m > 0) < 0.05
    stereo_left_m, stereo_right_m = stereo_depths_m(frame, calibration)
    differences = median_difference(left_m, stereo_left_m), median_difference(right_m, stereo_right_m)
    assert max(differences) <= 0.03
    # The measure tells cameras apart: the other camera's projection, half a metre aside, does not pass.
    assert min(median_difference(right_m, stereo_left_m), median_difference(left_m, stereo_right_m)) > 0.04
