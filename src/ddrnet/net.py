# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's networks: three that denoise depth, and the hypercolumn net that refines it with the grey picture.

All of them take and return depth in [-1, 1], the range that `src.ddrnet.units` maps metres to; -1 also
stands for "no reading". Height and width are free, in multiples of a net's `stride`.
"""
from __future__ import annotations

import math

from mindspore import Parameter, nn, ops
from mindspore.common.initializer import Initializer, Uniform, XavierUniform, initializer

from src.layers.resize import BilinearUpsample

_LEAK = 0.2


class LocalDifferences(Initializer):
    """Kernels that see differences between neighbours only, magnified: Xavier's minus its mean, times `gain`.

    What a depth camera gets wrong is some thousandths of the depth that the networks see. Kernels that mostly
    pass on the depth itself drown it: training has to find differences first, which takes thousands of steps.
    """

    def __init__(self, gain: float):
        super().__init__(gain=gain)
        self.gain = gain

    def _initialize(self, arr):
        XavierUniform()._initialize(arr)
        arr[:] = (arr - arr.mean(axis=(2, 3), keepdims=True)) * self.gain


# Noise of some mm, 0.004 in the networks' units, comes to the order of 0.1.
_DIFFERENCES = LocalDifferences(30.0)


def _conv(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1,
          init: str | Initializer = "xavier_uniform") -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel, stride=stride, pad_mode="same", has_bias=True,
                     weight_init=init, bias_init="zeros")


class UpConv3x3(nn.Cell):
    """Transposed 3x3 convolution with stride 2 and bias: (N, in, H, W) -> (N, out, 2H, 2W).

    The bias is a parameter of its own, since MindSpore exports a transposed convolution with bias wrongly.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv = nn.Conv2dTranspose(in_channels, out_channels, 3, stride=2, pad_mode="same",
                                       weight_init="xavier_uniform")
        self.bias = Parameter(initializer("zeros", (out_channels,)), name="bias")

    def construct(self, x):
        """Enlarge twofold."""
        return self.conv(x) + self.bias.reshape((1, -1, 1, 1)).astype(x.dtype)


class ResidualBlock(nn.Cell):
    """Pre-activation block: x + conv(relu(conv(relu(x))))."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.conv2 = _conv(channels, channels)

    def construct(self, x):
        """Add the residual."""
        return x + self.conv2(ops.relu(self.conv1(ops.relu(x))))


class ConvResnet(nn.Cell):
    """The denoising net of the published training, `convResnet` (868,001 parameters).

    Predicts a correction of at most 1 either way, which is added to the raw depth.

    Args:
        local: the first layer starts with `LocalDifferences`, the correction at zero; else all at random, as
            published.

    Inputs:
        raw (N, 1, H, W) in [-1, 1], H and W multiples of 4.

    Outputs:
        denoised (N, 1, H, W) in [-1, 1].
    """

    stride = 4

    def __init__(self, local: bool = False):
        super().__init__()
        self.cnv0 = _conv(1, 32, init=_DIFFERENCES if local else "xavier_uniform")
        self.cnv_down0 = _conv(32, 64, stride=2)
        self.cnv_down1 = _conv(64, 128, stride=2)
        self.res0 = ResidualBlock(128)
        self.res1 = ResidualBlock(128)
        self.cnv_up0 = UpConv3x3(256, 64)
        self.cnv_up1 = UpConv3x3(128, 32)
        self.cnv_final = _conv(64, 1, init="zeros" if local else "xavier_uniform")
        self.act = nn.LeakyReLU(_LEAK)

    def construct(self, raw):
        """Denoise."""
        full = self.act(self.cnv0(raw))                                         # (N, 32, H, W)
        half = self.act(self.cnv_down0(full))                                   # (N, 64, H/2, W/2)
        quarter = self.act(self.cnv_down1(half))                                # (N, 128, H/4, W/4)
        x = self.res1(self.res0(quarter))
        x = self.act(self.cnv_up0(ops.concat((quarter, x), 1)))                 # (N, 64, H/2, W/2)
        x = self.act(self.cnv_up1(ops.concat((half, x), 1)))                    # (N, 32, H, W)
        correction = ops.tanh(self.cnv_final(ops.concat((full, x), 1)))
        return ops.clamp(raw + correction, -1.0, 1.0)


class BaseNet(nn.Cell):
    """The source's smallest denoising net, `base`: five convolutions of 16 channels, then depth by tanh.

    Inputs and outputs as `ConvResnet`; any H and W. Its output is not added to its input.
    """

    stride = 1

    def __init__(self):
        super().__init__()
        self.convs = nn.SequentialCell([cell for i in range(5)
                                        for cell in (_conv(16 if i else 1, 16), nn.LeakyReLU(_LEAK))])
        self.cnv_final = _conv(16, 1)

    def construct(self, raw):
        """Denoise."""
        return ops.tanh(self.cnv_final(self.convs(raw)))


class UNet(nn.Cell):
    """The source's `unet`: seven levels; depth by tanh at an eighth, a quarter and the full size.

    The two coarser depth maps are enlarged and join the features of the next level. (The source has a head
    at half the size too, which nothing reads.)

    Inputs and outputs as `ConvResnet`; H and W multiples of 128.
    """

    stride = 128

    def __init__(self):
        super().__init__()
        widths = (32, 64, 128, 256, 256, 256, 256)
        kernels = (7, 5, 3, 3, 3, 3, 3)
        self.down = nn.CellList([_conv(below, width, kernel, stride=2)
                                 for below, width, kernel in zip((1, *widths), widths, kernels)])
        outs = (16, 32, 64, 128, 256, 256, 256)  # of the steps up, that to the full size first
        joined = (0, 32 + 1, 64 + 1, 128, 256, 256, 256)  # skipped features and coarser depth
        self.up = nn.CellList([UpConv3x3(below, out) for below, out in zip((*outs[1:], 256), outs)])
        self.merge = nn.CellList([_conv(out + more, out) for out, more in zip(outs, joined)])
        self.out1 = _conv(16, 1)
        self.out3 = _conv(64, 1)
        self.out4 = _conv(128, 1)
        self.enlarge = BilinearUpsample(2)

    def construct(self, raw):
        """Denoise."""
        skips = (raw,)
        for conv in self.down:
            skips += (ops.relu(conv(skips[-1])),)
        x = skips[7]
        for level in (6, 5, 4, 3):
            x = self._rise(x, level, (skips[level],))
        eighth = ops.tanh(self.out4(x))
        x = self._rise(x, 2, (skips[2], self.enlarge(eighth)))
        quarter = ops.tanh(self.out3(x))
        x = self._rise(x, 1, (skips[1], self.enlarge(quarter)))
        return ops.tanh(self.out1(self._rise(x, 0, ())))

    def _rise(self, x, level, joining):
        """Enlarge to a level and merge with what joins there."""
        x = ops.relu(self.up[level](x))
        return ops.relu(self.merge[level](ops.concat((x, *joining), 1)))


class Hypercolumn(nn.Cell):
    """The refining net, `hypercolumn` (133,641 parameters): features of three scales meet at every pixel.

    Args:
        residual: the output is a correction, added to the denoised depth and clipped to [-1, 1], and starts
            at zero. As published (False) the net has to reproduce depth through its four last channels.
        local: the first layer of the depth starts with `LocalDifferences`.

    Inputs:
        denoised (N, 1, H, W) in [-1, 1], grey (N, 1, H, W) in [-1, 1]; H and W multiples of 4.

    Outputs:
        refined (N, 1, H, W) in [-1, 1].
    """

    stride = 4

    def __init__(self, residual: bool = False, local: bool = False):
        super().__init__()
        self.residual = residual
        self.cnv1_d = _conv(1, 8, init=_DIFFERENCES if local else "xavier_uniform")
        self.cnv1_c = _conv(1, 8)
        self.cnv2 = _conv(16, 16)
        self.cnv3 = _conv(32, 32)
        self.cnv4 = _conv(32, 32)
        self.cnv5 = _conv(64, 64)
        self.cnv6 = _conv(64, 64)
        self.cnv7 = _conv(64, 64)
        # One 1x1 convolution of the whole column (112 channels), by parts: it commutes with enlarging, which
        # is cheaper for 16 channels than for 96.
        column_init = Uniform(math.sqrt(6 / (112 + 16)))  # xavier's of the whole
        self.cnv8 = _conv(16, 16, kernel=1, init=column_init)
        self.cnv8_half = nn.Conv2d(32, 16, 1, weight_init=column_init)
        self.cnv8_quarter = nn.Conv2d(64, 16, 1, weight_init=column_init)
        self.cnv9 = _conv(16, 4, kernel=1)
        self.out = _conv(4, 1, kernel=1, init="zeros" if residual else "xavier_uniform")
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.act = nn.LeakyReLU(_LEAK)
        self.up1 = BilinearUpsample(2)
        self.up2 = BilinearUpsample(4)

    def construct(self, denoised, grey):
        """Refine."""
        x1 = ops.concat((self.act(self.cnv1_d(denoised)), self.act(self.cnv1_c(grey))), 1)
        x2 = self.act(self.cnv2(x1))                                            # (N, 16, H, W)
        x3 = self.act(self.cnv3(self.pool(ops.concat((x1, x2), 1))))            # (N, 32, H/2, W/2)
        x4 = self.act(self.cnv4(x3))
        x5 = self.act(self.cnv5(self.pool(ops.concat((x3, x4), 1))))            # (N, 64, H/4, W/4)
        x7 = self.act(self.cnv7(self.act(self.cnv6(x5))))
        x8 = self.cnv8(x2) + self.up1(self.cnv8_half(x4)) + self.up2(self.cnv8_quarter(x7))
        depth = ops.tanh(self.out(self.act(self.cnv9(self.act(x8)))))           # (N, 1, H, W)
        return ops.clamp(denoised + depth, -1.0, 1.0) if self.residual else depth


DENOISING_NETS = {"convResnet": ConvResnet, "base": BaseNet, "unet": UNet}
