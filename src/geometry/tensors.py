# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Back-projection and normals on MindSpore tensors, for losses; conventions of `src.geometry.pinhole`.

Points are rays times depth: a pinhole camera's rays have z = 1 and its depth is z; the rays of a panorama
are unit vectors and its depth is the distance.
"""
from __future__ import annotations

from mindspore import ops

# Squared length below which a vector counts as none, in square metres: neighbouring pixels of a depth camera
# see points millimetres apart. Keeps the gradient of the square root finite in holes.
_TINY_M2 = 1.0e-14
# Not ops.pad: its CPU kernel (PadV3, MindSpore 2.7.2) never returns from one call in some hundred.
_PAD_BORDER = ops.Pad(((0, 0), (0, 0), (1, 1), (1, 1)))


def pinhole_rays(camera, height_px: int, width_px: int):
    """Return the rays (N, 3, H, W) with z = 1 through the pixels' centres.

    Args:
        camera: (N, 4) fx, fy, cx, cy in pixels of this very size.
        height_px: H.
        width_px: W.
    """
    fx, fy, cx, cy = camera.reshape((-1, 4, 1, 1)).split(1, axis=1)
    x = (ops.arange(width_px).astype(camera.dtype).reshape((1, 1, 1, -1)) + 0.5 - cx) / fx
    y = (ops.arange(height_px).astype(camera.dtype).reshape((1, 1, -1, 1)) + 0.5 - cy) / fy
    ones = ops.ones_like(x + y)
    return ops.concat((x * ones, y * ones, ones), 1)


def back_project(depth_m, rays):
    """Return the points (N, 3, H, W) in metres of depth (N, 1, H, W) along rays (N, 3, H, W)."""
    return rays * depth_m


def normals(points):
    """Return unit surface normals (N, 3, H, W) that point to the camera, 0 on the border.

    The cross product of the central differences of the four neighbours, as in `src.geometry.pinhole.normals`:
    exact on planes. Where a neighbour is a hole or lies beyond a silhouette the result means nothing; that
    function's mask of the truth says where.

    Args:
        points: (N, 3, H, W) metres in the camera's frame (x right, y down), from `back_project`.
    """
    across = _unit(points[:, :, 1:-1, 2:] - points[:, :, 1:-1, :-2])
    down = _unit(points[:, :, 2:, 1:-1] - points[:, :, :-2, 1:-1])
    return _PAD_BORDER(_unit(_cross(down, across)))


def _unit(vectors):
    return vectors / ops.sqrt((vectors * vectors).sum(axis=1, keepdims=True) + _TINY_M2)


def _cross(a, b):
    ax, ay, az = a.split(1, axis=1)
    bx, by, bz = b.split(1, axis=1)
    return ops.concat((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), 1)
