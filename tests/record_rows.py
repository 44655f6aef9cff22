# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of records for tests, in a module that worker processes import quickly (without MindSpore)."""
from __future__ import annotations

import numpy as np

NAMES = ("00000", "it's \"9\"", "深度", *(f"n{i}" for i in range(3, 23)))


def row(index: int) -> dict[str, np.ndarray]:
    """Return a row of every kind of column, with sizes of its own."""
    rng = np.random.default_rng(index)
    return {"rgb": rng.integers(0, 256, (20 + index, 30, 3), np.uint8),
            "depth_mm": rng.integers(0, 65536, (20 + index, 30), np.uint16),
            "depth_m": rng.uniform(0, 80, (40, 50)).astype(np.float32),
            "labels": np.repeat(np.arange(60, dtype=np.int32), 100 + index).reshape(60, -1),
            "edges": rng.integers(0, 99, (index, 2)), "scale": np.array(1.5), "flag": rng.random(5) > 0.5}
