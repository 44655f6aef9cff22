# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Division that is safe where nothing is valid."""
from __future__ import annotations

import mindspore as ms
import numpy as np

from src.losses.base import repeatable_log, safe_divide

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


def test_the_logarithm_is_the_same_at_every_call():
    """MindSpore's own changes its last bits at the sixth call on a CPU, which breaks exact resuming."""
    depth_m = np.random.default_rng(0).uniform(1e-3, 20, 4070).astype(np.float32)
    compiled, values = ms.jit(repeatable_log), ms.Tensor(depth_m)
    first = compiled(values).asnumpy().copy()
    np.testing.assert_allclose(first, np.log(depth_m.astype(np.float64)), rtol=2e-7, atol=1e-7)
    for _ in range(30):
        np.testing.assert_array_equal(compiled(values).asnumpy(), first)
