# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The weights of panodepth's loss, `--rate`: L1, normal, SSIM, and three that the source does not name.

Those are gradient, berHu and the consistency of two views here, 0 by default as there.
"""
from __future__ import annotations

from collections.abc import Sequence

from src.errors import UserError

DEPTH_TERMS = ("l1", "normal", "ssim", "gradient", "berhu")  # the first five rates, in this order
TWO_VIEW_TERMS = ("photometric", "consistency")  # share the sixth


def parse_rate(rate: Sequence[str | float]) -> tuple[float, ...]:
    """Return the six weights; those that are left out at the end are 0.

    Raises:
        UserError: they are not three to six numbers of at least 0, one of them positive.
    """
    try:
        weights = tuple(float(weight) for weight in rate)
    except ValueError:
        weights = ()
    possible = 3 <= len(weights) <= 6 and all(0 <= weight < float("inf") for weight in weights)
    if not possible or not any(weights):
        raise UserError(f"--rate {','.join(map(str, rate))} is not possible: give three to six weights, none "
                        "below 0, not all 0: L1, normal, SSIM, gradient, berHu, consistency of two views")
    return weights + (0.0,) * (6 - len(weights))
