# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet's nets: published parameters, the paper's sizes, and outputs against NumPy in float64."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.depthnet.net import CoarseNet, EigenCoarseNet, FineNet
from tests.reference_nets import conv, deconv2, max_pool2, relu, same

# METHODS 4.2: name -> shape of the weight; every layer has a bias of the number of its outputs.
COARSE_WEIGHTS = {
    "conv1": (64, 3, 7, 7), "conv2": (128, 64, 5, 5), "conv3": (256, 128, 3, 3), "conv4": (512, 256, 3, 3),
    "conv5": (512, 512, 3, 3), "deconv6": (512, 256, 2, 2), "conv7": (128, 512, 3, 3),
    "deconv8": (128, 64, 2, 2), "conv9": (64, 192, 3, 3), "conv10": (32, 64, 3, 3), "conv11": (16, 32, 3, 3),
    "conv12": (1, 16, 3, 3), "fc13": (4070, 4070)}
FINE_WEIGHTS = {"conv1": (63, 3, 9, 9), "conv2": (64, 64, 5, 5), "conv3": (1, 64, 5, 5)}

RNG = np.random.default_rng(0)
IMAGE = RNG.random((1, 3, 228, 304), dtype=np.float32)
COARSE_MAP = RNG.normal(1.0, 0.5, (1, 1, 55, 74)).astype(np.float32)


def shapes(net) -> dict[str, tuple[int, ...]]:
    return {p.name: p.shape for p in net.get_parameters()}


def randomized(net):
    """Set weights that keep the signal's size through the layers, biases included; return them in float64."""
    rng = np.random.default_rng(1)
    weights = {}
    for parameter in net.get_parameters():
        inputs = np.prod(parameter.shape[1:]) if parameter.ndim > 1 else 100
        if parameter.name.startswith("deconv"):
            inputs = parameter.shape[0]
        values = rng.standard_normal(parameter.shape, np.float32) * np.float32(np.sqrt(2 / inputs))
        parameter.set_data(ms.Tensor(values))
        weights[parameter.name] = values.astype(np.float64)
    return weights


def assert_close(seen: np.ndarray, expected: np.ndarray) -> None:
    """Equal to float32 rounding over thousands of products."""
    assert seen.shape == expected.shape
    assert np.abs(seen - expected).max() < 2e-5 * np.abs(expected).max()
    assert expected.std() > 0.05  # the reference says something


@pytest.fixture(scope="module")
def coarse():
    net = CoarseNet()
    return net, randomized(net)


@pytest.fixture(scope="module")
def fine():
    net = FineNet()
    return net, randomized(net)


def test_the_coarse_nets_parameters_are_the_published_ones(coarse):
    expected = {f"{layer}.weight": shape for layer, shape in COARSE_WEIGHTS.items()}
    outputs = {layer: shape[1 if layer.startswith("deconv") else 0]
               for layer, shape in COARSE_WEIGHTS.items()}
    expected.update({f"{layer}.bias": (channels,) for layer, channels in outputs.items()})
    assert shapes(coarse[0]) == expected
    assert sum(p.size for p in coarse[0].get_parameters()) == 21_899_723


def test_the_fine_nets_parameters_are_the_published_ones(fine):
    assert shapes(fine[0]) == {f"{layer}.weight": shape for layer, shape in FINE_WEIGHTS.items()}
    assert sum(p.size for p in fine[0].get_parameters()) == 119_309


def test_the_coarse_net_computes_the_published_layers(coarse):
    net, w = coarse

    def layer(x, name, padding):
        return conv(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=padding)

    x1 = max_pool2(relu(layer(IMAGE[0].astype(np.float64), "conv1", same(7))))
    x2 = max_pool2(relu(layer(x1, "conv2", (1, 1, 2, 2))))
    x3 = max_pool2(relu(layer(x2, "conv3", same(3))))
    x = max_pool2(relu(layer(x3, "conv4", same(3))))
    assert [t.shape for t in (x1, x2, x3, x)] == [(64, 114, 152), (128, 56, 76), (256, 28, 38), (512, 14, 19)]
    for _ in range(3):
        x = relu(layer(x, "conv5", same(3)))
    x = relu(deconv2(x, w["deconv6.weight"], w["deconv6.bias"]))
    x = relu(layer(np.concatenate((x3, x)), "conv7", same(3)))
    x = relu(deconv2(x, w["deconv8.weight"], w["deconv8.bias"]))
    x = relu(layer(np.concatenate((x2, x)), "conv9", (1, 0, 0, 0)))
    for name in ("conv10", "conv11", "conv12"):
        x = layer(x, name, same(3))
    expected = (w["fc13.weight"] @ x.ravel() + w["fc13.bias"]).reshape(1, 1, 55, 74)
    assert_close(net(ms.Tensor(IMAGE)).asnumpy(), expected)


def test_the_fine_net_computes_the_published_layers(fine):
    net, w = fine
    x = max_pool2(relu(conv(IMAGE[0].astype(np.float64), w["conv1.weight"], stride=2)))
    assert x.shape == (63, 55, 74)
    x = relu(conv(np.concatenate((x, COARSE_MAP[0])), w["conv2.weight"], padding=same(5)))
    expected = conv(x, w["conv3.weight"], padding=same(5))
    assert_close(net(ms.Tensor(IMAGE), ms.Tensor(COARSE_MAP)).asnumpy(), expected[None])


@pytest.mark.parametrize("dropped", [False, True])
def test_the_papers_net_has_the_papers_sizes(dropped):
    """METHODS 4.8: 37x27, 18x13, 8x6, 1x1, 74x55 (width x height), here computed layer by layer."""
    net = EigenCoarseNet(fc_width=24)
    w = randomized(net)
    centred = 4 * (IMAGE[0].astype(np.float64) - 0.5)
    x = max_pool2(relu(conv(centred, w["conv1.weight"], w["conv1.bias"], stride=4)))
    assert x.shape == (96, 27, 37)
    x = max_pool2(relu(conv(x, w["conv2.weight"], w["conv2.bias"], padding=same(5))))
    assert x.shape == (256, 13, 18)
    for name in ("conv3", "conv4"):
        x = relu(conv(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=same(3)))
    x = relu(conv(x, w["conv5.weight"], w["conv5.bias"], stride=2))
    assert x.shape == (256, 6, 8)
    hidden = relu(w["fc6.weight"] @ x.ravel() + w["fc6.bias"])
    keep = (np.arange(24) % 3 > 0) * np.float32(1.5)
    expected = w["fc7.weight"] @ (hidden * keep if dropped else hidden) + w["fc7.bias"]
    inputs = (IMAGE, keep[None]) if dropped else (IMAGE,)
    assert_close(net(*(ms.Tensor(a) for a in inputs)).asnumpy(), expected.reshape(1, 1, 55, 74))


def test_the_papers_net_has_the_papers_layers():
    conv_weights = {"conv1": (96, 3, 11, 11), "conv2": (256, 96, 5, 5), "conv3": (384, 256, 3, 3),
                    "conv4": (384, 384, 3, 3), "conv5": (256, 384, 3, 3)}
    found = shapes(EigenCoarseNet(fc_width=32))
    assert {name: found[f"{name}.weight"] for name in conv_weights} == conv_weights
    assert (found["fc6.weight"], found["fc7.weight"]) == ((32, 256 * 6 * 8), (4070, 32))


def test_images_of_a_batch_do_not_mix(coarse):
    """The second image of a batch gives what it gives alone."""
    net = coarse[0]
    other = np.flip(IMAGE, 3).copy()
    both = net(ms.Tensor(np.concatenate((IMAGE, other)))).asnumpy()
    alone = net(ms.Tensor(other)).asnumpy()[0]
    np.testing.assert_allclose(both[1], alone, atol=1e-5 * np.abs(alone).max())


@pytest.mark.parametrize("net_type", [FineNet, EigenCoarseNet])
def test_half_precision_runs_and_is_near(net_type):
    net = net_type() if net_type is FineNet else net_type(16)
    randomized(net)
    inputs = [ms.Tensor(a) for a in ((IMAGE, COARSE_MAP) if net_type is FineNet else (IMAGE,))]
    full = net(*inputs).asnumpy()
    half = net.to_float(ms.float16)(*inputs)
    assert half.dtype == ms.float16 and all(p.dtype == ms.float32 for p in net.get_parameters())
    assert np.abs(half.asnumpy() - full).max() < 1e-2 * np.abs(full).max()


def test_half_precision_of_the_published_net(coarse):
    net = CoarseNet()
    for own, given in zip(net.get_parameters(), coarse[0].get_parameters(), strict=True):
        own.set_data(given)
    full = coarse[0](ms.Tensor(IMAGE)).asnumpy()
    half = net.to_float(ms.float16)(ms.Tensor(IMAGE)).asnumpy()
    assert np.abs(half - full).max() < 2e-2 * np.abs(full).max()
