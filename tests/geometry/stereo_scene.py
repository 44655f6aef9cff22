# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A textured tilted wall with a board in front, ray-cast exactly from any place, and sampling in NumPy."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

WALL_NORMAL, WALL_OFFSET_M = np.array([-0.5, 0.3, 1.0]), 6.0  # z = 6 m + 0.5 x - 0.3 y
BOARD_Z_M, BOARD_M = 3.0, (-0.5, 0.6, -0.6, 0.5)  # left, right, top, bottom


@dataclass(frozen=True)
class View:
    """A camera in the scene; the world is the frame of the view without shift."""

    cx_px: float
    centre_m: np.ndarray = field(default_factory=lambda: np.zeros(3))
    focal_px: float = 80.0
    cy_px: float = 30.2
    height_px: int = 64
    width_px: int = 96

    def trace(self, u, v) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is seen at pixels u, v: depth, colour (3, ...) in [0, 1], and whether it is the board."""
        rays = np.stack([(u - self.cx_px) / self.focal_px, (v - self.cy_px) / self.focal_px, np.ones_like(u)])
        start = self.centre_m.reshape(3, *[1] * np.ndim(u))
        wall_m = (WALL_OFFSET_M - WALL_NORMAL @ self.centre_m) / np.tensordot(WALL_NORMAL, rays, 1)
        board_m = (BOARD_Z_M - self.centre_m[2]) / rays[2]
        x, y, _ = start + board_m * rays
        left, right, top, bottom = BOARD_M
        board = (x > left) & (x < right) & (y > top) & (y < bottom)
        depth_m = np.where(board, board_m, wall_m)
        x, y, _ = start + depth_m * rays
        return depth_m, _texture(x, y, np.where(board, 2.0, 1.0)), board

    def picture(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Depth (H, W), image (3, H, W), whether it is the board, at the pixels' centres."""
        return self.trace(*self.centres())

    def centres(self) -> list[np.ndarray]:
        return np.meshgrid(np.arange(self.width_px) + 0.5, np.arange(self.height_px) + 0.5)

    def places_in(self, other: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """u, v and depth in another view of what this view's pixels see."""
        u, v = self.centres()
        depth_m = self.trace(u, v)[0]
        points = depth_m * np.stack([(u - self.cx_px) / self.focal_px, (v - self.cy_px) / self.focal_px,
                                     np.ones_like(u)])
        x, y, z = points + (self.centre_m - other.centre_m).reshape(3, 1, 1)
        return other.focal_px * x / z + other.cx_px, other.focal_px * y / z + other.cy_px, z

    def visibility_in(self, other: View) -> tuple[np.ndarray, np.ndarray]:
        """Which pixels map into the other image, and which of these that view sees."""
        u, v, z_m = self.places_in(other)
        inside = between_centres(u, other.width_px) & between_centres(v, other.height_px)
        return inside, inside & (np.abs(other.trace(u, v)[0] - z_m) < 1e-9)


def _texture(x, y, frequency) -> np.ndarray:
    """Waves about 8 pixels long, on the wall and on the board."""
    waves = [np.sin(frequency * (7.0 * x + 2.0 * y)) * np.cos(frequency * 5.0 * y),
             np.cos(frequency * (6.0 * x - 4.0 * y) + 1.0), np.sin(frequency * (3.0 * x + 8.0 * y) + 2.0)]
    return 0.5 + 0.2 * np.stack(waves) + 0.1 * np.sin(frequency * 2.0 * (x - y))


LEFT, RIGHT = View(47.3), View(50.1, np.array([0.4, 0.0, 0.0]))
FOCAL_BASELINE_PX_M = LEFT.focal_px * 0.4


def between_centres(place_px: np.ndarray, size_px: int) -> np.ndarray:
    """From the first to the last pixel's centre, give or take a millipixel for rounding."""
    return (place_px >= 0.5 - 1e-3) & (place_px <= size_px - 0.5 + 1e-3)


def bilinear(maps: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (C, ...) of maps (C, H, W) at u, v, and where these lie inside; elsewhere they mean nothing."""
    height, width = maps.shape[1:]
    inside = between_centres(u, width) & between_centres(v, height)
    x, y = np.where(inside, u, 1.0) - 0.5, np.where(inside, v, 1.0) - 0.5
    column, row = (np.clip(np.floor(a).astype(int), 0, size - 2) for a, size in ((x, width), (y, height)))
    x, y = x - column, y - row
    top = maps[:, row, column] * (1 - x) + maps[:, row, column + 1] * x
    bottom = maps[:, row + 1, column] * (1 - x) + maps[:, row + 1, column + 1] * x
    return top * (1 - y) + bottom * y, inside
