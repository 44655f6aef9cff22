# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""KITTI's calibration files: the two rectified colour cameras and where the velodyne stands to them.

With KITTI's names (Geiger et al. 2013, "Vision meets Robotics", section on calibration), a velodyne point X
lies at

    X_rect0 = R_rect_00 (R X + T)            R, T of calib_velo_to_cam.txt
    P_rect_0x (X_rect0, 1) ~ (u, v, 1)       P_rect_0x = K (I | t), camera x = 2, 3

hence at X_rect0 + t, t = K^-1 (last column of P_rect_0x), in the rectified frame of camera x. All three parts
of t count: cameras 2 and 3 stand millimetres above or below and before or behind camera 0.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.errors import UserError
from src.geometry.pinhole import Intrinsics

CAMERAS_FILE, VELODYNE_FILE = "calib_cam_to_cam.txt", "calib_velo_to_cam.txt"


@dataclass(frozen=True, eq=False)
class View:
    """A rectified camera.

    Attributes:
        intrinsics: pixel centres at +0.5 (KITTI's cx and cy, made for centres at integers, plus 0.5).
        from_velodyne: (3, 4) float64, takes (x, y, z, 1) in metres from the velodyne's frame (x forward, y
            left, z up) to the camera's (x right, y down, z forward).
    """

    intrinsics: Intrinsics
    from_velodyne: np.ndarray


@dataclass(frozen=True, eq=False)
class Calibration:
    """The rectified stereo pair of a recording date; both views have one size.

    Attributes:
        left: camera 02.
        right: camera 03.
        baseline_m: how far the right camera stands to the right: a point at (u, z) in the left view is seen
            at u - fx * baseline_m / z in the right one.
    """

    left: View
    right: View
    baseline_m: float

    @property
    def views(self) -> tuple[View, View]:
        """Left and right view."""
        return self.left, self.right


class _Entries:
    """The `key: numbers` lines of a calibration file."""

    def __init__(self, path: Path):
        self.path = path
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise UserError(f"no calibration {path}; KITTI's downloads have it in the calib.zip of the "
                            "date") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read the calibration {path}: {error}") from None
        self._texts = {key.strip(): text for key, _, text in (line.partition(":") for line in lines)}

    def array(self, key: str, *shape: int) -> np.ndarray:
        """Return the numbers of `key`, float64 of `shape`."""
        if key not in self._texts:
            raise UserError(f"{self.path} has no entry {key}; is it KITTI's {self.path.name}?")
        count = int(np.prod(shape))
        try:
            values = np.array(self._texts[key].split(), np.float64)
        except ValueError:
            values = np.empty(0)
        if values.size != count or not np.isfinite(values).all():
            raise UserError(f"{self.path}: entry {key} holds {self._texts[key].strip()!r}, "
                            f"not {count} finite numbers")
        return values.reshape(shape)


def _view(cameras: _Entries, number: str, to_camera_0: np.ndarray) -> View:
    """Return rectified camera `number`, given (3, 4) velodyne to rectified camera 0."""
    projection = cameras.array(f"P_rect_{number}", 3, 4)
    width_px, height_px = cameras.array(f"S_rect_{number}", 2)
    k, offset = projection[:, :3], projection[:, 3]
    if k[2, 2] != 1 or k[[0, 1, 2, 2], [1, 0, 0, 1]].any():
        raise UserError(f"{cameras.path}: P_rect_{number} does not begin with fx 0 cx / 0 fy cy / 0 0 1")
    try:
        intrinsics = Intrinsics(k[0, 0], k[1, 1], k[0, 2] + 0.5, k[1, 2] + 0.5, int(width_px), int(height_px))
    except UserError as error:
        raise UserError(f"{cameras.path}: camera {number}: {error}") from None
    from_velodyne = to_camera_0.copy()
    from_velodyne[:, 3] += np.linalg.solve(k, offset)
    from_velodyne.flags.writeable = False  # shared by all frames of the date
    return View(intrinsics, from_velodyne)


def read_calibration(folder: str | Path) -> Calibration:
    """Read calib_cam_to_cam.txt and calib_velo_to_cam.txt of a date's folder.

    Raises:
        UserError: a file is missing or unreadable, an entry is missing or damaged (both named), the views
            differ in size, or camera 03 does not stand to the right of camera 02.
    """
    cameras, velodyne = _Entries(Path(folder) / CAMERAS_FILE), _Entries(Path(folder) / VELODYNE_FILE)
    to_camera_0 = np.hstack([velodyne.array("R", 3, 3), velodyne.array("T", 3, 1)])
    to_rectified_0 = cameras.array("R_rect_00", 3, 3) @ to_camera_0
    left, right = (_view(cameras, number, to_rectified_0) for number in ("02", "03"))
    if len({(view.intrinsics.width_px, view.intrinsics.height_px) for view in (left, right)}) > 1:
        raise UserError(f"{cameras.path}: S_rect_02 and S_rect_03 differ; both views must have one size")
    baseline_m = float(left.from_velodyne[0, 3] - right.from_velodyne[0, 3])
    if baseline_m <= 0:
        raise UserError(f"{cameras.path}: P_rect_03 puts camera 03 {-baseline_m:.3f} m to the left of "
                        "camera 02; it must stand to its right")
    return Calibration(left, right, baseline_m)
