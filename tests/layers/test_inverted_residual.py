# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The inverted residual against NumPy, when it adds its input, and its gradients."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.layers.inverted_residual import ConvNorm, FusedInvertedResidual
from tests.circular_reference import conv_norm, inverted_residual, randomized
from tests.reference_nets import relu

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("channels", "stride"), [(4, 1), (6, 1), (4, 2), (6, 2)])
def test_the_block_computes_its_layers(channels, stride):
    cell = FusedInvertedResidual(4, channels, stride, expansion=3)
    weights, x = randomized(cell), RNG.normal(size=(2, 4, 6, 8))
    found = cell.set_train(False)(ms.Tensor(x.astype(np.float32))).asnumpy()
    expected = np.stack([inverted_residual(image, weights, "", stride) for image in x])
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_parameters_are_the_products_of_the_channels():
    cell = FusedInvertedResidual(8, 12, expansion=4)
    expected = 9 * 8 * 32 + 2 * 32 + 32 * 12 + 2 * 12
    assert sum(p.size for p in cell.trainable_params()) == expected


@pytest.mark.parametrize("activate", [False, True])
def test_only_an_activated_layer_cuts_what_is_negative(activate):
    cell = ConvNorm(3, 5, 3, activate=activate)
    weights, x = randomized(cell), RNG.normal(size=(3, 4, 6))
    plain = conv_norm(x, {f"a.{name}": value for name, value in weights.items()}, "a")
    found = cell.set_train(False)(ms.Tensor(x[None].astype(np.float32))).asnumpy()[0]
    assert plain.min() < -0.1
    np.testing.assert_allclose(found, relu(plain) if activate else plain, atol=1e-5)


def test_every_parameter_learns():
    cell = FusedInvertedResidual(4, 4).set_train()
    x, sides = (ms.Tensor(RNG.normal(size=(2, 4, 6, 8)).astype(np.float32)) for _ in range(2))

    def weighted(x):
        return (cell(x) * sides).sum()

    gradients = ms.grad(weighted, None, ms.ParameterTuple(cell.trainable_params()))(x)
    assert all(np.abs(gradient.asnumpy()).max() > 1e-4 for gradient in gradients)
