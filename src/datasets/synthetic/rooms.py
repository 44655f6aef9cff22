# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Random rooms and corridors: walls with doors, windows and pictures, furniture, lamps."""
from __future__ import annotations

import numpy as np

from src.datasets.synthetic import textures as tex
from src.datasets.synthetic.furniture import furnish
from src.datasets.synthetic.scene import Lamp, Light, Materials, Scene, hsv
from src.datasets.synthetic.shapes import Decal, Enclosure, Sphere
from src.datasets.synthetic.textures import Atlas

_WOODEN_HUES = (0.04, 0.12)
_FLOORS = (tex.planks, tex.planks, tex.tiles, tex.carpet)
_WALLS = (tex.plain, tex.plain, tex.plain, tex.stripes, tex.bricks)
_BOARDS = (tex.wood, tex.wood, tex.plain)
_CLOTHS = (tex.fabric, tex.plain, tex.carpet)
_PICTURES = (tex.fabric, tex.tiles, tex.stripes)


def room(rng: np.random.Generator) -> Scene:
    """A furnished room: a closet of 1.8 m, a hall of 9.2 m, or between (log-uniform), 2.2 to 3.8 m high."""
    x = np.exp(rng.uniform(np.log(1.8), np.log(9.2)))
    y = np.clip(x * rng.uniform(0.6, 1.0), 1.6, 6.5)
    return _furnished(rng, np.array([x, y, rng.uniform(2.2, 2.7) + 0.12 * x * rng.random()]), clutter=1.0)


def corridor(rng: np.random.Generator) -> Scene:
    """A corridor 1.1 to 2.3 m wide and 3.5 to 9.6 m long, with little in it."""
    size = np.array([rng.uniform(3.5, 9.6), rng.uniform(1.1, 2.3), rng.uniform(2.2, 3.0)])
    return _furnished(rng, size, clutter=0.4)


def _furnished(rng: np.random.Generator, size_m: np.ndarray, clutter: float) -> Scene:
    materials = Materials(rng)
    floor_hues = _WOODEN_HUES if rng.random() < 0.7 else (0.0, 1.0)
    floor = materials.draw(_FLOORS, (0.1, 0.6), (0.3, 0.75), floor_hues)
    ceiling = materials.draw((tex.plain,), (0.0, 0.06), (0.85, 1.0))
    walls = [materials.draw(_WALLS, (0.03, 0.4), (0.65, 0.92))] * 4
    if rng.random() < 0.4:
        walls[rng.integers(4)] = materials.draw(_WALLS, (0.03, 0.5), (0.6, 0.92))
    enclosure = Enclosure(np.zeros(3), size_m, (*walls, floor, ceiling), _decals(rng, size_m, materials))
    lamps, shapes = _lamps(rng, size_m, materials)
    boards = [materials.draw(_BOARDS, (0.1, 0.65), (0.3, 0.9), _WOODEN_HUES) for _ in range(2)]
    cloths = [materials.draw(_CLOTHS, (0.2, 0.8), (0.25, 0.85)) for _ in range(2)]
    shapes += furnish(rng, size_m, boards, cloths, clutter)
    light = Light(rng.uniform(0.08, 0.16), rng.uniform(0.8, 1.1), flash_reach_m=rng.uniform(1.6, 2.2))
    return Scene(enclosure, tuple(shapes), Atlas(materials.textures), tuple(lamps), light)


def _lamps(rng: np.random.Generator, size_m: np.ndarray,
           materials: Materials) -> tuple[list[Lamp], list[Sphere]]:
    """Hang one to three lamps under the ceiling: glowing balls with a point light inside."""
    glass = materials.add(tex.glowing(hsv(0.13, rng.uniform(0.0, 0.15), 1.0), rng.uniform(1.0, 1.6)))
    count = 1 + int(size_m[0] > 4) + int(size_m[0] > 7)
    lamps, balls = [], []
    for k in range(count):
        radius = rng.uniform(0.08, 0.16)
        share = np.array([(k + rng.uniform(0.35, 0.65)) / count, rng.uniform(0.35, 0.65)])
        place = np.array([*share * size_m[:2], size_m[2] - radius - rng.uniform(0.0, 0.25)])
        warmth = rng.uniform(0.0, 0.25)
        balls.append(Sphere(place, radius, glass))
        colour = np.array([1, 1 - 0.4 * warmth, 1 - warmth], np.float32)
        lamps.append(Lamp(place, rng.uniform(0.6, 1.6), colour))
    return lamps, balls


def _decals(rng: np.random.Generator, size_m: np.ndarray, materials: Materials) -> tuple[Decal, ...]:
    """Put skirting boards on all walls, and a door, a window, a picture or nothing every 1.6 m or more."""
    white = materials.add(tex.plain(rng, hsv(0.1, 0.03, rng.uniform(0.85, 0.98)), np.zeros(3, np.float32)))
    leaf = materials.draw((tex.wood, tex.plain), (0.1, 0.6), (0.35, 0.9), _WOODEN_HUES)
    sky = materials.add(tex.glowing(hsv(0.58, rng.uniform(0.05, 0.3), 1.0), rng.uniform(0.7, 1.1)))
    motif = materials.draw(_PICTURES, (0.3, 0.9), (0.3, 0.9))
    skirting_m = rng.uniform(0.08, 0.12)
    decals = []
    for wall in range(4):
        length = size_m[1] if wall < 2 else size_m[0]
        decals.append(Decal(wall, (0.0, length), (0.0, skirting_m), white))
        slots = max(1, int(length / 1.6))
        for slot in range(slots):
            centre = length * (slot + rng.uniform(0.4, 0.6)) / slots
            what = rng.random()
            if what < 0.35:
                decals += _door(rng, wall, centre, white, leaf)
            elif what < 0.6:
                decals += _window(rng, wall, centre, white, sky)
            elif what < 0.8:
                half, low = rng.uniform(0.2, 0.4), rng.uniform(1.2, 1.4)
                above = low + rng.uniform(0.4, 0.6)
                decals.append(Decal(wall, (centre - half, centre + half), (low, above), motif))
    return tuple(decals)


def _door(rng: np.random.Generator, wall: int, centre_m: float, frame: int, leaf: int) -> list[Decal]:
    """A door of 0.8 to 0.9 by 2.0 m in a frame of 70 mm."""
    half, top = rng.uniform(0.4, 0.45), rng.uniform(1.97, 2.05)
    left, right = centre_m - half, centre_m + half
    return [Decal(wall, (left - 0.07, right + 0.07), (0.0, top + 0.07), frame),
            Decal(wall, (left, right), (0.0, top), leaf)]


def _window(rng: np.random.Generator, wall: int, centre_m: float, frame: int, pane: int) -> list[Decal]:
    """A window of two panes, 0.8 to 1.2 m wide, from about 0.9 to 2.0 m up."""
    half, low, high = rng.uniform(0.4, 0.6), rng.uniform(0.8, 1.0), rng.uniform(1.9, 2.1)
    left, right = centre_m - half, centre_m + half
    return [Decal(wall, (left - 0.06, right + 0.06), (low - 0.06, high + 0.06), frame),
            Decal(wall, (left, centre_m - 0.03), (low, high), pane),
            Decal(wall, (centre_m + 0.03, right), (low, high), pane)]
