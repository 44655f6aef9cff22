# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Rooms for panoramas, which see all of them: rooms and corridors, some divided, and where tripods stand."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from src.datasets.synthetic.camera import Panorama, Pose, look
from src.datasets.synthetic.render import trace
from src.datasets.synthetic.rooms import corridor, room
from src.datasets.synthetic.scene import Light, Scene
from src.datasets.synthetic.shapes import Box, Sphere

NEAREST_M = 0.25
_APART_M = 0.2
_PROBE = Panorama(64, 32)
_ATTEMPTS = 30
_CORRIDOR_SHARE = 0.2
_YAW_RAD = np.radians(15)
_PARTITION_M = 0.12
_DOOR_TOP_M = 2.05


def posed_interior(rng: np.random.Generator, num_views: int, tilt_deg: float) -> tuple[Scene, list[Pose]]:
    """Draw rooms until one has `num_views` places for a camera; return it and the camera's poses there.

    The cameras see each other, stand 0.2 m apart or more, 0.8 to 2 m high, and nothing is nearer to them than
    0.25 m. They look the same way up to 15 degrees of yaw, level or tilted by `tilt_deg` at most.
    """
    while True:
        scene = _interior(rng)
        places = _places(rng, scene, num_views)
        if places:
            ahead = rng.uniform(-np.pi, np.pi)
            return scene, [_pose(rng, place, ahead, tilt_deg) for place in places]


def _interior(rng: np.random.Generator) -> Scene:
    scene = corridor(rng) if rng.random() < _CORRIDOR_SHARE else room(rng)
    # No flash: a surface looks the same from everywhere, and its brightness does not tell the distance.
    light = Light(ambient=rng.uniform(0.25, 0.5), flash=0.0, flash_reach_m=1.0)
    walls = _partition(rng, scene.enclosure.high_m, int(rng.choice(scene.enclosure.materials[:4])))
    lamps = [shape for shape in scene.shapes if isinstance(shape, Sphere)]
    if any(_touch(wall, lamp) for wall in walls for lamp in lamps):
        walls = []
    return replace(scene, shapes=scene.shapes + tuple(walls), light=light)


def _partition(rng: np.random.Generator, size_m: np.ndarray, material: int) -> list[Box]:
    """Return what divides a room: nothing, a corner that makes it L-shaped, or a wall with a doorway."""
    kind = rng.random()
    if kind < 0.45 or size_m[:2].min() < 2.2:
        return []
    if kind < 0.75:
        extent = size_m[:2] * rng.uniform(0.2, 0.45, 2)
        low = np.where(rng.random(2) < 0.5, 0, size_m[:2] - extent)
        return [_block(low, low + extent, 0.0, size_m[2], material)]
    at = size_m[0] * rng.uniform(0.35, 0.65)
    door_m = rng.uniform(0.8, 1.2)
    left = rng.uniform(0.2, size_m[1] - door_m - 0.2)
    spans = ((0.0, left, 0.0), (left + door_m, size_m[1], 0.0), (left, left + door_m, _DOOR_TOP_M))
    return [_block(np.array([at, first]), np.array([at + _PARTITION_M, last]), bottom, size_m[2], material)
            for first, last, bottom in spans]


def _block(low_xy: np.ndarray, high_xy: np.ndarray, bottom_m: float, top_m: float, material: int) -> Box:
    low, high = np.array([*low_xy, bottom_m]), np.array([*high_xy, top_m])
    return Box((low + high) / 2, (high - low) / 2, 0.0, material)


def _touch(box: Box, ball: Sphere) -> bool:
    return bool(np.all(np.abs(ball.centre_m - box.centre_m) < box.half_m + ball.radius_m))


def _places(rng: np.random.Generator, scene: Scene, count: int) -> list[np.ndarray] | None:
    """Return places (3,) for the camera, or None where the room hardly has any."""
    size = scene.enclosure.high_m
    margin = np.minimum(0.3, size[:2] / 3)
    places: list[np.ndarray] = []
    for _ in range(_ATTEMPTS * count):
        height = min(rng.uniform(0.8, 2.0), size[2] - 0.3)
        place = np.array([*(margin + rng.random(2) * (size[:2] - 2 * margin)), height])
        rays = _PROBE.rays(look(place, 0.0, 0.0))
        if trace(scene, rays.origin_m, rays.directions).distance_m.min() < NEAREST_M:
            continue
        if all(_see_each_other(scene, place, other) for other in places):
            places.append(place)
        if len(places) == count:
            return places
    return None


def _see_each_other(scene: Scene, here: np.ndarray, there: np.ndarray) -> bool:
    apart_m = np.linalg.norm(there - here)
    if apart_m < _APART_M:
        return False
    ray = ((there - here) / apart_m)[:, None].astype(np.float32)
    return bool(trace(scene, here.astype(np.float32), ray).distance_m[0] > apart_m)


def _pose(rng: np.random.Generator, place: np.ndarray, ahead_rad: float, tilt_deg: float) -> Pose:
    yaw = ahead_rad + rng.uniform(-_YAW_RAD, _YAW_RAD)
    lean = np.radians(tilt_deg) * np.sqrt(rng.random())
    towards = rng.uniform(-np.pi, np.pi)
    return look(place, yaw, lean * np.cos(towards), lean * np.sin(towards))
