# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The recording car of KITTI raw data (Geiger et al., IJRR 2013): cameras, laser scanner, calibration.

Frames: a point of the scanner, x_velo, is R x_velo + T in camera 0, R_rect_00 (R x_velo + T) in rectified
camera 0, and that + t_i in rectified camera i; P_rect_0i = K [I | t_i]. Cameras 2 and 3 are the colour pair.
The numbers differ from date to date, so a reader that takes one date's for another's is found out.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from src.datasets.synthetic.camera import Pinhole, Pose

# Rectified colour cameras: f, cx, cy (pixel centres at integers), size in pixels; baseline in metres.
_CAMERAS = {"2011_09_26": (721.5377, 609.5593, 172.8540, 1242, 375, 0.54),
            "2011_09_28": (707.0493, 604.0814, 180.5066, 1224, 370, 0.53)}
DATES = tuple(_CAMERAS)
# Scanner (x ahead, y left, z up) to camera (x right, y down, z ahead), before small turns.
_AXES = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], np.float64)


@dataclass(frozen=True)
class Rig:
    """One date's calibration.

    Attributes:
        camera: the rectified cameras', with pixel centres at integers + 0.5.
        baseline_m: from camera 2 to camera 3, along the rows.
        offsets_m: (4, 3), t_i: rectified camera 0 to rectified camera i.
        rectify: (4, 3, 3), R_rect_0i.
        velo_rotation, velo_offset_m: (3, 3) and (3,), scanner to camera 0.
    """

    camera: Pinhole
    baseline_m: float
    offsets_m: np.ndarray
    rectify: np.ndarray
    velo_rotation: np.ndarray
    velo_offset_m: np.ndarray

    def right(self, left: Pose) -> Pose:
        """Return the pose of rectified camera 3 from that of camera 2."""
        return Pose(left.rotation, left.position_m + self.baseline_m * left.rotation[:, 0])

    def scanner(self, left: Pose) -> Pose:
        """Return the pose of the scanner from that of rectified camera 2."""
        rotation = self.rectify[0] @ self.velo_rotation
        offset = self.rectify[0] @ self.velo_offset_m + self.offsets_m[2]
        return Pose(left.rotation @ rotation, left.rotation @ offset + left.position_m)


def rig(date: str, width: int, height: int) -> Rig:
    """Return the calibration of one of `DATES` for pictures of the given size."""
    focal, cx, cy, full_width, full_height, baseline = _CAMERAS[date]
    camera = Pinhole(focal, focal, cx + 0.5, cy + 0.5, full_width, full_height).resized(width, height)
    rng = np.random.default_rng(DATES.index(date))
    # Camera 2 is 6 cm left of camera 0; both colour cameras stand a little beside and behind.
    beside = np.array([0.06 + rng.normal(0, 0.001), *rng.normal(0, 0.001, 2) + [-0.001, 0.003]])
    along = np.array([1.0, 0.0, 0.0])
    offsets = np.stack([0 * along, -baseline * along, beside, beside - baseline * along])
    *rectify, turn = (cv2.Rodrigues(rng.normal(0, 0.012, 3))[0] for _ in range(5))
    return Rig(camera, baseline, offsets, np.stack(rectify), turn @ _AXES,
               np.array([-0.004, -0.075, -0.27]) + rng.normal(0, 0.003, 3))


def calib_cam_to_cam(own: Rig) -> str:
    """Return the text of calib_cam_to_cam.txt.

    The unrectified cameras (S, K, D, R, T) fit the rectified ones (S_rect, R_rect, P_rect), but took no
    picture of the synthetic data.
    """
    camera = own.camera
    k_rect = np.diag([camera.fx_px, camera.fy_px, 1.0])
    k_rect[:2, 2] = camera.cx_px - 0.5, camera.cy_px - 0.5
    size = np.array([camera.width, camera.height], np.float64)
    lines = ["calib_time: 01-Jan-2026 00:00:00", "corner_dist: 9.950000e-02"]
    for i, (offset, rectify) in enumerate(zip(own.offsets_m, own.rectify)):
        wide = np.diag([1.33 - 0.02 * i, 1.33 - 0.02 * i, 1]) @ k_rect
        values = {"S": np.rint(size * [1.12, 1.36]), "K": wide, "D": [-0.37, 0.2, 1e-3, 1e-3, -0.07],
                  "R": rectify.T @ own.rectify[0], "T": rectify.T @ offset, "S_rect": size,
                  "R_rect": rectify, "P_rect": k_rect @ np.column_stack([np.eye(3), offset])}
        lines += [_line(f"{key}_{i:02d}", value) for key, value in values.items()]
    return "\n".join(lines) + "\n"


def calib_velo_to_cam(own: Rig) -> str:
    """Return the text of calib_velo_to_cam.txt."""
    lines = ["calib_time: 01-Jan-2026 00:00:00", _line("R", own.velo_rotation), _line("T", own.velo_offset_m),
             _line("delta_f", [0, 0]), _line("delta_c", [0, 0])]
    return "\n".join(lines) + "\n"


def _line(key: str, values: np.ndarray) -> str:
    # More digits than KITTI's six, so that nothing is lost.
    return f"{key}: " + " ".join(f"{value:.12e}" for value in np.ravel(values))
