# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Cameras among each other and in their world: angles between them, heading, pitch, roll, the way up.

A camera is its pose (4, 4) from camera to world in metres; its x points right, y down, z where it looks.
"""
from __future__ import annotations

import numpy as np

UP_AXES = {f"{sign}{name}": direction * np.eye(3)[k]
           for k, name in enumerate("xyz") for sign, direction in (("", 1.0), ("-", -1.0))}
"""The directions that may be up in a world, "x" to "-z"."""

# Nearer than this to straight up or down (the sine of the angle), a camera has no heading.
_NO_HEADING = 1e-6


def angle_between_deg(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angle (N,) in [0, 180] of the rotation from each camera (N, 4, 4) to another.

    Rotations by the angle a to each other differ by 2 sqrt(2) sin(a / 2) in Frobenius norm.
    """
    difference = np.linalg.norm(first[:, :3, :3] - second[:, :3, :3], axis=(1, 2))
    return np.degrees(2 * np.arcsin(np.minimum(difference / np.sqrt(8), 1)))


def distance_between_m(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the distance (N,) of each camera (N, 4, 4) to another."""
    return np.linalg.norm(first[:, :3, 3] - second[:, :3, 3], axis=1)


def nearest_camera(poses: np.ndarray) -> np.ndarray:
    """Return for each of two or more cameras (N, 4, 4) the index of the one that stands nearest, (N,)."""
    places_m = poses[:, :3, 3]
    nearest = np.empty(len(places_m), int)
    for k, place_m in enumerate(places_m):
        squared = np.sum((places_m - place_m) ** 2, axis=1)
        squared[k] = np.inf
        nearest[k] = squared.argmin()
    return nearest


def up_axis(poses: np.ndarray) -> str:
    """Return the name in `UP_AXES` of the direction that is nearest to the mean camera's up.

    Right as long as most cameras are held upright and the world has an axis upright.
    """
    mean_up = -poses[:, :3, 1].mean(axis=0)
    return max(UP_AXES, key=lambda name: UP_AXES[name] @ mean_up)


def ground_axes(up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two directions (3,) of the ground as seen from above: to the right and ahead (up on paper).

    Right is the world's x, or its y where x is up or down; right, ahead and up are right-handed.
    """
    right = np.eye(3)[1 if up[0] else 0]
    return right, np.cross(up, right)


def yaw_pitch_roll_deg(poses: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how cameras (N, 4, 4) stand in a world whose up is the unit vector `up` (3,).

    Returns:
        yaw (N,) in [-180, 180]: where it looks, 0 = ahead (`ground_axes`), growing to the right;
        pitch (N,) in [-90, 90]: positive above the horizon;
        roll (N,) in [-180, 180]: positive where the camera's right side dips. Yaw and roll are NaN of a
        camera that looks straight up or down.
    """
    right, ahead = ground_axes(up)
    camera_x, look = poses[:, :3, 0], poses[:, :3, 2]
    level_x = np.cross(look, up)
    headed = np.linalg.norm(level_x, axis=1, keepdims=True) > _NO_HEADING
    level_x = np.where(headed, level_x, np.nan)
    level_x /= np.linalg.norm(level_x, axis=1, keepdims=True)
    level_up = np.cross(level_x, look)
    yaw = np.where(headed[:, 0], np.arctan2(look @ right, look @ ahead), np.nan)
    pitch = np.arcsin(np.clip(look @ up, -1, 1))
    roll = np.arctan2(-np.sum(camera_x * level_up, axis=1), np.sum(camera_x * level_x, axis=1))
    return np.degrees(yaw), np.degrees(pitch), np.degrees(roll)
