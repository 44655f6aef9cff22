# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures of mergedepth beside those of the protocols: KITTI stereo's, of the implied disparity."""
from __future__ import annotations

import numpy as np

_MIN_DEPTH_M = 1e-3  # as the protocols: predictions below count as this
# KITTI stereo 2015: a disparity is wrong where it is off by more than 3 px and by more than 5 % of the truth.
_WRONG_PX, _WRONG_SHARE = 3.0, 0.05


def disparity_figures(depth_m: np.ndarray, truth_m: np.ndarray,
                      focal_baseline_px_m: float) -> dict[str, tuple[float, float]]:
    """Return (sum, count) of `epe_px`, the end-point error, and of `d1`, the share of wrong disparities.

    Disparity is focal_baseline / depth, in pixels of the full-size picture. All readings are measured,
    whatever the protocol's crop and cap.

    Args:
        depth_m: predicted, (H, W).
        truth_m: (H, W) metres, 0 = no reading.
        focal_baseline_px_m: fx in pixels of the maps times the baseline in metres.
    """
    valid = truth_m > 0
    truth_px = focal_baseline_px_m / truth_m[valid].astype(np.float64)
    depth_m = np.maximum(depth_m[valid].astype(np.float64), _MIN_DEPTH_M)
    error_px = np.abs(focal_baseline_px_m / depth_m - truth_px)
    wrong = (error_px > _WRONG_PX) & (error_px > _WRONG_SHARE * truth_px)
    return {"epe_px": (float(error_px.sum()), valid.sum()), "d1": (float(wrong.sum()), valid.sum())}
