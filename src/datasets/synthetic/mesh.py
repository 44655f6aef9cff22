# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A scene's geometry as a Wavefront .obj file: faces point to where they are seen from."""
from __future__ import annotations

from itertools import product

import numpy as np

from src.datasets.synthetic.scene import Scene
from src.datasets.synthetic.shapes import Box, Enclosure, Sphere

# Corners of a box in the order of `product`: bit 4 x, bit 2 y, bit 1 z. Anticlockwise from outside.
_CORNERS = np.array(list(product((-1, 1), repeat=3)), np.float64)
_SIDES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
_MERIDIANS, _BANDS = 24, 12

Mesh = tuple[np.ndarray, list[tuple[int, ...]]]


def obj_text(scene: Scene, to_file: np.ndarray, about: str) -> str:
    """Return the .obj of a scene: the object "room", then "box_<n>" and "ball_<n>", vertices in metres.

    Args:
        scene: what to write.
        to_file: (3, 3) rotation from the scene's world to that of the file.
        about: one line for its head.
    """
    objects = [("room", _enclosure(scene.enclosure))]
    objects += [(f"box_{n}", _box(shape)) if isinstance(shape, Box) else (f"ball_{n}", _sphere(shape))
                for n, shape in enumerate(scene.shapes)]
    lines, first = [f"# {about}"], 1
    for name, (vertices, faces) in objects:
        lines.append(f"o {name}")
        lines += ["v {:.5f} {:.5f} {:.5f}".format(*vertex) for vertex in vertices @ to_file.T]
        lines += ["f " + " ".join(str(first + k) for k in face) for face in faces]
        first += len(vertices)
    return "\n".join(lines) + "\n"


def _enclosure(room: Enclosure) -> Mesh:
    centre, half = (room.high_m + room.low_m) / 2, (room.high_m - room.low_m) / 2
    return centre + half * _CORNERS, [side[::-1] for side in _SIDES]  # seen from inside


def _box(box: Box) -> Mesh:
    c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return box.centre_m + box.half_m * _CORNERS @ turn.T, list(_SIDES)


def _sphere(ball: Sphere) -> Mesh:
    """Return rings of vertices from the south to the north pole, the poles last; they lie on the sphere."""
    latitude = np.pi * np.arange(1, _BANDS)[:, None] / _BANDS - np.pi / 2
    longitude = 2 * np.pi * np.arange(_MERIDIANS) / _MERIDIANS
    rings = np.stack(np.broadcast_arrays(np.cos(latitude) * np.cos(longitude),
                                         np.cos(latitude) * np.sin(longitude), np.sin(latitude)), axis=-1)
    unit = np.concatenate([rings.reshape(-1, 3), [[0, 0, -1], [0, 0, 1]]])
    south, north, top = len(unit) - 2, len(unit) - 1, (_BANDS - 2) * _MERIDIANS
    faces: list[tuple[int, ...]] = []
    for k in range(_MERIDIANS):
        after = (k + 1) % _MERIDIANS
        faces += [(south, after, k), (north, top + k, top + after)]
        faces += [(row + k, row + after, row + _MERIDIANS + after, row + _MERIDIANS + k)
                  for row in range(0, top, _MERIDIANS)]
    return ball.centre_m + ball.radius_m * unit, faces
