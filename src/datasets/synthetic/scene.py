# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What a scene is, and the random scenes: a table of kinds, each a function from a random generator to a scene.

A kind for outdoors fits the same record: a street is a wide `Enclosure` whose sides and top carry a glowing sky
texture, houses and cars are boxes, the sun is a lamp far up.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.datasets.synthetic import textures as tex
from src.datasets.synthetic.furniture import furnish
from src.datasets.synthetic.shapes import Box, Decal, Enclosure, Sphere


@dataclass(frozen=True)
class Lamp:
    """A point light: irradiance `power * colour / (d^2 + 1)` at d metres, facing it."""

    position_m: np.ndarray
    power: float
    colour: np.ndarray


@dataclass(frozen=True)
class Light:
    """Light without a place: `ambient` everywhere; `flash` at the camera, which falls as 1 / (1 + (d / reach)^2)."""

    ambient: float
    flash: float
    flash_reach_m: float


@dataclass(frozen=True)
class Scene:
    """Geometry, materials (positions in `atlas`) and light."""

    enclosure: Enclosure
    shapes: tuple[Box | Sphere, ...]
    atlas: tex.Atlas
    lamps: tuple[Lamp, ...]
    light: Light


class Materials:
    """Collects the textures of a scene under construction and hands out their numbers."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self.textures: list[tex.Texture] = []

    def add(self, texture: tex.Texture) -> int:
        """Add a texture and return its material number."""
        self.textures.append(texture)
        return len(self.textures) - 1

    def draw(self, makers: tuple, saturation: tuple[float, float], value: tuple[float, float],
             hue_turns: tuple[float, float] = (0.0, 1.0)) -> int:
        """Add a texture by a random maker in a random pair of related colours, given as ranges in HSV."""
        rng = self._rng
        hue = rng.uniform(*hue_turns)
        first = hsv(hue, rng.uniform(*saturation), rng.uniform(*value))
        second = hsv(hue + rng.normal(0, 0.04), rng.uniform(*saturation), rng.uniform(*value) * rng.uniform(0.5, 0.9))
        return self.add(makers[rng.integers(len(makers))](rng, first, second))


def hsv(hue_turns: float, saturation: float, value: float) -> np.ndarray:
    """Return the linear RGB (3,) float32 of a display colour given in HSV."""
    ramp = np.clip(np.abs((hue_turns * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return ((value * (1 - saturation * (1 - ramp))) ** 2.2).astype(np.float32)


_WOODEN = (0.04, 0.12)
_FLOORS = (tex.planks, tex.planks, tex.tiles, tex.carpet)
_WALLS = (tex.plain, tex.plain, tex.plain, tex.stripes, tex.bricks)


def _size_m(rng: np.random.Generator, corridor: bool) -> np.ndarray:
    """Draw (x, y, height): a corridor, or anything from a closet to a hall (log-uniform, so small ones are common)."""
    if corridor:
        return np.array([rng.uniform(3.5, 9.6), rng.uniform(1.1, 2.3), rng.uniform(2.2, 3.0)])
    x = np.exp(rng.uniform(np.log(1.8), np.log(9.2)))
    y = np.clip(x * rng.uniform(0.6, 1.0), 1.6, 6.5)
    return np.array([x, y, rng.uniform(2.2, 2.7) + 0.12 * x * rng.random()])


def _decals(rng: np.random.Generator, size: np.ndarray, materials: Materials) -> tuple[Decal, ...]:
    """Skirting boards, doors (2.0 m high), windows and pictures: things of known size on the walls."""
    white = materials.add(tex.plain(rng, hsv(0.1, 0.03, rng.uniform(0.85, 0.98)), np.zeros(3, np.float32)))
    leaf = materials.draw((tex.wood, tex.plain), (0.1, 0.6), (0.35, 0.9), _WOODEN)
    sky = materials.add(tex.glowing(hsv(0.58, rng.uniform(0.05, 0.3), 1.0), rng.uniform(0.7, 1.1)))
    picture = materials.draw((tex.fabric, tex.tiles, tex.stripes), (0.3, 0.9), (0.3, 0.9))
    skirting_m = rng.uniform(0.08, 0.12)
    decals = []
    for face in range(4):
        length = size[1] if face < 2 else size[0]
        decals.append(Decal(face, (-1.0, length + 1), (0.0, skirting_m), white))
        slots = max(1, int(length / 1.6))
        for slot in range(slots):
            centre = length * (slot + rng.uniform(0.4, 0.6)) / slots
            what = rng.random()
            if what < 0.35:
                half, top = rng.uniform(0.4, 0.45), rng.uniform(1.97, 2.05)
                decals.append(Decal(face, (centre - half - 0.07, centre + half + 0.07), (0.0, top + 0.07), white))
                decals.append(Decal(face, (centre - half, centre + half), (0.0, top), leaf))
            elif what < 0.6:
                half, low, high = rng.uniform(0.4, 0.6), rng.uniform(0.8, 1.0), rng.uniform(1.9, 2.1)
                decals.append(Decal(face, (centre - half - 0.06, centre + half + 0.06), (low - 0.06, high + 0.06), white))
                for side in ((centre - half, centre - 0.03), (centre + 0.03, centre + half)):
                    decals.append(Decal(face, side, (low, high), sky))
            elif what < 0.8:
                half, low = rng.uniform(0.2, 0.4), rng.uniform(1.2, 1.4)
                decals.append(Decal(face, (centre - half, centre + half), (low, low + rng.uniform(0.4, 0.6)), picture))
    return tuple(decals)


def _lamps(rng: np.random.Generator, size: np.ndarray, glass: int) -> tuple[list[Lamp], list[Sphere]]:
    """Hang one to three lamps under the ceiling; each is a glowing ball with a point light in it."""
    count = 1 + int(size[0] > 4) + int(size[0] > 7)
    lamps, balls = [], []
    for k in range(count):
        radius = rng.uniform(0.08, 0.16)
        place = np.array([size[0] * (k + rng.uniform(0.35, 0.65)) / count, size[1] * rng.uniform(0.35, 0.65),
                          size[2] - radius - rng.uniform(0.0, 0.25)])
        balls.append(Sphere(place, radius, glass))
        warmth = rng.uniform(0.0, 0.25)
        lamps.append(Lamp(place, rng.uniform(1.2, 2.6), np.array([1, 1 - 0.4 * warmth, 1 - warmth], np.float32)))
    return lamps, balls


def _indoor(rng: np.random.Generator, corridor: bool) -> Scene:
    size = _size_m(rng, corridor)
    materials = Materials(rng)
    floor = materials.draw(_FLOORS, (0.1, 0.6), (0.3, 0.75), _WOODEN if rng.random() < 0.7 else (0.0, 1.0))
    ceiling = materials.draw((tex.plain,), (0.0, 0.06), (0.85, 1.0))
    wall = materials.draw(_WALLS, (0.03, 0.4), (0.55, 0.92))
    other_wall = materials.draw(_WALLS, (0.03, 0.5), (0.5, 0.92)) if rng.random() < 0.4 else wall
    glass = materials.add(tex.glowing(hsv(0.13, rng.uniform(0.0, 0.15), 1.0), rng.uniform(1.0, 1.6)))
    walls = [wall] * 4
    walls[rng.integers(4)] = other_wall
    room = Enclosure(np.zeros(3), size, (*walls, floor, ceiling), _decals(rng, size, materials))
    lamps, shapes = _lamps(rng, size, glass)
    boards = [materials.draw((tex.wood, tex.wood, tex.plain), (0.1, 0.65), (0.3, 0.9), _WOODEN) for _ in range(2)]
    cloths = [materials.draw((tex.fabric, tex.plain, tex.carpet), (0.2, 0.8), (0.25, 0.85)) for _ in range(2)]
    shapes += furnish(rng, size, boards, cloths, clutter=0.4 if corridor else 1.0)
    light = Light(ambient=rng.uniform(0.12, 0.25), flash=rng.uniform(0.5, 0.8), flash_reach_m=rng.uniform(2.0, 3.0))
    return Scene(room, tuple(shapes), tex.Atlas(materials.textures), tuple(lamps), light)


def room(rng: np.random.Generator) -> Scene:
    """A furnished room of 1.8 to 9.2 m."""
    return _indoor(rng, corridor=False)


def corridor(rng: np.random.Generator) -> Scene:
    """A corridor 1.1 to 2.3 m wide and up to 9.6 m long."""
    return _indoor(rng, corridor=True)


KINDS = {"room": room, "corridor": corridor}
