# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What a scene is. Each kind of random scene is a file of its own (`rooms`) that returns this record.

Outdoors fits it too: a street is a wide `Enclosure` whose sides and top carry a glowing sky texture, houses
and cars are boxes, the sun is a lamp far up.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from src.datasets.synthetic.shapes import Box, Enclosure, Sphere
from src.datasets.synthetic.textures import Atlas, Texture

Range = tuple[float, float]


@dataclass(frozen=True)
class Lamp:
    """A point light: irradiance `power * colour / (d^2 + 1)` at d metres, facing it."""

    position_m: np.ndarray
    power: float
    colour: np.ndarray


@dataclass(frozen=True)
class Light:
    """`ambient` light everywhere; the camera's `flash`, which falls as 1 / (1 + (d / flash_reach_m)^2)."""

    ambient: float
    flash: float
    flash_reach_m: float


@dataclass(frozen=True)
class Scene:
    """Geometry, materials (positions in `atlas`) and light."""

    enclosure: Enclosure
    shapes: tuple[Box | Sphere, ...]
    atlas: Atlas
    lamps: tuple[Lamp, ...]
    light: Light


class Materials:
    """Collects the textures of a scene under construction and hands out their numbers."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self.textures: list[Texture] = []

    def add(self, texture: Texture) -> int:
        """Add a texture and return its material number."""
        self.textures.append(texture)
        return len(self.textures) - 1

    def draw(self, makers: tuple[Callable, ...], saturation: Range, value: Range,
             hue_turns: Range = (0.0, 1.0)) -> int:
        """Add a texture by a random maker in two related random colours, given as ranges in HSV."""
        rng = self._rng
        hue = rng.uniform(*hue_turns)
        colour = hsv(hue, rng.uniform(*saturation), rng.uniform(*value))
        darker = rng.uniform(*value) * rng.uniform(0.5, 0.9)
        accent = hsv(hue + rng.normal(0, 0.04), rng.uniform(*saturation), darker)
        return self.add(makers[rng.integers(len(makers))](rng, colour, accent))


def hsv(hue_turns: float, saturation: float, value: float) -> np.ndarray:
    """Return the linear RGB (3,) float32 of a display colour given in HSV."""
    ramp = np.clip(np.abs((hue_turns * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return ((value * (1 - saturation * (1 - ramp))) ** 2.2).astype(np.float32)
