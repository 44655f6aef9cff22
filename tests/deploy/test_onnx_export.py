# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The free batch size, and when it stays fixed; the names."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import onnx
import onnxruntime
import pytest
from mindspore import nn, ops

from src.deploy.export import _difference
from src.deploy.onnx_export import export_onnx
from src.deploy.runtimes import onnx_runner
from src.graph import TensorSpec
from src.prediction import network_runner

X, Y = TensorSpec("x", (4, 6)), TensorSpec("y", (4, 6))


class Reshapes(nn.Cell):
    """The batch size stands in the shape of its reshapes."""

    def construct(self, x):
        return ops.relu(x.reshape((-1, 24)) * 2).reshape((x.shape[0], 4, 6))


class Scaled(nn.Cell):
    """What it computes depends on the batch size."""

    def construct(self, x):
        return x * ops.ones((x.shape[0], 1, 1), ms.float32) * float(x.shape[0])


class Pairs(nn.Cell):
    """A size in a reshape follows the batch, but not in proportion: -1 would be wrong."""

    def construct(self, x):
        doubled = ops.concat((x, x[:1]), 0).reshape((x.shape[0] + 1, 24))
        return doubled[1:].reshape((-1, 4, 6))


class Named(nn.Cell):
    """A parameter has the name of an input of the graph."""

    def __init__(self):
        super().__init__()
        self.y = ms.Parameter(np.full((4, 6), 3, np.float32), name="y")

    def construct(self, image):
        return image + self.y


class Two(nn.Cell):
    """An integer input, two outputs."""

    def construct(self, x, labels):
        chosen = labels.astype(ms.float32)
        return x * chosen, x - chosen


def exported(cell: nn.Cell, path, inputs=(X,), outputs=(Y,)) -> tuple[tuple[str, ...], onnx.ModelProto]:
    free = export_onnx(cell, inputs, outputs, path, {}, {})
    return free, onnx.load(path)


def batches_of(model: onnx.ModelProto) -> set[object]:
    first = [value.type.tensor_type.shape.dim[0] for value in (*model.graph.input, *model.graph.output)]
    return {dim.dim_param or dim.dim_value for dim in first}


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_reshapes_follow_any_batch(tmp_path, batch):
    free, model = exported(Reshapes(), tmp_path / "m.onnx")
    assert free and batches_of(model) == {"N"}
    x = np.random.default_rng(0).normal(size=(batch, 4, 6)).astype(np.float32)
    np.testing.assert_array_equal(onnx_runner(tmp_path / "m.onnx")(x)[0], 2 * np.maximum(x, 0))


@pytest.mark.parametrize("cell", [Scaled, Pairs])
def test_a_net_that_computes_with_its_batch_size_is_exported_for_one(tmp_path, cell):
    free, model = exported(cell(), tmp_path / "m.onnx")
    assert not free and batches_of(model) == {1}
    x = np.random.default_rng(0).normal(size=(1, 4, 6)).astype(np.float32)
    np.testing.assert_array_equal(onnx_runner(tmp_path / "m.onnx")(x)[0], x)


def test_the_graphs_names_win_over_names_inside(tmp_path):
    exported(Named(), tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert [v.name for v in session.get_inputs()] == ["x"]
    (y,) = session.run(["y"], {"x": np.ones((1, 4, 6), np.float32)})
    np.testing.assert_array_equal(y, np.full((1, 4, 6), 4))


def test_integers_and_several_outputs(tmp_path):
    labels = TensorSpec("labels", (4, 6), "int32")
    outputs = (TensorSpec("product", (4, 6)), TensorSpec("difference", (4, 6)))
    free, _ = exported(Two(), tmp_path / "m.onnx", (X, labels), outputs)
    x, values = np.full((3, 4, 6), 1.5, np.float32), np.arange(72, dtype=np.int32).reshape(3, 4, 6)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert free
    assert {v.name: v.type for v in session.get_inputs()} == {"x": "tensor(float)", "labels": "tensor(int32)"}
    product, difference = session.run(["product", "difference"], {"x": x, "labels": values})
    np.testing.assert_array_equal(product, x * values)
    np.testing.assert_array_equal(difference, x - values)


def dims_of(model: onnx.ModelProto) -> list[list[int | str]]:
    return [[dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
            for value in (*model.graph.input, *model.graph.output)]


class Doubling(nn.Cell):
    """Holds no size."""

    def construct(self, x):
        return ops.relu(x) + x


class Convolution(nn.Cell):
    """Fully convolutional; needs an even height and a width divisible by 4."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, stride=(2, 4), pad_mode="same", weight_init="normal")

    def construct(self, x):
        return self.conv(x)


class Flattening(nn.Cell):
    """Height and width stand in one reshape, beside each other."""

    def construct(self, x):
        n, c, h, w = x.shape
        return ops.softmax(x.reshape((n, c * h * w)), -1).reshape((n, c, h, w))


FREE = TensorSpec("x", (2, "H", "W"))


def test_named_dimensions_are_left_free(tmp_path):
    path = tmp_path / "m.onnx"
    out = TensorSpec("y", (2, "H", "W"))
    assert export_onnx(Doubling(), (FREE,), (out,), path, {"H": 480, "W": 640}, {}) == ("N", "H", "W")
    assert dims_of(onnx.load(path)) == [["N", 2, "H", "W"]] * 2
    run = onnx_runner(path)
    for shape in ((1, 2, 5, 7), (3, 2, 1, 64)):
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        np.testing.assert_allclose(run(x)[0], np.maximum(x, 0) + x)


@pytest.mark.parametrize("shape", [(1, 2, 6, 8), (3, 2, 20, 4)])
def test_a_convolution_follows_the_sizes(tmp_path, shape):
    cell, path = Convolution(), tmp_path / "m.onnx"
    outputs, sizes = (TensorSpec("y", (3, "h", "w")),), {"H": 24, "W": 32, "h": 12, "w": 8}
    free = export_onnx(cell, (FREE,), outputs, path, sizes, {"H": 2, "W": 4})
    assert free == ("N", "H", "W", "h", "w")
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(onnx_runner(path)(x)[0], network_runner(cell)(x)[0], atol=1e-5)


def test_named_dimensions_that_the_file_holds_are_fixed(tmp_path):
    path = tmp_path / "m.onnx"
    out = TensorSpec("y", (2, "H", "W"))
    assert export_onnx(Flattening(), (FREE,), (out,), path, {"H": 4, "W": 6}, {"H": 2}) == ("N",)
    assert dims_of(onnx.load(path)) == [["N", 2, 4, 6]] * 2
    x = np.random.default_rng(0).normal(size=(5, 2, 4, 6)).astype(np.float32)
    weights = np.exp(x) / np.exp(x).sum((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(onnx_runner(path)(x)[0], weights, rtol=1e-5)


def test_difference_is_relative_to_the_networks_largest_value():
    reference = network_runner(Reshapes())

    def off(x):
        (y,) = reference(x)
        return (y + np.eye(4, 6, dtype=np.float32) * np.float32(0.01) * y.max(),)

    assert _difference(reference, reference, (X,), (Y,), 2, {}) == 0
    assert _difference(reference, off, (X,), (Y,), 2, {}) == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize("specs", [(TensorSpec("y", (4, 7)),), (Y, Y), ()])
def test_outputs_other_than_the_graphs_are_a_bug_of_the_method(specs):
    reference = network_runner(Reshapes())
    with pytest.raises(ValueError, match="the graph says"):
        _difference(reference, reference, (X,), specs, 2, {})
