# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The best that can be predicted without looking: constant depth maps of a training set."""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def constant_maps(depth_maps_m: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Return the per-pixel mean, median and geometric mean of a training set's maps.

    Args:
        depth_maps_m: maps (h, w) in metres on the network's grid, 0 = no reading. All are held in memory.

    Returns:
        "mean", "median", "geometric_mean": (h, w) float32; a pixel that never has a reading takes the map's
            median.
    """
    maps = np.stack([np.where(m > 0, m, np.nan) for m in depth_maps_m]).astype(np.float64)
    empty = np.isnan(maps).all(axis=0)
    maps[:, empty] = np.nanmedian(maps)
    constants = {"mean": np.nanmean(maps, axis=0), "median": np.nanmedian(maps, axis=0),
                 "geometric_mean": np.exp(np.nanmean(np.log(maps), axis=0))}
    return {name: values.astype(np.float32) for name, values in constants.items()}
