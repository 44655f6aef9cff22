# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Circular layers against NumPy on maps that repeat, their gradients, ONNX and MindIR."""
from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.deploy.onnx_export import export_onnx
from src.deploy.runtimes import mindir_runner, onnx_runner
from src.geometry import sphere_tensors
from src.graph import TensorSpec
from src.layers.circular import CircularConv2d, CircularPad, CircularUpsample
from src.layers.resize import BilinearUpsample
from tests.reference_nets import conv

RNG = np.random.default_rng(0)
KERNELS = [(1, 1), (3, 1), (3, 2), (5, 2), (7, 2)]


def random_map(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def wrapped(x: np.ndarray, margin: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (margin, margin)), mode="wrap")


def random_conv(kernel: int, stride: int, **options) -> CircularConv2d:
    cell = CircularConv2d(4, 6, kernel, stride, has_bias=True, **options)
    for parameter in cell.get_parameters():
        parameter.set_data(ms.Tensor(random_map(*parameter.shape)))
    return cell


def reference(cell: CircularConv2d, x: np.ndarray) -> np.ndarray:
    """Wrap, pad rows by zeros and convolve, in float64."""
    margin, stride = cell.kernel_size[0] // 2, cell.stride[0]
    weight, bias = (p.asnumpy().astype(np.float64) for p in (cell.weight, cell.bias))
    padding = (margin, margin, 0, 0)
    return np.stack([conv(image, weight, bias, stride, padding) for image in wrapped(x, margin)])


@pytest.mark.parametrize("margin", [1, 2, 5])
def test_wrapping_is_numpys(margin):
    x = random_map(2, 3, 4, 5)
    found = sphere_tensors.wrapped(ms.Tensor(x), margin, margin)
    np.testing.assert_array_equal(found.asnumpy(), wrapped(x, margin))
    expected = np.pad(wrapped(x, margin), ((0, 0), (0, 0), (margin, margin), (0, 0)))
    np.testing.assert_array_equal(CircularPad(margin)(ms.Tensor(x)).asnumpy(), expected)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
def test_the_convolution_is_that_of_a_wrapped_map(kernel, stride, compiled):
    cell, x = random_conv(kernel, stride), random_map(2, 4, 6, 8)

    def run(x):
        return cell(x)

    found = (ms.jit(run) if compiled else run)(ms.Tensor(x)).asnumpy()
    assert found.shape == (2, 6, 6 // stride, 8 // stride)
    np.testing.assert_allclose(found, reference(cell, x), atol=2e-5)


def test_a_grouped_convolution_takes_its_own_channels():
    cell = random_conv(3, 1, group=2)
    x = random_map(1, 4, 5, 6)
    weight = np.zeros((6, 4, 3, 3), np.float32)
    weight[:3, :2], weight[3:, 2:] = np.split(cell.weight.asnumpy(), 2)
    whole = random_conv(3, 1)
    whole.weight.set_data(ms.Tensor(weight))
    whole.bias.set_data(cell.bias)
    np.testing.assert_allclose(cell(ms.Tensor(x)).asnumpy(), reference(whole, x), atol=2e-5)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_the_enlargement_is_the_middle_of_three_copies(factor):
    x = random_map(2, 3, 4, 5)
    three = BilinearUpsample(factor)(ms.Tensor(np.tile(x, 3))).asnumpy()
    found = CircularUpsample(factor)(ms.Tensor(x)).asnumpy()
    assert found.shape == (2, 3, 4 * factor, 5 * factor)
    np.testing.assert_allclose(found, three[..., 5 * factor:10 * factor], atol=1e-6)


class Layers(nn.Cell):
    """Each layer once; the output is as large as the input."""

    stride = 4

    def __init__(self):
        super().__init__()
        self.conv = CircularConv2d(3, 8, 5, 2, has_bias=True)
        self.depthwise = CircularConv2d(8, 8, 3, group=8)
        self.pad = CircularPad(1)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2, pad_mode="valid")
        self.up = CircularUpsample(4)
        self.last = CircularConv2d(8, 1, 3)

    def construct(self, x):
        return self.last(self.up(self.pool(self.pad(self.depthwise(self.conv(x))))))


@pytest.mark.parametrize("columns", [4, 8, 20])
def test_rolling_the_input_rolls_the_output(columns):
    net, x = Layers(), random_map(2, 3, 12, 24)
    found = net(ms.Tensor(np.roll(x, columns, -1))).asnumpy()
    expected = np.roll(net(ms.Tensor(x)).asnumpy(), columns, -1)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_roll_with_the_input(compiled):
    """To the input they roll, to the weights they stay, and they are not those of padding by zeros."""
    net, x, sides = Layers(), random_map(1, 3, 12, 24), random_map(1, 1, 12, 24)

    def weighted(x, sides):
        return (net(x) * sides).sum()

    gradient = ms.grad(weighted, 0, ms.ParameterTuple(net.trainable_params()))
    if compiled:
        gradient = ms.jit(gradient)
    to_x, to_weights = gradient(ms.Tensor(x), ms.Tensor(sides))
    rolled_x, same_weights = gradient(*(ms.Tensor(np.roll(a, 8, -1)) for a in (x, sides)))
    np.testing.assert_allclose(rolled_x.asnumpy(), np.roll(to_x.asnumpy(), 8, -1), atol=1e-5)
    for one, other in zip(to_weights, same_weights, strict=True):
        assert np.abs(one.asnumpy()).max() > 1e-3
        np.testing.assert_allclose(other.asnumpy(), one.asnumpy(), rtol=1e-3, atol=1e-4)


def test_the_layers_export(tmp_path: Path):
    """ONNX takes any batch; what the exporter wrote as padding is (top, left, bottom, right)."""
    net = Layers().set_train(False)
    path, size = tmp_path / "m.onnx", (12, 24)
    inputs, outputs = [TensorSpec("x", (3, *size))], [TensorSpec("y", (1, *size))]
    assert export_onnx(net, inputs, outputs, path, {}, {}) == ("N",)
    ms.export(net, ms.Tensor(random_map(2, 3, *size)), file_name=str(tmp_path / "m"), file_format="MINDIR")
    x = random_map(2, 3, *size)
    expected = net(ms.Tensor(x)).asnumpy()
    for run in (onnx_runner(path), mindir_runner(tmp_path / "m.mindir")):
        np.testing.assert_allclose(run(x)[0], expected, atol=1e-6)
    np.testing.assert_allclose(onnx_runner(path)(x[:1])[0], expected[:1], atol=1e-6)


def test_half_precision_runs_and_is_near():
    full, half = Layers(), Layers()
    for mine, other in zip(full.get_parameters(), half.get_parameters(), strict=True):
        other.set_data(mine)
    x = ms.Tensor(random_map(1, 3, 12, 24))
    expected, found = full(x).asnumpy(), half.to_float(ms.float16)(x).asnumpy()
    assert np.abs(found - expected).max() < 1e-2 * np.abs(expected).max()
