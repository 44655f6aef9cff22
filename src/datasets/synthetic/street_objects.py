# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What stands in a street, of usual sizes, made of boxes and balls: cars, trees, poles, fences, people."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.datasets.synthetic.shapes import Box, Sphere


@dataclass(frozen=True)
class Palette:
    """The material numbers that each kind of part may have."""

    kinds: dict[str, list[int]]

    def pick(self, rng: np.random.Generator, kind: str) -> int:
        """Return one of the kind's materials."""
        choices = self.kinds[kind]
        return choices[rng.integers(len(choices))]


def block(rng: np.random.Generator, base_m: tuple[float, float, float], size_m: tuple[float, float, float],
          material: int, yaw_rad: float = 0.0) -> Box:
    """Return a box by the centre of its base and its full size; its texture starts at the base."""
    half = np.array(size_m) / 2
    centre = np.array(base_m) + [0, 0, half[2]]
    return Box(centre, half, yaw_rad, material, (float(rng.uniform(0, 9)), half[2]))


def car(rng: np.random.Generator, palette: Palette, x: float, y: float) -> list[Box]:
    """A car or a van along the street: wheels, body, cabin, lights and number plates; at most 2 m wide."""
    yaw = rng.normal(0, 0.01)
    van = rng.random() < 0.2
    length, width = (rng.uniform(4.6, 5.4), rng.uniform(1.85, 1.95)) if van else (rng.uniform(3.6, 4.7), 1.75)
    waist, roof = rng.uniform(0.8, 0.95), rng.uniform(1.9, 2.4) if van else rng.uniform(1.38, 1.55)
    paint, glass, dark = (palette.pick(rng, kind) for kind in ("paint", "glass", "dark"))
    cabin = length * (0.8 if van else rng.uniform(0.5, 0.65))
    back = rng.choice([-1, 1]) * (length - cabin) / 2 * rng.uniform(0.2, 0.9)

    def part(along: float, low: float, size: tuple[float, float, float], material: int) -> Box:
        return block(rng, (x + along * np.cos(yaw), y + along * np.sin(yaw), low), size, material, yaw)

    return [part(0, 0.22, (length, width, waist - 0.22), paint),
            part(back, waist, (cabin, width - 0.2, roof - waist - 0.06), paint if van else glass),
            part(back, roof - 0.06, (cabin - 0.3, width - 0.25, 0.06), paint),
            part(0, waist - 0.25, (length + 0.03, width - 0.2, 0.13), palette.pick(rng, "lights")),
            part(0, 0.4, (length + 0.05, 0.5, 0.11), palette.pick(rng, "line")),
            part(0.3 * length, 0, (0.62, width + 0.02, 0.62), dark),
            part(-0.3 * length, 0, (0.62, width + 0.02, 0.62), dark)]


def tree(rng: np.random.Generator, palette: Palette, x: float, y: float) -> list[Box | Sphere]:
    """A trunk with one to three balls of leaves, 3.5 to 9 m high; sometimes a bush."""
    leaves = palette.pick(rng, "leaves")
    if rng.random() < 0.2:
        return [Sphere(np.array([x, y, 0.3]), rng.uniform(0.5, 0.9), leaves)]
    thick, height = rng.uniform(0.15, 0.4), rng.uniform(2.2, 4.5)
    crown = []
    for _ in range(rng.integers(1, 4)):
        radius = rng.uniform(0.9, 1.7)
        place = np.array([x, y, height + 0.5 * radius]) + rng.normal(0, 0.4, 3) * [1, 0.5, 1]
        crown.append(Sphere(place, radius, leaves))
    return [block(rng, (x, y, 0), (thick, thick, height), palette.pick(rng, "bark")), *crown]


def pole(rng: np.random.Generator, palette: Palette, x: float, y: float) -> list[Box]:
    """A street lamp, a traffic sign, a bollard or a bin."""
    metal, what = palette.pick(rng, "metal"), rng.random()
    if what < 0.4:
        height, inwards = rng.uniform(5, 8), -np.sign(y)
        return [block(rng, (x, y, 0), (0.14, 0.14, height), metal),
                block(rng, (x, y + inwards * 0.6, height), (0.25, 1.4, 0.12), metal)]
    if what < 0.75:
        height, edge = rng.uniform(2.0, 2.6), rng.uniform(0.5, 0.8)
        return [block(rng, (x, y, 0), (0.07, 0.07, height + 0.3), metal),
                block(rng, (x - 0.05, y, height - edge / 2), (0.03, edge, edge), palette.pick(rng, "sign"))]
    if what < 0.87:
        return [block(rng, (x, y, 0), (0.13, 0.13, 1.0), metal)]
    return [block(rng, (x, y, 0), (0.6, 0.6, rng.uniform(0.9, 1.3)), palette.pick(rng, "paint"))]


def fence(rng: np.random.Generator, palette: Palette, x: float, y: float, length: float) -> list[Box]:
    """A wall, a fence or a hedge along the street."""
    kind = "leaves" if rng.random() < 0.4 else "fence"
    size = (length, rng.uniform(0.1, 0.5), rng.uniform(0.6, 1.8))
    return [block(rng, (x, y, 0), size, palette.pick(rng, kind))]


def pedestrian(rng: np.random.Generator, palette: Palette, x: float, y: float) -> list[Box | Sphere]:
    """A person, 1.5 to 1.9 m tall."""
    height, yaw = rng.uniform(1.5, 1.9), rng.uniform(-np.pi, np.pi)
    hip = 0.48 * height
    return [block(rng, (x, y, 0), (0.22, 0.3, hip), palette.pick(rng, "cloth"), yaw),
            block(rng, (x, y, hip), (0.26, 0.46, height - 0.28 - hip), palette.pick(rng, "cloth"), yaw),
            Sphere(np.array([x, y, height - 0.13]), 0.13, palette.pick(rng, "skin"))]
