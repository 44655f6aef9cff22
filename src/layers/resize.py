# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Enlarging for any size of map, which trains fast on every backend and exports to ONNX."""
from __future__ import annotations

import numpy as np
from mindspore import Tensor, nn, ops


class BilinearUpsample(nn.Cell):
    """Enlarge maps bilinearly by a whole factor.

    Pixel centres stand at half-integer places and edges are repeated, as in
    `ops.interpolate(mode="bilinear", align_corners=False)`, OpenCV's INTER_LINEAR and ONNX's
    half_pixel. Each output pixel weighs at most 2x2 neighbours out of the 3x3 about its input pixel, with
    weights that repeat with the factor: a 3x3 convolution makes all outputs of an input pixel, and a pixel
    shuffle places them. (Forward and backward take about half of `ops.interpolate`'s time on a CPU.)

    Args:
        factor: at least 1.

    Inputs:
        x (N, C, H, W), float32 or float16.

    Outputs:
        (N, C, factor * H, factor * W).
    """

    def __init__(self, factor: int):
        super().__init__()
        self.factor = factor
        # Set while ONNX is written: MindSpore's exporter knows no bilinear resize, and the convolution would
        # hold the size of the map. See `src.deploy.onnx_rewrite`.
        self.exporting = False
        weights = _phase_weights(factor)
        kernel = np.einsum("ai,bj->abij", weights, weights).reshape(factor * factor, 1, 3, 3)
        self.kernel = Tensor(kernel.astype(np.float32))

    def construct(self, x):
        """Enlarge."""
        n, c, h, w = x.shape
        size = (self.factor * h, self.factor * w)
        if self.exporting:
            return ops.ResizeNearestNeighbor(size, align_corners=True)(x)
        x = x.reshape((n * c, 1, h, w))
        x = ops.concat((x[:, :, :1], x, x[:, :, -1:]), 2)
        x = ops.concat((x[:, :, :, :1], x, x[:, :, :, -1:]), 3)
        x = ops.conv2d(x, self.kernel.astype(x.dtype))  # float16 under O2
        return ops.pixel_shuffle(x, self.factor).reshape((n, c, *size))


class NearestUpsample(nn.Cell):
    """Enlarge maps by a whole factor, each pixel repeated.

    Inputs:
        x (N, C, H, W).

    Outputs:
        (N, C, factor * H, factor * W).
    """

    def __init__(self, factor: int):
        super().__init__()
        self.factor = factor

    def construct(self, x):
        """Enlarge."""
        return ops.ResizeNearestNeighbor((self.factor * x.shape[2], self.factor * x.shape[3]))(x)


def _phase_weights(factor: int) -> np.ndarray:
    """Return (factor, 3): what each output of an input pixel takes from the one before, itself, the next."""
    offset = (np.arange(factor) + 0.5) / factor - 0.5  # of the output's centre from the input's, in pixels
    return np.stack((np.maximum(-offset, 0), 1 - np.abs(offset), np.maximum(offset, 0)), 1)
