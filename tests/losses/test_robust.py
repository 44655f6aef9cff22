# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Masked sums of errors against the formulas in float64."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.losses.robust import berhu_sum, l1_sum, l2_sum

RNG = np.random.default_rng(4)
SUMS = {"l1": l1_sum, "l2": l2_sum, "berhu": berhu_sum}


def threshold(error, valid) -> float:
    return 0.2 * np.abs(error[valid]).max(initial=0.0)


def reference(name: str, error, valid, c: float | None = None) -> float:
    """The sum over valid errors; berHu's c is a fifth of the largest unless it is given."""
    size = np.abs(error[valid])
    c = threshold(error, valid) if c is None else c
    if name == "berhu":
        return sum(e if e <= c else (e * e + c * c) / (2 * c) for e in size)
    return np.sum(size if name == "l1" else size**2)


def case(shape=(2, 1, 9, 11)) -> tuple[np.ndarray, np.ndarray]:
    return RNG.standard_t(3, shape), RNG.random(shape) < 0.6


def found(name: str, error, valid) -> float:
    return float(SUMS[name](*(ms.Tensor(a.astype(np.float32)) for a in (error, valid))).asnumpy())


@pytest.mark.parametrize("name", SUMS)
def test_sums_are_the_formulas(name):
    for _ in range(3):
        error, valid = case()
        assert found(name, error, valid) == pytest.approx(reference(name, error, valid), rel=1e-5)


def test_berhu_by_hand():
    """The largest is 10, so c = 2: 1, 2 as they are, (9 + 4) / 4 and (100 + 4) / 4 beyond."""
    error, valid = np.array([[[[1.0, -2.0, 3.0, -10.0, 50.0]]]]), np.array([[[[1, 1, 1, 1, 0]]]])
    assert found("berhu", error, valid) == pytest.approx(1 + 2 + 3.25 + 26)


@pytest.mark.parametrize("name", SUMS)
def test_a_weight_counts_an_error_as_often(name):
    error, valid = case()
    weights = np.where(valid, RNG.integers(1, 4, error.shape), 0)
    repeated, ones = np.repeat(error.ravel(), weights.ravel()), np.ones(weights.sum())
    assert found(name, error, weights) == pytest.approx(found(name, repeated, ones), rel=1e-5)


def test_berhu_scales_with_the_unit():
    error, valid = case()
    metres = found("berhu", error, valid)
    assert found("berhu", 1000 * error, valid) == pytest.approx(1000 * metres, rel=1e-5)
    assert found("berhu", 1e-20 * error, valid) == pytest.approx(1e-20 * metres, rel=1e-5)


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("trash", [1e30, np.inf, np.nan])
def test_what_is_not_valid_never_matters(name, trash):
    error, valid = case()
    dirty = np.where(valid, error, trash).astype(np.float32)
    assert found(name, dirty, valid) == found(name, error, valid)
    gradient = ms.grad(SUMS[name])(ms.Tensor(dirty), ms.Tensor(valid.astype(np.float32))).asnumpy()
    assert np.isfinite(gradient).all() and not gradient[~valid].any() and gradient[valid].all()


@pytest.mark.parametrize("name", SUMS)
def test_no_error_and_nothing_valid_are_0_with_gradient_0(name):
    error, valid = case()
    for e, v in ((0 * error, valid), (error, np.zeros_like(valid))):
        run = ms.value_and_grad(SUMS[name])
        value, gradient = run(ms.Tensor(e.astype(np.float32)), ms.Tensor(v.astype(np.float32)))
        assert value.asnumpy() == 0 and not gradient.asnumpy().any()


@pytest.mark.parametrize("name", SUMS)
def test_gradients_are_those_of_finite_differences_with_c_constant(name):
    error, valid = case((1, 1, 5, 6))
    c = threshold(error, valid)
    gradient = ms.grad(SUMS[name])(ms.Tensor(error), ms.Tensor(valid.astype(np.float64))).asnumpy()
    for position in np.ndindex(error.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = error.copy()
            moved[position] += step
            ends.append(reference(name, moved, valid, c))
        assert gradient[position] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-5)


@pytest.mark.parametrize("name", SUMS)
def test_compiled_calls_repeat_to_the_last_bit(name):
    error, valid = (ms.Tensor(a.astype(np.float32)) for a in case((2, 1, 96, 160)))
    run = ms.jit(ms.value_and_grad(SUMS[name]))
    first = [a.asnumpy().copy() for a in run(error, valid)]
    for _ in range(40):
        for again, once in zip(run(error, valid), first, strict=True):
            np.testing.assert_array_equal(again.asnumpy(), once)
