# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of single superpixels, for the unary network that looks at one patch a superpixel."""
from __future__ import annotations

import cv2
import numpy as np

from src.dcnf.superpixels import centroids

PATCH_PX = {False: 224, True: 100}
"""Edge of what the patch networks take, by `reduced`."""


def patches(rgb: np.ndarray, labels: np.ndarray, box_px: int, patch_px: int) -> np.ndarray:
    """Return what surrounds the centroid of each superpixel.

    Args:
        rgb: (H, W, 3) uint8.
        labels: (H, W).
        box_px: edge of the box in the picture.
        patch_px: edge that it is resized to.

    Returns:
        (n, 3, patch_px, patch_px) uint8, black beyond the picture.
    """
    scale = patch_px / box_px
    height_px, width_px = (max(1, round(size_px * scale)) for size_px in labels.shape)
    way = cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA
    resized = cv2.resize(rgb, (width_px, height_px), interpolation=way)
    padded = np.pad(resized, ((patch_px, patch_px), (patch_px, patch_px), (0, 0)))
    places = centroids(labels) / labels.shape * (height_px, width_px)
    corners = np.floor(places - patch_px / 2 + 0.5).astype(int) + patch_px
    windows = np.lib.stride_tricks.sliding_window_view(padded, (patch_px, patch_px), axis=(0, 1))
    return windows[corners[:, 0], corners[:, 1]]
