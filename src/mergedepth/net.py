# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth's network: a ResNet-50 encoder and a decoder of up-projections; one for each view."""
from __future__ import annotations

import math

from mindspore import nn, ops
from mindspore.common.initializer import HeUniform

from src.layers.resnet import ImageNetNormalization, ResNet50, batch_norm, conv
from src.layers.upproject import FastUnpoolConv5x5, UpProject
from src.layers.upsample import UpConv2x2

UPSAMPLING = ("deconv", "unpool")
# The framework's of the source. A start by the one output channel (fan-out) would saturate the sigmoid.
_TORCH_START = HeUniform(negative_slope=math.sqrt(5), mode="fan_in", nonlinearity="leaky_relu")


class DecoderStep(nn.Cell):
    """Enlarge features, and those of the encoder that join them, and project their sum to half the channels.

    Args:
        channels: of the input.
        skip_channels: of the encoder's features; 0 where none join.
        upsampling: "deconv" enlarges both by transposed 2x2 convolutions, as the source does; "unpool" adds
            them first, the encoder's after a 1x1 convolution, and unpools the sum, as Laina et al. do. (What
            it computes is "deconv" with kernels that are zero but at the top left.)

    Inputs:
        x (N, channels, H, W), skip (N, skip_channels, H, W) or None.

    Outputs:
        (N, channels / 2, 2H, 2W).
    """

    def __init__(self, channels: int, skip_channels: int, upsampling: str):
        super().__init__()
        learned = upsampling == "deconv"
        self.up = UpConv2x2(channels, channels, has_bias=False) if learned else nn.Identity()
        self.skip = None
        if skip_channels:
            self.skip = (UpConv2x2(skip_channels, channels, has_bias=False) if learned
                         else conv(skip_channels, channels, 1))
        self.project = (UpProject(channels, channels // 2) if learned
                        else UpProject(channels, channels // 2, first=FastUnpoolConv5x5))

    def construct(self, x, skip=None):
        """Enlarge and project."""
        x = self.up(x)
        if skip is not None:
            x = x + self.skip(skip)
        return self.project(x)


class MergeNet(nn.Cell):
    """One view's network: its picture -> depth as a part of the largest depth.

    71,886,080 trained parameters at half scale and width 1, as published; 64,251,136 with unpooling.

    Args:
        fullscale: predict at the image's size (a fifth step in the decoder) instead of half of it.
        width: times all numbers of channels, 1 as published; see `ResNet50`.
        upsampling: "deconv" or "unpool", see `DecoderStep`.
        start: output that the network starts around, in (0, 1). The source's head has no bias, so that it
            starts at 0.5, several times as far as most of a street is; a fixed offset changes that.
        imagenet_stats: normalise the image as pre-trained encoders expect; the source does not, though its
            encoder is pre-trained.

    Inputs:
        image (N, 3, H, W) RGB in [0, 1], H and W multiples of `stride`.

    Outputs:
        depth (N, 1, H/2, W/2), or (N, 1, H, W) at full scale, in (0, 1).
    """

    stride = 32

    def __init__(self, fullscale: bool = False, width: float = 1.0, upsampling: str = "deconv",
                 start: float = 0.5, imagenet_stats: bool = False):
        super().__init__()
        if upsampling not in UPSAMPLING:
            raise ValueError(f"upsampling {upsampling!r} is none of {UPSAMPLING}")
        self.fullscale = fullscale
        self.offset = math.log(start / (1.0 - start))
        self.normalize = ImageNetNormalization() if imagenet_stats else nn.Identity()
        self.encoder = ResNet50(width)
        quarter, eighth, sixteenth, last = self.encoder.channels
        channels = last // 2
        self.reduce = nn.SequentialCell(conv(last, channels, 1), batch_norm(channels), nn.ReLU())
        self.step1 = DecoderStep(channels, 0, upsampling)
        self.step2 = DecoderStep(channels // 2, sixteenth, upsampling)
        self.step3 = DecoderStep(channels // 4, eighth, upsampling)
        self.step4 = DecoderStep(channels // 8, quarter, upsampling)
        if fullscale:
            self.step5 = DecoderStep(channels // 16, 0, upsampling)
        self.head = nn.Conv2d(channels // (32 if fullscale else 16), 1, 3, pad_mode="pad", padding=1,
                              weight_init=_TORCH_START)

    def construct(self, image):
        """Predict depth."""
        quarter, eighth, sixteenth, last = self.encoder(self.normalize(image))
        x = self.step1(self.reduce(last))                       # (N, 512, H/16, W/16)
        x = self.step2(x, sixteenth)                            # (N, 256, H/8, W/8)
        x = self.step3(x, eighth)                               # (N, 128, H/4, W/4)
        x = self.step4(x, quarter)                              # (N, 64, H/2, W/2)
        if self.fullscale:
            x = self.step5(x)                                   # (N, 32, H, W)
        return ops.sigmoid(self.head(x) + self.offset)
