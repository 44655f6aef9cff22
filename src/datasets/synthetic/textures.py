# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Procedural textures of real-world size, and the atlas that the renderer reads them from.

A texture is a square tile, 512 x 512 linear albedo in 8 bits, that repeats every `tile_m` metres. Its
patterns have the sizes that they have in houses (a brick is 215 x 65 mm, a floor board 70 to 200 mm wide),
which makes them a cue.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

SIZE = 512
_LEVELS = 8


@dataclass(frozen=True)
class Texture:
    """A tile.

    Attributes:
        rgb: (512, 512, 3) uint8, linear albedo * 255.
        tile_m: edge of the tile.
        emission: own light, which replaces received light; 0 for none.
    """

    rgb: np.ndarray
    tile_m: float
    emission: float = 0.0


def value_noise(rng: np.random.Generator, columns: int, rows: int) -> np.ndarray:
    """Return (512, 512) float32 noise in [0, 1], seamless, linear between `columns` x `rows` knots."""
    knots = rng.random((rows, columns), dtype=np.float32)
    knots = np.pad(knots, ((0, 1), (0, 1)), mode="wrap")
    return cv2.remap(knots, *_noise_grid(columns, rows), cv2.INTER_LINEAR)


@lru_cache(maxsize=16)
def _noise_grid(columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each texel falls among the knots: x and y (512, 512) float32."""
    x, y = (np.arange(SIZE, dtype=np.float32) * (count / SIZE) for count in (columns, rows))
    return tuple(np.meshgrid(x.astype(np.float32), y.astype(np.float32)))


def _blend(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mix two colours (3,) by weight (512, 512) into planes (3, 512, 512): NumPy is faster on planes."""
    planes = np.empty((3, SIZE, SIZE), np.float32)
    for plane, a, b in zip(planes, first, second):
        np.multiply(weight, b - a, out=plane)
        plane += a
    return planes


def _finish(planes: np.ndarray, tile_m: float) -> Texture:
    return Texture(cv2.merge([cv2.convertScaleAbs(plane, alpha=255) for plane in planes]), tile_m)


def _cells(columns: int, rows: int, shift: float = 0.0) -> tuple[np.ndarray, ...]:
    """Divide the tile into courses whose joints are shifted by `shift` of a cell in every second row.

    Returns arrays that broadcast to (512, 512): the cell's column and row (int), and the position (0..1)
    inside the cell along x and y.
    """
    x = np.arange(SIZE, dtype=np.float32)[None, :] / SIZE * columns
    y = np.arange(SIZE, dtype=np.float32)[:, None] / SIZE * rows
    row = y.astype(np.int32)
    if shift:
        x = x + (row % 2) * np.float32(shift)
    column = x.astype(np.int32)
    return column % columns, row, x - column, y - row


def _joints(planes: np.ndarray, x: np.ndarray, y: np.ndarray, joint: float, factor: float) -> None:
    """Darken, in place, the strips whose position in the cell is below `joint` (x, y) shares of it."""
    planes *= np.where((x < joint[0]) | (y < joint[1]), np.float32(factor), np.float32(1))


def plain(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Painted plaster: nearly uniform, faint clouds and grain."""
    clouds = 0.6 * value_noise(rng, 5, 5) + 0.4 * value_noise(rng, 64, 64) - 0.5
    return _finish(_blend(colour, 1.16 * colour, clouds), 2.0)


def planks(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Floor boards, 70 to 200 mm wide and 1.0 to 1.6 m long, with grain."""
    rows = 12
    width_m = rng.uniform(0.07, 0.2)
    columns = max(1, round(rows * width_m / rng.uniform(1.0, 1.6)))
    column, row, x, y = _cells(columns, rows, rng.uniform(0.3, 0.7))
    tone = rng.random((rows, columns), dtype=np.float32)[row, column]
    planes = _blend(colour, accent, 0.55 * tone + 0.35 * value_noise(rng, 8, 256))
    _joints(planes, x, y, (0.004 / width_m * 0.07, 0.06), 0.35)
    return _finish(planes, rows * width_m)


def bricks(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Brick wall: 215 x 65 mm bricks, 10 mm mortar."""
    column, row, x, y = _cells(8, 24, 0.5)
    tone = rng.random((24, 8), dtype=np.float32)[row, column]
    planes = _blend(colour, accent, 0.7 * tone + 0.2 * value_noise(rng, 128, 128))
    planes[:, (x < 0.044) | (y < 0.13)] = 0.45
    return _finish(planes, 1.8)


def tiles(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Square ceramic tiles of 200 to 400 mm with 5 mm joints; plain or a chessboard of two colours."""
    count = 6
    size_m = rng.uniform(0.2, 0.4)
    column, row, x, y = _cells(count, count)
    tone = rng.random((count, count), dtype=np.float32)[row, column]
    chessboard = rng.random() < 0.5
    weight = ((column + row) % 2) * np.float32(0.9) if chessboard else np.float32(0.25) * tone
    planes = _blend(colour, accent, weight)
    _joints(planes, x, y, (0.005 / size_m, 0.005 / size_m), 0.5)
    return _finish(planes, count * size_m)


def stripes(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Wallpaper with upright stripes, one every 120 to 240 mm."""
    count = 8
    _, _, x, _ = _cells(count, 1)
    weight = np.broadcast_to((x < rng.uniform(0.2, 0.5)) * np.float32(0.8), (SIZE, SIZE))
    return _finish(_blend(colour, accent, weight), count * rng.uniform(0.12, 0.24))


def carpet(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Carpet: coarse pile of about 8 mm, some wear."""
    pile = rng.random((SIZE // 2, SIZE // 2), dtype=np.float32).repeat(2, 0).repeat(2, 1)
    return _finish(_blend(colour, accent, 0.35 * pile + 0.3 * value_noise(rng, 12, 12)), 2.0)


def wood(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Furniture board: long upright grain."""
    grain = 0.6 * value_noise(rng, 160, 4) + 0.4 * value_noise(rng, 32, 4)
    return _finish(_blend(colour, accent, grain), 1.2)


def fabric(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Checked cloth, one check every 60 to 100 mm."""
    count = 12
    _, _, x, y = _cells(count, count)
    return _finish(_blend(colour, accent, np.float32(0.4) * (x < 0.5) + np.float32(0.4) * (y < 0.5)),
                   count * rng.uniform(0.06, 0.1))


def glowing(colour: np.ndarray, emission: float) -> Texture:
    """A lamp's glass or a window with daylight behind it."""
    texel = np.round(np.clip(colour, 0, 1) * 255).astype(np.uint8)
    return Texture(np.broadcast_to(texel, (SIZE, SIZE, 3)), 1.0, emission)


class Atlas:
    """All textures of a scene with their levels of detail (each level half the size, area-averaged)."""

    def __init__(self, textures: list[Texture]):
        """Pack `textures`; their positions in the list are the scene's material numbers."""
        self._tile_m = np.array([t.tile_m for t in textures], np.float32)
        self.emission = np.array([t.emission for t in textures], np.float32)
        sizes = SIZE >> np.arange(_LEVELS)
        self._level_start = np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int32)
        self._texels = np.empty((len(textures), self._level_start[-1], 4), np.uint8)
        for texels, texture in zip(self._texels, textures):
            level = cv2.cvtColor(np.ascontiguousarray(texture.rgb), cv2.COLOR_RGB2RGBA)
            for size, start in zip(sizes, self._level_start):
                texels[start:start + size * size] = level.reshape(-1, 4)
                level = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def albedo(self, material: np.ndarray, u_m: np.ndarray, v_m: np.ndarray,
               footprint_m: np.ndarray) -> np.ndarray:
        """Return linear albedo (3, N) in [0, 1]; `footprint_m` (N,) is a pixel's width on the surface."""
        texels_a_metre = (SIZE / self._tile_m)[material]
        level = np.frexp(np.maximum(footprint_m * texels_a_metre, 1))[1] - 1  # floor(log2)
        level = np.minimum(level, _LEVELS - 1)
        texels_a_metre = np.ldexp(texels_a_metre, -level)
        size = np.int32(SIZE) >> level
        column = np.floor(u_m * texels_a_metre).astype(np.int32) & (size - 1)
        row = np.floor(v_m * texels_a_metre).astype(np.int32) & (size - 1)
        start = self._level_start[level] + material.astype(np.int32) * self._level_start[-1]
        # One four-byte word a texel: a gather of words is much faster than one of rows.
        words = self._texels.view(np.uint32).ravel()
        packed = words[start + row * size + column].view(np.uint8).reshape(-1, 4)
        return np.stack([packed[:, k] * np.float32(1 / 255) for k in range(3)])
