# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A tiny KITTI recording for tests: calibration files with every offset, scans, pictures."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from tests.samples import save

DATE, DRIVE = "2011_09_26", "2011_09_26_drive_0048_sync"
WIDTH, HEIGHT = 64, 40
# Rounded to what the files hold, so that tests compute with the very same numbers.
R = np.round(Rotation.from_euler("xyz", [91.1, -88.7, 0.9], degrees=True).as_matrix(), 9)
T = np.array([-0.004, -0.076, -0.27])
R_RECT = np.round(Rotation.from_euler("xyz", [0.3, -0.6, 0.5], degrees=True).as_matrix(), 9)
K = np.array([[50.0, 0, 31.25], [0, 48.0, 19.5], [0, 0, 1]])
OFFSETS = {"02": np.array([0.06, -0.004, 0.003]), "03": np.array([-0.47, 0.003, 0.0027])}
P_RECT = {camera: np.column_stack([K, K @ offset]) for camera, offset in OFFSETS.items()}


def _text(values: np.ndarray) -> str:
    return " ".join(f"{value:.15e}" for value in np.ravel(values))


def calibration_entries() -> tuple[dict[str, str], dict[str, str]]:
    """Return the entries of calib_cam_to_cam.txt and of calib_velo_to_cam.txt."""
    cameras = {"calib_time": "09-Jan-2012 13:57:47", "corner_dist": "9.950000e-02",
               "R_rect_00": _text(R_RECT)}
    for camera, projection in P_RECT.items():
        cameras[f"S_rect_{camera}"] = _text(np.array([WIDTH, HEIGHT]))
        cameras[f"P_rect_{camera}"] = _text(projection)
    return cameras, {"calib_time": "15-Mar-2012 11:37:16", "R": _text(R), "T": _text(T)}


def write_calibration(folder: Path, **changes: str | None) -> Path:
    """Write both files of a date; `changes` replaces entries, None removes one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, entries in zip(("calib_cam_to_cam.txt", "calib_velo_to_cam.txt"), calibration_entries()):
        kept = {key: changes.get(key, text) for key, text in entries.items()}
        lines = [f"{key}: {text}" for key, text in kept.items() if text is not None]
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def random_scan(seed: int, count: int = 4000) -> np.ndarray:
    """Return (count, 4) float32 points around the scanner, as many of them behind the cameras as before."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform([-30, -20, -6], [30, 20, 6], (count, 3))
    return np.column_stack([xyz, rng.random(count)]).astype(np.float32)


def projected(scan: np.ndarray, camera: str) -> np.ndarray:
    """Project by KITTI's own formula in homogeneous coordinates, point after point; the nearest stays."""
    to_camera, to_rectified = np.eye(4), np.eye(4)
    to_camera[:3] = np.column_stack([R, T])
    to_rectified[:3, :3] = R_RECT
    depth_m = np.zeros((HEIGHT, WIDTH))
    for x, y, z, _ in scan.astype(np.float64):
        uw, vw, w = P_RECT[camera] @ to_rectified @ to_camera @ [x, y, z, 1]
        if w > 0:
            column, row = round(uw / w), round(vw / w)
            if 0 <= column < WIDTH and 0 <= row < HEIGHT and not 0 < depth_m[row, column] < w:
                depth_m[row, column] = w
    return depth_m


def write_frame(root: Path, frame: str, drive: str = DRIVE, suffix: str = ".png",
                seed: int = 0) -> np.ndarray:
    """Write both pictures, the scan (returned) and the calibration of a frame in KITTI raw's layout."""
    folder = root / drive[:10] / drive
    write_calibration(folder.parent)
    rng = np.random.default_rng(seed)
    for camera in ("image_02", "image_03"):
        rgb = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        save(folder / camera / "data" / f"{frame}{suffix}", rgb)
    scan = random_scan(seed)
    path = folder / "velodyne_points/data" / f"{frame}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    scan.tofile(path)
    return scan
