# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Geometric and photometric augmentation, joint for a picture and what is aligned with it.

A geometric augmentation is one 3x3 matrix from the output's pixel coordinates to the source's (pixel centres
at integers + 0.5), so that crop, resize, scale, rotation, translation and flip cost one interpolation
together, and a camera's intrinsics can follow it.
"""
from __future__ import annotations

import cv2
import numpy as np

# Pillow's SMOOTH kernel, which ImageEnhance.Sharpness (and MindSpore's RandomSharpness) blends with.
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13.0


def crop_matrix(crop_xywh: tuple[float, float, float, float], out_wh: tuple[int, int], scale: float = 1.0,
                rotation_deg: float = 0.0, shift_px: tuple[float, float] = (0.0, 0.0),
                flip: bool = False) -> np.ndarray:
    """Return the matrix of a crop that is resized to `out_wh`, enlarged, turned, shifted and mirrored.

    Args:
        crop_xywh: left, top, width and height of the crop in source pixels.
        out_wh: width and height of the output.
        scale: enlargement about the crop's centre (> 1 shows a smaller part, larger).
        rotation_deg: rotation about the crop's centre.
        shift_px: what the window moves by, in source pixels.
        flip: mirror left and right.

    Returns:
        (3, 3) float64: source = M @ (x, y, 1) for an output point (x, y).
    """
    x0, y0, width, height = crop_xywh
    sx, sy = width / out_wh[0] / scale, height / out_wh[1] / scale
    cos, sin = np.cos(np.radians(rotation_deg)), np.sin(np.radians(rotation_deg))
    from_center = np.array([[1, 0, -out_wh[0] / 2], [0, 1, -out_wh[1] / 2], [0, 0, 1]])
    mirror = np.diag([-1.0 if flip else 1.0, 1.0, 1.0])
    to_source = np.array([[cos, -sin, x0 + width / 2 + shift_px[0]],
                          [sin, cos, y0 + height / 2 + shift_px[1]], [0, 0, 1]])
    return to_source @ np.diag([sx, sy, 1.0]) @ mirror @ from_center


def warp(source: np.ndarray, matrix: np.ndarray, out_wh: tuple[int, int], nearest: bool) -> np.ndarray:
    """Resample `source` (H, W) or (H, W, C) by a matrix of `crop_matrix`.

    Pictures are interpolated linearly and repeat their edge outside; depth maps and masks (`nearest`) are
    never blended and are 0 outside.
    """
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    at_centers = np.linalg.inv(half) @ matrix @ half  # OpenCV puts pixel centres at integers
    interpolation = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    border = cv2.BORDER_CONSTANT if nearest else cv2.BORDER_REPLICATE
    return cv2.warpAffine(source, at_centers[:2], out_wh, flags=interpolation | cv2.WARP_INVERSE_MAP,
                          borderMode=border)


def scale_colors(rgb: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Multiply the channels of a picture (H, W, 3) in [0, 1] and clip it to [0, 1]."""
    return np.clip(rgb * factors.astype(np.float32), 0.0, 1.0)


def sharpen(rgb: np.ndarray, factor: float) -> np.ndarray:
    """Blend a picture (H, W, 3) in [0, 1] with its smoothed self.

    Factor 1 keeps it, below blurs, above sharpens.
    """
    smooth = cv2.filter2D(rgb, -1, _SMOOTH, borderType=cv2.BORDER_REPLICATE)
    return np.clip(smooth + np.float32(factor) * (rgb - smooth), 0.0, 1.0)


def to_chw(rgb: np.ndarray) -> np.ndarray:
    """Turn a picture (H, W, 3) into contiguous (3, H, W) float32."""
    return np.ascontiguousarray(rgb.transpose(2, 0, 1), np.float32)


def dropout(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    """Return what units are multiplied by, float32: 0 for a `share` of them, 1 / (1 - share) for the others.

    Drawn here and not in the network, so that a sample's depends on (seed, epoch, sample) alone.
    """
    kept = rng.random(shape, dtype=np.float32) >= share
    return kept.astype(np.float32) / np.float32(1.0 - share)
