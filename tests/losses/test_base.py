# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Division that is safe where nothing is valid."""
from __future__ import annotations

import mindspore as ms
import numpy as np

from src.losses.base import safe_divide

NUMERATOR = ms.Tensor(np.array([3.0, 0.0, 5.0, -2.0], np.float32))
DENOMINATOR = ms.Tensor(np.array([2.0, 0.0, 0.0, 4.0], np.float32))


def test_nothing_divided_by_nothing_is_zero():
    assert safe_divide(NUMERATOR, DENOMINATOR).asnumpy().tolist() == [1.5, 0.0, 0.0, -0.5]


def test_gradients_are_zero_and_finite_there():
    def total(numerator, denominator):
        return safe_divide(numerator, denominator).sum()

    to_numerator, to_denominator = ms.grad(total, (0, 1))(NUMERATOR, DENOMINATOR)
    assert to_numerator.asnumpy().tolist() == [0.5, 0.0, 0.0, 0.25]
    assert to_denominator.asnumpy().tolist() == [-0.75, 0.0, 0.0, 0.125]
