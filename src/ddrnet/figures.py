# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures of a depth camera's map beside the protocol's: median, the normals' errors, error in holes."""
from __future__ import annotations

import numpy as np

from src.ddrnet.frame import EDGE_JUMP
from src.ddrnet.units import MM
from src.geometry.pinhole import Intrinsics, back_project, normals

ANGLES_DEG = (11.25, 22.5, 30.0)


def normal_errors_deg(depth_m: np.ndarray, truth_m: np.ndarray, readings: np.ndarray,
                      camera: Intrinsics) -> np.ndarray:
    """Return the angles (N,) between the normals of a map and of the truth, in degrees.

    They are compared where the truth has a normal (not at silhouettes) and the pixel and its four neighbours
    are `readings` (H, W) of the raw depth: the same pixels for every map of a frame. Where a map has no
    depth, hence no normal, the angle counts as 90 degrees.
    """
    surface = readings & (truth_m > 0)
    true_normals, exists = normals(back_project(truth_m, camera), surface, EDGE_JUMP)
    found, _ = normals(back_project(depth_m, camera), surface, np.inf)
    cosine = np.sum(true_normals[exists].astype(np.float64) * found[exists], axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def depth_figures(depth_m: np.ndarray, truth_m: np.ndarray, raw_m: np.ndarray,
                  camera: Intrinsics) -> dict[str, tuple[float, float]]:
    """Return (sum, count) of the figures of one map, see `src.method.Method.own_figures`.

    Args:
        depth_m: (H, W) metres, the map that is measured.
        truth_m: (H, W) metres, 0 outside the mask.
        raw_m: (H, W) metres, 0 in holes.
        camera: of this size.
    """
    readings = raw_m > 0
    error_mm = np.abs(depth_m - truth_m) * MM
    seen, holes = error_mm[readings & (truth_m > 0)], error_mm[~readings & (truth_m > 0)]
    angles = normal_errors_deg(depth_m, truth_m, readings, camera)
    figures = {"median_mm": _median(seen), "normal_mean_deg": (float(angles.sum()), float(angles.size)),
               "normal_median_deg": _median(angles)}
    figures.update({f"normal_below_{limit:g}": (float((angles < limit).sum()), float(angles.size))
                    for limit in ANGLES_DEG})
    figures["hole_mae_mm"] = (float(holes.sum()), float(holes.size))
    return figures


def _median(values: np.ndarray) -> tuple[float, float]:
    return (float(np.median(values)), 1.0) if values.size else (0.0, 0.0)
