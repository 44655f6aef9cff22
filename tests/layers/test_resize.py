# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Bilinear enlarging against other libraries, a calculation in float64, and its gradient."""
from __future__ import annotations

import cv2
import mindspore as ms
import numpy as np
import pytest
from mindspore import ops

from src.layers.resize import BilinearUpsample

RNG = np.random.default_rng(0)
SIZES = [(5, 7), (1, 6), (4, 1), (1, 1), (16, 12)]
FACTORS = [1, 2, 3, 4, 5]


def reference(x: np.ndarray, factor: int) -> np.ndarray:
    """Interpolate in float64 between the two nearest centres along each axis; edges are repeated."""
    x = x.astype(np.float64)
    for axis in (2, 3):
        count = x.shape[axis]
        places = (np.arange(count * factor) + 0.5) / factor - 0.5
        below = np.floor(places).astype(int)
        weight = (places - below).reshape([-1 if a == axis else 1 for a in range(4)])
        low, high = (np.take(x, np.clip(index, 0, count - 1), axis) for index in (below, below + 1))
        x = low * (1 - weight) + high * weight
    return x


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", FACTORS)
def test_equals_interpolation_by_hand(factor, size):
    x = RNG.normal(size=(2, 3, *size)).astype(np.float32)
    found = BilinearUpsample(factor)(ms.Tensor(x)).asnumpy()
    np.testing.assert_allclose(found, reference(x, factor), atol=1e-6)


@pytest.mark.parametrize("factor", FACTORS[1:])
def test_equals_mindspores_and_opencvs(factor):
    x = RNG.normal(size=(2, 3, 6, 9)).astype(np.float32)
    found = BilinearUpsample(factor)(ms.Tensor(x)).asnumpy()
    size = (6 * factor, 9 * factor)
    own = ops.interpolate(ms.Tensor(x), size=size, mode="bilinear", align_corners=False).asnumpy()
    np.testing.assert_allclose(found, own, atol=2e-6)  # it computes the places of pixels in float32
    for n, c in np.ndindex(2, 3):
        other = cv2.resize(x[n, c], size[::-1], interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(found[n, c], other, atol=2e-6)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("factor", [2, 4])
def test_gradient_is_that_of_finite_differences(factor, compiled):
    """The map is linear, so that the reference's differences are its gradient exactly."""
    x = RNG.normal(size=(1, 2, 3, 4)).astype(np.float32)
    side = RNG.normal(size=(1, 2, 3 * factor, 4 * factor)).astype(np.float32)
    cell, sides = BilinearUpsample(factor), ms.Tensor(side)

    def weighted(x):
        return (cell(x) * sides).sum()

    gradient = ms.grad(weighted)
    found = (ms.jit(gradient) if compiled else gradient)(ms.Tensor(x)).asnumpy()
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1
        expected = ((reference(x + step, factor) - reference(x, factor)) * side).sum()
        assert found[index] == pytest.approx(expected, abs=1e-5)


def test_runs_and_differentiates_in_half_precision():
    x = RNG.normal(size=(2, 3, 6, 9)).astype(np.float16)
    cell = BilinearUpsample(4)
    found = cell(ms.Tensor(x))
    assert found.dtype == ms.float16
    np.testing.assert_allclose(found.asnumpy(), reference(x, 4), atol=4e-3)

    def total(x):
        return cell(x).astype(ms.float32).sum()

    gradient = ms.grad(total)(ms.Tensor(x))  # what an input pixel gives away: to 4x4 outputs, one weight each
    assert gradient.dtype == ms.float16
    np.testing.assert_allclose(gradient.asnumpy(), np.full(x.shape, 16), rtol=4e-3)


def test_one_cell_takes_every_size():
    cell = BilinearUpsample(2)
    for size in SIZES:
        x = RNG.normal(size=(1, 1, *size)).astype(np.float32)
        np.testing.assert_allclose(cell(ms.Tensor(x)).asnumpy(), reference(x, 2), atol=1e-6)
    assert not list(cell.get_parameters())
