# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Whether matches between two panoramas are right, by their colours; conventions of `src.geometry.sphere`."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from src.geometry.sphere import latitude_weights, sample


class Agreement(NamedTuple):
    """Figures of the matches between two panoramas; shares and means are by solid angle.

    Attributes:
        matches: number of pixels that the other panorama sees.
        share: of the pixels with a reading, in [0, 1].
        at_matches: mean absolute difference of the colours, in grey levels of 255; NaN without a match.
        at_random: the same, of the matched pixels and random places of the other panorama.
    """

    matches: int
    share: float
    at_matches: float
    at_random: float


def agreement(rgb: np.ndarray, other_rgb: np.ndarray, places: np.ndarray, visible: np.ndarray) -> Agreement:
    """Return how well the colours at matches agree, beside those at random places.

    Args:
        rgb: (H, W, 3) uint8.
        other_rgb: (H', W', 3) uint8.
        places: (H, W, 2) u_px, v_px in the other panorama, from `src.geometry.matches.dense_matches`.
        visible: (H, W) bool, from there too.
    """
    weight = np.broadcast_to(latitude_weights(len(visible))[:, None], visible.shape)
    share = _mean(visible, weight * np.isfinite(places[..., 0]))
    rng = np.random.default_rng(0)
    height, width = other_rgb.shape[:2]
    random_u_px = width * rng.random(visible.shape)
    random_v_px = height / np.pi * np.arccos(rng.uniform(-1, 1, visible.shape))  # even over the sphere
    at_matches, at_random = (_mean(color_difference(rgb, other_rgb, *anywhere), weight * visible)
                             for anywhere in (np.moveaxis(places, -1, 0), (random_u_px, random_v_px)))
    return Agreement(int(visible.sum()), share, at_matches, at_random)


def color_difference(rgb: np.ndarray, other_rgb: np.ndarray, u_px: np.ndarray,
                     v_px: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference (H, W) of a panorama's colours from the other's at places.

    Args:
        rgb: (H, W, 3), any scale, as `other_rgb` (H', W', 3).
        other_rgb: of the other panorama.
        u_px: (H, W) places in the other panorama; NaN gives NaN.
        v_px: (H, W), likewise.
    """
    there = sample(other_rgb.astype(np.float64), u_px, v_px)
    return np.abs(rgb.astype(np.float64) - there).mean(axis=-1)


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    counted = weight > 0
    return float(np.average(values[counted], weights=weight[counted])) if counted.any() else float("nan")
