# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Convolutions, transposed ones and enlargements in ONNX Runtime against MindSpore, at sizes of their own."""
from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
import onnx
import pytest
from mindspore import nn, ops

from src.deploy.onnx_export import export_onnx
from src.deploy.onnx_rewrite import exporting
from src.deploy.runtimes import mindir_runner, onnx_runner
from src.graph import TensorSpec
from src.layers.resize import BilinearUpsample
from src.prediction import network_runner

SHAPES = [(1, 3, 6, 10), (3, 3, 14, 4)]
SIZES = {"H": 6, "W": 10, "h": 0, "w": 0}


def example(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def assert_free_and_equal(cell: nn.Cell, path: Path) -> None:
    """Export, and compare at two sizes and batch sizes that the exporter has not seen."""
    cell.set_train(False)
    inputs, outputs = (TensorSpec("x", (3, "H", "W")),), (TensorSpec("y", (3, "h", "w")),)
    free = export_onnx(cell, inputs, outputs, path, SIZES, {"H": 2, "W": 2})
    assert free == ("N", "H", "W", "h", "w")
    run, reference = onnx_runner(path), network_runner(cell)
    for shape in SHAPES:
        (found,), (expected,) = run(example(shape)), reference(example(shape))
        assert expected.std() > 0.01
        np.testing.assert_allclose(found, expected, atol=1e-5)


def transposed(kernel: int, stride: int, **options) -> nn.Conv2dTranspose:
    return nn.Conv2dTranspose(3, 3, kernel, stride=stride, weight_init="normal", **options)


@pytest.mark.parametrize("options", [
    {"pad_mode": "same"}, {"pad_mode": "same", "dilation": 2}, {"pad_mode": "same", "group": 3},
    {"pad_mode": "valid"}, {"pad_mode": "pad", "padding": 1}])
@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
def test_transposed_convolutions(tmp_path, kernel, options):
    cell = transposed(kernel, 2, **options)
    cell.weight.set_data(ms.Tensor(example(cell.weight.shape)))
    assert_free_and_equal(cell, tmp_path / "m.onnx")


@pytest.mark.parametrize("mode", ["same", "valid"])
def test_a_kernel_smaller_than_its_stride_is_refused(tmp_path, mode):
    with pytest.raises(ValueError, match="ConvTranspose.*kernel smaller than its stride"):
        assert_free_and_equal(transposed(2, 3, pad_mode=mode), tmp_path / "m.onnx")


@pytest.mark.parametrize("padding", [(1, 1, 2, 0), (2, 0, 1, 1), (0, 2, 2, 0)])
def test_convolutions_that_pad_unevenly(tmp_path, padding):
    cell = nn.Conv2d(3, 3, 3, pad_mode="pad", padding=padding, weight_init="normal")
    cell.weight.set_data(ms.Tensor(example(cell.weight.shape)))
    assert_free_and_equal(cell, tmp_path / "m.onnx")


class Nearest(nn.Cell):
    """Enlarges by a factor for each axis."""

    def construct(self, x):
        return ops.ResizeNearestNeighbor((3 * x.shape[2], 2 * x.shape[3]))(x)


def test_nearest_enlarging_by_whole_factors(tmp_path):
    assert_free_and_equal(Nearest(), tmp_path / "m.onnx")


class Shrunk(nn.Cell):
    """Its factor is no whole number."""

    def construct(self, x):
        return ops.ResizeNearestNeighbor((x.shape[2] // 2, x.shape[3]))(x)


def test_nearest_resizing_by_other_factors_holds_its_size(tmp_path):
    inputs, outputs = (TensorSpec("x", (3, "H", "W")),), (TensorSpec("y", (3, "h", "W")),)
    cell, path = Shrunk(), tmp_path / "m.onnx"
    assert export_onnx(cell, inputs, outputs, path, {"H": 6, "W": 10, "h": 3}, {"H": 2, "W": 2}) == ()
    x = example((1, 3, 6, 10))
    np.testing.assert_array_equal(onnx_runner(path)(x)[0], network_runner(cell)(x)[0])


class Pyramid(nn.Cell):
    """Three enlargements: of a half, of the whole, one on the other; and nearest beside."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, stride=2, pad_mode="same", weight_init="normal")
        self.twice = BilinearUpsample(2)
        self.thrice = BilinearUpsample(3)
        self.sixfold = BilinearUpsample(6)

    def construct(self, x):
        half = self.conv(x)
        nearest = ops.ResizeNearestNeighbor((3 * x.shape[2], 3 * x.shape[3]))(x)
        return self.thrice(self.twice(half)) + self.sixfold(ops.relu(half)) + nearest


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_bilinear_enlarging(tmp_path, factor):
    assert_free_and_equal(BilinearUpsample(factor), tmp_path / "m.onnx")


def test_bilinear_and_nearest_side_by_side(tmp_path):
    assert_free_and_equal(Pyramid(), tmp_path / "m.onnx")
    nodes = onnx.load(tmp_path / "m.onnx").graph.node
    modes = [next((a.s for a in node.attribute if a.name == "mode"), b"nearest")
             for node in nodes if node.op_type == "Resize"]
    assert sorted(modes) == [b"linear"] * 3 + [b"nearest"]
    assert not [node for node in nodes if node.op_type == "Constant"]  # the sizes that were


def test_the_network_is_itself_again_after_the_export(tmp_path):
    """MindSpore keeps compiled networks: neither it nor a MindIR file may hold the exporter's stand-in."""
    cell, x = Pyramid(), example((1, 3, 6, 10))
    compiled = ms.jit(cell)
    before = compiled(ms.Tensor(x)).asnumpy()
    assert_free_and_equal(cell, tmp_path / "m.onnx")
    np.testing.assert_array_equal(network_runner(cell)(x)[0], before)
    np.testing.assert_array_equal(compiled(ms.Tensor(x)).asnumpy(), before)
    ms.export(cell, ms.Tensor(x), file_name=str(tmp_path / "m.mindir"), file_format="MINDIR")
    np.testing.assert_array_equal(mindir_runner(tmp_path / "m.mindir")(x)[0], before)


def test_the_network_is_itself_again_after_a_failure():
    cell = Pyramid()
    with pytest.raises(RuntimeError), exporting(cell):
        assert cell.twice.exporting
        raise RuntimeError
    assert not (cell.twice.exporting or cell.thrice.exporting or cell.sixfold.exporting)
