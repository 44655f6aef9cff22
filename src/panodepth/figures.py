# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures of panodepth beside those of the protocols: the angle between normals."""
from __future__ import annotations

import numpy as np

from src.geometry.sphere import latitude_weights, normals


def normal_figures(depth_m: np.ndarray, truth_m: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return (sum, count) of `normal_deg`, the mean angle between the maps' normals over the sphere.

    It is taken where the truth has a normal (not at its silhouettes and holes), and every pixel counts by
    cos(latitude), the area that it covers.

    Args:
        depth_m: predicted, (H, W) metres along the ray, positive.
        truth_m: (H, W) metres along the ray, 0 = no reading.
    """
    true_normals, exists = normals(truth_m)
    found, _ = normals(depth_m, np.inf)
    cosine = np.sum(true_normals.astype(np.float64) * found, axis=-1)
    angle_deg = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    weight = exists * latitude_weights(truth_m.shape[0])[:, None]
    return {"normal_deg": (float((weight * angle_deg).sum()), float(weight.sum()))}
