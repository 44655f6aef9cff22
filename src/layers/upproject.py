# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The up-projection of Laina et al. (2016): residual blocks for decoders, and unpooling in front of them."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import HeNormal, initializer

from src.layers.resnet import batch_norm, conv


def conv5x5(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Return a 5x5 convolution that keeps the size of a map."""
    return conv(in_channels, out_channels, 5)


class UnpoolConv5x5(nn.Cell):
    """Unpooling and a 5x5 convolution, as the paper's figure 2 draws them.

    Unpooling by 2 puts a value into the top left of four pixels and zeros into the others.

    Inputs:
        x (N, in_channels, H, W).

    Outputs:
        (N, out_channels, 2H, 2W).
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.weight = Parameter(initializer(HeNormal(mode="fan_out", nonlinearity="relu"),
                                            (out_channels, in_channels, 5, 5)), name="weight")

    def construct(self, x):
        """Unpool, then convolve."""
        n, c, h, w = x.shape
        x = ops.stack((x, ops.zeros_like(x)), 4).reshape((n, c, h, 2 * w))
        x = ops.stack((x, ops.zeros_like(x)), 3).reshape((n, c, 2 * h, 2 * w))
        return ops.conv2d(x, self.weight.astype(x.dtype), pad_mode="pad", padding=2)  # float16 under O2


class FastUnpoolConv5x5(UnpoolConv5x5):
    """The same from the same weights, without multiplying by the zeros: the paper's fast up-convolution.

    An output in an even row meets values only under rows 0, 2 and 4 of the kernel, one in an odd row only
    under rows 1 and 3, and so with columns. Four convolutions (A 3x3, B 3x2, C 2x3, D 2x2: 25 products in
    place of 100) make the four outputs of an input pixel, which a pixel shuffle places.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(in_channels, out_channels)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.pad = nn.Pad(((0, 0), (0, 0), (1, 1), (1, 1)))
        self.places = tuple(_places(row, column) for row in (0, 1) for column in (0, 1))

    def construct(self, x):
        """Convolve by parts."""
        n, _, h, w = x.shape
        a, b, c, d = self.places
        x = self.pad(x)
        # Odd outputs lie between input i and the next: their kernels start at i, not at the one before.
        parts = (ops.conv2d(x, self._kernel(a, 3, 3, x.dtype)),
                 ops.conv2d(x[:, :, :, 1:], self._kernel(b, 3, 2, x.dtype)),
                 ops.conv2d(x[:, :, 1:], self._kernel(c, 2, 3, x.dtype)),
                 ops.conv2d(x[:, :, 1:, 1:], self._kernel(d, 2, 2, x.dtype)))
        blocks = ops.stack(parts, 2).reshape((n, 4 * self.out_channels, h, w))
        return ops.pixel_shuffle(blocks, 2)

    def _kernel(self, places, height, width, dtype):
        # By products with 0 and 1: a compiled strided slice of many weights takes ten times as long on a CPU,
        # and MindSpore 2.7 cannot differentiate weight[:, :, 1::2, 1::2] eagerly.
        kernel = ops.matmul(self.weight.reshape((-1, 25)), places)
        return kernel.reshape((self.out_channels, self.in_channels, height, width)).astype(dtype)


def _places(row: int, column: int) -> Tensor:
    """Return (25, K) that takes every second row and column, from these on, out of a flattened 5x5 kernel."""
    return Tensor(np.eye(25, dtype=np.float32)[:, np.arange(25).reshape(5, 5)[row::2, column::2].ravel()])


class UpProject(nn.Cell):
    """Residual block of a 5x5 and a 3x3 convolution beside one 5x5 convolution, all without bias.

    relu(bn(3x3(relu(bn(5x5(x))))) + bn(5x5(x)))

    Args:
        in_channels: of the input.
        out_channels: of the output.
        first: makes the two cells that x meets: `conv5x5` for a block that keeps the size, `UnpoolConv5x5` or
            `FastUnpoolConv5x5` for Laina's up-projection, which doubles it. All have the same parameters.

    Inputs:
        x (N, in_channels, H, W).

    Outputs:
        (N, out_channels, H, W), or (N, out_channels, 2H, 2W) with unpooling.
    """

    def __init__(self, in_channels: int, out_channels: int,
                 first: Callable[[int, int], nn.Cell] = conv5x5):
        super().__init__()
        self.conv1 = first(in_channels, out_channels)
        self.bn1 = batch_norm(out_channels)
        self.conv2 = conv(out_channels, out_channels, 3)
        self.bn2 = batch_norm(out_channels)
        self.side_conv = first(in_channels, out_channels)
        self.side_bn = batch_norm(out_channels)

    def construct(self, x):
        """Project."""
        main = self.bn2(self.conv2(ops.relu(self.bn1(self.conv1(x)))))
        return ops.relu(main + self.side_bn(self.side_conv(x)))
