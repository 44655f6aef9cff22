# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Cameras as sets of rays: all a renderer needs, so a lidar is one more function.

World: x and y on the floor, z up, metres. Camera: x right, y down, z forward. Pixel
centres at integers + 0.5.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.geometry.sphere import directions


@dataclass(frozen=True)
class Rays:
    """Rays that leave one point.

    Attributes:
        origin_m: (3,) float32, world.
        directions: (3, N) float32, unit length, world.
        shape: shape of the picture that the N rays fill, such as (height, width).
        pixel_angle_rad: angle between neighbouring rays, for the choice of the texture's level of detail.
    """

    origin_m: np.ndarray
    directions: np.ndarray
    shape: tuple[int, ...]
    pixel_angle_rad: float


@dataclass(frozen=True)
class Pose:
    """Camera to world: `world = rotation @ camera + position_m`; (3, 3) and (3,), float64."""

    rotation: np.ndarray
    position_m: np.ndarray

    @property
    def forward(self) -> np.ndarray:
        """(3,) unit vector of the optical axis in the world."""
        return self.rotation[:, 2]


@dataclass(frozen=True)
class Pinhole:
    """A pinhole camera without distortion, in pixels."""

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    width: int
    height: int

    def resized(self, width: int, height: int) -> Pinhole:
        """Return the same field of view on another pixel grid."""
        x, y = width / self.width, height / self.height
        return Pinhole(self.fx_px * x, self.fy_px * y, self.cx_px * x, self.cy_px * y, width, height)

    def rays(self, pose: Pose) -> Rays:
        """Return one ray a pixel, row by row."""
        x = (np.arange(self.width) + 0.5 - self.cx_px) / self.fx_px
        y = (np.arange(self.height) + 0.5 - self.cy_px) / self.fy_px
        x, y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        rotation = pose.rotation.astype(np.float32)
        length = np.sqrt(x * x + y * y + 1).ravel()
        directions = np.stack([(r[0] * x + r[1] * y + r[2]).ravel() / length for r in rotation])
        return Rays(pose.position_m.astype(np.float32), directions, (self.height, self.width), 1 / self.fx_px)


@dataclass(frozen=True)
class Panorama:
    """An equirectangular panorama, in pixels: forward in the middle, the whole sphere."""

    width: int
    height: int

    def rays(self, pose: Pose) -> Rays:
        """Return one ray a pixel, row by row: longitude grows to the right, latitude falls downwards."""
        camera = directions(self.height, self.width).reshape(-1, 3)
        world = np.ascontiguousarray((camera @ pose.rotation.T).T, np.float32)
        return Rays(pose.position_m.astype(np.float32), world, (self.height, self.width),
                    2 * np.pi / self.width)


def look(position_m: np.ndarray, yaw_rad: float, pitch_rad: float, roll_rad: float = 0.0) -> Pose:
    """Return the pose of a camera that looks along `yaw` (from x towards y) and `pitch` (up is positive)."""
    ahead = np.array([np.cos(yaw_rad), np.sin(yaw_rad), 0.0])
    level = np.array([np.sin(yaw_rad), -np.cos(yaw_rad), 0.0])
    forward = np.cos(pitch_rad) * ahead + np.sin(pitch_rad) * np.array([0.0, 0.0, 1.0])
    below = np.cross(forward, level)
    right = np.cos(roll_rad) * level + np.sin(roll_rad) * below
    down = np.cos(roll_rad) * below - np.sin(roll_rad) * level
    return Pose(np.stack([right, down, forward], axis=1), np.asarray(position_m, np.float64))


def z_depth_m(distance_m: np.ndarray, rays: Rays, pose: Pose) -> np.ndarray:
    """Turn distance along the ray (N,) into depth along the optical axis (N,), metres."""
    axis = pose.forward.astype(np.float32)
    d = rays.directions
    return distance_m * (d[0] * axis[0] + d[1] * axis[1] + d[2] * axis[2])
