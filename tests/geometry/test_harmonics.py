# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Spherical harmonics against SciPy's, their orthogonality over the sphere, and the light they stand for."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from scipy.special import lpmv

from src.geometry.harmonics import NUM_HARMONICS, harmonics

# Degree and order of each of the nine, and whether it goes with the sine of the azimuth.
DEGREES = ((0, 0, False), (1, 1, True), (1, 0, False), (1, 1, False), (2, 2, True), (2, 1, True),
           (2, 0, False), (2, 1, False), (2, 2, False))


def quadrature(polar: int = 12, azimuths: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Directions (3, M) and weights (M,) that integrate polynomials up to degree 23 exactly."""
    z, weight = np.polynomial.legendre.leggauss(polar)
    phi = 2 * np.pi * (np.arange(azimuths) + 0.5) / azimuths
    z, phi = (a.ravel() for a in np.meshgrid(z, phi, indexing="ij"))
    side = np.sqrt(1 - z * z)
    weights = np.repeat(weight, azimuths) * 2 * np.pi / azimuths
    return np.stack([side * np.cos(phi), side * np.sin(phi), z]), weights


def test_each_is_proportional_to_the_associated_legendre_function_times_an_azimuthal_wave():
    (x, y, z), _ = quadrature()
    azimuth = np.arctan2(y, x)
    found = harmonics(x, y, z)
    assert len(found) == NUM_HARMONICS == 9
    for values, (degree, order, sine) in zip(found, DEGREES, strict=True):
        expected = lpmv(order, degree, z) * (np.sin if sine else np.cos)(order * azimuth)
        factor = np.sum(values * expected) / np.sum(expected * expected)
        assert abs(factor) > 0.1
        np.testing.assert_allclose(values, factor * expected, atol=1e-12)


def test_values_along_the_axes_and_a_diagonal():
    """The source's list: 1, y, z, x, xy, yz, 2z^2-x^2-y^2, zx, x^2-y^2."""
    half = np.sqrt(0.5)
    expected = {(1, 0, 0): (1, 0, 0, 1, 0, 0, -1, 0, 1), (0, 1, 0): (1, 1, 0, 0, 0, 0, -1, 0, -1),
                (0, 0, -1): (1, 0, -1, 0, 0, 0, 2, 0, 0),
                (half, half, 0): (1, half, 0, half, 0.5, 0, -1, 0, 0),
                (0, half, -half): (1, half, -half, 0, 0, -0.5, 0.5, 0, -0.5),
                (0.6, 0, -0.8): (1, 0, -0.8, 0.6, 0, 0, 0.92, -0.48, 0.36), (0, 0, 0): (1, *[0] * 8)}
    for normal, values in expected.items():
        np.testing.assert_allclose(harmonics(*np.array(normal, np.float64)), values, atol=1e-15)


def test_they_are_orthogonal_over_the_sphere():
    directions, weights = quadrature()
    basis = np.array(harmonics(*directions))
    gram = (basis * weights) @ basis.T
    squares = np.pi * np.array([4, 4 / 3, 4 / 3, 4 / 3, 4 / 15, 4 / 15, 16 / 5, 4 / 15, 16 / 15])
    np.testing.assert_allclose(gram, np.diag(squares), atol=1e-12)


@pytest.mark.parametrize("direction", [(0, 0, -1), (0.6, -0.48, -0.64), (-0.8, 0.6, 0)])
def test_nine_of_them_show_a_matt_sphere_under_a_distant_lamp(direction):
    """Basri and Jacobs 2003: of the energy of max(0, n . s) they hold 99.2 %, wherever the lamp stands."""
    normals, weights = quadrature(120, 240)
    irradiance = np.maximum(np.tensordot(direction, normals, 1), 0)
    basis = np.array(harmonics(*normals))
    light = np.linalg.solve((basis * weights) @ basis.T, (basis * weights) @ irradiance)
    missing = np.sum(weights * (light @ basis - irradiance)**2) / np.sum(weights * irradiance**2)
    assert missing == pytest.approx(1 - 0.9922, abs=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tensors_and_arrays_agree(dtype):
    directions = np.random.default_rng(0).normal(size=(3, 2, 1, 5, 7)).astype(dtype)
    directions /= np.linalg.norm(directions, axis=0)
    arrays, tensors = harmonics(*directions), harmonics(*(ms.Tensor(d) for d in directions))
    for values, tensor in zip(arrays, tensors, strict=True):
        assert values.dtype == tensor.asnumpy().dtype == dtype
        assert values.shape == tensor.shape == (2, 1, 5, 7)
        np.testing.assert_allclose(tensor.asnumpy(), values, atol=1e-6 if dtype == np.float32 else 1e-15)
