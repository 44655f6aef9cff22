# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DCNF's networks: log depth of each superpixel from pooled features or from a patch, and the CRF behind it.

Liu, Shen, Lin and Reid, TPAMI 2016: the per-patch network ("DCNF") and the fully convolutional one with
superpixel pooling ("DCNF-FCSP").
"""
from __future__ import annotations

import math

from mindspore import nn, ops
from mindspore.common.initializer import HeNormal, XavierUniform

from src.dcnf.crf import Crf
from src.dcnf.patches import PATCH_PX
from src.layers.resize import BilinearUpsample, NearestUpsample
from src.layers.resnet import ImageNetNormalization, batch_norm

STRIDE = 8  # of the trunks' features, which pooling weights are made for
_LITTLE = 1.0e-6  # of a pixel; what padding has, 0 / 0 elsewise. float16 holds it.
_START_M = 3.0  # metres; what a new network says of every superpixel, about


def _conv(in_channels: int, channels: int, kernel: int, stride: int = 1, dilation: int = 1,
          has_bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, kernel, stride=stride, pad_mode="pad",
                     padding=dilation * (kernel // 2), dilation=dilation, has_bias=has_bias,
                     weight_init=HeNormal(nonlinearity="relu"), bias_init="zeros")


class ConvNorm(nn.Cell):
    """3x3 convolution without bias and batch normalization; no activation."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.conv = _conv(in_channels, channels, 3, stride, dilation)
        self.norm = batch_norm(channels)

    def construct(self, x):
        """Convolve and normalise."""
        return self.norm(self.conv(x))


class Residual(nn.Cell):
    """Two 3x3 convolutions and the input (He et al. 2016); the first is dilated.

    Inputs:
        x (N, channels, H, W).

    Outputs:
        the same shape.
    """

    def __init__(self, channels: int, dilation: int = 1):
        super().__init__()
        self.first = ConvNorm(channels, channels, dilation=dilation)
        self.second = ConvNorm(channels, channels)

    def construct(self, x):
        """Add, then activate."""
        return ops.relu(x + self.second(ops.relu(self.first(x))))


class LightTrunk(nn.Cell):
    """A small residual network: fast on a processor, and its features see the whole image.

    Dilated convolutions at 1/16 of the size widen the view; they join the finer features at 1/8.

    Inputs:
        image (N, 3, H, W) RGB in [0, 1], H and W multiples of 16.

    Outputs:
        features (N, 96, H/8, W/8).
    """

    channels = 96

    def __init__(self):
        super().__init__()
        self.stem = ConvNorm(3, 16, stride=2)
        self.quarter = ConvNorm(16, 32, stride=2)
        self.quarter_block = Residual(32)
        self.eighth = ConvNorm(32, 64, stride=2)
        self.eighth_block = Residual(64)
        self.sixteenth = ConvNorm(64, 128, stride=2)
        self.context = nn.SequentialCell(*[Residual(128, dilation) for dilation in (1, 2, 4)])
        self.up = BilinearUpsample(2)
        self.coarse = _conv(128, self.channels, 1)
        self.fine = ConvNorm(64, self.channels)

    def construct(self, image):
        """Encode."""
        x = ops.relu(self.stem((image - 0.5) * 4.0))            # about zero mean and unit variance
        x = self.quarter_block(ops.relu(self.quarter(x)))
        eighth = self.eighth_block(ops.relu(self.eighth(x)))    # (N, 64, H/8, W/8)
        x = self.context(ops.relu(self.sixteenth(eighth)))      # (N, 128, H/16, W/16)
        return ops.relu(self.up(self.coarse(x)) + self.fine(eighth))


class Vgg16Trunk(nn.Cell):
    """VGG-16 up to conv5_3 (Simonyan and Zisserman 2015), as the paper has it.

    Its features at 1/16 of the size are repeated to 1/8: pooling them over a superpixel gives the same as
    pooling them after enlarging by nearest neighbour to the image's size, which the paper does. Parameters
    have torchvision's names and shapes, the classifier left out.

    Inputs:
        image (N, 3, H, W) RGB in [0, 1], H and W multiples of 16.

    Outputs:
        features (N, 512, H/8, W/8).
    """

    channels = 512

    def __init__(self):
        super().__init__()
        self.normalize = ImageNetNormalization()
        layers, below = [], 3
        for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            if layers:
                layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            for _ in range(count):
                layers += [_conv(below, channels, 3, has_bias=True), nn.ReLU()]
                below = channels
        self.features = nn.SequentialCell(*layers)
        self.up = NearestUpsample(2)

    def construct(self, image):
        """Encode."""
        return self.up(self.features(self.normalize(image)))


TRUNKS = {"light": LightTrunk, "vgg16": Vgg16Trunk}


class Head(nn.Cell):
    """Fully connected layers from a superpixel's features to its log depth.

    The last but one has 16 logistic units, as published: log depth is their weighted sum, so it is bounded
    by weights, whatever an unknown picture does to the features. It starts at about 3 m.

    Args:
        in_features: of the input.
        widths: of the layers with ReLU before the 16 units.

    Inputs:
        x (M, in_features);
        keep (M, sum of widths): dropout of the layers of `widths`, 0 for dropped units and 1 / (1 - share)
        for kept ones; None in inference.

    Outputs:
        log depth (M,).
    """

    def __init__(self, in_features: int, widths: tuple[int, ...]):
        super().__init__()
        self.widths = widths
        self.hidden = nn.CellList([nn.Dense(below, width, HeNormal(nonlinearity="relu"), "zeros")
                                   for below, width in zip((in_features, *widths), widths)])
        self.logistic = nn.Dense(widths[-1], 16, XavierUniform(), "zeros")
        self.depth = nn.Dense(16, 1, XavierUniform(), "zeros")
        self.start = math.log(_START_M)

    def construct(self, x, keep=None):
        """Predict."""
        first = 0
        for layer, width in zip(self.hidden, self.widths):
            x = ops.relu(layer(x))
            if keep is not None:
                x = x * keep[:, first:first + width]
            first += width
        # the units' mean is taken off, so that they say nothing at the start
        return self.depth(ops.sigmoid(self.logistic(x)) - 0.5).reshape((-1,)) + self.start


class PooledUnary(nn.Cell):
    """The fully convolutional unary network: features of the image, averaged over each superpixel.

    Args:
        trunk: key of `TRUNKS`.

    Inputs:
        image (N, 3, H, W) RGB in [0, 1], H and W multiples of 16;
        pool (N, n, H/8 * W/8): the share of each superpixel's pixels that lie in each cell of 8x8 pixels, or
        their number; all 0 for padding.

    Outputs:
        log depth (N, n).

    Raises:
        ValueError: the trunk is unknown.
    """

    def __init__(self, trunk: str = "light"):
        super().__init__()
        if trunk not in TRUNKS:
            raise ValueError(f"trunk {trunk!r} is none of {', '.join(TRUNKS)}")
        self.trunk = TRUNKS[trunk]()
        self.head = Head(self.trunk.channels, (128,))

    def construct(self, image, pool):
        """Predict."""
        features = self.trunk(image)
        cells = features.shape[2] * features.shape[3]
        features = features.reshape((-1, self.trunk.channels, cells)).transpose((0, 2, 1)).astype(pool.dtype)
        # shares sum to 1 already; the exporter's check of the files brings any numbers
        total = pool.sum(axis=2, keepdims=True) + _LITTLE
        pooled = ops.matmul(pool, features) / total             # (N, n, channels)
        z = self.head(pooled.reshape((-1, self.trunk.channels)))
        return z.reshape((-1, pool.shape[1]))


class PatchUnary(nn.Cell):
    """The unary network of the paper's first form: a patch about each superpixel through CNN-F.

    CNN-F (Chatfield et al. 2014) without its response normalization; in the reduced form of the ann3depth
    project the first convolution has stride 1, nothing is padded, and the layer of 4,096 units is left out.

    Args:
        reduced: the form of ann3depth.

    Inputs:
        patches (N, n, 3, P, P) RGB in [0, 1], P = `patch_px`: 224, or 100 in the reduced form;
        keep (N, n, 4224), dropout as of `Head`; None in inference, and in the reduced form, which has none.

    Outputs:
        log depth (N, n).
    """

    def __init__(self, reduced: bool = False):
        super().__init__()
        self.patch_px = PATCH_PX[reduced]
        pad = "valid" if reduced else "same"
        self.conv1 = self._conv(3, 64, 11, "valid", 1 if reduced else 4)
        self.conv2 = self._conv(64, 256, 5, pad)
        self.conv3 = self._conv(256, 256, 3, pad)
        self.conv4 = self._conv(256, 256, 3, pad)
        self.conv5 = self._conv(256, 256, 3, pad)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.features = 256 * (7 * 7 if reduced else 6 * 6)
        self.head = Head(self.features, (128,) if reduced else (4096, 128))

    @staticmethod
    def _conv(in_channels: int, channels: int, kernel: int, pad_mode: str, stride: int = 1) -> nn.Conv2d:
        return nn.Conv2d(in_channels, channels, kernel, stride=stride, pad_mode=pad_mode, has_bias=True,
                         weight_init=HeNormal(nonlinearity="relu"), bias_init="zeros")

    def construct(self, patches, keep=None):
        """Predict."""
        x = patches.reshape((-1, 3, self.patch_px, self.patch_px))
        x = self.pool(ops.relu(self.conv1((x - 0.5) * 4.0)))    # (N * n, 64, 27, 27); reduced: 45, 45
        x = self.pool(ops.relu(self.conv2(x)))                  # 256, 13, 13; reduced: 20, 20
        x = ops.relu(self.conv4(ops.relu(self.conv3(x))))
        x = self.pool(ops.relu(self.conv5(x)))                  # 256, 6, 6; reduced: 7, 7
        if keep is not None:
            keep = keep.reshape((-1, keep.shape[2]))
        return self.head(x.reshape((-1, self.features)), keep).reshape((-1, patches.shape[1]))


class DcnfNet(nn.Cell):
    """A unary network and the CRF: what is trained as one, and exported.

    Args:
        unary: `PooledUnary` or `PatchUnary`.
        crf: the CRF.

    Inputs:
        what `unary` takes, image and pool or patches; then similarity (N, K, n, n), as of `Crf`.

    Outputs:
        depth (N, n), the CRF's, and unary (N, n), both natural logarithms of metres.
    """

    def __init__(self, unary: nn.Cell, crf: Crf):
        super().__init__()
        self.unary = unary
        self.crf = crf

    def construct(self, *inputs):
        """Predict log depth by the CRF and without it."""
        z = self.unary(*inputs[:-1])
        similarity = inputs[-1]
        return self.crf(z.astype(similarity.dtype), similarity), z
