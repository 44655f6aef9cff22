# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What training shows of a panorama: the source's pictures and its point cloud."""
from __future__ import annotations

import numpy as np

from src.geometry.sphere import edge_mask, normals, points
from src.visualize import colorize_depth, depth_bar, error_bar, error_map, normal_map, robust_limits


def panorama_pictures(rgb: np.ndarray, truth_m: np.ndarray, depth_m: np.ndarray,
                      max_rel: float = 0.5) -> dict[str, np.ndarray]:
    """Return pictures (H, W or more, 3) uint8 by the names that the source's `<step>_<name>.png` have.

    "rgb"; "depth_pred" and "depth_truth" on one scale in metres, the truth's (its own without one);
    "norm_pred", the predicted surface's normals (x, y, z + 1) / 2 in the panorama's frame; "depth_err",
    |depth - truth| / truth with its scale. Grey is where there is none.

    Args:
        rgb: (H, W, 3) uint8.
        truth_m: (H, W) metres along the ray; 0 or not finite = no reading.
        depth_m: (H, W) predicted metres, likewise.
        max_rel: relative error at the end of the scale.
    """
    known, shown = _has_reading(truth_m), _has_reading(depth_m)
    low, high = robust_limits(truth_m, known) if known.any() else robust_limits(depth_m, shown)
    scale = depth_bar(rgb.shape[0], low, high)
    error = error_map(depth_m, truth_m, known & shown, max_rel)
    return {
        "rgb": rgb,
        "depth_pred": np.hstack([colorize_depth(depth_m, shown, low, high), scale]),
        "norm_pred": normal_map(*normals(depth_m)),
        "depth_err": np.hstack([error, error_bar(rgb.shape[0], max_rel)]),
        "depth_truth": np.hstack([colorize_depth(truth_m, known, low, high), scale]),
    }


def panorama_cloud(rgb: np.ndarray, depth_m: np.ndarray,
                   edge_threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points (K, 3) in metres in the panorama's frame and their colours (K, 3) uint8.

    Pixels without a reading are left out, and those on edges of depth: networks blur edges, and their points
    would fly between the surfaces.

    Args:
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) metres along the ray; 0 or not finite = no reading.
        edge_threshold: relative jump of depth that makes an edge (`src.geometry.sphere.edge_mask`).
    """
    kept = _has_reading(depth_m) & ~edge_mask(depth_m, edge_threshold)
    return points(depth_m)[kept], rgb[kept]


def _has_reading(depth_m: np.ndarray) -> np.ndarray:
    return np.isfinite(depth_m) & (depth_m > 0)
