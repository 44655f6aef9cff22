# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Objects in front of a camera, seen in float64: exact shapes with relief and patches of colour.

All is in the camera frame (x right, y down, z forward, metres). A ray is (x, y, 1), so that the distance
along it, in rays, is the depth z. Relief and colours are functions of the place on the object, so they stay
where they are when the object moves.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from src.geometry.pinhole import Intrinsics

# Each kind is the intersection of unit balls in some of the solid's axes: a slab is a ball in one axis.
_BALLS = {"ellipsoid": ((0, 1, 2),), "box": ((0,), (1,), (2,)), "cylinder": ((0, 2), (1,))}


@dataclass(frozen=True)
class Solid:
    """A convex solid.

    Attributes:
        kind: "ellipsoid", "box" or "cylinder" (elliptic, capped, along its second axis).
        half_m: (3,) half extents along its own axes.
        rotation: (3, 3), its axes as columns.
        centre_m: (3,).
    """

    kind: str
    half_m: np.ndarray
    rotation: np.ndarray
    centre_m: np.ndarray

    def hit(self, rays: np.ndarray) -> np.ndarray:
        """Return the z (N,) at which the rays (3, N) from the origin enter the solid, inf for a miss."""
        start = self.rotation.T @ -self.centre_m / self.half_m
        along = _turned(self.rotation.T, rays) / self.half_m[:, None]
        enter, leave = np.zeros(rays.shape[1]), np.full(rays.shape[1], np.inf)
        for axes in _BALLS[self.kind]:
            s, d = start[list(axes)], along[list(axes)]
            a = np.maximum((d * d).sum(axis=0), 1e-18)  # 0 for rays along a slab
            b = (s[:, None] * d).sum(axis=0)
            root = b * b - a * (s @ s - 1)
            half = np.sqrt(np.maximum(root, 0))
            enter = np.maximum(enter, (-b - half) / a)
            leave = np.where(root > 0, np.minimum(leave, (-b + half) / a), 0)
        return np.where((enter > 0) & (enter < leave), enter, np.inf)

    def local(self, points: np.ndarray) -> np.ndarray:
        """Return points (3, N) along the solid's own axes, metres from its centre."""
        return _turned(self.rotation.T, points - self.centre_m[:, None])

    def near(self, rays: np.ndarray) -> np.ndarray:
        """Return the indices of the rays (3, N) that meet the bounding sphere."""
        c = self.centre_m
        along = c[0] * rays[0] + c[1] * rays[1] + c[2] * rays[2]
        squared = rays[0] * rays[0] + rays[1] * rays[1] + rays[2] * rays[2]
        tangent_squared = c @ c - self.half_m @ self.half_m
        return np.flatnonzero((along > 0) & (along * along >= tangent_squared * squared))


@dataclass(frozen=True)
class Relief:
    """Bumps and folds: K waves through the solid, each bent and made stronger and weaker by a slower one.

    Attributes:
        vectors, slow_vectors: (K, 3) wave vectors, rad/m.
        phases, slow_phases: (K,).
        amplitude_m: (K,) the most that the wave adds to z.
        folded: (K,) bool, narrow valleys in place of a sine.
    """

    vectors: np.ndarray
    phases: np.ndarray
    slow_vectors: np.ndarray
    slow_phases: np.ndarray
    amplitude_m: np.ndarray
    folded: np.ndarray

    def height_m(self, local_m: np.ndarray) -> np.ndarray:
        """Return what to add to z (N,) at places (3, N) on the solid."""
        height = np.zeros(local_m.shape[1])
        for k, amplitude in enumerate(self.amplitude_m):
            slow = np.sin(_wave(self.slow_vectors[k], local_m) + self.slow_phases[k])
            phase = _wave(self.vectors[k], local_m) + self.phases[k] + 1.2 * slow
            wave = 1 - 2 * np.sqrt(np.sin(phase / 2) ** 2 + 0.02) if self.folded[k] else np.sin(phase)
            height += amplitude * (0.6 + 0.4 * slow) * wave
        return height


@dataclass(frozen=True)
class Paint:
    """Colours in stripes and patches: M waves (vectors (M, 3) rad/m, phases (M,)) choose one of M + 1.

    `colours` is (M + 1, 3) linear RGB in [0, 1]; the number of waves that are positive is the colour's index.
    """

    colours: np.ndarray
    vectors: np.ndarray
    phases: np.ndarray

    def albedo(self, local_m: np.ndarray) -> np.ndarray:
        """Return the colour (N, 3) of places (3, N) on the solid."""
        index = np.zeros(local_m.shape[1], np.int64)
        for vector, phase in zip(self.vectors, self.phases):
            index += np.sin(_wave(vector, local_m) + phase) > 0
        return self.colours[index]


@dataclass(frozen=True)
class Object:
    """A solid with its relief and paint."""

    solid: Solid
    relief: Relief
    paint: Paint

    def moved(self, rotation: np.ndarray, shift_m: np.ndarray) -> Object:
        """Return the object turned about the origin by `rotation` (3, 3), then shifted by (3,)."""
        solid = replace(self.solid, rotation=rotation @ self.solid.rotation,
                        centre_m=rotation @ self.solid.centre_m + shift_m)
        return replace(self, solid=solid)


@dataclass(frozen=True)
class Cast:
    """What a camera sees of the objects.

    Attributes:
        z_m: (H, W) float64, inf where there is no object.
        surface: (H, W) int16, the object's index, -1 where there is none.
        albedo: (H, W, 3) float32 linear RGB in [0, 1], 0 where there is no object.
    """

    z_m: np.ndarray
    surface: np.ndarray
    albedo: np.ndarray


def cast(objects: list[Object], camera: Intrinsics) -> Cast:
    """Return the nearest object of every pixel: its exact z with relief, its index and its albedo."""
    rays = np.ascontiguousarray(camera.rays().reshape(-1, 3).T)
    z_m = np.full(rays.shape[1], np.inf)
    surface = np.full(rays.shape[1], -1, np.int16)
    albedo = np.zeros((rays.shape[1], 3), np.float32)
    for index, thing in enumerate(objects):
        near = thing.solid.near(rays)
        hit_m = thing.solid.hit(rays[:, near])
        hit = np.isfinite(hit_m)
        at, hit_m = near[hit], hit_m[hit]
        local_m = thing.solid.local(hit_m * rays[:, at])
        hit_m = hit_m + thing.relief.height_m(local_m)
        front = hit_m < z_m[at]
        z_m[at[front]] = hit_m[front]
        surface[at[front]] = index
        albedo[at[front]] = thing.paint.albedo(local_m[:, front])
    shape = (camera.height_px, camera.width_px)
    return Cast(z_m.reshape(shape), surface.reshape(shape), albedo.reshape(*shape, 3))


def _turned(rotation: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    # Written out: a matrix product may round differently with another number of threads.
    return np.stack([r[0] * vectors[0] + r[1] * vectors[1] + r[2] * vectors[2] for r in rotation])


def _wave(vector: np.ndarray, local_m: np.ndarray) -> np.ndarray:
    return vector[0] * local_m[0] + vector[1] * local_m[1] + vector[2] * local_m[2]
