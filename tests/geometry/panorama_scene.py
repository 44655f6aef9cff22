# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A textured box room with a pillar, ray-cast exactly from any place, turned any way."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

ROOM_M = np.array([[-2.0, -1.5, -3.0], [3.0, 1.1, 2.5]])  # y is down: ceiling at -1.5, floor at 1.1
PILLAR_M = np.array([[0.9, -0.6, 0.6], [1.4, 1.1, 1.0]])


def rotation(yaw_deg: float, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> np.ndarray:
    """About y (down), then x (right), then z (forward), each by the right-hand rule."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw_deg, pitch_deg, roll_deg])) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def pixel_directions(height_px: int, width_px: int) -> np.ndarray:
    """(H, W, 3) pixel by pixel from the definition."""
    result = np.empty((height_px, width_px, 3))
    for row in range(height_px):
        for column in range(width_px):
            theta = 2 * np.pi * (column + 0.5) / width_px - np.pi
            phi = np.pi / 2 - np.pi * (row + 0.5) / height_px
            result[row, column] = np.cos(phi) * np.sin(theta), -np.sin(phi), np.cos(phi) * np.cos(theta)
    return result


@dataclass(frozen=True)
class Panorama:
    """A camera in the room."""

    centre_m: tuple[float, float, float] = (0.2, -0.1, -0.3)
    turn: np.ndarray = field(default_factory=lambda: np.eye(3))  # from the panorama's axes to the world's
    pillar: bool = False

    def pose(self) -> np.ndarray:
        """(4, 4) camera to world."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self.turn, self.centre_m
        return pose

    def trace(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is seen along unit vectors (..., 3) of its frame: depth, normal in its frame, surface number.

        Surfaces are 0 .. 5: walls at the low and high end of x, y, z; 6 .. 11: the pillar's sides.
        """
        rays, start = vectors @ self.turn.T, np.array(self.centre_m)
        with np.errstate(divide="ignore"):
            to_room, to_pillar = (np.sort((box - start) / rays[..., None, :], axis=-2)
                                  for box in (ROOM_M, PILLAR_M))
        depth_m, axis = to_room[..., 1, :].min(axis=-1), to_room[..., 1, :].argmin(axis=-1)
        outwards = np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0
        surface = 2 * axis + outwards
        enter_m, leave_m = to_pillar[..., 0, :].max(axis=-1), to_pillar[..., 1, :].min(axis=-1)
        hit = self.pillar & (enter_m > 0) & (enter_m < leave_m)
        pillar_axis = to_pillar[..., 0, :].argmax(axis=-1)
        from_high = np.take_along_axis(rays, pillar_axis[..., None], -1)[..., 0] < 0
        depth_m = np.where(hit, enter_m, depth_m)
        surface = np.where(hit, 6 + 2 * pillar_axis + from_high, surface)
        walls = np.repeat(np.eye(3), 2, axis=0) * np.tile([1, -1], 3)[:, None]
        return depth_m, np.concatenate((walls, -walls))[surface] @ self.turn, surface

    def picture(self, height_px: int, width_px: int) -> tuple[np.ndarray, np.ndarray]:
        """Depth (H, W) and image (3, H, W) in [0, 1] at the pixels' centres."""
        vectors = pixel_directions(height_px, width_px)
        depth_m = self.trace(vectors)[0]
        return depth_m, np.moveaxis(self.colour(vectors * depth_m[..., None]), -1, 0)

    def colour(self, points: np.ndarray) -> np.ndarray:
        """Waves one or two metres long, of points (..., 3) in its frame."""
        x, y, z = np.moveaxis(points @ self.turn.T + self.centre_m, -1, 0)
        waves = (np.sin(3 * x + 2 * y) * np.cos(3 * z), np.cos(3 * x - 4 * z + 1), np.sin(4 * y + 3 * z + 2))
        return 0.5 + 0.25 * np.stack(waves, axis=-1) + 0.1 * np.sin(3 * (x - y + z))[..., None]
