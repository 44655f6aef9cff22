# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A small network with all that is hard to convert. These made its files in tests/deploy/data:

.venv/bin/python -m tests.deploy.tiny_net export tests/deploy/data
.venv-tflite/bin/python -m tests.deploy.tiny_net convert tests/deploy/data
rm -r tests/deploy/data/SavedModel
"""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from src.graph import Model, TensorSpec, Wire

DATA = Path(__file__).parent / "data"
SIZE = (8, 16)
# TFLite knows nothing of the order of tensors; in the alphabet it is another one.
MODEL = Model("tiny", "FinalTinyNet", (Wire("image", "input:image"), Wire("coarse", "input:coarse")),
              (TensorSpec("depth", (1, *SIZE)), TensorSpec("confidence", (4, *SIZE))))


def samples(count: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return inputs in the model's order."""
    rng = np.random.default_rng(seed)
    return [(rng.random((1, 3, *SIZE), np.float32), rng.random((1, 1, *SIZE), np.float32))
            for _ in range(count)]


def export(folder: Path) -> None:
    """Write the ONNX file."""
    import mindspore as ms
    from mindspore import nn, ops

    from src.deploy.onnx_export import export_onnx
    from src.layers.circular import CircularUpsample
    from src.layers.inverted_residual import ConvNorm, FusedInvertedResidual

    class TinyNet(nn.Cell):
        def __init__(self):
            super().__init__()
            self.stem = ConvNorm(4, 8, 3, stride=2)
            self.block = FusedInvertedResidual(8, 8, 1, 2)
            self.up = CircularUpsample(2)
            self.head = ConvNorm(8, 1, 3, activate=False)
            self.mix = ConvNorm(8, 4, 1)

        def construct(self, image, coarse):
            x = self.block(self.stem(ops.concat((image, coarse), 1)))
            return ops.exp(ops.sigmoid(self.up(self.head(x)))), self.up(self.mix(x))

    ms.set_seed(0)
    net = TinyNet().set_train()
    for inputs in samples(30, seed=1):  # statistics of its inputs
        net(*map(ms.Tensor, inputs))
    inputs = [TensorSpec("image", (3, *SIZE)), TensorSpec("coarse", (1, *SIZE))]
    export_onnx(net.set_train(False), inputs, MODEL.outputs, folder / f"{MODEL.file}.onnx", {}, {})


def convert(folder: Path, tolerance: float = 1e-5) -> None:
    """Write TFLite files and a SavedModel beside the ONNX file, calibrated on samples that no test uses."""
    from src.deploy.tflite import convert

    for line in convert(folder / f"{MODEL.file}.onnx", MODEL, samples(20, seed=2), True, folder, tolerance):
        print(line)


if __name__ == "__main__":
    {"export": export, "convert": convert}[sys.argv[1]](Path(sys.argv[2]))
