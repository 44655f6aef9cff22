# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What panodepth's encoder costs with other blocks: `python -m benchmarks.panodepth_blocks`.

Encoders of about the same number of products, in the same network: size, an image of 512x256 in ONNX Runtime
in float32 and int8, and a training step (L1, Adam) compiled and eager. Times are processor times of all
threads, the least of some repetitions: other programs on the machine do not count, and two cores that share
the work evenly take half.
"""
from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import mindspore as ms
import numpy as np
import onnx
import onnxruntime
from mindspore import nn, ops
from mindspore.common.initializer import HeNormal

from benchmarks.measuring import environment
from src.deploy.onnx_export import export_onnx
from src.deploy.quantize import quantize
from src.errors import run_command
from src.graph import TensorSpec
from src.layers.circular import CircularConv2d
from src.layers.inverted_residual import ConvNorm
from src.layers.resnet import batch_norm
from src.panodepth.net import BACKBONES, MobileEncoder, PanoNet

FULL_HW, SIZES_HW = (256, 512), ((128, 256), (256, 512))
BATCH = 4


class InvertedResidual(nn.Cell):
    """MobileNetV2's block (Sandler et al. 2018): 1x1, depthwise 3x3, 1x1."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int):
        super().__init__()
        inner = expansion * in_channels
        self.expand = ConvNorm(in_channels, inner, 1)
        self.depthwise = CircularConv2d(inner, inner, 3, stride, group=inner,
                                        weight_init=HeNormal(nonlinearity="relu"))
        self.norm = batch_norm(inner)
        self.project = ConvNorm(inner, out_channels, 1, activate=False)
        self.residual = stride == 1 and in_channels == out_channels

    def construct(self, x):
        y = self.project(ops.relu(self.norm(self.depthwise(self.expand(x)))))
        return x + y if self.residual else y


class DepthwiseEncoder(MobileEncoder):
    """Depthwise blocks in all stages."""

    plain_stages = 0
    blocks, expansion = (2, 2, 4, 3), 6

    def __init__(self):
        super().__init__()
        stages = [self.stage1, self.stage2, self.stage3, self.stage4]
        for i in range(self.plain_stages, 4):
            below, channels = self.channels[i:i + 2]
            stages[i] = nn.SequentialCell([
                InvertedResidual(channels if block else below, channels, 1 if block else 2, self.expansion)
                for block in range(self.blocks[i])])
        self.stage1, self.stage2, self.stage3, self.stage4 = stages


class MixedEncoder(DepthwiseEncoder):
    """Fused blocks in the two early stages, depthwise ones in the late, small ones."""

    plain_stages = 2
    blocks, expansion = (0, 0, 3, 3), 4


VARIANTS = {"fused (chosen)": MobileEncoder, "fused, then depthwise": MixedEncoder,
            "depthwise": DepthwiseEncoder}


def main(argv: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.panodepth_blocks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="of each step (default: 5)")
    repeats = parser.parse_args(argv).repeats
    print(environment())
    for name, encoder in VARIANTS.items():
        with mock.patch.dict(BACKBONES, {name: (encoder, BACKBONES["mobile"][1])}):
            print(name, _sizes(PanoNet(name)), flush=True)
            for image_hw in SIZES_HW:
                for compiled in (True, False):
                    seconds = _train_seconds(PanoNet(name), image_hw, compiled, repeats)
                    print(f"  {'compiled' if compiled else 'eager'} step, {BATCH} images of "
                          f"{image_hw[1]}x{image_hw[0]}: {seconds:.2f} s", flush=True)


def _least(run: Callable[[], object], repeats: int) -> float:
    """Return the least processor time in seconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def _sizes(net: PanoNet) -> dict[str, float]:
    """Return the numbers of parameters and products, and the times of ONNX Runtime in one thread."""
    parameters = sum(p.size for p in net.trainable_params())
    with tempfile.TemporaryDirectory() as folder:
        plain, int8 = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        export_onnx(net.set_train(False), [TensorSpec("image", (3, *FULL_HW))],
                    [TensorSpec("depth", (1, *FULL_HW))], plain, {}, {})
        quantize(plain, int8, [(_random(1, 3, *FULL_HW),)])
        return {"million parameters": parameters / 1e6, "giga multiply-adds": multiply_adds(plain) / 1e9,
                "float32 ms": _onnx_ms(plain), "int8 ms": _onnx_ms(int8),
                "int8 / float32 size": int8.stat().st_size / plain.stat().st_size}


def multiply_adds(path: Path) -> int:
    """Count the products of a file's convolutions for one image."""
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
              for value in graph.value_info}
    weights = {value.name: value.dims for value in graph.initializer}
    return sum(int(np.prod(shapes[node.output[0]]) * np.prod(weights[node.input[1]][1:]))
               for node in graph.node if node.op_type == "Conv")


def _onnx_ms(path: Path) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    image = _random(1, 3, *FULL_HW)
    return 1e3 * _least(lambda: session.run(None, {"image": image}), 40)


def _train_seconds(net: PanoNet, image_hw: tuple[int, int], compiled: bool, repeats: int) -> float:
    """Return the least time of a training step after the first two."""
    net.set_train()
    optimizer = nn.Adam(net.trainable_params(), 1e-3)
    image, truth = ms.Tensor(_random(BATCH, 3, *image_hw)), ms.Tensor(_random(BATCH, 1, *image_hw) * 5)

    def loss(image, truth):
        return ops.abs(net(image) - truth).mean()

    gradient = ms.value_and_grad(loss, None, optimizer.parameters)

    def step(image, truth):
        value, gradients = gradient(image, truth)
        return ops.depend(value, optimizer(gradients))

    run = ms.jit(step) if compiled else step
    for _ in range(2):
        run(image, truth).asnumpy()
    return _least(lambda: run(image, truth).asnumpy(), repeats)


if __name__ == "__main__":
    sys.exit(run_command(main))
