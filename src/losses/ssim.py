# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Structural similarity (Wang et al. 2004) of images or maps, over the windows that fit into them."""
from __future__ import annotations

import numpy as np
from mindspore import Tensor, nn, ops

# K1, K2 of the paper.
_LUMINANCE, _CONTRAST = 0.01, 0.03


class Ssim(nn.Cell):
    """The similarity of every window, in [-1, 1]; 1 where both images are equal.

    Only windows inside of the images: the result at row i, column j is that of the window whose first pixel
    is (i, j). Who wants edges pads before (mirrored, or round for a panorama). Variances are those of the
    window's weighted population, as in the paper.

    Args:
        window_px: width of the square window.
        sigma_px: weights are Gaussian with this sigma (the paper: 11 px with 1.5); None: all are equal.
        data_range: largest minus smallest possible value.

    Inputs:
        a and b (N, C, H, W) float32, finite; each channel is on its own.

    Outputs:
        (N, C, H - window_px + 1, W - window_px + 1).
    """

    def __init__(self, window_px: int, sigma_px: float | None = None, data_range: float = 1.0):
        super().__init__()
        self.c1, self.c2 = (_LUMINANCE * data_range)**2, (_CONTRAST * data_range)**2
        weights = _weights(window_px, sigma_px)
        # Variances come from deviations: E[x^2] - E[x]^2 in float32 costs as much as 1e-4 of similarity where
        # the picture is flat and bright. One convolution makes the mean and the deviations of a line of
        # pixels; a window's variance is the mean of its rows' variances plus the variance of its rows' means.
        deviations = np.sqrt(weights)[:, None] * (np.eye(window_px) - weights)
        line = np.concatenate((weights[None], deviations)).astype(np.float32)
        self.along_row = Tensor(line[:, None, None, :])
        self.along_column = Tensor(line[:, None, :, None])
        self.column_mean = Tensor(line[:1, None, :, None])

    def construct(self, a, b):
        """Compare."""
        n, c, h, w = a.shape
        row_a, row_b = self._lines(a.reshape((n * c, 1, h, w)), b.reshape((n * c, 1, h, w)), self.along_row)
        within = ops.conv2d(_moments(row_a, row_b), self.column_mean)
        all_a, all_b = self._lines(row_a[:, :1], row_b[:, :1], self.along_column)
        variance_a, variance_b, covariance = (within + _moments(all_a, all_b)).split(n * c, axis=0)
        mean_a, mean_b = all_a[:, :1], all_b[:, :1]
        luminance = (2.0 * mean_a * mean_b + self.c1) / (mean_a * mean_a + mean_b * mean_b + self.c1)
        structure = (2.0 * covariance + self.c2) / (variance_a + variance_b + self.c2)
        return (luminance * structure).reshape((n, c, *structure.shape[2:]))

    def _lines(self, a, b, kernel):
        """Return a's and b's mean and weighted deviations along lines, (NC, 1 + window_px, H', W') each."""
        both = ops.conv2d(ops.concat((a, b), 0), kernel)
        return both.split(a.shape[0], axis=0)


def window_mask(mask, window_px: int):
    """Return which windows of `Ssim` are valid throughout.

    Args:
        mask: (N, 1, H, W), 1 or 0.
        window_px: width of the window.

    Returns:
        (N, 1, H - window_px + 1, W - window_px + 1), 1 or 0.
    """
    ones = ops.ones((1, 1, window_px, window_px), mask.dtype)
    return (ops.conv2d(mask, ones) > window_px * window_px - 0.5).astype(mask.dtype)


def _weights(window_px: int, sigma_px: float | None) -> np.ndarray:
    """Return the window's weights along a line, float64; their sum is 1."""
    if sigma_px is None:
        return np.full(window_px, 1 / window_px)
    weights = np.exp(-((np.arange(window_px) - (window_px - 1) / 2) / sigma_px)**2 / 2)
    return weights / weights.sum()


def _moments(a, b):
    """Return variances of a, of b, and covariance of lines (NC, 1 + window_px, H, W), (3 NC, 1, H, W)."""
    off_a, off_b = a[:, 1:], b[:, 1:]
    products = ops.concat((off_a * off_a, off_b * off_b, off_a * off_b), 0)
    return products.sum(axis=1, keepdims=True)
