# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's nets: published parameters, free sizes, ranges, and outputs against NumPy in float64."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.ddrnet.net import DENOISING_NETS, BaseNet, ConvResnet, Hypercolumn, UNet
from tests.reference_nets import Weights, conv, max_pool2, relu

# METHODS 1.2: layer -> (outputs, inputs, kernel); transposed convolutions hold (inputs, outputs, kernel).
CONV_RESNET = {"cnv0": (32, 1, 3), "cnv_down0": (64, 32, 3), "cnv_down1": (128, 64, 3),
               **{f"res{i}.conv{j}": (128, 128, 3) for i in (0, 1) for j in (1, 2)},
               "cnv_up0": (256, 64, 3), "cnv_up1": (128, 32, 3), "cnv_final": (1, 64, 3)}
HYPERCOLUMN = {"cnv1_d": (8, 1, 3), "cnv1_c": (8, 1, 3), "cnv2": (16, 16, 3), "cnv3": (32, 32, 3),
               "cnv4": (32, 32, 3), "cnv5": (64, 64, 3), "cnv6": (64, 64, 3), "cnv7": (64, 64, 3),
               "cnv9": (4, 16, 1), "out": (1, 4, 1)}  # and cnv8 in three parts
RNG = np.random.default_rng(0)


def depth_and_grey(height: int, width: int, images: int = 1) -> list[np.ndarray]:
    """Two maps (N, 1, H, W) in [-1, 1]."""
    return list(RNG.uniform(-1, 1, (2, images, 1, height, width)).astype(np.float32))


def run(net, *inputs: np.ndarray) -> np.ndarray:
    return net(*(ms.Tensor(a) for a in inputs)).asnumpy()


def size_of(net) -> int:
    return sum(p.size for p in net.get_parameters())


def randomized(net, gain: float = 1.0) -> Weights:
    """Set weights that keep the signal's size through the layers, biases included; return them in float64."""
    rng = np.random.default_rng(1)
    weights = {}
    for parameter in net.get_parameters():
        inputs = np.prod(parameter.shape[1:]) if parameter.ndim > 1 else 100
        values = rng.standard_normal(parameter.shape) * gain * np.sqrt(2 / inputs)
        parameter.set_data(ms.Tensor(values.astype(np.float32)))
        weights[parameter.name] = values.astype(np.float32).astype(np.float64)
    return weights


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x)


def same_conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int = 1) -> np.ndarray:
    """TensorFlow's SAME: outputs = ceil(inputs / stride); an odd row or column of padding goes last."""
    kernel = weight.shape[-1]
    padding = []
    for count in x.shape[1:]:
        total = max((-(-count // stride) - 1) * stride + kernel - count, 0)
        padding += [total // 2, total - total // 2]
    return conv(x, weight, bias, stride, tuple(padding))


def same_deconv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The transpose of the 3x3 SAME convolution of stride 2 from twice the size: weight (C, O, 3, 3).

    That convolution pads one row and column at the end, where the transpose drops what it scatters.
    """
    channels, (height, width) = weight.shape[1], x.shape[1:]
    out = np.zeros((channels, 2 * height + 1, 2 * width + 1))
    for i, j in np.ndindex(3, 3):
        out[:, i:i + 2 * height:2, j:j + 2 * width:2] += np.tensordot(weight[:, :, i, j].T, x, 1)
    return out[:, :-1, :-1] + bias[:, None, None]


def enlarge(x: np.ndarray, factor: int) -> np.ndarray:
    """Bilinear with centres at half-integer places, edges repeated."""
    for axis in (1, 2):
        count = x.shape[axis]
        place = (np.arange(count * factor) + 0.5) / factor - 0.5
        matrix = np.maximum(0, 1 - np.abs(np.clip(place, 0, count - 1)[:, None] - np.arange(count)))
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


class Layers:
    """Layers by the names of their weights."""

    def __init__(self, weights: Weights):
        self.weights = weights

    def __call__(self, x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        return same_conv(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], stride)

    def up(self, x: np.ndarray, name: str) -> np.ndarray:
        return same_deconv(x, self.weights[f"{name}.conv.weight"], self.weights[f"{name}.bias"])


def reference_conv_resnet(weights: Weights, raw: np.ndarray) -> np.ndarray:
    layer = Layers(weights)
    cnv0 = leaky(layer(raw, "cnv0"))
    down0 = leaky(layer(cnv0, "cnv_down0", 2))
    down1 = leaky(layer(down0, "cnv_down1", 2))
    x = down1
    for block in ("res0", "res1"):
        x = x + layer(relu(layer(relu(x), f"{block}.conv1")), f"{block}.conv2")
    x = leaky(layer.up(np.concatenate((down1, x)), "cnv_up0"))
    x = leaky(layer.up(np.concatenate((down0, x)), "cnv_up1"))
    return np.clip(raw + np.tanh(layer(np.concatenate((cnv0, x)), "cnv_final")), -1, 1)


def reference_hypercolumn(weights: Weights, depth: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """The published net: cnv8 is one 1x1 convolution of all 112 channels of the column."""
    layer = Layers(weights)
    cnv1 = np.concatenate((leaky(layer(depth, "cnv1_d")), leaky(layer(grey, "cnv1_c"))))
    cnv2 = leaky(layer(cnv1, "cnv2"))
    cnv3 = leaky(layer(max_pool2(np.concatenate((cnv1, cnv2))), "cnv3"))
    cnv4 = leaky(layer(cnv3, "cnv4"))
    x = max_pool2(np.concatenate((cnv3, cnv4)))
    for name in ("cnv5", "cnv6", "cnv7"):
        x = leaky(layer(x, name))
    column = np.concatenate((cnv2, enlarge(cnv4, 2), enlarge(x, 4)))
    assert column.shape[0] == 112
    parts = [weights[f"{name}.weight"] for name in ("cnv8", "cnv8_half", "cnv8_quarter")]
    x = leaky(conv(column, np.concatenate(parts, axis=1), weights["cnv8.bias"]))
    return np.tanh(layer(leaky(layer(x, "cnv9")), "out"))


def reference_unet(weights: Weights, raw: np.ndarray) -> np.ndarray:
    layer = Layers(weights)
    cnv = [raw]
    for number in range(7):
        cnv.append(relu(layer(cnv[-1], f"down.{number}", 2)))
    assert [c.shape[0] for c in cnv] == [1, 32, 64, 128, 256, 256, 256, 256]
    x, coarser = cnv[7], {}
    for level in range(6, -1, -1):  # up to 1 / 2^level of the size
        joining = [relu(layer.up(x, f"up.{level}")), *([cnv[level]] if level else []),
                   *([coarser[level]] if level in coarser else [])]
        x = relu(layer(np.concatenate(joining), f"merge.{level}"))
        if level in (3, 2):
            coarser[level - 1] = enlarge(np.tanh(layer(x, f"out{level + 1}")), 2)
    return np.tanh(layer(x, "out1"))


def assert_same(seen: np.ndarray, expected: np.ndarray) -> None:
    """Equal to float32 rounding, of a map that varies and mostly does not saturate."""
    np.testing.assert_allclose(seen, expected, atol=2e-5)
    assert expected.std() > 0.05 and np.mean(np.abs(expected) < 0.95) > 0.6


def test_conv_resnets_parameters_are_the_published_ones():
    net = ConvResnet()
    shapes = {p.name: p.shape for p in net.get_parameters()}
    expected = {}
    for layer, (first, second, kernel) in CONV_RESNET.items():
        up = layer.startswith("cnv_up")
        expected[f"{layer}.conv.weight" if up else f"{layer}.weight"] = (first, second, kernel, kernel)
        expected[f"{layer}.bias"] = (second if up else first,)
    assert shapes == expected
    assert size_of(net) == 868_001


@pytest.mark.parametrize("residual", [False, True])
def test_hypercolumns_parameters_are_the_published_ones(residual):
    net = Hypercolumn(residual)
    expected = {f"{layer}.weight": (out, into, k, k) for layer, (out, into, k) in HYPERCOLUMN.items()}
    expected.update({f"{layer}.bias": (out,) for layer, (out, _, _) in HYPERCOLUMN.items()})
    expected.update({"cnv8.weight": (16, 16, 1, 1), "cnv8_half.weight": (16, 32, 1, 1),
                     "cnv8_quarter.weight": (16, 64, 1, 1), "cnv8.bias": (16,)})
    assert {p.name: p.shape for p in net.get_parameters()} == expected
    assert size_of(net) == 133_641


def test_the_other_nets_have_the_sources_layers():
    assert size_of(BaseNet()) == 9 * 16 + 16 + 4 * (9 * 16 * 16 + 16) + 9 * 16 + 1
    down = [(1, 32, 7), (32, 64, 5), (64, 128, 3), (128, 256, 3)] + [(256, 256, 3)] * 3
    up = [(256, 256)] * 3 + [(256, 128), (128, 64), (64, 32), (32, 16)]
    merge = [(512, 256)] * 3 + [(256, 128), (129, 64), (65, 32), (16, 16)]
    layers = down + [(*pair, 3) for pair in up + merge] + [(128, 1, 3), (64, 1, 3), (16, 1, 3)]
    assert size_of(UNet()) == sum(into * out * k * k + out for into, out, k in layers)
    assert {"convResnet": ConvResnet, "base": BaseNet, "unet": UNet} == DENOISING_NETS


@pytest.mark.parametrize("size", [(480, 640), (4, 4), (8, 20), (36, 28)])
def test_height_and_width_are_free_in_multiples_of_4(size):
    raw, grey = depth_and_grey(*size)
    denoised = run(ConvResnet(), raw)
    refined = run(Hypercolumn(), denoised, grey)
    for depth in (denoised, refined):
        assert depth.shape == (1, 1, *size) and depth.dtype == np.float32
        assert np.isfinite(depth).all() and depth.min() >= -1 and depth.max() <= 1


@pytest.mark.parametrize("name, size", [("base", (5, 7)), ("base", (1, 1)), ("unet", (128, 256))])
def test_the_other_nets_keep_the_size(name, size):
    net = DENOISING_NETS[name]()
    assert all(n % net.stride == 0 for n in size)
    assert run(net, depth_and_grey(*size)[0]).shape == (1, 1, *size)


@pytest.mark.parametrize("build", [ConvResnet, BaseNet, Hypercolumn, lambda: Hypercolumn(residual=True)],
                         ids=["convResnet", "base", "hypercolumn", "residual"])
def test_outputs_stay_within_the_range_under_wild_weights(build):
    net = build()
    randomized(net, gain=5.0)
    inputs = depth_and_grey(16, 24)
    out = run(net, *inputs[:2 if isinstance(net, Hypercolumn) else 1])
    assert -1 <= out.min() < -0.9 and 0.9 < out.max() <= 1


def test_conv_resnet_adds_its_correction():
    net, raw = ConvResnet(), depth_and_grey(16, 20)[0]
    randomized(net)
    net.cnv_final.weight.set_data(ms.ops.zeros_like(net.cnv_final.weight))
    for bias in (0.0, 0.5, -3.0):
        net.cnv_final.bias.set_data(ms.Tensor([bias], ms.float32))
        np.testing.assert_allclose(run(net, raw), np.clip(raw + np.tanh(bias), -1, 1), atol=1e-6)


def test_conv_resnet_may_start_as_the_identity():
    raw = depth_and_grey(16, 20)[0]
    np.testing.assert_array_equal(run(ConvResnet(local=True), raw), raw)
    assert np.abs(run(ConvResnet(), raw) - raw).max() > 0.1


def test_the_residual_hypercolumn_starts_as_the_identity():
    denoised, grey = depth_and_grey(16, 20, images=2)
    np.testing.assert_array_equal(run(Hypercolumn(residual=True), denoised, grey), denoised)
    assert np.abs(run(Hypercolumn(), denoised, grey) - denoised).max() > 0.1


def test_the_residual_hypercolumn_can_leave_the_identity():
    """Its last layer starts at zero, the gradient of that layer's weights does not."""
    net = Hypercolumn(residual=True)
    inputs = [ms.Tensor(0.5 * a) for a in depth_and_grey(8, 8)]
    gradient = ms.grad(lambda: net(*inputs).sum(), None, ms.ParameterTuple([net.out.weight, net.out.bias]))()
    assert all(np.abs(g.asnumpy()).max() > 1e-3 for g in gradient)


def test_new_nets_start_with_xaviers_weights_and_no_biases():
    """Glorot's uniform: the bound is sqrt(6 / (inputs + outputs)), over the kernel; of cnv8 as one."""
    for net in (ConvResnet(), Hypercolumn(), BaseNet()):
        for parameter in net.get_parameters():
            values = parameter.asnumpy()
            if values.ndim == 1:
                assert not values.any()
                continue
            area = np.prod(values.shape[2:])
            fans = 112 + 16 if parameter.name.startswith("cnv8") else sum(values.shape[:2]) * area
            bound = np.sqrt(6 / fans)
            assert np.abs(values).max() <= bound * (1 + 1e-6)
            if values.size >= 100:
                assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.25), parameter.name


@pytest.mark.parametrize("size", [(16, 24), (4, 8), (20, 12)])
def test_conv_resnet_computes_the_published_layers(size):
    net, raw = ConvResnet(), depth_and_grey(*size)[0]
    expected = reference_conv_resnet(randomized(net, gain=0.6), raw[0].astype(np.float64))
    assert_same(run(net, raw)[0], expected)
    assert np.abs(expected - raw[0]).max() > 0.1


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("size", [(16, 24), (4, 8), (20, 12)])
def test_hypercolumn_computes_the_published_layers(size, residual):
    """Its cnv8 in three parts equals the published one over the enlarged column."""
    net, (denoised, grey) = Hypercolumn(residual), depth_and_grey(*size)
    weights = randomized(net, gain=0.7)
    expected = reference_hypercolumn(weights, *(a[0].astype(np.float64) for a in (denoised, grey)))
    assert expected.std() > 0.05
    if residual:
        expected = np.clip(denoised[0] + expected, -1, 1)
    np.testing.assert_allclose(run(net, denoised, grey)[0], expected, atol=2e-5)


def test_hypercolumn_sees_all_three_scales():
    """Without each part of cnv8 the output differs, so that the comparison above holds for all of them."""
    net, inputs = Hypercolumn(), depth_and_grey(16, 24)
    randomized(net, gain=0.7)
    whole = run(net, *inputs)
    for part in (net.cnv8, net.cnv8_half, net.cnv8_quarter):
        kept = part.weight.asnumpy().copy()
        part.weight.set_data(ms.Tensor(np.zeros_like(kept)))
        assert np.abs(run(net, *inputs) - whole).max() > 0.01
        part.weight.set_data(ms.Tensor(kept))


def test_unet_computes_the_sources_layers():
    net, raw = UNet(), depth_and_grey(128, 128)[0]
    expected = reference_unet(randomized(net), raw[0].astype(np.float64))
    assert_same(run(net, raw)[0], expected)


def test_base_computes_the_sources_layers():
    net, raw = BaseNet(), depth_and_grey(9, 13)[0]
    weights = randomized(net)
    x, layer = raw[0].astype(np.float64), Layers(weights)
    for number in range(0, 10, 2):
        x = leaky(layer(x, f"convs.{number}"))
    assert_same(run(net, raw)[0], np.tanh(layer(x, "cnv_final")))


@pytest.mark.parametrize("build", [ConvResnet, Hypercolumn])
def test_images_of_a_batch_do_not_mix_and_compiling_changes_nothing(build):
    net = build()
    randomized(net, gain=0.7)
    inputs = depth_and_grey(12, 16, images=2)[:2 if build is Hypercolumn else 1]
    both = run(net, *inputs)
    np.testing.assert_allclose(both[1:], run(net, *(a[1:] for a in inputs)), atol=1e-5)
    assert np.abs(both[0] - both[1]).max() > 0.1
    compiled = ms.jit(net.construct)(*(ms.Tensor(a) for a in inputs)).asnumpy()
    np.testing.assert_allclose(compiled, both, atol=1e-5)


@pytest.mark.parametrize("build", [ConvResnet, Hypercolumn])
def test_half_precision_runs_and_is_near(build):
    net = build()
    randomized(net, gain=0.7)
    inputs = [ms.Tensor(a) for a in depth_and_grey(12, 16)[:2 if build is Hypercolumn else 1]]
    full = net(*inputs).asnumpy()
    half = net.to_float(ms.float16)(*inputs).asnumpy()
    assert all(p.dtype == ms.float32 for p in net.get_parameters())
    assert np.abs(half - full).max() < 2e-2


def test_the_local_start_sees_differences_alone_and_magnifies_them():
    ms.set_seed(5)
    kernels = ConvResnet(local=True).cnv0.weight.asnumpy()
    np.testing.assert_allclose(kernels.mean(axis=(2, 3)), 0, atol=1e-6 * np.abs(kernels).max())
    published = ConvResnet().cnv0.weight.asnumpy()
    assert 15 < kernels.std() / published.std() < 45
    depth_kernels = Hypercolumn(residual=True, local=True).cnv1_d.weight.asnumpy()
    np.testing.assert_allclose(depth_kernels.mean(axis=(2, 3)), 0, atol=1e-6 * np.abs(depth_kernels).max())


def test_the_same_seed_starts_with_the_same_local_kernels():
    def kernels(seed: int) -> np.ndarray:
        ms.set_seed(seed)
        return ConvResnet(local=True).cnv0.weight.asnumpy()

    np.testing.assert_array_equal(kernels(5), kernels(5))
    assert np.abs(kernels(5) - kernels(6)).max() > 0.1
