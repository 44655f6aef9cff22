# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Distant light as nine harmonic coefficients, and what a depth map looks like under it."""
from __future__ import annotations

import numpy as np

from src.datasets.depth_mask import fill_nearest
from src.geometry.harmonics import harmonics
from src.geometry.pinhole import Intrinsics, back_project, normals

# A lamp in direction L gives a matt surface max(0, n . L); its harmonics are those of L times these
# (Legendre: 1/4 + x/2 + 5/16 P2(x), the addition theorem sorted into the terms of `harmonics`).
_LAMBERT = np.array([1 / 4, 1 / 2, 1 / 2, 1 / 2, 15 / 16, 15 / 16, 5 / 64, 15 / 16, 15 / 64])
_MOST_GAIN = 3.0


def lamp(direction: np.ndarray) -> np.ndarray:
    """Return the nine coefficients of a lamp of strength 1; `direction` (3,), unit, towards it."""
    return _LAMBERT * np.array(harmonics(*direction))


def irradiance(light: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return what surfaces with unit normals (..., 3) receive from the light (9,)."""
    return sum(c * h for c, h in zip(light, harmonics(*np.moveaxis(normal, -1, 0))))


def shading_normals(z_m: np.ndarray, camera: Intrinsics) -> np.ndarray:
    """Return normals (H, W, 3) float64 towards the camera, of depth (H, W) that is 0 where nothing is.

    Where no normal exists, as at silhouettes, it is that of the nearest pixel that has one.
    """
    normal, exists = normals(back_project(z_m, camera), z_m > 0)
    return fill_nearest(normal, exists)


def random_light(rng: np.random.Generator, normal: np.ndarray) -> np.ndarray:
    """Draw a light (9,) under which surfaces with normals (N, 3) are neither black nor burnt out.

    A strong lamp above and in front, up to two weak ones anywhere in front and ambient light. 99 % of the
    irradiance lies within 0.1 and 0.9; it uses most of that range, unless the normals hardly differ.
    """
    around = rng.uniform(-1.2, 1.2)
    light = lamp(_direction(around, rng.uniform(0.4, 1.2)))
    for _ in range(rng.integers(0, 3)):
        towards = _direction(rng.uniform(-np.pi, np.pi), rng.uniform(0, 1.4))
        light = light + rng.uniform(0.1, 0.4) * lamp(towards)
    low, high = np.quantile(irradiance(light, normal), (0.004, 0.996))
    darkest, brightest = rng.uniform(0.1, 0.2), rng.uniform(0.7, 0.9)
    gain = min((brightest - darkest) / max(high - low, 1e-6), _MOST_GAIN)
    light = gain * light
    light[0] += brightest - gain * high
    return light


def _direction(around_rad: float, slant_rad: float) -> np.ndarray:
    """Return a direction `slant` off the one to the camera, turned by `around` from upwards (right: +)."""
    aside = np.sin(slant_rad)
    return np.array([aside * np.sin(around_rad), -aside * np.cos(around_rad), -np.cos(slant_rad)])
