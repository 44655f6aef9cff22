# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The export-safe transposed convolution against MindSpore's own and plain loops."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.layers.upsample import UpConv2x2

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 3, 4)).astype(np.float32)
WEIGHT = RNG.normal(size=(5, 6, 2, 2)).astype(np.float32)
BIAS = RNG.normal(size=6).astype(np.float32)


def loaded(cell):
    cell.weight.set_data(ms.Tensor(WEIGHT))
    cell.bias.set_data(ms.Tensor(BIAS))
    return cell


@pytest.fixture(scope="module")
def up() -> UpConv2x2:
    return loaded(UpConv2x2(5, 6))


def test_equals_a_loop_over_pixels(up):
    expected = np.zeros((2, 6, 6, 8)) + BIAS[None, :, None, None]
    for n, c, i, j in np.ndindex(X.shape):
        for o, a, b in np.ndindex(6, 2, 2):
            expected[n, o, 2 * i + a, 2 * j + b] += np.float64(X[n, c, i, j]) * WEIGHT[c, o, a, b]
    np.testing.assert_allclose(up(ms.Tensor(X)).asnumpy(), expected, atol=1e-5)


def test_has_the_weights_and_the_result_of_mindspores_own(up):
    """The ModelZoo's nets hold `nn.Conv2dTranspose`, so its checkpoints must mean the same here."""
    own = loaded(nn.Conv2dTranspose(5, 6, 2, stride=2, pad_mode="same", has_bias=True))
    assert ({p.name: p.shape for p in up.get_parameters()} == {p.name: p.shape for p in own.get_parameters()})
    np.testing.assert_allclose(up(ms.Tensor(X)).asnumpy(), own(ms.Tensor(X)).asnumpy(), atol=1e-5)


def test_gradients_are_those_of_mindspores_own(up):
    own = loaded(nn.Conv2dTranspose(5, 6, 2, stride=2, pad_mode="same", has_bias=True))
    sides = ms.Tensor(RNG.normal(size=(2, 6, 6, 8)).astype(np.float32))

    def gradients(cell):
        def weighted(x):
            return (cell(x) * sides).sum()
        to_x, to_weights = ms.grad(weighted, 0, [cell.weight, cell.bias])(ms.Tensor(X))
        return [g.asnumpy() for g in (to_x, *to_weights)]

    for seen, expected in zip(gradients(up), gradients(own), strict=True):
        np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5)


def test_runs_in_half_precision(up):
    half = loaded(UpConv2x2(5, 6)).to_float(ms.float16)
    result = half(ms.Tensor(X))
    assert result.dtype == ms.float16 and half.weight.dtype == ms.float32
    np.testing.assert_allclose(result.asnumpy(), up(ms.Tensor(X)).asnumpy(), atol=2e-2)


def test_does_without_bias(up):
    plain = UpConv2x2(5, 6, has_bias=False)
    assert [p.name for p in plain.get_parameters()] == ["weight"]
    plain.weight.set_data(ms.Tensor(WEIGHT))
    expected = up(ms.Tensor(X)).asnumpy() - BIAS[None, :, None, None]
    np.testing.assert_allclose(plain(ms.Tensor(X)).asnumpy(), expected, atol=1e-5)
