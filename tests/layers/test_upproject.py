# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Unpooling and its fast form against NumPy and each other; the residual block; the gradients."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.layers.upproject import FastUnpoolConv5x5, UnpoolConv5x5, UpProject, conv5x5
from tests.reference_nets import batch_norm, conv, relu, same, unpool

RNG = np.random.default_rng(0)
SIZES = [(5, 7), (1, 6), (4, 1), (1, 1), (2, 2)]
FORMS = [UnpoolConv5x5, FastUnpoolConv5x5]
CHANNELS = (6, 4)
WEIGHT = RNG.normal(size=(4, 6, 5, 5)).astype(np.float32)


def loaded(form):
    cell = form(*CHANNELS)
    cell.weight.set_data(ms.Tensor(WEIGHT))
    return cell


def random_map(size: tuple[int, int]) -> np.ndarray:
    return RNG.normal(size=(2, CHANNELS[0], *size)).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_equals_unpooling_and_convolution_by_hand(form, size):
    x = random_map(size)
    found = loaded(form)(ms.Tensor(x)).asnumpy()
    weight = WEIGHT.astype(np.float64)
    expected = [conv(unpool(image.astype(np.float64)), weight, padding=same(5)) for image in x]
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("size", SIZES[:2])
def test_both_forms_have_the_same_gradients(size, compiled):
    """To the input and to the weights, as exact as sums of float32 products in another order."""
    x = random_map(size)
    sides = ms.Tensor(RNG.normal(size=(2, CHANNELS[1], 2 * size[0], 2 * size[1])).astype(np.float32))

    def gradients(cell):
        def weighted(x):
            return (cell(x) * sides).sum()
        gradient = ms.grad(weighted, 0, ms.ParameterTuple([cell.weight]))
        to_x, (to_weight,) = (ms.jit(gradient) if compiled else gradient)(ms.Tensor(x))
        return to_x.asnumpy(), to_weight.asnumpy()

    for plain, fast in zip(*(gradients(loaded(form)) for form in FORMS), strict=True):
        assert np.abs(plain).max() > 1
        np.testing.assert_allclose(fast, plain, atol=1e-5 * np.abs(plain).max())


def test_the_gradient_to_the_weights_is_that_of_finite_differences():
    """The map is linear in its weights, so that the reference's differences are its gradient exactly."""
    x, sides = random_map((3, 4)), RNG.normal(size=(2, 4, 6, 8)).astype(np.float32)
    cell = loaded(FastUnpoolConv5x5)

    def weighted(x):
        return (cell(x) * ms.Tensor(sides)).sum()

    found = ms.grad(weighted, None, ms.ParameterTuple([cell.weight]))(ms.Tensor(x))[0].asnumpy()
    for i, j in np.ndindex(5, 5):
        one = np.zeros(WEIGHT.shape)
        one[1, 2, i, j] = 1
        expected = sum((conv(unpool(image.astype(np.float64)), one, padding=same(5)) * side).sum()
                       for image, side in zip(x, sides))
        assert found[1, 2, i, j] == pytest.approx(expected, abs=1e-4)


def test_forms_run_in_half_precision():
    x = random_map((5, 7))
    expected = loaded(UnpoolConv5x5)(ms.Tensor(x)).asnumpy()
    for form in FORMS:
        found = loaded(form)(ms.Tensor(x.astype(np.float16)))
        assert found.dtype == ms.float16
        np.testing.assert_allclose(found.asnumpy(), expected, atol=1e-2 * np.abs(expected).max())


def randomized(cell) -> dict[str, np.ndarray]:
    """Set random weights and statistics; return them in float64."""
    weights = {}
    for parameter in cell.get_parameters():
        if parameter.ndim > 1:
            values = RNG.normal(0, np.sqrt(2 / np.prod(parameter.shape[1:])), parameter.shape)
        elif parameter.name.endswith(("gamma", "moving_variance")):
            values = RNG.uniform(0.5, 1.5, parameter.shape)
        else:
            values = RNG.normal(0, 0.3, parameter.shape)
        parameter.set_data(ms.Tensor(values.astype(np.float32)))
        weights[parameter.name] = values.astype(np.float32).astype(np.float64)
    return weights


@pytest.mark.parametrize("first", [conv5x5, *FORMS])
def test_the_block_computes_the_sources_layers(first):
    """METHODS 2.1 and 2.6, in float64."""
    cell = UpProject(6, 4, first).set_train(False)
    weights = randomized(cell)
    x = random_map((5, 7))
    expected = []
    for image in x.astype(np.float64):
        image = image if first is conv5x5 else unpool(image)
        main = relu(batch_norm(conv(image, weights["conv1.weight"], padding=same(5)), weights, "bn1"))
        main = batch_norm(conv(main, weights["conv2.weight"], padding=same(3)), weights, "bn2")
        side = batch_norm(conv(image, weights["side_conv.weight"], padding=same(5)), weights, "side_bn")
        expected.append(relu(main + side))
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(cell(ms.Tensor(x)).asnumpy(), expected, atol=2e-5)


def test_all_forms_of_the_block_have_the_same_parameters():
    shapes = [{p.name: p.shape for p in UpProject(8, 4, first).get_parameters()}
              for first in (conv5x5, *FORMS)]
    assert shapes[0] == shapes[1] == shapes[2]
    assert sum(p.size for p in UpProject(8, 4).trainable_params()) == 2 * 25 * 8 * 4 + 9 * 4 * 4 + 3 * 2 * 4
    assert not [name for name in shapes[0] if name.endswith("bias")]
