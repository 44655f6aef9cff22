# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The networks' numbers: depth from `low` to `up` as [-1, 1]; the same for NumPy arrays and tensors."""
from __future__ import annotations

MM = 1000.0
NO_READING = -1.0


def to_network(depth_m, low_m: float, up_m: float):
    """Map metres in [low, up] to [-1, 1]."""
    return (depth_m - low_m) * (2.0 / (up_m - low_m)) - 1.0


def to_metres(value, low_m: float, up_m: float):
    """Map [-1, 1] to metres in [low, up]."""
    return (value + 1.0) * ((up_m - low_m) / 2.0) + low_m
