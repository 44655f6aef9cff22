# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The ray caster: rays in; exact distance, normals, surfaces and linear colour out. It knows no layout.

What tells depth in the pictures, as in real ones: the perspective of floor, ceiling, walls and skirting
boards; the scale of bricks, boards, tiles and cloth; doors, furniture and balls of usual sizes; occlusion,
and dark contact lines where things stand on the floor; light that falls off with the distance from the
lamps and from the camera (a flash); darker corners. Colours, textures, lamps, the flash and the exposure
vary from scene to scene, so that none of these tells it alone.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.datasets.synthetic.camera import Rays
from src.datasets.synthetic.scene import Scene
from src.datasets.synthetic.shapes import Box, rays_near

FIRST_SHAPE = 6
_CORNER_SHADE, _CORNER_REACH_M = 0.3, 0.25
_CONTACT_SHADE, _CONTACT_REACH_M = 0.55, 0.12


@dataclass(frozen=True)
class Hits:
    """Where N rays end.

    Attributes:
        distance_m: (N,) float32, along the ray.
        surface: (N,) int16; 0..5 a face of the enclosure (`shapes.FACES`), 6 + k the scene's k-th shape.
    """

    distance_m: np.ndarray
    surface: np.ndarray


@dataclass(frozen=True)
class View:
    """What N rays see.

    Attributes:
        hits: where they end.
        normals: (3, N) float32, unit, world, towards the viewer.
        facing: (N,) float32, cosine between the normal and the direction to the viewer, at least 0.03.
        radiance: (3, N) float32, linear RGB, about 0..1.
        glows: (N,) bool, lamps and window panes.
    """

    hits: Hits
    normals: np.ndarray
    facing: np.ndarray
    radiance: np.ndarray
    glows: np.ndarray


def trace(scene: Scene, origin_m: np.ndarray, directions: np.ndarray) -> Hits:
    """Return the first surface each ray meets; `origin_m` (3,), `directions` (3, N) float32 unit vectors."""
    distance, face = scene.enclosure.hit(origin_m, directions)
    surface = face.astype(np.int16)
    for k, shape in enumerate(scene.shapes):
        near = rays_near(origin_m, directions, shape)
        if near.size == 0:
            continue
        t = shape.hit(origin_m, directions[:, near])
        closer = t < distance[near]
        distance[near[closer]] = t[closer]
        surface[near[closer]] = FIRST_SHAPE + k
    return Hits(distance, surface)


def render(scene: Scene, rays: Rays) -> View:
    """Cast the rays and shade what they meet."""
    hits = trace(scene, rays.origin_m, rays.directions)
    points = rays.origin_m[:, None] + hits.distance_m * rays.directions
    normals, u, v, material = _surfaces(scene, hits.surface, points)
    facing = np.maximum(-_dot(normals, rays.directions), np.float32(0.03))
    # A pixel on a slanted surface is longer in one direction only; this is the mean of both.
    footprint = hits.distance_m * np.float32(rays.pixel_angle_rad) / np.sqrt(facing)
    albedo = scene.atlas.albedo(material, u, v, footprint)
    emission = scene.atlas.emission[material]
    light = _light(scene, hits, points, normals, facing)
    light *= _corner_shade(scene, points) * _contact_shade(scene, hits.surface, points)
    glows = emission > 0
    light[:, glows] = emission[glows]
    return View(hits, normals, facing, albedo * light, glows)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _surfaces(scene: Scene, surface: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return normals (3, N), texture coordinates u, v (N,) in metres and material (N,) of the points."""
    on_face = np.minimum(surface, FIRST_SHAPE - 1).astype(np.uint8)
    normals, u, v, material = scene.enclosure.surface(points, on_face)
    on_shape = np.flatnonzero(surface >= FIRST_SHAPE)
    order = on_shape[np.argsort(surface[on_shape], kind="stable")]
    bounds = np.searchsorted(surface[order], np.arange(len(scene.shapes) + 1) + FIRST_SHAPE)
    for shape, first, last in zip(scene.shapes, bounds, bounds[1:]):
        if first < last:
            at = order[first:last]
            normals[:, at], u[at], v[at] = shape.surface(points[:, at])
            material[at] = shape.material
    return normals, u, v, material


def _light(scene: Scene, hits: Hits, points: np.ndarray, normals: np.ndarray,
           facing: np.ndarray) -> np.ndarray:
    """Return the irradiance (3, N) of ambient light, flash and lamps, with the lamps' shadows."""
    light = scene.light
    fall = 1 + (hits.distance_m * np.float32(1 / light.flash_reach_m)) ** 2
    everywhere = light.ambient + light.flash * facing / fall
    total = np.stack([everywhere] * 3)
    for lamp in scene.lamps:
        origin = lamp.position_m.astype(np.float32)
        offset = points - origin[:, None]
        squared = _dot(offset, offset)
        distance = np.sqrt(squared) + np.float32(1e-6)
        offset /= distance
        received = np.maximum(-_dot(normals, offset), 0) * np.float32(lamp.power) / (1 + squared)
        received[_in_shadow(scene, origin, offset, distance)] *= np.float32(0.15)
        for k in range(3):
            total[k] += received * lamp.colour[k]
    return total


def _in_shadow(scene: Scene, lamp_m: np.ndarray, directions: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the indices of the points, `distance` (N,) along `directions` from a lamp, that boxes hide."""
    hidden = np.zeros(distance.size, bool)
    for shape in scene.shapes:
        if not isinstance(shape, Box):
            continue
        near = rays_near(lamp_m, directions, shape)
        hidden[near] |= shape.hit(lamp_m, directions[:, near]) < distance[near] - np.float32(0.01)
    return np.flatnonzero(hidden)


def _corner_shade(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Return the share of ambient light (N,) that reaches a point near the enclosure's faces."""
    shade = np.float32(1 / (1 - _CORNER_SHADE))  # each point lies on one face, which does not count
    for axis in range(3):
        low, high = (np.float32(corner[axis]) for corner in (scene.enclosure.low_m, scene.enclosure.high_m))
        gap = np.maximum(np.minimum(points[axis] - low, high - points[axis]), 0)
        nearness = np.float32(_CORNER_REACH_M) / (gap + np.float32(_CORNER_REACH_M))
        shade = shade * (1 - np.float32(_CORNER_SHADE) * nearness)
    return np.minimum(shade, 1)


def _contact_shade(scene: Scene, surface: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the factor (N,) that darkens the floor close to the boxes that stand on it."""
    factor = np.ones(surface.size, np.float32)
    floor = np.flatnonzero(surface == 4)
    x, y = points[0, floor], points[1, floor]
    reach = np.float32(4 * _CONTACT_REACH_M)
    for shape in scene.shapes:
        if not isinstance(shape, Box) or shape.centre_m[2] - shape.half_m[2] > 0.3:
            continue
        dx, dy = x - np.float32(shape.centre_m[0]), y - np.float32(shape.centre_m[1])
        near = np.flatnonzero(dx * dx + dy * dy < (np.hypot(*shape.half_m[:2]) + reach) ** 2)
        c, s = np.float32(np.cos(shape.yaw_rad)), np.float32(np.sin(shape.yaw_rad))
        out_x = np.maximum(np.abs(c * dx[near] + s * dy[near]) - np.float32(shape.half_m[0]), 0)
        out_y = np.maximum(np.abs(c * dy[near] - s * dx[near]) - np.float32(shape.half_m[1]), 0)
        gap = np.sqrt(out_x * out_x + out_y * out_y)
        at = floor[near]
        factor[at] *= 1 - np.float32(_CONTACT_SHADE) * np.exp(gap * np.float32(-1 / _CONTACT_REACH_M))
    return factor
