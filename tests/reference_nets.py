# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Layers in NumPy float64, against which networks are checked; weights come as a dict by parameter name."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Weights = Mapping[str, np.ndarray]


def conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | float = 0.0, stride: int = 1,
         padding: tuple[int, int, int, int] = (0, 0, 0, 0)) -> np.ndarray:
    """Cross-correlate x (C, H, W) with weight (O, C, K, K); padding is top, bottom, left, right."""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    size = weight.shape[-1]
    height, width = ((n - size) // stride + 1 for n in x.shape[1:])
    out = np.zeros((weight.shape[0], height, width))
    for i in range(size):
        for j in range(size):
            part = x[:, i:i + stride * height:stride, j:j + stride * width:stride]
            out += np.tensordot(weight[:, :, i, j], part, 1)
    return out + np.reshape(bias, (-1, 1, 1))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0)


def max_pool2(x: np.ndarray) -> np.ndarray:
    """Largest of each 2x2 block; an odd last row or column is left out."""
    c, h, w = x.shape
    return x[:, :h // 2 * 2, :w // 2 * 2].reshape(c, h // 2, 2, w // 2, 2).max(axis=(2, 4))


def batch_norm(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """Normalise x (C, H, W) by the moving statistics, as in inference."""
    gamma, beta, mean, variance = (weights[f"{name}.{part}"].reshape(-1, 1, 1) for part in
                                   ("gamma", "beta", "moving_mean", "moving_variance"))
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def unpool(x: np.ndarray) -> np.ndarray:
    """Values to the top left of 2x2 pixels, zeros to the others."""
    out = np.zeros((x.shape[0], 2 * x.shape[1], 2 * x.shape[2]))
    out[:, ::2, ::2] = x
    return out


def deconv2(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | float = 0.0) -> np.ndarray:
    """Transposed 2x2 convolution with stride 2: weight (C, O, 2, 2)."""
    out = np.zeros((weight.shape[1], 2 * x.shape[1], 2 * x.shape[2]))
    for i in range(2):
        for j in range(2):
            out[:, i::2, j::2] = np.tensordot(weight[:, :, i, j].T, x, 1)
    return out + np.reshape(bias, (-1, 1, 1))


def same(size: int) -> tuple[int, int, int, int]:
    """Padding that keeps the size with an odd kernel and stride 1."""
    return (size // 2,) * 4
