# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Quantized files: what is in them, how near they are to their source, and what is refused."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mindspore as ms
import numpy as np
import onnx
import pytest
from mindspore import nn, ops
from onnx import helper, numpy_helper

from src.deploy.onnx_export import export_onnx
from src.deploy.quantize import quantize
from src.deploy.runtimes import onnx_runner
from src.errors import UserError
from src.graph import TensorSpec
from src.layers.inverted_residual import ConvNorm, FusedInvertedResidual

SIZE = (12, 16)


class Net(nn.Cell):
    """What panodepth's network is made of: convolutions, sums, a wrapped width, a curve at the end."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNorm(3, 32, 3, stride=2)
        self.block = FusedInvertedResidual(32, 32, expansion=3)
        self.depthwise = nn.Conv2d(32, 32, 3, pad_mode="same", group=32)
        self.head = nn.Conv2d(32, 1, 3, pad_mode="same", has_bias=True, weight_init="normal")

    def construct(self, image):
        return ops.exp(ops.sigmoid(self.head(self.depthwise(self.block(self.stem(image))))))


def images(count: int, batch: int = 2, seed: int = 0) -> Iterator[tuple[np.ndarray]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield (rng.random((batch, 3, *SIZE), np.float32),)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A net whose layers neither die nor explode, with statistics of its images."""
    ms.set_seed(0)
    net, path = Net().set_train(), tmp_path_factory.mktemp("onnx") / "net.onnx"
    for (image,) in images(30):
        net(ms.Tensor(image))
    net.head.weight.set_data(net.head.weight * 20)
    output = TensorSpec("depth", (1, SIZE[0] // 2, SIZE[1] // 2))
    export_onnx(net.set_train(False), [TensorSpec("image", (3, *SIZE))], [output], path, {}, {})
    return path


@pytest.fixture(scope="module")
def quantized(source) -> Path:
    path = source.with_name("net_int8.onnx")
    assert quantize(source, path, images(8)) == 8
    return path


def made_by(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def weights_of(model: onnx.ModelProto) -> dict[str, list[np.ndarray]]:
    """Return the values, scales and zero points behind the weights of each convolution."""
    values = {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}
    makers, found = made_by(model), {}
    for node in model.graph.node:
        if node.op_type == "Conv":
            maker = makers.get(node.input[1])
            found[node.name] = [values[name] for name in (maker.input if maker else node.input[1:2])]
    return found


def test_outputs_are_near_on_other_images(source, quantized):
    for (image,) in images(4, batch=3, seed=1):
        (expected,), (found,) = onnx_runner(source)(image), onnx_runner(quantized)(image)
        assert found.shape == expected.shape and found.dtype == np.float32
        assert expected.std() > 0.1
        assert 0 < np.sqrt(((found - expected)**2).mean()) < 0.1 * expected.std()


def test_convolutions_are_integers_except_the_last(quantized):
    model = onnx.load(quantized)
    *inner, last = weights_of(model).values()
    assert len(inner) == 4 and len(last) == 1 and last[0].dtype == np.float32
    for weight, scale, zero in inner:
        assert weight.dtype == np.int8 and not zero.any()
        assert scale.shape == weight.shape[:1] == zero.shape and len(set(scale)) > 1
        assert np.abs(weight.astype(int)).max() == 127
    makers = made_by(model)
    values = {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv":
            assert makers[node.input[0]].op_type == "DequantizeLinear"  # the last takes what was quantized
        if node.op_type == "QuantizeLinear":
            assert values[node.input[2]].dtype == np.uint8
    tail = [node.op_type for node in model.graph.node[-4:]]
    assert "QuantizeLinear" not in tail and {"Sigmoid", "Exp"} <= set(tail)
    assert not [node for node in model.graph.node if node.op_type == "BatchNormalization"]


def test_inputs_and_outputs_are_the_sources(source, quantized):
    for kind in ("input", "output"):
        one, other = (getattr(onnx.load(path).graph, kind) for path in (source, quantized))
        assert [v.SerializeToString() for v in one] == [v.SerializeToString() for v in other]


def test_ranges_are_those_of_the_samples(source, tmp_path):
    """A file that saw darkness only takes every brighter pixel for the brightest of its samples."""
    path = tmp_path / "dark.onnx"
    quantize(source, path, ((image / 4,) for (image,) in images(4)))
    run = onnx_runner(path)
    bright, brighter = (np.full((1, 3, *SIZE), value, np.float32) for value in (0.5, 1.0))
    np.testing.assert_array_equal(run(bright)[0], run(brighter)[0])
    assert np.abs(onnx_runner(source)(bright)[0] - onnx_runner(source)(brighter)[0]).max() > 1e-2


def test_weights_of_seven_bits(source, tmp_path):
    quantize(source, tmp_path / "m.onnx", images(2), reduce_range=True)
    for weight, *_ in list(weights_of(onnx.load(tmp_path / "m.onnx")).values())[:-1]:
        assert np.abs(weight.astype(int)).max() == 64


def test_no_samples_are_refused_and_leave_no_file(source, tmp_path):
    with pytest.raises(UserError, match="without samples"):
        quantize(source, tmp_path / "m.onnx", iter(()))
    assert not list(tmp_path.iterdir())


def test_what_is_no_onnx_file_is_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    for name in ("text.onnx", "absent.onnx"):
        with pytest.raises(UserError, match=f"{name} cannot be read as ONNX"):
            quantize(tmp_path / name, tmp_path / "m.onnx", images(1))


class Dense(nn.Cell):
    """A convolution, and dense layers, which hold most of the weights."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 3, pad_mode="same")
        self.hidden = nn.Dense(SIZE[0] * SIZE[1], 64)
        self.out = nn.Dense(64, SIZE[0] * SIZE[1])

    def construct(self, image):
        x = ops.relu(self.hidden(self.conv(image).reshape((-1, SIZE[0] * SIZE[1]))))
        return self.out(x).reshape((-1, 1, *SIZE))


def test_dense_layers_multiply_integers_and_give_any_number(tmp_path):
    ms.set_seed(0)
    source, path = tmp_path / "dense.onnx", tmp_path / "dense_int8.onnx"
    image, depth = (TensorSpec(name, (count, *SIZE)) for name, count in (("image", 3), ("depth", 1)))
    export_onnx(Dense().set_train(False), [image], [depth], source, {}, {})
    quantize(source, path, images(8))
    assert path.stat().st_size < 0.4 * source.stat().st_size
    model = onnx.load(path)
    makers = made_by(model)
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            assert [makers[name].op_type for name in node.input[:2]] == ["DequantizeLinear"] * 2
    assert [node.op_type for node in model.graph.node[-2:]] == ["Gemm", "Reshape"]
    ((values,),) = images(1, batch=3, seed=1)
    (expected,), (found,) = onnx_runner(source)(values), onnx_runner(path)(values)
    assert 0 < np.sqrt(((found - expected)**2).mean()) < 0.1 * expected.std()
    assert len(np.unique(found)) > 256


def test_a_file_without_layers_is_refused(tmp_path):
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, *SIZE]) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.save(model, tmp_path / "relu.onnx")
    with pytest.raises(UserError, match="no convolution or dense layer"):
        quantize(tmp_path / "relu.onnx", tmp_path / "m.onnx", images(1))
