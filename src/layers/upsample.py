# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Up-sampling blocks that train on every backend and export to ONNX."""
from __future__ import annotations

from mindspore import Parameter, nn, ops
from mindspore.common.initializer import HeUniform, initializer


class UpConv2x2(nn.Cell):
    """Transposed 2x2 convolution with stride 2, computed as a 1x1 convolution and a pixel shuffle.

    Parameters have the names and shapes of `nn.Conv2dTranspose(kernel_size=2, stride=2)`, so its checkpoints
    load; unlike that cell it exports to ONNX (MindSpore's exporter writes a ConvTranspose that ONNX Runtime
    rejects), and with a dynamic batch.

    Inputs:
        x (N, in_channels, H, W).

    Outputs:
        (N, out_channels, 2H, 2W).
    """

    def __init__(self, in_channels: int, out_channels: int, has_bias: bool = True):
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        shape = (in_channels, out_channels, 2, 2)
        self.weight = Parameter(initializer(HeUniform(), shape), name="weight")
        self.bias = Parameter(initializer("zeros", (out_channels,)), name="bias") if has_bias else None

    def construct(self, x):
        """Scatter each input pixel into a 2x2 block: out[2i+a, 2j+b] = sum_c x[c, i, j] w[c, :, a, b]."""
        kernel = self.weight.transpose((1, 2, 3, 0)).reshape((4 * self.out_channels, self.in_channels, 1, 1))
        blocks = ops.conv2d(x, kernel.astype(x.dtype))  # float16 under O2
        out = ops.pixel_shuffle(blocks, 2)
        return out if self.bias is None else out + self.bias.reshape((1, -1, 1, 1)).astype(x.dtype)
