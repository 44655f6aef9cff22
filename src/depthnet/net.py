# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet's networks: the ModelZoo's coarse and fine nets, and the coarse net of Eigen's paper.

All of them return the natural logarithm of depth in metres on a 55x74 grid.
"""
from __future__ import annotations

from mindspore import nn, ops
from mindspore.common.initializer import HeNormal, Normal

from src.layers.upsample import UpConv2x2

IMAGE_HW = (228, 304)
MAP_HW = (55, 74)
MAP_PIXELS = MAP_HW[0] * MAP_HW[1]


def _conv(in_channels: int, out_channels: int, kernel: int, pad_mode: str = "same",
          stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel, stride=stride, pad_mode=pad_mode, has_bias=True,
                     weight_init=HeNormal(nonlinearity="relu"), bias_init="zeros")


class CoarseNet(nn.Cell):
    """The ModelZoo's coarse net: a small U-Net and one dense layer (21,899,723 parameters).

    Parameter names and shapes are those of research/cv/DepthNet, so that `FinalCoarseNet.ckpt` loads
    unchanged. Two of its convolutions pad unevenly; they pad in a layer of their own, which every exporter
    writes right (of `nn.Conv2d(padding=(t, b, l, r))` MindSpore's makes wrong ONNX, which
    `src.deploy.onnx_rewrite` has to mend). conv5's weights are applied three times, as published.

    Inputs:
        image (N, 3, 228, 304) float32 in [0, 1].

    Outputs:
        log depth (N, 1, 55, 74).
    """

    def __init__(self):
        super().__init__()
        self.conv1 = _conv(3, 64, 7)
        self.conv2 = _conv(64, 128, 5, "valid")
        self.conv3 = _conv(128, 256, 3)
        self.conv4 = _conv(256, 512, 3)
        self.conv5 = _conv(512, 512, 3)
        self.deconv6 = UpConv2x2(512, 256)
        self.conv7 = _conv(512, 128, 3)
        self.deconv8 = UpConv2x2(128, 64)
        self.conv9 = _conv(192, 64, 3, "valid")
        self.conv10 = _conv(64, 32, 3)
        self.conv11 = _conv(32, 16, 3)
        self.conv12 = _conv(16, 1, 3)
        self.fc13 = nn.Dense(MAP_PIXELS, MAP_PIXELS)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.pad2 = nn.Pad(((0, 0), (0, 0), (1, 1), (2, 2)))
        self.pad9 = nn.Pad(((0, 0), (0, 0), (1, 0), (0, 0)))

    def construct(self, image):
        """Predict log depth."""
        x1 = self.pool(ops.relu(self.conv1(image)))             # (N, 64, 114, 152)
        x2 = self.pool(ops.relu(self.conv2(self.pad2(x1))))     # (N, 128, 56, 76)
        x3 = self.pool(ops.relu(self.conv3(x2)))                # (N, 256, 28, 38)
        x = self.pool(ops.relu(self.conv4(x3)))                 # (N, 512, 14, 19)
        x = ops.relu(self.conv5(x))
        x = ops.relu(self.conv5(x))
        x = ops.relu(self.conv5(x))
        x = ops.relu(self.deconv6(x))                           # (N, 256, 28, 38)
        x = ops.relu(self.conv7(ops.concat((x3, x), 1)))
        x = ops.relu(self.deconv8(x))                           # (N, 64, 56, 76)
        # conv9 is valid in the columns: rows 56 + 1 -> 55, columns 76 -> 74
        x = ops.relu(self.conv9(self.pad9(ops.concat((x2, x), 1))))
        # no activation between these, as published
        x = self.conv12(self.conv11(self.conv10(x)))            # (N, 1, 55, 74)
        x = self.fc13(x.reshape((-1, MAP_PIXELS)))
        return x.reshape((-1, 1, MAP_HW[0], MAP_HW[1]))


class EigenCoarseNet(nn.Cell):
    """The coarse net of Eigen, Puhrsch and Fergus (2014), figure 1: five convolutions and two dense layers.

    The paper's sizes need a stride of 2 in the fifth convolution (18x13 -> 8x6), which its figure does not
    state. The picture is centred first, as the paper's pre-trained layers expect (uncentred it trains several
    times slower). Dropout of the hidden units is a mask that comes with the batch: a function of (seed,
    epoch, sample), so that resumed and distributed runs drop the same units.

    Inputs:
        image (N, 3, 228, 304) float32 in [0, 1];
        keep (N, fc_width) float32, 0 for dropped units and 1 / (1 - dropout) for kept ones; None in
        inference.

    Outputs:
        log depth (N, 1, 55, 74).
    """

    def __init__(self, fc_width: int = 4096):
        super().__init__()
        self.conv1 = _conv(3, 96, 11, "valid", stride=4)
        self.conv2 = _conv(96, 256, 5)
        self.conv3 = _conv(256, 384, 3)
        self.conv4 = _conv(384, 384, 3)
        self.conv5 = _conv(384, 256, 3, "valid", stride=2)
        self.fc6 = nn.Dense(256 * 6 * 8, fc_width, weight_init=HeNormal(nonlinearity="relu"),
                            bias_init="zeros")
        self.fc7 = nn.Dense(fc_width, MAP_PIXELS, weight_init=Normal(0.005), bias_init="zeros")
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)

    def construct(self, image, keep=None):
        """Predict log depth."""
        x = (image - 0.5) * 4.0                                 # about zero mean and unit variance
        x = self.pool(ops.relu(self.conv1(x)))                  # (N, 96, 27, 37)
        x = self.pool(ops.relu(self.conv2(x)))                  # (N, 256, 13, 18)
        x = ops.relu(self.conv4(ops.relu(self.conv3(x))))       # (N, 384, 13, 18)
        x = ops.relu(self.conv5(x))                             # (N, 256, 6, 8)
        x = ops.relu(self.fc6(x.reshape((-1, 256 * 6 * 8))))
        if keep is not None:
            x = x * keep
        return self.fc7(x).reshape((-1, 1, MAP_HW[0], MAP_HW[1]))


class FineNet(nn.Cell):
    """The fine net, the same in the paper and in the ModelZoo (119,309 parameters, no biases).

    Inputs:
        image (N, 3, 228, 304) float32 in [0, 1];
        coarse (N, 1, 55, 74) log depth of the coarse net, neither clipped nor scaled.

    Outputs:
        log depth (N, 1, 55, 74).
    """

    def __init__(self):
        super().__init__()
        init = Normal(0.01)
        self.conv1 = nn.Conv2d(3, 63, 9, stride=2, pad_mode="valid", weight_init=init)
        self.conv2 = nn.Conv2d(64, 64, 5, pad_mode="same", weight_init=init)
        self.conv3 = nn.Conv2d(64, 1, 5, pad_mode="same", weight_init=init)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)

    def construct(self, image, coarse):
        """Refine log depth."""
        x = self.pool(ops.relu(self.conv1(image)))              # (N, 63, 55, 74)
        x = ops.relu(self.conv2(ops.concat((x, coarse), 1)))
        return self.conv3(x)
