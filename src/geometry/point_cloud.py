# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Point clouds as binary PLY, which MeshLab, CloudCompare, Blender and Open3D read.

Twenty lines of NumPy in place of plyfile or trimesh, which would join the runtime packages for one header.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from src.files import write_bytes

_HEADER = """ply
format binary_little_endian 1.0
comment metres; x right, y down, z forward
element vertex {count}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
end_header
"""
_VERTEX = np.dtype([("position", "<f4", 3), ("color", "u1", 3)])


def write_ply(path: str | Path, points: np.ndarray, colors: np.ndarray) -> None:
    """Write a coloured point cloud atomically.

    Args:
        path: the file, by custom `*.ply`.
        points: (N, 3) metres in the camera frame, finite: leave holes and depth edges out, `points[mask]`.
        colors: (N, 3) uint8 RGB.

    Raises:
        ValueError: shapes or types are not these, or a point is not finite.
        UserError: the file cannot be written.
    """
    if points.ndim != 2 or points.shape[1] != 3 or colors.shape != points.shape or colors.dtype != np.uint8:
        raise ValueError(f"need points (N, 3) and colors (N, 3) uint8, got {points.shape} and {colors.shape} "
                         f"{colors.dtype}")
    if not np.isfinite(points).all():
        raise ValueError("points must be finite: mask the pixels without a reading")
    vertices = np.empty(len(points), _VERTEX)
    vertices["position"], vertices["color"] = points, colors
    write_bytes(path, _HEADER.format(count=len(points)).encode("ascii") + vertices.tobytes())
