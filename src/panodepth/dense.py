# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The picture of matches between two panoramas, one above the other."""
from __future__ import annotations

import cv2
import numpy as np

from src.geometry.sphere import latitude_weights

_GAP_PX = 8
_SUB_BITS = 4  # OpenCV draws at sixteenths of a pixel


def spread(visible: np.ndarray, spacing_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of visible pixels, (K,) each, about evenly spread over the sphere.

    Args:
        visible: (H, W) bool.
        spacing_px: between rows, and between columns at the equator; towards the poles columns grow rarer.
    """
    height, width = visible.shape
    chosen = np.zeros_like(visible)
    for row in range(spacing_px // 2, height, spacing_px):
        number = max(1, round(width / spacing_px * latitude_weights(height)[row]))
        chosen[row, ((np.arange(number) + 0.5) * width / number).astype(int)] = True
    return np.nonzero(chosen & visible)


def draw_matches(rgb: np.ndarray, other_rgb: np.ndarray, places: np.ndarray, visible: np.ndarray,
                 spacing_px: int = 24) -> np.ndarray:
    """Return both panoramas above each other, (2 H + gap, W, 3) uint8, some matches as coloured lines.

    A match has the colour of its longitude in the upper panorama. A line takes the shorter way round: where
    that crosses the seam it leaves on one side and comes back on the other.

    Args:
        rgb: (H, W, 3) uint8, drawn above.
        other_rgb: (H, W, 3) uint8, of the same size.
        places: (H, W, 2) u_px, v_px in the other panorama, from `src.geometry.matches.dense_matches`.
        visible: (H, W) bool, from there too.
        spacing_px: distance of the matches that are drawn.
    """
    height, width = visible.shape
    picture = np.concatenate((rgb, np.full((_GAP_PX, width, 3), 255, np.uint8), other_rgb))
    rows, columns = spread(visible, spacing_px)
    for (u_px, v_px), row, column in zip(places[rows, columns], rows, columns):
        start = np.array([column + 0.5, row + 0.5])
        end = np.array([u_px, v_px + height + _GAP_PX])
        end[0] -= width * np.rint((end[0] - start[0]) / width)
        for turn in (-width, 0, width):  # OpenCV cuts off what lies outside
            _draw_match(picture, start + [turn, 0], end + [turn, 0], _hue(column / width))
    return picture


def _hue(share: float) -> tuple[int, ...]:
    color = cv2.cvtColor(np.uint8([[[180 * share, 255, 255]]]), cv2.COLOR_HSV2RGB)
    return tuple(int(level) for level in color[0, 0])


def _draw_match(picture: np.ndarray, start: np.ndarray, end: np.ndarray, color: tuple[int, ...]) -> None:
    """Draw a line between two places with a dot on either end."""
    scale = 2**_SUB_BITS  # to OpenCV a pixel's centre is an integer
    ends = [tuple(int(c) for c in np.rint((place - 0.5) * scale)) for place in (start, end)]
    cv2.line(picture, *ends, color, 1, cv2.LINE_AA, _SUB_BITS)
    for place in ends:
        cv2.circle(picture, place, 2 * scale, color, cv2.FILLED, cv2.LINE_AA, _SUB_BITS)
