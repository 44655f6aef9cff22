# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Inverted residuals, the blocks of mobile networks, padded around the width for panorama images."""
from __future__ import annotations

from mindspore import nn, ops
from mindspore.common.initializer import HeNormal

from src.layers.circular import CircularConv2d
from src.layers.resnet import batch_norm


class ConvNorm(nn.Cell):
    """Circular convolution without bias, batch normalization, and ReLU unless `activate` is False.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: odd size.
        stride: along both axes.
        activate: end with the ReLU.

    Inputs:
        x (N, in_channels, H, W).

    Outputs:
        (N, out_channels, ceil(H / stride), W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1,
                 activate: bool = True):
        super().__init__()
        self.conv = CircularConv2d(in_channels, out_channels, kernel, stride,
                                   weight_init=HeNormal(nonlinearity="relu"))
        self.norm = batch_norm(out_channels)
        self.activate = activate

    def construct(self, x):
        """Convolve, normalise, activate."""
        x = self.norm(self.conv(x))
        return ops.relu(x) if self.activate else x


class FusedInvertedResidual(nn.Cell):
    """Expand the channels by a 3x3 convolution, project them by a 1x1 one; add the input where shapes agree.

    The fused form (EfficientNetV2: Tan and Le 2021) of MobileNetV2's block (Sandler et al. 2018), whose 1x1
    and depthwise 3x3 convolutions became one plain 3x3: more products a channel, but two passes over the wide
    map instead of three. The projection has no activation.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        stride: of the 3x3 convolution.
        expansion: factor on `in_channels` for the channels between the convolutions.

    Inputs:
        x (N, in_channels, H, W).

    Outputs:
        (N, out_channels, ceil(H / stride), W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, expansion: int = 2):
        super().__init__()
        self.expand = ConvNorm(in_channels, expansion * in_channels, 3, stride)
        self.project = ConvNorm(expansion * in_channels, out_channels, 1, activate=False)
        self.residual = stride == 1 and in_channels == out_channels

    def construct(self, x):
        """Apply the block."""
        y = self.project(self.expand(x))
        return x + y if self.residual else y
