# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's second network: how a camera moved between two panoramas of a place (the source's pose_train).

The source's network is unknown; this one is ours. Its maps close around the width and around the turn, so
that turning either panorama about the vertical axis turns the answer.
"""
from __future__ import annotations

from functools import cache

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from mindspore.common.initializer import HeNormal

from src.geometry.sphere_tensors import wrapped
from src.layers.inverted_residual import ConvNorm, FusedInvertedResidual
from src.layers.resnet import batch_norm

_BANDS = 4
_GROUPS = 8


class RingEncoder(nn.Cell):
    """Describe each direction of a panorama: what is seen there, from the zenith to the nadir.

    Features at 1/8 of the image's size, averaged over four bands of rows, become one descriptor a column.

    Args:
        channels: of a descriptor.

    Inputs:
        image (N, 3, H, W) RGB in [0, 1], H a multiple of 32, W of 8.

    Outputs:
        (N, channels, 1, W / 8).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.features = nn.SequentialCell(
            ConvNorm(3, 16, 3, stride=2), ConvNorm(16, 32, 3, stride=2),
            FusedInvertedResidual(32, 48, stride=2), FusedInvertedResidual(48, 48))
        self.describe = ConvNorm(_BANDS * 48, channels, 1, activate=False)

    def construct(self, image):
        """Encode."""
        x = self.features(image)
        n, channels, height, width = x.shape
        bands = x.reshape((n, channels * _BANDS, height // _BANDS, width)).mean(axis=2, keep_dims=True)
        return self.describe(bands)


class TorusBlock(nn.Cell):
    """Add to a map, whose width and height both close to a ring, its dilated 3x3 convolution.

    Args:
        channels: of the map.
        dilation: at most the map's size.

    Inputs:
        x (N, channels, H, W).

    Outputs:
        the same shape.
    """

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, pad_mode="valid", dilation=dilation,
                              weight_init=HeNormal(nonlinearity="relu"))
        self.norm = batch_norm(channels)
        self.margin = dilation

    def construct(self, x):
        """Apply the block."""
        wide = wrapped(x, self.margin, self.margin)
        around = ops.concat((wide[:, :, x.shape[2] - self.margin:], wide, wide[:, :, :self.margin]), 2)
        return ops.relu(x + self.norm(self.conv(around)))


class PoseNet(nn.Cell):
    """Two panoramas of a place -> how the second camera stands to the first.

    Both cameras are held level: the second is the first, moved and turned about the vertical axis.

    1. A shared encoder makes each panorama a ring of descriptors (`RingEncoder`).
    2. Cell (s, c) of a map of all pairs of columns compares column c of the first ring with column c + s of
       the second: the sum of what each says alone, and the descriptors' correlation in groups (Guo et al.
       2019, eq. 3). Turning the first or the second panorama rolls the map.
    3. Dilated convolutions on that torus see 33 x 33 cells: of images 256 columns wide all.
    4. Cell (s, c) votes for a turn of s columns, and for a place of the second camera in a frame that looks
       to column c. The votes' mean by a softmax over all cells is the answer.

    The mean of the turns' rotation matrices is no rotation where votes differ; the rotation nearest to it is
    their mean (Hartley et al. 2013, L2 chordal mean): `src.panodepth.pose_figures.pose_matrices`. Rolling an
    image by a multiple of `stride` columns turns the answer exactly.

    Args:
        descriptor: channels of the rings.
        channels: of the map of pairs.

    Inputs:
        image, other_image (N, 3, H, W) RGB in [0, 1], equirectangular, H a multiple of 32, W of 8,
            at least 64.

    Outputs:
        pose (N, 3, 4): the mean matrix, which turns directions of the first panorama's frame to the other's,
        and the other camera's place in the first panorama's frame in metres.
    """

    stride = 8

    def __init__(self, descriptor: int = 64, channels: int = 48):
        super().__init__()
        self.rings = RingEncoder(descriptor)
        self.alone = nn.Conv2d(descriptor, channels, 1)
        self.other_alone = nn.Conv2d(descriptor, channels, 1)
        self.alike = nn.Conv2d(_GROUPS, channels, 1)
        self.norm = batch_norm(channels)
        self.blocks = nn.SequentialCell(*(TorusBlock(channels, dilation) for dilation in (1, 2, 4, 8, 1)))
        self.votes = nn.Conv2d(channels, 4, 1, has_bias=True)

    def construct(self, image, other_image):
        """Predict."""
        pairs = self.compare(self.rings(image), self.rings(other_image))
        votes = self.votes(self.blocks(pairs))
        n, width = votes.shape[0], votes.shape[3]
        weight = ops.softmax(votes[:, :1].reshape((n, width * width)), -1).reshape((n, 1, width, width))
        turn = (weight.sum(axis=3) * _turns(width)).sum(axis=2)                        # (N, 2) cos, sin
        across, down, ahead = (weight * votes[:, 1:]).sum(axis=2).split(1, axis=1)     # (N, 1, W)
        cos, sin = _headings(width, self.stride).split(1, axis=0)
        place = ops.concat((ahead * sin + across * cos, down, ahead * cos - across * sin), 1).sum(axis=2)
        return (ops.matmul(ops.concat((turn, place), 1), _layout()) + _upright()).reshape((n, 3, 4))

    def compare(self, ring, other_ring):
        """Return the map of pairs (N, channels, W shifts, W columns)."""
        n, channels, width = ring.shape[0], ring.shape[1], ring.shape[3]
        product = ring * _all_shifts(other_ring)
        alike = product.reshape((n, _GROUPS, channels // _GROUPS, width, width)).mean(axis=2)
        alone = self.alone(ring) + _all_shifts(self.other_alone(other_ring))
        return ops.relu(self.norm(alone + self.alike(alike)))


def _all_shifts(ring):
    """Return cell (s, c) = column c + s, around the width, of a ring (N, C, 1, W): (N, C, W, W)."""
    width = ring.shape[3]
    return ops.gather(ring[:, :, 0], _shifted_columns(width), 2)


@ops.constexpr
@cache
def _shifted_columns(width: int):
    columns = np.arange(width)
    return ms.Tensor((columns[:, None] + columns) % width, ms.int32)


@ops.constexpr
@cache
def _turns(width: int):
    """Return cosine and sine of the turn by every number of columns, (1, 2, W)."""
    angle = 2 * np.pi * np.arange(width) / width
    return ms.Tensor(np.stack((np.cos(angle), np.sin(angle)))[None], ms.float32)


@ops.constexpr
@cache
def _headings(width: int, stride: int):
    """Return cosine and sine of the longitude that every column of a ring looks to, (2, 1, W).

    What strided convolutions see around their first pixel: that of column c is the image's c * stride.
    """
    angle = 2 * np.pi * (np.arange(width) + 0.5 / stride) / width - np.pi
    return ms.Tensor(np.stack((np.cos(angle), np.sin(angle)))[:, None], ms.float32)


@ops.constexpr
@cache
def _layout():
    """Return (5, 12), which puts cosine, sine and place into their cells of the matrix (3, 4)."""
    cells = np.zeros((5, 3, 4))
    cells[0, 0, 0] = cells[0, 2, 2] = cells[1, 0, 2] = 1
    cells[1, 2, 0] = -1
    cells[(2, 3, 4), (0, 1, 2), 3] = 1
    return ms.Tensor(cells.reshape((5, 12)), ms.float32)


@ops.constexpr
@cache
def _upright():
    """Return (12,): the vertical axis stays where it is."""
    return ms.Tensor(np.eye(12)[5], ms.float32)
