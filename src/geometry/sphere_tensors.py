# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The equirectangular camera on MindSpore tensors, for losses; conventions of `src.geometry.sphere`.

Depth is the distance along the ray in metres, (N, 1, H, W); where it is to be inverted, less than a
millimetre counts as a millimetre. What depends on the size of the image alone comes from there, in float64,
and is constant to a compiled function.
"""
from __future__ import annotations

from functools import cache

import mindspore as ms
import numpy as np
from mindspore import ops

from src.geometry import sphere
from src.geometry import warp as pinhole_warp
from src.geometry.warp import MIN_DEPTH_M, has_depth, transform


@ops.constexpr
@cache
def rays(height_px: int, width_px: int, dtype):
    """Return the unit vector through every pixel's centre, (1, 3, H, W)."""
    return ms.Tensor(np.moveaxis(sphere.directions(height_px, width_px), -1, 0)[None], dtype)


@ops.constexpr
@cache
def latitude_weights(height_px: int, dtype):
    """Return cos(latitude) of every row, (1, 1, H, 1)."""
    return ms.Tensor(sphere.latitude_weights(height_px).reshape((1, 1, -1, 1)), dtype)


def points(depth_m):
    """Return the point (N, 3, H, W) in metres that every pixel sees."""
    return rays(depth_m.shape[2], depth_m.shape[3], depth_m.dtype) * depth_m


def normals(depth_m):
    """Return unit surface normals (N, 3, H, W) in the panorama's frame that point to the camera.

    As `src.geometry.sphere.normals`: exact on planes, at the seam and the poles, too. Where a neighbour is a
    hole or lies beyond a silhouette the result is finite but means nothing: see `surface`.

    Args:
        depth_m: (N, 1, H, W), finite.
    """
    height, width = depth_m.shape[2:]
    inverse = 1.0 / ops.maximum(depth_m, MIN_DEPTH_M)
    right, left, below, above = _neighbours(inverse).split(1, axis=1)
    across, down = _slope_vectors(height, width, depth_m.dtype).split(1, axis=0)
    slope = (right - left) * across + (below - above) * down
    inwards = inverse * rays(height, width, depth_m.dtype) + slope
    return -inwards / ops.sqrt((inwards * inwards).sum(axis=1, keepdims=True))


def surface(depth_m, valid, rel_jump: float = 0.1):
    """Return where the truth has a normal, (N, 1, H, W), 1 or 0: it and its neighbours are valid, no edge.

    Args:
        depth_m: (N, 1, H, W), finite.
        valid: (N, 1, H, W), 1 where depth is a reading.
        rel_jump: as of `src.geometry.sphere.normals`.
    """
    near_m = _neighbours(depth_m)
    jump = (ops.abs(near_m - depth_m) > rel_jump * ops.minimum(near_m, depth_m)).astype(valid.dtype)
    usable = (_neighbours(valid) * (1.0 - jump)).sum(axis=1, keepdims=True)
    return (usable > 3.5).astype(valid.dtype) * valid


def project(vectors, height_px: int, width_px: int):
    """Return the place (N, 2, H', W') of points in a panorama of H x W pixels: u in [0, W], v in [0, H].

    Args:
        vectors: (N, 3, H', W') metres. Less than a millimetre from the vertical axis u is W / 2 and no
            gradient reaches x and z.
        height_px: H.
        width_px: W.
    """
    x, y, z = vectors.split(1, axis=1)
    off_axis = x * x + z * z > MIN_DEPTH_M**2
    x = ops.where(off_axis, x, ops.zeros_like(x))
    z = ops.where(off_axis, z, ops.full_like(z, MIN_DEPTH_M))
    u_px = (ops.atan2(x, z) / (2 * np.pi) + 0.5) * width_px
    v_px = (ops.atan2(y, ops.sqrt(x * x + z * z)) / np.pi + 0.5) * height_px
    return ops.concat((u_px, v_px), 1)


def sample(image, pixels_uv):
    """Sample a panorama bilinearly, across the seam and the poles.

    Args:
        image: (N, C, H, W), finite, W even.
        pixels_uv: (N, 2, H', W') u in [0, W], v in [0, H].

    Returns:
        values (N, C, H', W'), finite; where a place is NaN without meaning and without gradient.
    """
    half = image.shape[3] // 2
    tall = ops.concat((_turned(image[:, :, :1], half), image, _turned(image[:, :, -1:], half)), 2)
    return pinhole_warp.sample(wrapped(tall, 1, 1), pixels_uv + 1.0)[0]


def wrapped(image, left_px: int, right_px: int):
    """Return the image (N, C, H, W) continued round by columns to its left and right."""
    width = image.shape[3]
    return ops.concat((image[:, :, :, width - left_px:], image, image[:, :, :, :right_px]), 3)


def warp_pose(other_image, depth_m, pose):
    """Return another panorama's image as this one sees it, by this one's depth; gradients reach both.

    Args:
        other_image: (N, C, H', W'), finite; further maps of that view may stand among the channels.
        depth_m: of this view, (N, 1, H, W).
        pose: (N, 4, 4) or (N, 3, 4), takes a point of this panorama's frame to the other's.

    Returns:
        seen (N, C, H, W), finite everywhere; valid (N, 1, H, W), 1 where there is depth; and the points'
        depth in the other panorama (N, 1, H, W) in metres, for `src.geometry.warp.visible`.
    """
    exists = has_depth(depth_m)
    there = transform(points(ops.where(exists, depth_m, ops.ones_like(depth_m))), pose)
    there_m = ops.sqrt(ops.maximum((there * there).sum(axis=1, keepdims=True), MIN_DEPTH_M**2))
    seen = sample(other_image, project(there, other_image.shape[2], other_image.shape[3]))
    return seen, exists.astype(seen.dtype), there_m


def inverse_pose(pose):
    """Return the poses (N, 3, 4) that undo rotations and shifts (N, 4, 4)."""
    back = pose[:, :3, :3].swapaxes(1, 2)
    return ops.concat((back, -(back * pose[:, :3, 3].expand_dims(1)).sum(axis=2, keepdims=True)), 2)


def _neighbours(values):
    """Return what is right, left, below and above, (N, 4, H, W), of maps (N, 1, H, W)."""
    n, _, height, width = values.shape
    return ops.gather(values.reshape((n, height * width)), _neighbour_indices(height, width), 1)


def _turned(rows, half: int):
    return ops.concat((rows[:, :, :, half:], rows[:, :, :, :half]), 3)


@ops.constexpr
@cache
def _neighbour_indices(height_px: int, width_px: int):
    return ms.Tensor(sphere.neighbour_indices(height_px, width_px), ms.int32)


@ops.constexpr
@cache
def _slope_vectors(height_px: int, width_px: int, dtype):
    """Return (2, 3, H, W), see `src.geometry.sphere.slope_vectors`."""
    return ms.Tensor(np.moveaxis(sphere.slope_vectors(height_px, width_px), -1, 1), dtype)
