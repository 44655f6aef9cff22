# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The files of one panorama: picture, distance along the rays, pose.

Pictures and maps are equirectangular, twice as wide as high; the two may differ in size. Distance is a 16-bit
grey PNG with a scale, a `.npy` with the same scale or an OpenEXR file in metres (3D60). No reading: 0 and
65535 in a PNG (Stanford 2D-3D-S marks holes with 65535; in Matterport3D it is what lies beyond 16.38 m),
what is not positive or not finite elsewhere. A pose is a text file with the 4 x 4 (or 3 x 4) matrix from the
camera to the world, or Stanford 2D-3D-S's `.json`, whose `camera_rt_matrix` is 3 x 4 from the world to the
camera; its camera's axes are ours, its world has z up.
"""
from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np

from src.datasets.image_files import open_npy, read_depth, read_header
from src.errors import UserError

_NO_READING = 65535
_EXR_START = b"\x76\x2f\x31\x01"
# Between columns of a rotation that was stored in float32 or with four digits.
_RIGID_TOLERANCE = 1e-3


def picture_problem(path: Path) -> str | None:
    """Say what is wrong with a picture as far as its header tells, or None; ends a sentence `<path> is`."""
    try:
        header = read_header(path)
    except UserError as error:
        return str(error)
    return _shape_problem(header.size_wh)


def depth_problem(path: Path) -> str | None:
    """Say what is wrong with a distance map as far as its header tells, or None."""
    if not path.is_file():
        return "missing"
    try:
        if path.suffix.lower() == ".exr":
            with path.open("rb") as file:
                return None if file.read(4) == _EXR_START else "not an OpenEXR file"
        if path.suffix == ".npy":
            shape = open_npy(path).shape
            return _shape_problem(shape[::-1]) if len(shape) == 2 else f"an array {shape}, not (H, W)"
        header = read_header(path)
    except OSError as error:
        return f"unreadable ({error})"
    except UserError as error:
        return str(error)
    if (header.format, header.color, header.bits) != ("PNG", "grey", 16):
        return f"{header}, not a 16-bit grey PNG"
    return _shape_problem(header.size_wh)


def pose_problem(path: Path) -> str | None:
    """Say "missing" of a pose that is, or None."""
    return None if path.is_file() else "missing"


def _shape_problem(size_wh: tuple[int, int]) -> str | None:
    width, height = size_wh
    return None if width == 2 * height else f"{width}x{height}, not twice as wide as high"


def read_distance(path: Path, units_per_m: float) -> np.ndarray:
    """Read a map of distances along the rays as (H, W) float32 metres, 0 = no reading.

    Args:
        path: `.png` (16 bits), `.npy` or `.exr`.
        units_per_m: what a PNG's and a `.npy`'s numbers are divided by; an `.exr` is in metres.

    Raises:
        UserError: the file is missing, damaged, of another kind or not twice as wide as high.
    """
    if path.suffix.lower() == ".exr":
        distance_m = _read_exr(path)
    elif path.suffix == ".npy":
        distance_m = read_depth(path, units_per_m)
    else:
        units = read_depth(path, 1.0)  # float32 holds 16 bits exactly
        distance_m = np.where(units == _NO_READING, np.float32(0), units / np.float32(units_per_m))
    height, width = distance_m.shape
    wrong = _shape_problem((width, height))
    if wrong:
        raise UserError(f"{path} is {wrong}; a panorama shows the whole sphere")
    return distance_m


def _read_exr(path: Path) -> np.ndarray:
    # OpenCV keeps this decoder off unless it is asked for before its first use.
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    wrong = depth_problem(path)
    try:
        values = None if wrong else cv2.imread(str(path), cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        wrong = str(error)
    if wrong or values is None:
        raise UserError(f"cannot read {path} as an OpenEXR file ({wrong or 'damaged'}); replace or remove it")
    return np.where(np.isfinite(values) & (values > 0), values, 0).astype(np.float32)


def read_pose(path: Path) -> np.ndarray:
    """Read a pose as (4, 4) float64, camera (x right, y down, z to the picture's middle) to world, metres.

    Raises:
        UserError: the file is missing, unreadable or holds no rigid motion.
    """
    try:
        if path.suffix.lower() == ".json":
            stored = json.loads(path.read_text(encoding="utf-8"))["camera_rt_matrix"]
            return np.linalg.inv(_rigid(np.array(stored, np.float64), path))
        return _rigid(np.loadtxt(path, dtype=np.float64, ndmin=2), path)
    except FileNotFoundError:
        raise UserError(f"no such pose: {path}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"cannot read the pose {path} ({error!r}); it holds a 4 x 4 matrix as text, or is a "
                        ".json with camera_rt_matrix") from None


def _rigid(matrix: np.ndarray, path: Path) -> np.ndarray:
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0, 0, 0, 1]])
    if matrix.shape != (4, 4):
        raise UserError(f"the pose {path} is an array {matrix.shape}; 4 x 4 or 3 x 4 is expected")
    rotation = matrix[:3, :3]
    rigid = (np.isfinite(matrix).all() and np.allclose(matrix[3], [0, 0, 0, 1])
             and np.abs(rotation.T @ rotation - np.eye(3)).max() < _RIGID_TOLERANCE
             and np.linalg.det(rotation) > 0)
    if not rigid:
        raise UserError(f"the pose {path} is no rigid motion: its 3 x 3 part must be a rotation, its last "
                        "row 0 0 0 1")
    return matrix
