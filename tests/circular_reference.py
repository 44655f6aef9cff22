# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers of panorama networks in NumPy, and random weights for the networks that they check."""
from __future__ import annotations

import cv2
import numpy as np
from mindspore import Tensor, nn

from tests.reference_nets import Weights, batch_norm, conv, relu


def randomized(cell: nn.Cell, seed: int = 0) -> Weights:
    """Set random weights and statistics that keep the signal's size; return them in float64."""
    rng, weights = np.random.default_rng(seed), {}
    for p in cell.get_parameters():
        if p.name.endswith(("gamma", "moving_variance")):
            values = rng.uniform(0.5, 1.5, p.shape)
        else:
            values = rng.normal(0, 1 / np.sqrt(np.prod(p.shape[1:])) if p.ndim > 1 else 0.1, p.shape)
        p.set_data(Tensor(values.astype(np.float32)))
        weights[p.name] = p.asnumpy().astype(np.float64)
    return weights


def circular_conv(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """Wrap x (C, H, W), pad its rows by zeros and convolve."""
    margin = weight.shape[-1] // 2
    x = np.pad(x, ((0, 0), (0, 0), (margin, margin)), mode="wrap")
    return conv(x, weight, stride=stride, padding=(margin, margin, 0, 0))


def conv_norm(x: np.ndarray, weights: Weights, name: str, stride: int = 1) -> np.ndarray:
    """Convolve and normalise."""
    return batch_norm(circular_conv(x, weights[f"{name}.conv.weight"], stride), weights, f"{name}.norm")


def inverted_residual(x: np.ndarray, weights: Weights, name: str, stride: int = 1) -> np.ndarray:
    """Expand, project, add the input where shapes agree."""
    y = conv_norm(relu(conv_norm(x, weights, f"{name}expand", stride)), weights, f"{name}project")
    return x + y if y.shape == x.shape else y


def enlarged(x: np.ndarray, factor: int) -> np.ndarray:
    """Enlarge x (C, H, W) by OpenCV with a column of the other side beside each edge, then cut those off."""
    x = np.pad(x, ((0, 0), (0, 0), (1, 1)), mode="wrap")
    size = (factor * x.shape[2], factor * x.shape[1])
    out = np.stack([cv2.resize(channel, size, interpolation=cv2.INTER_LINEAR) for channel in x])
    return out[..., factor:-factor]
