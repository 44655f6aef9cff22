# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Random camera poses from which a scene can be measured: all of it within the sensor's range."""
from __future__ import annotations

import numpy as np

from src.datasets.synthetic.camera import Pinhole, Pose, look, z_depth_m
from src.datasets.synthetic.render import trace
from src.datasets.synthetic.scene import Scene

_PROBE = (64, 48)
_ATTEMPTS = 60


def random_views(rng: np.random.Generator, scene: Scene, camera: Pinhole, count: int, nearest_m: float,
                 farthest_m: float) -> list[Pose] | None:
    """Draw `count` poses whose z depth stays between the limits, or None where the scene hardly has any.

    The eye is 0.8 to 2 m high. A coarse picture (64 x 48) decides, so a few pixels may still lie outside
    the limits.
    """
    poses = []
    probe = camera.resized(*_PROBE)
    for _ in range(_ATTEMPTS * count):
        pose = _random_pose(rng, scene)
        rays = probe.rays(pose)
        z_m = z_depth_m(trace(scene, rays.origin_m, rays.directions).distance_m, rays, pose)
        if z_m.min() > nearest_m and z_m.max() < farthest_m:
            poses.append(pose)
            if len(poses) == count:
                return poses
    return None


def _random_pose(rng: np.random.Generator, scene: Scene) -> Pose:
    low, high = scene.enclosure.low_m, scene.enclosure.high_m
    size = high - low
    margin = np.minimum(0.3, size[:2] / 3)
    place, target = (low[:2] + margin + rng.random(2) * (size[:2] - 2 * margin) for _ in range(2))
    yaw = np.arctan2(*(target - place)[::-1])
    # Who photographs a room steps back first, away from what is aimed at, up to the wall behind.
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    free = np.where(ahead > 0, place - low[:2] - margin, high[:2] - margin - place)
    free = free / np.maximum(np.abs(ahead), 1e-6)
    place = place - ahead * free.min() * rng.random() ** 0.5
    height = low[2] + min(rng.uniform(0.8, 2.0), size[2] - 0.3)
    pitch = np.clip(rng.normal(-0.12, 0.15), -0.5, 0.2)
    return look(np.array([*place, height]), yaw, pitch, rng.normal(0, 0.02))
