# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Furniture of usual sizes, made of boxes and balls, stood in a room without overlaps."""
from __future__ import annotations

import numpy as np

from src.datasets.synthetic.shapes import Box, Sphere

# A part of a piece: centre (x along the front, y to the back, z up) and full size in metres; is it cloth?
Part = tuple[tuple[float, float, float], tuple[float, float, float], bool]


def _cupboard(rng: np.random.Generator) -> list[Part]:
    width, depth, height = rng.uniform(0.6, 1.4), rng.uniform(0.35, 0.6), rng.uniform(1.5, 2.05)
    return [((0, 0, height / 2), (width, depth, height), False)]


def _drawers(rng: np.random.Generator) -> list[Part]:
    width, height = rng.uniform(0.5, 1.2), rng.uniform(0.6, 1.0)
    return [((0, 0, height / 2), (width, 0.45, height), False)]


def _table(rng: np.random.Generator) -> list[Part]:
    width, depth, height = rng.uniform(1.0, 1.6), rng.uniform(0.6, 0.85), rng.uniform(0.70, 0.76)
    side, legs = width / 2 - 0.06, (0.06, depth - 0.1, height - 0.04)
    top = ((0, 0, height - 0.02), (width, depth, 0.04), False)
    return [top, ((-side, 0, legs[2] / 2), legs, False), ((side, 0, legs[2] / 2), legs, False)]


def _chair(rng: np.random.Generator) -> list[Part]:
    return [((0, 0, 0.44), (0.44, 0.44, 0.05), True), ((0, 0.2, 0.67), (0.44, 0.04, 0.46), True),
            ((0, 0, 0.21), (0.08, 0.08, 0.42), False), ((0, 0, 0.02), (0.4, 0.4, 0.04), False)]


def _bed(rng: np.random.Generator) -> list[Part]:
    width = rng.uniform(0.9, 1.6)
    return [((0, 0, 0.15), (width, 2.0, 0.3), False), ((0, 0, 0.39), (width - 0.06, 1.96, 0.18), True),
            ((0, 1.02, 0.5), (width, 0.06, 1.0), False)]


def _sofa(rng: np.random.Generator) -> list[Part]:
    width = rng.uniform(1.4, 2.1)
    side = width / 2 - 0.08
    return [((0, 0, 0.21), (width, 0.85, 0.42), True), ((0, 0.34, 0.6), (width, 0.18, 0.4), True),
            ((-side, 0, 0.5), (0.16, 0.85, 0.2), True), ((side, 0, 0.5), (0.16, 0.85, 0.2), True)]


def _crate(rng: np.random.Generator) -> list[Part]:
    edge = rng.uniform(0.3, 0.5)
    return [((0, 0, edge / 2), (edge, edge, edge), False)]


_AT_WALL = (_cupboard, _cupboard, _drawers, _bed, _sofa, _table)
_FREE = (_table, _chair, _chair, _crate)


def _outline(parts: list[Part]) -> np.ndarray:
    """Return the half extents (x, y) of a piece about its origin."""
    return np.max([np.abs(np.array(c[:2])) + np.array(s[:2]) / 2 for c, s, _ in parts], axis=0)


def _stand(rng: np.random.Generator, parts: list[Part], place: np.ndarray, yaw_rad: float, board: int,
           cloth: int) -> list[Box]:
    """Turn a piece by `yaw_rad` and put it on the floor at `place` (2,)."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    boxes = []
    for (x, y, z), size, is_cloth in parts:
        centre = np.array([place[0] + c * x - s * y, place[1] + s * x + c * y, z])
        offset = (float(rng.uniform(0, 2)), float(rng.uniform(0, 2)))
        boxes.append(Box(centre, np.array(size) / 2, yaw_rad, cloth if is_cloth else board, offset))
    return boxes


def _place(rng: np.random.Generator, size: np.ndarray, half: np.ndarray,
           at_wall: bool) -> tuple[np.ndarray, float, np.ndarray]:
    """Draw a place (2,), a yaw and the half extents (2,) along x and y.

    A piece at a wall turns its back to it.
    """
    if not at_wall:
        yaw = rng.uniform(-np.pi, np.pi)
        c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
        extent = np.array([c * half[0] + s * half[1], s * half[0] + c * half[1]])
        return extent + rng.random(2) * (size[:2] - 2 * extent), yaw, extent
    wall = rng.integers(4)
    yaw = (-np.pi / 2, 0.0, np.pi / 2, np.pi)[wall]  # backs to +x, +y, -x, -y
    extent = half[::-1] if wall % 2 == 0 else half
    place = extent + rng.random(2) * (size[:2] - 2 * extent)
    axis = int(wall % 2)
    place[axis] = size[axis] - extent[axis] - 0.01 if wall < 2 else extent[axis] + 0.01
    return place, yaw, extent


def furnish(rng: np.random.Generator, size_m: np.ndarray, boards: list[int], cloths: list[int],
            clutter: float) -> list[Box | Sphere]:
    """Return furniture and balls for a room of `size_m` (x, y, height); `boards` and `cloths` are materials.

    A piece that finds no free place in a few tries is left out, so small rooms hold little.
    """
    area = size_m[0] * size_m[1]
    wanted = int(rng.integers(1, 4) + clutter * min(area / 4, 8) * rng.uniform(0.4, 1.0))
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    shapes: list[Box | Sphere] = []
    for _ in range(3 * wanted):
        at_wall = rng.random() < 0.65
        makers = _AT_WALL if at_wall else _FREE
        parts = makers[rng.integers(len(makers))](rng)
        half = _outline(parts)
        ball = rng.random() < 0.12
        radius = rng.uniform(0.1, 0.33)
        if ball:
            half, at_wall = np.full(2, radius), False
        place, yaw, extent = _place(rng, size_m, half, at_wall)
        overlaps = any(np.all(np.abs(place - p) < extent + e) for p, e in taken)
        if overlaps or np.any(2 * extent > 0.7 * size_m[:2]):
            continue
        taken.append((place, extent))
        board, cloth = (m[rng.integers(len(m))] for m in (boards, cloths))
        if ball:
            shapes.append(Sphere(np.array([*place, radius]), radius, cloth))
        else:
            shapes += _stand(rng, parts, place, yaw, board, cloth)
        if len(taken) == wanted:
            break
    return shapes
