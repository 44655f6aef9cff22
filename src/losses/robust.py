# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Masked sums of absolute, squared and reverse Huber errors.

The caller counts: `valid.sum()`. Where `valid` is 0 an error may be anything, NaN and infinite too; where it
is positive it is the error's weight.
"""
from __future__ import annotations

from mindspore import ops

_BERHU_SHARE = 0.2  # of the largest error, Laina et al. 2016, section 3.2


def l1_sum(error, valid):
    """Return sum |error| of errors (N, C, H, W) where valid (of the same shape) is 1."""
    return (ops.abs(_masked(error, valid)) * valid).sum()


def l2_sum(error, valid):
    """Return sum error^2; arguments as of `l1_sum`."""
    error = _masked(error, valid)
    return (error * error * valid).sum()


def berhu_sum(error, valid):
    """Return the sum of the reverse Huber loss (Laina et al. 2016, eq. 2); arguments as of `l1_sum`.

    |x| up to c, (x^2 + c^2) / (2 c) beyond, with c a fifth of the largest valid |error| among these. To
    the gradient c is a constant. It is that of one micro-batch on one rank: the sums of a batch's parts do
    not add up to the whole's.
    """
    size = ops.abs(_masked(error, valid))
    c = _BERHU_SHARE * ops.stop_gradient(size).max()
    divisor = ops.where(c > 0, c, ops.ones_like(c))  # without any error the branch is not taken
    return (ops.where(size <= c, size, 0.5 * (size * (size / divisor) + c)) * valid).sum()


def _masked(error, valid):
    return ops.where(valid > 0, error, ops.zeros_like(error))
