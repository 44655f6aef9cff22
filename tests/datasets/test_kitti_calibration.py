# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""KITTI's calibration files against its own projection formula, the real figures, and damaged files."""
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from src.datasets.kitti.calibration import read_calibration
from src.errors import UserError
from tests import kitti_files
from tests.kitti_files import HEIGHT, OFFSETS, P_RECT, WIDTH, calibration_entries, write_calibration
from tests.samples import DEPTH_SAMPLES, needs_samples


def refusal(folder) -> str:
    with pytest.raises(UserError) as caught:
        read_calibration(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_points_land_where_the_projection_matrices_put_them(tmp_path):
    calibration = read_calibration(write_calibration(tmp_path))
    points = np.random.default_rng(0).uniform(-20, 20, (100, 3))
    rectified = (points @ kitti_files.R.T + kitti_files.T) @ kitti_files.R_RECT.T
    for view, camera in zip(calibration.views, ("02", "03")):
        uw, vw, w = P_RECT[camera] @ np.vstack([rectified.T, np.ones(100)])
        xyz = view.from_velodyne @ np.vstack([points.T, np.ones(100)])
        np.testing.assert_allclose(xyz.T, rectified + OFFSETS[camera], atol=1e-12)
        np.testing.assert_allclose(xyz[2], w, atol=1e-12)
        u, v, one = view.intrinsics.matrix() @ xyz / w
        np.testing.assert_allclose((u, v, one), (uw / w + 0.5, vw / w + 0.5, np.ones(100)), rtol=1e-9)


def test_cameras_and_baseline(tmp_path):
    calibration = read_calibration(write_calibration(tmp_path))
    assert calibration.views == (calibration.left, calibration.right)
    for view in calibration.views:
        camera = view.intrinsics
        assert (camera.width_px, camera.height_px) == (WIDTH, HEIGHT)
        np.testing.assert_allclose(camera.matrix(), kitti_files.K + [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
        assert view.from_velodyne.shape == (3, 4) and view.from_velodyne.dtype == np.float64
    assert calibration.baseline_m == pytest.approx(0.53, abs=1e-12)


def test_nothing_can_be_changed(tmp_path):
    calibration = read_calibration(write_calibration(tmp_path))
    with pytest.raises(dataclasses.FrozenInstanceError):
        calibration.baseline_m = 1.0
    with pytest.raises(ValueError, match="read-only"):
        calibration.left.from_velodyne[0, 3] = 0


@pytest.mark.parametrize("name", ["calib_cam_to_cam.txt", "calib_velo_to_cam.txt"])
def test_a_missing_or_unreadable_file_is_named(tmp_path, name):
    path = write_calibration(tmp_path) / name
    path.write_bytes(b"R: \xff\xfe")
    assert f"cannot read the calibration {path}" in refusal(tmp_path)
    path.unlink()
    assert f"no calibration {path}" in refusal(tmp_path)


@pytest.mark.parametrize("key", ["S_rect_02", "P_rect_02", "S_rect_03", "P_rect_03", "R_rect_00", "R", "T"])
def test_a_missing_or_damaged_entry_is_named(tmp_path, key):
    file = "calib_velo_to_cam.txt" if key in "RT" else "calib_cam_to_cam.txt"
    write_calibration(tmp_path, **{key: None})
    assert f"{tmp_path / file} has no entry {key};" in refusal(tmp_path)
    text = {**calibration_entries()[0], **calibration_entries()[1]}[key]
    for damaged in (text + " 1.0", text.rpartition(" ")[0], text.replace("e", "x"), "nan" + text[21:]):
        write_calibration(tmp_path, **{key: damaged})
        assert f"{tmp_path / file}: entry {key} holds {damaged.strip()!r}, not " in refusal(tmp_path)


def test_what_is_no_stereo_camera_is_refused(tmp_path):
    cameras = calibration_entries()[0]
    write_calibration(tmp_path, P_rect_02=cameras["P_rect_03"], P_rect_03=cameras["P_rect_02"])
    assert "camera 03 0.530 m to the left of camera 02" in refusal(tmp_path)
    write_calibration(tmp_path, S_rect_03="0 40")
    assert "camera 03: Intrinsics(" in refusal(tmp_path)
    write_calibration(tmp_path, S_rect_03="64 41")
    assert "S_rect_02 and S_rect_03 differ" in refusal(tmp_path)
    write_calibration(tmp_path, P_rect_02="50 1 31 3 0 48 19 0 0 0 1 0")
    assert "P_rect_02 does not begin with fx 0 cx" in refusal(tmp_path)


@needs_samples("KITTI")
def test_the_real_figures():
    calibration = read_calibration(DEPTH_SAMPLES / "KITTI/2011_09_26")
    for view in calibration.views:
        camera = view.intrinsics
        assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == pytest.approx(
            (721.5377, 721.5377, 609.5593 + 0.5, 172.8540 + 0.5))
        assert (camera.width_px, camera.height_px) == (1242, 375)
        rotation = view.from_velodyne[:, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)
        assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-5)
    assert calibration.baseline_m == pytest.approx((44.85728 + 339.5242) / 721.5377, abs=5e-5)
    assert round(calibration.baseline_m, 4) == 0.5327
    # The scanner stands 27 cm behind camera 0 and 8 cm above it (calib_velo_to_cam.txt), looking along z.
    np.testing.assert_allclose(calibration.left.from_velodyne @ [10, 0, 0, 1], [0.06, 0.03, 9.73], atol=0.01)
