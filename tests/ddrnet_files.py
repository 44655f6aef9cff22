# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A plane and a sphere seen by a Kinect: exact depth, and the same as a small data set in DDRNet's layout."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from src.config import Settings, load_settings
from src.geometry.pinhole import Intrinsics
from src.method import Method, build_method
from tests.samples import save

KINECT = (536.628, 536.606, 311.091, 235.259)  # fx, fy, cx, cy in pixels of 640x480, pixel centres at + 0.5
NOISE_MM = 3  # the raw depth's largest error
FIXED = ("--rand_crop", "false", "--rand_flip", "false", "--rand_depth_shift", "false")
COLUMNS = ("depth_map", "high_quality_depth", "color_map", "mask", "albedo")


def settings_of(*argv: object, command: str = "train") -> Settings:
    """Return the settings that a command line gives."""
    return _loaded(command, tuple(map(str, argv)))


@lru_cache
def _loaded(command: str, argv: tuple[str, ...]) -> Settings:
    return load_settings(command, "", ["--method", "ddrnet", *argv])


def method_of(*argv: object, command: str = "train") -> Method:
    """Return DDRNet under the settings of a command line."""
    return build_method(settings_of(*argv, command=command))


def kinect(width: int, height: int) -> Intrinsics:
    """Return the Kinect's camera for frames of this size."""
    fx, fy, cx, cy = KINECT
    x, y = width / 640, height / 480
    return Intrinsics(fx * x, fy * y, cx * x, cy * y, width, height)


def rays_of(camera: Intrinsics) -> np.ndarray:
    """Return the rays (H, W, 3) float64 with z = 1 through the pixels' centres."""
    x = (np.arange(camera.width_px) + 0.5 - camera.cx_px) / camera.fx_px
    y = (np.arange(camera.height_px) + 0.5 - camera.cy_px) / camera.fy_px
    return np.stack(np.broadcast_arrays(x[None], y[:, None], 1.0), -1)


@dataclass(frozen=True)
class Plane:
    """Points with z = z0 + slope_x x + slope_y y."""

    z0_m: float
    slope_x: float
    slope_y: float

    def z_m(self, rays: np.ndarray) -> np.ndarray:
        """Return the depth along rays with z = 1."""
        return self.z0_m / (1 - self.slope_x * rays[..., 0] - self.slope_y * rays[..., 1])

    def distance_m(self, points: np.ndarray) -> np.ndarray:
        """Return how far points are from the plane."""
        x, y, z = np.moveaxis(points, -1, 0)
        return np.abs(z - self.z0_m - self.slope_x * x - self.slope_y * y) / self._length

    @property
    def normal(self) -> np.ndarray:
        """The unit normal towards the camera."""
        return np.array([self.slope_x, self.slope_y, -1]) / self._length

    @property
    def _length(self) -> float:
        return float(np.hypot(1, np.hypot(self.slope_x, self.slope_y)))

    def mirrored(self) -> Plane:
        """Return the plane of the mirrored picture."""
        return Plane(self.z0_m, -self.slope_x, self.slope_y)


@dataclass(frozen=True)
class Sphere:
    """Points at a distance from a centre (x, y, z)."""

    centre_m: tuple[float, float, float]
    radius_m: float

    def z_m(self, rays: np.ndarray) -> np.ndarray:
        """Return the depth along rays with z = 1, infinity where they miss."""
        squared, along = (rays * rays).sum(-1), rays @ np.array(self.centre_m)
        inside = along ** 2 - squared * (np.dot(self.centre_m, self.centre_m) - self.radius_m ** 2)
        return np.where(inside > 0, (along - np.sqrt(np.maximum(inside, 0))) / squared, np.inf)

    def distance_m(self, points: np.ndarray) -> np.ndarray:
        """Return how far points are from the sphere."""
        return np.abs(np.linalg.norm(points - np.array(self.centre_m), axis=-1) - self.radius_m)

    def mirrored(self) -> Sphere:
        """Return the sphere of the mirrored picture."""
        x, y, z = self.centre_m
        return Sphere((-x, y, z), self.radius_m)


WALL, BALL = Plane(1.6, 0.25, -0.15), Sphere((0.08, -0.05, 1.25), 0.22)
SCENE = (WALL, BALL)


def depth_of(camera: Intrinsics, scene: tuple = SCENE) -> np.ndarray:
    """Return the exact depth (H, W) float64 in metres of the nearest surface."""
    return np.min([surface.z_m(rays_of(camera)) for surface in scene], axis=0)


def off_scene_m(points: np.ndarray, scene: tuple = SCENE) -> np.ndarray:
    """Return how far points (..., 3) are from the nearest surface."""
    return np.min([surface.distance_m(points) for surface in scene], axis=0)


def pictures(width: int, height: int, seed: int, units_per_m: float = 1000.0) -> dict[str, np.ndarray]:
    """Return one frame's files by the names of their folders (`COLUMNS`).

    The reference ends an eighth before the left border, the mask also before the right one. The raw depth
    is the reference with whole errors of up to `NOISE_MM` and a wall behind, both with holes.
    """
    rng = np.random.default_rng(seed)
    exact = np.rint(depth_of(kinect(width, height)) * units_per_m)
    column, row = np.arange(width), np.arange(height)[:, None]
    covered = np.broadcast_to(column >= width // 8, exact.shape)
    noise = np.rint(rng.integers(-NOISE_MM, NOISE_MM + 1, exact.shape) * units_per_m / 1000)
    raw = np.where(covered, exact + noise, 2.9 * units_per_m)
    block = (abs(row - height // 4) < height // 16) & (abs(column - 3 * width // 8) < width // 16)
    raw[block | (rng.random(exact.shape) < 0.02)] = 0
    grey = rng.integers(40, 216, exact.shape)
    values = (raw.astype(np.uint16), np.where(covered, exact, 0).astype(np.uint16),
              np.stack([grey, grey - 20, grey + 20], -1).astype(np.uint8),
              np.where(covered & (column < width - width // 8), 255, 0).astype(np.uint8),
              np.where(np.isfinite(BALL.z_m(rays_of(kinect(width, height)))), 228, 128).astype(np.uint8))
    return dict(zip(COLUMNS, values))


def write_ddrnet(folder: Path, train: int = 3, test: int = 2, wh: tuple[int, int] = (96, 64),
                 units_per_m: float = 1000.0) -> Path:
    """Write frames in DDRNet's layout and their indices; return the folder.

    <split>.csv names raw, reference, colour and mask; <split>_bare.csv no mask; <split>_albedo.csv both mask
    and albedo; <split>_bare_albedo.csv the albedo only.
    """
    for split, first, count in (("train", 1, train), ("test", 1 + train, test)):
        rows = []
        for number in range(first, first + count):
            files = [f"20170907/group1/{column}/frame_{number:06d}.png" for column in COLUMNS]
            for file, values in zip(files, pictures(*wh, number, units_per_m).values()):
                save(folder / file, values)
            rows.append(files)
        for name, kept in (("", 4), ("_bare", 3), ("_albedo", 5)):
            write_index(folder / f"{split}{name}.csv", [row[:kept] for row in rows])
        write_index(folder / f"{split}_bare_albedo.csv", [row[:3] + row[4:] for row in rows])
    return folder


def write_index(path: Path, rows: list[list[str]]) -> Path:
    """Write a CSV index without header."""
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    return path
