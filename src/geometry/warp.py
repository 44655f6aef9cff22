# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Inverse warping: another view's image as this view would see it, by this view's depth; for losses.

Every pixel of this view is lifted to its depth, projected into the other view and sampled there bilinearly
(Garg et al. 2016; Zhou et al. 2017), so gradients reach the depth. Conventions of `src.geometry.pinhole`:
depth is z in metres, pixel centres lie at +0.5. Masks are 1 or 0 in the images' float type and have no
gradient.
"""
from __future__ import annotations

from mindspore import ops

# Nothing is nearer than a millimetre: keeps quotients by depth, and their gradients, finite.
MIN_DEPTH_M = 1.0e-3
# More than float32 rounds a projection by (1e-4 px at 1242 px): a border pixel mapped to itself is inside.
_TOLERANCE_PX = 1.0e-3


def has_depth(depth_m):
    """Return where depth is a reading, bool of the same shape: finite and at least a millimetre."""
    return ops.logical_and(depth_m >= MIN_DEPTH_M, ops.isfinite(depth_m))


def transform(points, pose):
    """Return points (N, 3, H, W) in another frame: pose (N, 4, 4) takes a point of this frame to that one."""
    rotation, translation = pose[:, :3, :3], pose[:, :3, 3]
    rotated = (rotation.reshape((-1, 3, 3, 1, 1)) * points.expand_dims(1)).sum(axis=2)
    return rotated + translation.reshape((-1, 3, 1, 1))


def sample(image, pixels_uv):
    """Sample an image bilinearly.

    Args:
        image: (N, C, H, W), finite.
        pixels_uv: (N, 2, H', W') u, v in pixels, pixel centres at +0.5; any value, NaN too.

    Returns:
        values (N, C, H', W'), finite everywhere, and inside (N, 1, H', W'): 1 where all pixels that are
        blended lie in the image. Gradients reach the image and the places inside; outside they are 0.
    """
    height_px, width_px = image.shape[2:]
    u, v = pixels_uv.split(1, axis=1)
    inside = ops.logical_and(_between_centres(u, width_px), _between_centres(v, height_px))
    u, v = ops.where(inside, u, ops.ones_like(u)), ops.where(inside, v, ops.ones_like(v))
    grid = ops.concat((2.0 * u / width_px - 1.0, 2.0 * v / height_px - 1.0), 1).transpose(0, 2, 3, 1)
    values = ops.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return values, inside.astype(image.dtype)


def _between_centres(place_px, size_px: int):
    """Tell whether a place lies between the first and the last pixel's centre."""
    return ops.logical_and(place_px >= 0.5 - _TOLERANCE_PX, place_px <= size_px - 0.5 + _TOLERANCE_PX)


def warp_stereo(other_image, depth_m, focal_baseline_px_m, sign: float, cx_shift_px):
    """Return the other view's image of a rectified pair as this view sees it.

    A pixel at column u maps to u + cx_shift + sign * focal_baseline / depth of the same row.

    Args:
        other_image: (N, C, H, W), finite; further maps of that view may stand among the channels.
        depth_m: of this view, (N, 1, H, W).
        focal_baseline_px_m: (N,) fx times baseline at this size of the image, positive.
        sign: -1 where this view is the left one, +1 where it is the right one.
        cx_shift_px: (N,) the other view's cx minus this view's.

    Returns:
        seen (N, C, H, W), finite everywhere, and valid (N, 1, H, W): 1 where there is depth and its place
        lies inside of the other image. What hides behind something else is told by `visible`.
    """
    exists = has_depth(depth_m)
    depth_m = ops.where(exists, depth_m, ops.ones_like(depth_m))
    disp_px = focal_baseline_px_m.reshape((-1, 1, 1, 1)) / depth_m
    columns = ops.arange(depth_m.shape[3]).astype(depth_m.dtype).reshape((1, 1, 1, -1)) + 0.5
    rows = ops.arange(depth_m.shape[2]).astype(depth_m.dtype).reshape((1, 1, -1, 1)) + 0.5
    u = columns + cx_shift_px.reshape((-1, 1, 1, 1)) + sign * disp_px
    seen, inside = sample(other_image, ops.concat((u, rows * ops.ones_like(u)), 1))
    return seen, inside * exists.astype(inside.dtype)


def visible(depth_m, seen_depth_m, margin: float):
    """Return 1 where the other view sees the point itself, 0 where something nearer hides it.

    Args:
        depth_m: of the points in the other camera (N, 1, H, W); in a rectified pair it is this view's.
        seen_depth_m: what the other view's depth map holds at their places, warped like an image. At a
            silhouette it is a blend, as the colour there: what is blended too much counts as hidden. So does
            what maps to a hole (0), where nothing is known to be seen.
        margin: relative; hidden is what lies behind by more than `margin` times its own depth.
    """
    return (seen_depth_m >= (1.0 - margin) * depth_m).astype(depth_m.dtype)
