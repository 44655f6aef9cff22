# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's network: a mobile-class encoder-decoder whose maps close around the width.

The source's network is unknown; this one is ours. docs/panodepth_network.md holds the measurements behind its
choices.
"""
from __future__ import annotations

import math

from mindspore import nn, ops

from src.layers.circular import CircularConv2d, CircularUpsample
from src.layers.inverted_residual import ConvNorm, FusedInvertedResidual
from src.layers.resnet import ImageNetNormalization, ResNet50

DEPTH_RANGE_M = (0.1, 20.0)


class MobileEncoder(nn.Cell):
    """A stem and four stages of fused inverted residuals, each at half the size of the one before.

    Depthwise convolutions, which mobile networks are known for, take longer for the same number of
    products: see docs/panodepth_network.md. The last stages are the deep ones: there a block costs little,
    and sees much of the room, whose size is what depth is told by.

    Inputs:
        image (N, 3, H, W), H and W multiples of 32.

    Outputs:
        features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image's size, of `channels` channels.
    """

    channels = (16, 24, 48, 96, 192)

    def __init__(self):
        super().__init__()
        half, quarter, eighth, sixteenth, last = self.channels
        self.stem = ConvNorm(3, half, 3, stride=2)
        self.stage1 = _stage(half, quarter, expansion=3)
        self.stage2 = _stage(quarter, eighth, expansion=3)
        self.stage3 = _stage(eighth, sixteenth, expansion=2, blocks=3)
        self.stage4 = _stage(sixteenth, last, expansion=2, blocks=5)

    def construct(self, image):
        """Encode."""
        half = self.stem(image)
        quarter = self.stage1(half)
        eighth = self.stage2(quarter)
        sixteenth = self.stage3(eighth)
        return half, quarter, eighth, sixteenth, self.stage4(sixteenth)


def _stage(in_channels: int, channels: int, expansion: int, blocks: int = 2) -> nn.SequentialCell:
    more = [FusedInvertedResidual(channels, channels, 1, expansion) for _ in range(blocks - 1)]
    return nn.SequentialCell(FusedInvertedResidual(in_channels, channels, 2, expansion), *more)


class ResNetEncoder(ResNet50):
    """ResNet-50 with circular padding; it also gives its stem's features. Outputs as `MobileEncoder`'s."""

    def __init__(self):
        super().__init__(circular=True)
        self.normalize = ImageNetNormalization()  # pre-trained weights expect it
        self.channels = (self.conv1.out_channels, *self.channels)

    def construct(self, image):
        """Encode."""
        half = self.stem(self.normalize(image))
        return (half, *self.stages(half))


# Encoder, and the decoder's channels at 1/16, 1/8, 1/4 and 1/2 of the image's size.
BACKBONES = {"mobile": (MobileEncoder, (96, 48, 32, 16)),
             "resnet50": (ResNetEncoder, (256, 128, 64, 32))}


class DecoderStep(nn.Cell):
    """Enlarge features, add the encoder's of that size, and mix them by a 3x3 convolution.

    Both are brought to `out_channels` by 1x1 convolutions, the coarse ones before they are enlarged.

    Inputs:
        x (N, channels, H, W), skip (N, skip_channels, 2H, 2W).

    Outputs:
        (N, out_channels, 2H, 2W).
    """

    def __init__(self, channels: int, skip_channels: int, out_channels: int):
        super().__init__()
        self.reduce = ConvNorm(channels, out_channels, 1, activate=False)
        self.up = CircularUpsample(2)
        self.skip = ConvNorm(skip_channels, out_channels, 1, activate=False)
        self.mix = ConvNorm(out_channels, out_channels, 3)

    def construct(self, x, skip):
        """Enlarge and merge."""
        return self.mix(ops.relu(self.up(self.reduce(x)) + self.skip(skip)))


class PanoNet(nn.Cell):
    """Panorama -> depth.

    Depth is low * (high / low) ** sigmoid(x) of the last convolution's output x: positive, within the range
    whatever x is, of the same relative precision near and far. x is made at half the image's size and
    enlarged bilinearly. Rolling the image by a multiple of `stride` columns rolls the depth.

    Args:
        backbone: "mobile" or "resnet50".
        depth_range_m: lowest and highest depth.

    Inputs:
        image (N, 3, H, W) RGB in [0, 1], equirectangular, H and W multiples of `stride`.

    Outputs:
        depth (N, 1, H, W) in metres, within `depth_range_m`.

    Raises:
        ValueError: the backbone is unknown.
    """

    stride = 32

    def __init__(self, backbone: str = "mobile", depth_range_m: tuple[float, float] = DEPTH_RANGE_M):
        super().__init__()
        if backbone not in BACKBONES:
            raise ValueError(f"backbone {backbone!r} is none of {', '.join(BACKBONES)}")
        make_encoder, channels = BACKBONES[backbone]
        self.encoder = make_encoder()
        half, quarter, eighth, sixteenth, last = self.encoder.channels
        self.step1 = DecoderStep(last, sixteenth, channels[0])
        self.step2 = DecoderStep(channels[0], eighth, channels[1])
        self.step3 = DecoderStep(channels[1], quarter, channels[2])
        self.step4 = DecoderStep(channels[2], half, channels[3])
        self.head = CircularConv2d(channels[3], 1, 3, has_bias=True)
        self.up = CircularUpsample(2)
        low, high = depth_range_m
        self.log_low = math.log(low)
        self.log_span = math.log(high / low)

    def construct(self, image):
        """Predict depth."""
        half, quarter, eighth, sixteenth, last = self.encoder(image)
        x = self.step1(last, sixteenth)                         # (N, 96, H/16, W/16) with the mobile backbone
        x = self.step2(x, eighth)                               # (N, 48, H/8, W/8)
        x = self.step3(x, quarter)                              # (N, 32, H/4, W/4)
        x = self.step4(x, half)                                 # (N, 16, H/2, W/2)
        x = self.up(self.head(x))
        return ops.exp(self.log_low + self.log_span * ops.sigmoid(x))
