# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Sparse depth at another size: readings are taken or left out, never blended with holes or each other."""
from __future__ import annotations

import numpy as np


def cells(size: int, out_size: int) -> np.ndarray:
    """Return the cell that each pixel's centre falls into, floor((i + 1/2) * out_size / size), exactly."""
    return (2 * np.arange(size) + 1) * out_size // (2 * size)


def pool_valid(depth_m: np.ndarray, out_hw: tuple[int, int]) -> np.ndarray:
    """Return the nearest reading of every cell of a coarser (or finer) map of the same view.

    A pixel belongs to the cell that its centre falls into. The minimum keeps the surface that hides the
    others; the mean of two surfaces would be depth where there is none.

    Args:
        depth_m: (H, W) float, metres; 0, negative or not finite = no reading.
        out_hw: rows and columns of the result, any ratio.

    Returns:
        out_hw float32, metres, 0 where no reading falls into the cell.
    """
    rows, columns = np.nonzero(np.isfinite(depth_m) & (depth_m > 0))
    places = cells(depth_m.shape[0], out_hw[0])[rows], cells(depth_m.shape[1], out_hw[1])[columns]
    pooled = np.full(out_hw, np.inf, np.float32)
    np.minimum.at(pooled, places, depth_m[rows, columns].astype(np.float32))
    pooled[np.isinf(pooled)] = 0
    return pooled
