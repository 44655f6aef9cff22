# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A rectified stereo pair with depth, and what every set of them offers."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from src.geometry.pinhole import Intrinsics


class StereoFrame(NamedTuple):
    """Pictures (H, W, 3) uint8 and depth (H, W) float32 in metres, 0 = no reading, of both views.

    A point at column u and depth z in the left view is seen at u - fx * baseline_m / z, moved by the
    difference of the principal points, in the right one.
    """

    left_rgb: np.ndarray
    right_rgb: np.ndarray
    left_depth_m: np.ndarray
    right_depth_m: np.ndarray
    left_camera: Intrinsics
    right_camera: Intrinsics
    baseline_m: float


class StereoSet(Protocol):
    """Pairs that are read when asked for."""

    names: Sequence[str]

    def __len__(self) -> int:
        """Return the number of pairs."""

    def describe(self, index: int) -> str:
        """Return the files of a pair."""

    def read(self, index: int) -> StereoFrame:
        """Read a pair."""
