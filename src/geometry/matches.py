# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense matches between two posed panoramas, by depth and poses; conventions of `src.geometry.sphere`."""
from __future__ import annotations

import numpy as np

from src.geometry.sphere import points, project, sample


def relative_pose(pose: np.ndarray, other_pose: np.ndarray) -> np.ndarray:
    """Return (4, 4), which takes a point of one camera's frame to the other's.

    Args:
        pose: (4, 4) camera to world, rotation and shift in metres.
        other_pose: (4, 4) of the other camera, likewise.
    """
    return np.linalg.inv(other_pose) @ pose


def dense_matches(depth_m: np.ndarray, other_depth_m: np.ndarray, pose: np.ndarray,
                  margin: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Return where each pixel's point lies in the other panorama, and whether that sees it.

    Args:
        depth_m: (H, W) metres along the ray; 0 or not finite = no reading.
        other_depth_m: (H', W') of the other panorama.
        pose: (4, 4) from `relative_pose(this, other)`.
        margin: relative; the other panorama sees another surface where its depth differs by more from the
            point's distance. Inverse depth is compared, as it varies evenly on planes.

    Returns:
        places (H, W, 2) float64 u_px, v_px in pixels of the other panorama, pixel centres at +0.5, NaN where
        there is no reading; and visible (H, W) bool.
    """
    reading = np.isfinite(depth_m) & (depth_m > 0)
    here = points(np.where(reading, depth_m, np.nan).astype(np.float64))
    there = here @ pose[:3, :3].T + pose[:3, 3]
    u_px, v_px = project(there, *other_depth_m.shape)
    other_reading = np.isfinite(other_depth_m) & (other_depth_m > 0)
    inverse = np.where(other_reading, 1 / np.where(other_reading, other_depth_m, 1), 0)  # a hole is far away
    off = np.abs(np.linalg.norm(there, axis=-1) * sample(inverse, u_px, v_px) - 1)
    return np.stack((u_px, v_px), axis=-1), off <= margin
