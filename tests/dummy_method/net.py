# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Two small networks wired as DDRNet's, and their loss."""
from __future__ import annotations

from mindspore import float32, nn, ops

from src.losses.base import Objective


def _conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, has_bias=True)


class DenoiseNet(nn.Cell):
    """depth (N, 1, H, W) relative to the sample's scale, valid (N, 1, H, W) int32 -> depth without holes."""

    def __init__(self):
        super().__init__()
        self.conv1 = _conv(2, 8)
        self.conv2 = _conv(8, 1)

    def construct(self, depth, valid):
        x = ops.concat((depth, valid.astype(float32)), 1)
        return depth + self.conv2(ops.relu(self.conv1(x)))


class RefineNet(nn.Cell):
    """depth and grey (N, 1, H, W) -> (confidence, refined depth), both (N, 1, H, W)."""

    def __init__(self):
        super().__init__()
        self.conv1 = _conv(2, 8)
        self.conv2 = _conv(8, 2)

    def construct(self, depth, grey):
        x = self.conv2(ops.relu(self.conv1(ops.concat((depth, grey), 1))))
        return ops.sigmoid(x[:, 1:]), depth + x[:, :1]


class Joint(nn.Cell):
    """Both networks in a row; returns the two depths."""

    def __init__(self, denoise: nn.Cell, refine: nn.Cell):
        super().__init__(auto_prefix=False)
        self.denoise = denoise
        self.refine = refine

    def construct(self, depth, valid, grey):
        denoised = self.denoise(depth, valid)
        return denoised, self.refine(denoised, grey)[1]


class MaskedL1(Objective):
    """The mean absolute error where the truth has a reading; after `Joint`, one term for each network."""

    def __init__(self, network: nn.Cell, terms: tuple[str, ...]):
        super().__init__(terms, (1.0,) * len(terms))
        self.network = network

    def counts(self, truth, mask, *inputs):
        return ops.stack([mask.sum()] * len(self.terms))

    def construct(self, truth, mask, *inputs):
        made = self.network(*inputs)
        made = made if isinstance(made, tuple) else (made,)
        return ops.stack([(ops.abs(depth - truth) * mask).sum() for depth in made])
