# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Shading of a depth map under the light that explains the picture best (Yan et al. 2018, section 4.2)."""
from __future__ import annotations

import mindspore as ms
from mindspore import ops

from src.geometry.harmonics import NUM_HARMONICS, harmonics


def basis(normals):
    """Return the nine spherical harmonics (N, 9, H, W) of unit normals (N, 3, H, W)."""
    nx, ny, nz = normals.split(1, axis=1)
    return ops.concat(harmonics(nx, ny, nz), 1)


def solve_light(normals, albedo, grey, surface, ridge: float):
    """Return each image's light (N, 9): argmin_l mean (albedo * l . H(normals) - grey)^2 + ridge * |l|^2.

    Args:
        normals: of the reference, (N, 3, H, W).
        albedo: (N, 1, H, W) in [0, 1].
        grey: the picture, (N, 1, H, W) in [0, 1], linear in the light.
        surface: (N, 1, H, W) float32, 1 where the normal exists; elsewhere nothing counts.
        ridge: keeps the light of a flat scene finite, whose normals span fewer than nine dimensions. (The
            published code adds 1e-4 to the sum over pixels, which float32 rounds away.)
    """
    count = ops.maximum(surface.sum(axis=(1, 2, 3)), 1.0).reshape((-1, 1, 1))
    columns = (basis(normals) * albedo * surface).reshape((normals.shape[0], NUM_HARMONICS, -1))
    target = (grey * surface).reshape((normals.shape[0], -1, 1))
    gram = ops.bmm(columns, columns.swapaxes(1, 2)) / count
    gram = gram + ridge * ops.eye(NUM_HARMONICS, NUM_HARMONICS, ms.float32)
    light = ops.matrix_solve(gram, ops.bmm(columns, target) / count)
    return light.reshape((-1, NUM_HARMONICS))


def shade(normals, albedo, light):
    """Return what a picture would show (N, 1, H, W) in [0, 1] of normals (N, 3, H, W) under light (N, 9)."""
    irradiance = (basis(normals) * light.reshape((-1, NUM_HARMONICS, 1, 1))).sum(axis=1, keepdims=True)
    return ops.clamp(albedo * irradiance, 0.0, 1.0)
