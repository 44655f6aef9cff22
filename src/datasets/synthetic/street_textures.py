# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Textures of streets, of real-world size: roads and their markings, house fronts, leaves, sky.

Makers take (rng, colour, accent) as those in `textures`. On upright surfaces v runs up, so the first row of a
tile is at the bottom.
"""
from __future__ import annotations

import cv2
import numpy as np

from src.datasets.synthetic.textures import SIZE, Texture, bricks, plain, value_noise


def _mixed(colour: np.ndarray, accent: np.ndarray, weight: np.ndarray, tile_m: float) -> Texture:
    """Blend two linear colours (3,) by weight (512, 512): 0 is `colour`, 1 `accent`, more is beyond it."""
    weight = weight.astype(np.float32)
    planes = [np.maximum(weight * np.float32(b - a) + np.float32(a), 0) for a, b in zip(colour, accent)]
    return Texture(cv2.merge([cv2.convertScaleAbs(plane, alpha=255) for plane in planes]), tile_m)


def asphalt(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Asphalt: stains of 0.1 to 2 m, grain, and a web of thin tarred cracks."""
    stains = value_noise(rng, 6, 6)
    cracks = np.abs(stains + 0.4 * value_noise(rng, 20, 20) - 0.7) < 0.006
    weight = 0.4 * stains + 0.3 * value_noise(rng, 50, 50) + 0.3 * value_noise(rng, 256, 256)
    return _mixed(colour, accent, np.where(cracks, 1.5, weight), rng.uniform(7, 10))


def cobbles(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Square sett paving, stones of 10 to 14 cm, no two of the same grey."""
    count = 32
    row, column = np.indices((SIZE, SIZE)) // (SIZE // count)
    inside = np.indices((SIZE, SIZE)) % (SIZE // count)
    tone = rng.random((count, count), dtype=np.float32)[row, column]
    weight = np.where(inside.min(axis=0) < 2, 1.4, 0.6 * tone + 0.3 * value_noise(rng, 8, 8))
    return _mixed(colour, accent, weight, count * rng.uniform(0.10, 0.14))


def dashes(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """A lane marking along u: 3 m of worn paint (`colour`), then a gap of 3 m (`accent`)."""
    weight = np.broadcast_to(np.arange(SIZE) >= SIZE // 2, (SIZE, SIZE))
    return _mixed(colour, accent, np.maximum(weight, 0.5 * value_noise(rng, 128, 128)), 6.0)


def zebra(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """A pedestrian crossing: bars of paint along u, 0.5 m wide, one every metre of v."""
    weight = np.indices((SIZE, SIZE))[0] % 128 >= 64
    return _mixed(colour, accent, np.maximum(weight, 0.5 * value_noise(rng, 64, 64)), 4.0)


def leaves(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Foliage or grass: clumps of 5 to 40 cm, with dark gaps."""
    weight = 0.4 * value_noise(rng, 8, 8) + 0.5 * value_noise(rng, 40, 40) + 0.5 * value_noise(rng, 128, 128)
    return _mixed(colour, 0.3 * accent, weight, rng.uniform(2.5, 4))


def roof_tiles(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """Rows of roof tiles, 0.25 m, each darker towards its upper edge."""
    row, column = np.indices((SIZE, SIZE)) // 32
    shade = (np.indices((SIZE, SIZE))[0] % 32) / 32
    return _mixed(colour, accent, 0.6 * shade + 0.4 * rng.random((16, 16))[row, column], 4.0)


def facade(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """A house front of plaster or bricks: three storeys of 2.7 to 3.3 m, 2 to 4 windows wide."""
    storeys, tile_m = 3, rng.uniform(8.1, 9.9)
    wall = bricks(rng, colour, accent) if rng.random() < 0.4 else plain(rng, colour, accent)
    repeats = round(tile_m / wall.tile_m)
    rgb = cv2.resize(np.tile(wall.rgb, (repeats, repeats, 1)), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    stained = 1 - 0.25 * value_noise(rng, 5, 9)[..., None]
    rgb = np.rint(rgb * stained).astype(np.uint8)
    columns, width = int(rng.integers(2, 5)), rng.uniform(0.35, 0.6)
    _windows(rng, rgb, (columns, storeys), width, (0.3, rng.uniform(0.68, 0.8)))
    return Texture(rgb, tile_m)


def shopfront(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray) -> Texture:
    """A shop's ground floor, 3 m high: large panes over a low wall, a sign above."""
    rgb = plain(rng, colour, accent).rgb.copy()
    _windows(rng, rgb, (2, 1), rng.uniform(0.75, 0.9), (0.12, 0.75))
    left = int(rng.integers(20, 200))
    for x in range(left, left + int(rng.integers(150, 280)), 24):  # the letters of the sign
        height = int(rng.integers(25, 50))
        cv2.rectangle(rgb, (x, 430), (x + 14, 430 + height), (255 * accent).tolist(), -1)
    return Texture(rgb, 3.0)


def _windows(rng: np.random.Generator, rgb: np.ndarray, count: tuple[int, int], width: float,
             rows: tuple[float, float]) -> None:
    """Paint `count` (columns, rows) of windows in place, `width` wide, from rows[0] to rows[1] of each cell.

    A window has a light frame, a sill, two dark panes, and often a blind in them.
    """
    cell_x, cell_y = SIZE / count[0], SIZE / count[1]
    frame, sill = (_grey(rng, 0.3, 0.9) for _ in range(2))
    for column, row in np.ndindex(*count):
        left, right = (round((column + 0.5 + side * width / 2) * cell_x) for side in (-1, 1))
        low, high = (round((row + share) * cell_y) for share in rows)
        cv2.rectangle(rgb, (left - 8, low - 9), (right + 8, low - 4), sill, -1)
        cv2.rectangle(rgb, (left - 4, low - 4), (right + 4, high + 4), frame, -1)
        glass = 255 * rng.uniform(0.02, 0.12) * np.array([0.9, 1.0, 1.1])
        middle = (left + right) // 2
        for x0, x1 in ((left, middle - 2), (middle + 2, right)):
            cv2.rectangle(rgb, (x0, low), (x1, high), glass.tolist(), -1)
            drawn = low + round((high - low) * rng.uniform(0.3, 1.0))
            if rng.random() < 0.5:
                cv2.rectangle(rgb, (x0, drawn), (x1, high), _grey(rng, 0.1, 0.7), -1)


def _grey(rng: np.random.Generator, low: float, high: float) -> tuple[float, ...]:
    return (255 * rng.uniform(low, high),) * 3


def sky(rng: np.random.Generator, colour: np.ndarray, accent: np.ndarray, emission: float) -> Texture:
    """Clouds (`accent`) of some hundred metres in a sky (`colour`) that gives light itself."""
    clouds = sum(value_noise(rng, 4 * k, 6 * k) / k for k in (1, 2, 4, 8)) / 1.875
    weight = np.clip((clouds - rng.uniform(0.35, 0.6)) * rng.uniform(2, 6), 0, 1)
    return Texture(_mixed(colour, accent, weight, 1.0).rgb, 3000.0, emission)
