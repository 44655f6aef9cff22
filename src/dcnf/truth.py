# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The truth of a superpixel: the mean logarithm of the readings in it."""
from __future__ import annotations

import numpy as np

from src.dcnf.superpixels import check_number, resize_labels


def superpixel_truth(depth_m: np.ndarray, labels: np.ndarray, max_superpixels: int,
                     min_share: float = 0.25) -> tuple[np.ndarray, np.ndarray]:
    """Return the log depth of each superpixel, and which have one.

    A pixel of the depth map belongs to the superpixel at its centre, so the map may be of any size.

    Args:
        depth_m: (H, W) metres; 0, negative or not finite = no reading.
        labels: (h, w), of the same view.
        max_superpixels: N.
        min_share: of its pixels in the depth map must have readings: fewer may all lie on its rim.

    Returns:
        (N,) float32, natural logarithm of metres, 0 where there is none; (N,) float32, 1 where there is one.

    Raises:
        UserError: there are more superpixels than N.
    """
    check_number(int(labels.max()) + 1, max_superpixels)
    flat = resize_labels(labels, depth_m.shape).ravel()
    read = np.isfinite(depth_m.ravel()) & (depth_m.ravel() > 0)
    sums = np.bincount(flat[read], np.log(depth_m.ravel()[read].astype(np.float64)), max_superpixels)
    readings = np.bincount(flat[read], minlength=max_superpixels)
    valid = (readings > 0) & (readings >= min_share * np.bincount(flat, minlength=max_superpixels))
    log_depth = np.where(valid, sums / np.maximum(readings, 1), 0)
    return log_depth.astype(np.float32), valid.astype(np.float32)
