# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers for maps whose left and right edges meet, as a panorama's do.

Maps are padded by slices and concatenations, which MindIR and ONNX files hold without any size of the map.
"""
from __future__ import annotations

from mindspore import nn

from src.geometry.sphere_tensors import wrapped
from src.layers.resize import BilinearUpsample


class CircularPad(nn.Cell):
    """Pad a map: around its width, by zeros above and below.

    Args:
        margin: columns on each side and rows at each end, at least 1 and at most the map's width.

    Inputs:
        x (N, C, H, W).

    Outputs:
        (N, C, H + 2 * margin, W + 2 * margin).
    """

    def __init__(self, margin: int):
        super().__init__()
        self.margin = margin
        self.rows = nn.Pad(((0, 0), (0, 0), (margin, margin), (0, 0)))

    def construct(self, x):
        """Pad."""
        return self.rows(wrapped(x, self.margin, self.margin))


class CircularConv2d(nn.Conv2d):
    """A convolution that pads by half its odd kernel: around the width, by zeros above and below.

    With a stride, rolling the input by a multiple of the stride rolls the output. Parameters are those of
    `nn.Conv2d`.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: odd.
        stride: along both axes; the map's width is a multiple of it.
        **options: of `nn.Conv2d`: group, has_bias, weight_init ...

    Inputs:
        x (N, in_channels, H, W).

    Outputs:
        (N, out_channels, ceil(H / stride), W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, **options):
        margin = kernel_size // 2
        super().__init__(in_channels, out_channels, kernel_size, stride, pad_mode="pad",
                         padding=(margin, margin, 0, 0), **options)
        self.margin = margin

    def construct(self, x):
        """Convolve."""
        return super().construct(wrapped(x, self.margin, self.margin) if self.margin else x)


class CircularUpsample(BilinearUpsample):
    """Enlarge bilinearly by a whole factor, around the width; the first and last row are repeated.

    Args:
        factor: at least 1.

    Inputs:
        x (N, C, H, W), float32 or float16.

    Outputs:
        (N, C, factor * H, factor * W).
    """

    def construct(self, x):
        """Enlarge."""
        return super().construct(wrapped(x, 1, 1))[:, :, :, self.factor:-self.factor]
