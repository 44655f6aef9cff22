# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Velodyne scans: read them, and project them into a view as a sparse depth map."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from src.datasets.kitti.calibration import View
from src.errors import UserError

BYTES_PER_POINT = 16


def scan_problem(path: str | Path) -> str | None:
    """Say what is wrong with a scan as far as its size tells, or None; ends a sentence `<path> is`."""
    try:
        size = Path(path).stat().st_size
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror})"
    if size == 0:
        return "empty"
    return f"no whole number of points ({size} bytes, 16 a point)" if size % BYTES_PER_POINT else None


def read_scan(path: str | Path) -> np.ndarray:
    """Read a scan, (N, 4) float32: x forward, y left, z up in metres, and reflectance.

    Raises:
        UserError: the file is missing, unreadable, empty or cut off.
    """
    problem = scan_problem(path)
    if problem:
        raise UserError(f"the scan {path} is {problem}; replace or remove it")
    try:
        return np.fromfile(path, "<f4").reshape(-1, 4)
    except OSError as error:
        raise UserError(f"cannot read the scan {path} ({error.strerror})") from None


def project(points: np.ndarray, view: View) -> np.ndarray:
    """Project a scan into a view: sparse depth (H, W) float32, z in metres of the camera, 0 = no reading.

    A point becomes the reading of the pixel that it falls into, floor(u) with centres at +0.5, which is
    KITTI's u (centres at 0, 1, ...) rounded. Evaluation code that follows the development kit's MATLAB (whose
    indices begin at 1) takes round(u) - 1 instead: its maps lie one pixel further left and up. Where several
    points meet, the nearest stays. The scanner stands above the cameras and sees past edges that hide the
    background from them; where no foreground point falls into the very pixel, such a background reading
    stays in.

    Args:
        points: (N, 3 or more) float, x, y, z in the velodyne's frame first; not finite ones are left out.
        view: the camera; its intrinsics give the map's size.
    """
    camera, transform = view.intrinsics, view.from_velodyne
    xyz = points[:, :3].astype(np.float64)
    xyz = xyz[np.isfinite(xyz).all(1)] @ transform[:, :3].T + transform[:, 3]
    x, y, z = xyz[xyz[:, 2] > 0].T
    column = np.floor(camera.fx_px * x / z + camera.cx_px)
    row = np.floor(camera.fy_px * y / z + camera.cy_px)
    # Tested before they become integers: next to z = 0 they lie beyond any integer.
    inside = (column >= 0) & (column < camera.width_px) & (row >= 0) & (row < camera.height_px)
    depth_m = np.full((camera.height_px, camera.width_px), np.inf, np.float32)
    np.minimum.at(depth_m, (row[inside].astype(np.intp), column[inside].astype(np.intp)),
                  z[inside].astype(np.float32))
    depth_m[np.isinf(depth_m)] = 0
    return depth_m
