# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Shading by spherical harmonics: what a matt surface receives from distant light (Basri and Jacobs, 2003).

One definition for NumPy arrays and MindSpore tensors, since it is arithmetic alone.
"""
from __future__ import annotations

NUM_HARMONICS = 9


def harmonics(nx, ny, nz) -> tuple:
    """Return the first nine spherical harmonics, without their constants, of unit normals.

    Irradiance is a linear combination of them (exact to 1 % of its energy for a convex matt surface):
    1, y, z, x, xy, yz, 2z^2 - x^2 - y^2, zx, x^2 - y^2. A normal of length 0 gives (1, 0, ...).

    Args:
        nx: component of the normals to the right, an array or a tensor.
        ny: downwards.
        nz: forward; all of one shape.
    """
    one = nx * 0 + 1
    return (one, ny, nz, nx, nx * ny, ny * nz, 2 * nz * nz - nx * nx - ny * ny, nz * nx, nx * nx - ny * ny)
