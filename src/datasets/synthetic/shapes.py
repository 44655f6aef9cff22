# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Shapes that a ray can hit, each with its exact analytic intersection.

Arrays are SoA, (3, N) float32, because one long row per coordinate is what NumPy is fast at. A shape
answers `hit(origin, directions)` with the distance in metres along unit rays (inf for a miss) and
`surface(points)` with the unit normals and the texture coordinates in metres.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

FACES = ("x_low", "x_high", "y_low", "y_high", "floor", "ceiling")
_INWARD = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32).T


def _inverse(directions: np.ndarray) -> np.ndarray:
    """Return 1 / d; a ray parallel to a slab gets a tiny slope, towards the low side if it has none."""
    tiny = np.float32(1e-9)
    return 1 / np.where(np.abs(directions) < tiny, np.where(directions > 0, tiny, -tiny), directions)


@dataclass(frozen=True)
class Decal:
    """A rectangle of another material on one inner face of an enclosure (door, window, skirting board).

    `u_m` and `v_m` are (low, high) in the face's texture coordinates: along the wall and up, or x and y.
    """

    face: int
    u_m: tuple[float, float]
    v_m: tuple[float, float]
    material: int


@dataclass(frozen=True)
class Enclosure:
    """An axis-aligned box seen from inside: a room or, made large, a street's surroundings.

    Attributes:
        low_m, high_m: (3,) corners; `low_m[2]` is the floor.
        materials: one material a face, in the order of `FACES`.
        decals: painted in order, later ones on top.
    """

    low_m: np.ndarray
    high_m: np.ndarray
    materials: tuple[int, ...]
    decals: tuple[Decal, ...] = ()

    def hit(self, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the distance (N,) to the face that each ray leaves through, and that face (N,) uint8."""
        distance = np.full(directions.shape[1], np.inf, np.float32)
        face = np.zeros(directions.shape[1], np.uint8)
        for axis in range(3):
            d = directions[axis]
            outwards = d > 0
            wall = np.where(outwards, np.float32(self.high_m[axis] - origin[axis]),
                            np.float32(self.low_m[axis] - origin[axis]))
            t = wall * _inverse(d)
            nearer = t < distance
            np.copyto(distance, t, where=nearer)
            np.copyto(face, outwards.view(np.uint8) + np.uint8(2 * axis), where=nearer)
        return distance, face

    def surface(self, points: np.ndarray, face: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return normals (3, N), u_m (N,), v_m (N,) and material (N,) of points on the given faces."""
        x, y, z = points
        u = np.where(face < 2, y, x)
        v = np.where(face < 4, z, y)
        material = np.array(self.materials, np.uint8)[face]
        for k in sorted({decal.face for decal in self.decals}):
            on_face = np.flatnonzero(face == k)
            a, b, m = u[on_face], v[on_face], material[on_face]
            for decal in (d for d in self.decals if d.face == k):
                inside = (a >= decal.u_m[0]) & (a <= decal.u_m[1]) & (b >= decal.v_m[0]) & (b <= decal.v_m[1])
                m[inside] = decal.material
            material[on_face] = m
        return np.take(_INWARD, face, axis=1), u, v, material


@dataclass(frozen=True)
class Box:
    """A solid box turned by `yaw_rad` about the vertical through its centre."""

    centre_m: np.ndarray
    half_m: np.ndarray
    yaw_rad: float
    material: int
    uv_offset_m: tuple[float, float] = field(default=(0.0, 0.0))

    @property
    def radius_m(self) -> float:
        """Radius of the bounding sphere."""
        return float(np.linalg.norm(self.half_m))

    def _turn(self, vectors: np.ndarray, sign: int) -> np.ndarray:
        c, s = np.float32(np.cos(self.yaw_rad)), np.float32(sign * np.sin(self.yaw_rad))
        return np.stack([c * vectors[0] - s * vectors[1], s * vectors[0] + c * vectors[1], vectors[2]])

    def hit(self, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return the distance (N,) at which each ray enters the box (slab test); 0 from inside."""
        start = self._turn((origin - self.centre_m).astype(np.float32)[:, None], -1)
        inverse = _inverse(self._turn(directions, -1))
        half = self.half_m.astype(np.float32)[:, None]
        middle, extent = -start * inverse, half * np.abs(inverse)
        enter, leave = (middle - extent).max(axis=0), (middle + extent).min(axis=0)
        return np.where((enter < leave) & (leave > 0), np.maximum(enter, 0), np.float32(np.inf))

    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return normals (3, N), u_m and v_m (N,) of points on the box."""
        local = self._turn(points - self.centre_m.astype(np.float32)[:, None], -1)
        side = local / self.half_m.astype(np.float32)[:, None]
        axis = np.abs(side).argmax(axis=0)
        normal = np.zeros_like(local)
        each = np.arange(axis.size)
        normal[axis, each] = np.sign(side[axis, each])
        u = np.where(axis == 0, local[1], local[0]) + np.float32(self.uv_offset_m[0])
        v = np.where(axis == 2, local[1], local[2]) + np.float32(self.uv_offset_m[1])
        return self._turn(normal, 1), u, v


@dataclass(frozen=True)
class Sphere:
    """A ball."""

    centre_m: np.ndarray
    radius_m: float
    material: int

    def hit(self, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return the distance (N,) at which each ray enters the sphere; 0 from inside."""
        c = (self.centre_m - origin).astype(np.float32)
        along = directions[0] * c[0] + directions[1] * c[1] + directions[2] * c[2]
        # The squared distance from centre to ray, from that vector: c.c - along^2 would cancel.
        miss = c[:, None] - along * directions
        root = np.float32(self.radius_m**2) - (miss * miss).sum(axis=0)
        half = np.sqrt(np.maximum(root, 0))
        return np.where((root > 0) & (along + half > 0), np.maximum(along - half, 0), np.float32(np.inf))

    def surface(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return normals (3, N), u_m (longitude) and v_m (latitude) of points on the sphere."""
        normal = (points - self.centre_m.astype(np.float32)[:, None]) / np.float32(self.radius_m)
        u = np.arctan2(normal[1], normal[0]) * np.float32(self.radius_m)
        v = np.arcsin(np.clip(normal[2], -1, 1)) * np.float32(self.radius_m)
        return normal, u, v


def rays_near(origin: np.ndarray, directions: np.ndarray, shape: Box | Sphere) -> np.ndarray:
    """Return the indices of the rays that meet the shape's bounding sphere (a cone seen from `origin`)."""
    c = (shape.centre_m - origin).astype(np.float32)
    tangent_squared = float(c @ c) - shape.radius_m**2
    if tangent_squared <= 0:
        return np.arange(directions.shape[1])
    along = directions[0] * c[0]
    along += directions[1] * c[1]
    along += directions[2] * c[2]
    return np.flatnonzero(along >= np.float32(np.sqrt(tangent_squared) * 0.9999))
