# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's hole filling and foreground mask, as its data set's depth_filled/ and mask/ were made."""
from __future__ import annotations

import cv2
import numpy as np

_CLOSING = np.ones((12, 12), np.uint8)
_OPENING = np.ones((5, 5), np.uint8)


def fill_holes(depth_mm: np.ndarray) -> np.ndarray:
    """Fill narrow holes by a morphological closing with a 12x12 square; readings stay as they are.

    OpenCV dilates and erodes with the same anchor (6, 6), which for an even square shifts the closing by one
    pixel to the right and down: a reading grows by one pixel there. The published files have it so.

    Args:
        depth_mm: (H, W) uint16, 0 = no reading.

    Returns:
        (H, W) uint16: the input where it is above 0, elsewhere the closing (0 in wide holes).
    """
    closed_mm = cv2.morphologyEx(depth_mm, cv2.MORPH_CLOSE, _CLOSING)
    return np.where(depth_mm > 0, depth_mm, closed_mm)


def fill_nearest(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return an image (H, W) or (H, W, C) that has, where it is not known (H, W), its nearest known value.

    All 0 where nothing is known. The distance is OpenCV's 5x5 approximation, right to 2 %.
    """
    if not known.any():
        return np.zeros_like(values)
    _, labels = cv2.distanceTransformWithLabels((~known).astype(np.uint8), cv2.DIST_L2, 5,
                                                labelType=cv2.DIST_LABEL_PIXEL)
    by_label = np.zeros((labels.max() + 1, *values.shape[2:]), values.dtype)
    by_label[labels[known]] = values[known]
    return by_label[labels]


def foreground_mask(filled_mm: np.ndarray, reference_mm: np.ndarray, remove_dots: bool = False) -> np.ndarray:
    """Return where both the filled raw depth and the reference have a depth.

    Args:
        filled_mm: (H, W) result of `fill_holes`.
        reference_mm: (H, W) reference depth of the same size, 0 = none.
        remove_dots: drop parts of the reference that hold no 5x5 square (a morphological opening). The
            published masks keep them.

    Returns:
        (H, W) uint8, 255 = foreground, 0 = background.
    """
    covered = (reference_mm > 0).astype(np.uint8)
    if remove_dots:
        covered = cv2.morphologyEx(covered, cv2.MORPH_OPEN, _OPENING)
    return np.where((filled_mm > 0) & (covered > 0), np.uint8(255), np.uint8(0))
