# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Random streets: road and markings, pavements, house fronts, cars, trees, street furniture, sky, sun.

The street runs along x; the camera drives along y = 0 from x = 0. Within `CLEAR_LEFT_M` to its left and
`CLEAR_RIGHT_M` to its right stands nothing but a car ahead, so the two views of a pair see nothing nearer
than 3 m. There is no flash: light and shade belong to the surfaces, and look the same from both cameras.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.datasets.synthetic import street_textures as out
from src.datasets.synthetic import textures as tex
from src.datasets.synthetic.camera import Pose, look
from src.datasets.synthetic.scene import Lamp, Light, Materials, Scene, hsv
from src.datasets.synthetic.shapes import Box, Decal, Enclosure, Sphere
from src.datasets.synthetic.street_objects import Palette, block, car, fence, pedestrian, pole, tree
from src.datasets.synthetic.textures import Atlas

CLEAR_LEFT_M, CLEAR_RIGHT_M = 2.9, 3.5
_FIRST_M, _LAST_M = -25.0, 95.0
_PARKING_M = 2.2
# Far enough that the sky's disparity is a fraction of a pixel.
_HORIZON_M, _SKY_M = 2000.0, 1000.0
_SUN_M = 300.0
_FLOOR = 4


@dataclass(frozen=True)
class _Side:
    """One side of the street: `sign` is +1 left (y > 0), -1 right; distances are from the camera's path."""

    sign: int
    kerb_m: float
    parking: bool
    pavement_m: float
    front_m: float
    built: float


def street(rng: np.random.Generator) -> Scene:
    """Draw a street with its light."""
    materials = Materials(rng)
    palette = _palette(rng, materials)
    sides = [_side(rng, sign) for sign in (1, -1)]
    end_m = rng.uniform(50, 85) if rng.random() < 0.5 else _LAST_M
    shapes = [shape for side in sides for shape in _roadside(rng, palette, side, end_m)]
    shapes += _traffic(rng, palette)
    if end_m < _LAST_M:
        for k in range(-2, 3):
            shapes += _house(rng, palette, end_m + 10, 11.0 * k + 3, (10, 10.5), int(rng.integers(1, 5)))
    grey = rng.uniform(0.0, 1.0)  # overcast or clear
    dome = materials.add(out.sky(rng, hsv(0.58, 0.5 * (1 - grey), 0.95), hsv(0.6, 0.05, rng.uniform(0.85, 1)),
                                 rng.uniform(0.8, 1.3)))
    far = np.array([_HORIZON_M, _HORIZON_M, 0.0])
    faces = (dome,) * 4 + (palette.pick(rng, "ground"), dome)
    enclosure = Enclosure(-far, far + [0, 0, _SKY_M], faces, _road(rng, palette, sides))
    light = Light(rng.uniform(0.25, 0.45) + 0.4 * grey, flash=0.0, flash_reach_m=1.0)
    return Scene(enclosure, tuple(shapes), Atlas(materials.textures), _sun(rng, grey), light)


def drive(rng: np.random.Generator, count: int) -> list[Pose]:
    """Return `count` (a few) poses of a camera that moves 0.4 to 1.2 m a frame along the street.

    It is 1.5 to 1.8 m high and turned by 2 degrees at most in yaw and pitch, and less in roll.
    """
    height, step = rng.uniform(1.5, 1.8), rng.uniform(0.4, 1.2)
    yaw, pitch, roll, turn = rng.uniform(-1, 1, 4) * [0.025, 0.025, 0.01, 0.003]
    poses = []
    for k in range(count):
        shake = np.clip(rng.normal(0, 1, 3), -2, 2)
        place = np.array([k * step, 0.05 * shake[0], height + 0.01 * shake[1]])
        poses.append(look(place, yaw + turn * k, pitch + 0.004 * shake[2], roll))
    return poses


def _palette(rng: np.random.Generator, materials: Materials) -> Palette:
    """Draw the street's materials: each kind of thing chooses among a few."""
    def some(count, makers, saturation, value, hues=(0.0, 1.0)):
        return [materials.draw(makers, saturation, value, hues) for _ in range(count)]

    grounds = (out.asphalt, out.asphalt, out.cobbles)
    white = hsv(0.1, 0.03, rng.uniform(0.75, 0.95))
    tar = hsv(0.1, 0.03, rng.uniform(0.3, 0.5))
    return Palette({
        "road": some(1, grounds, (0.0, 0.08), (0.35, 0.6)),
        "patch": some(2, (out.asphalt,), (0.0, 0.08), (0.3, 0.65)),
        "line": [materials.add(tex.plain(rng, white, tar))],
        "dashes": [materials.add(out.dashes(rng, white, tar))],
        "zebra": [materials.add(out.zebra(rng, white, tar))],
        "ground": some(1, (out.leaves,), (0.2, 0.6), (0.35, 0.6), (0.12, 0.32)),
        "pavement": some(2, (tex.tiles, out.cobbles), (0.0, 0.12), (0.45, 0.75)),
        "kerb": some(1, (tex.plain,), (0.0, 0.08), (0.6, 0.8)),
        "house": some(6, (out.facade,), (0.03, 0.45), (0.5, 0.95)),
        "shop": some(2, (out.shopfront,), (0.1, 0.7), (0.3, 0.9)),
        "roof": some(2, (out.roof_tiles,), (0.2, 0.7), (0.3, 0.65), (0.0, 0.08)),
        "door": some(2, (tex.wood, tex.planks), (0.1, 0.7), (0.25, 0.7)),
        "paint": some(6, (tex.plain,), (0.0, 0.75), (0.15, 0.95)),
        "glass": some(1, (tex.plain,), (0.1, 0.3), (0.15, 0.3), (0.5, 0.6)),
        "dark": some(1, (tex.plain,), (0.0, 0.1), (0.1, 0.25)),
        "lights": some(2, (tex.plain,), (0.3, 0.9), (0.6, 0.9), (0.0, 0.1)),
        "leaves": some(3, (out.leaves,), (0.4, 0.9), (0.35, 0.75), (0.18, 0.38)),
        "bark": some(1, (tex.wood,), (0.1, 0.5), (0.25, 0.5), (0.05, 0.12)),
        "skin": some(2, (tex.plain,), (0.25, 0.5), (0.35, 0.9), (0.04, 0.08)),
        "metal": some(2, (tex.plain,), (0.0, 0.2), (0.25, 0.8)),
        "sign": some(2, (tex.stripes, tex.plain), (0.4, 1.0), (0.5, 1.0)),
        "fence": some(2, (tex.bricks, tex.planks, tex.stripes, out.leaves), (0.05, 0.5), (0.4, 0.8)),
        "cloth": some(3, (tex.fabric, tex.plain), (0.1, 0.9), (0.2, 0.8)),
    })


def _side(rng: np.random.Generator, sign: int) -> _Side:
    """Draw the cross-section; on the left the kerb leaves room for oncoming traffic."""
    parking = rng.random() < 0.6
    kerb = (rng.uniform(5.0, 7.5) if sign > 0 else rng.uniform(CLEAR_RIGHT_M, 4.8)) + _PARKING_M * parking
    pavement = rng.uniform(1.5, 4.0)
    front = kerb + pavement + rng.choice([0.0, rng.uniform(0.5, 7.0)])
    return _Side(sign, kerb, parking, pavement, front, rng.choice([0.25, 0.8, 1.0], p=[0.2, 0.3, 0.5]))


def _road(rng: np.random.Generator, palette: Palette, sides: list[_Side]) -> tuple[Decal, ...]:
    """Paint the road, repairs, lane markings and perhaps a crossing on the floor."""
    left, right = (side.kerb_m for side in sides)
    length = (-300.0, 300.0)
    road = [Decal(_FLOOR, length, (-right, left), palette.pick(rng, "road"))]
    for _ in range(rng.integers(0, 6)):
        x, y = rng.uniform(0, 40), rng.uniform(-right, left)
        size = rng.uniform(0.6, 4.0, 2) if rng.random() < 0.5 else np.array([0.6, 0.6])  # repair or cover
        road.append(Decal(_FLOOR, (x, x + size[0]), (y, min(y + size[1], left)), palette.pick(rng, "patch")))
    middle = rng.uniform(1.7, 2.0)
    if rng.random() < 0.8:
        kind = "dashes" if rng.random() < 0.7 else "line"
        road.append(Decal(_FLOOR, length, (middle, middle + 0.14), palette.pick(rng, kind)))
    for side in sides:
        if rng.random() < 0.5:
            at = side.sign * (side.kerb_m - _PARKING_M * side.parking - 0.25)
            road.append(Decal(_FLOOR, length, (at, at + 0.12), palette.pick(rng, "line")))
    if rng.random() < 0.3:
        x = rng.uniform(6, 35)
        road.append(Decal(_FLOOR, (x, x + rng.uniform(2.5, 4)), (-right, left), palette.pick(rng, "zebra")))
    return tuple(road)


def _roadside(rng: np.random.Generator, palette: Palette, side: _Side, end_m: float) -> list[Box | Sphere]:
    """Return one side of the street from behind the camera to `end_m`."""
    s, length = side.sign, end_m - _FIRST_M
    centre = _FIRST_M + length / 2
    walk = s * (side.kerb_m + side.pavement_m / 2)
    shapes = [block(rng, (centre, walk, 0), (length, side.pavement_m, 0.12), palette.pick(rng, "pavement")),
              block(rng, (centre, s * side.kerb_m, 0), (length, 0.16, 0.125), palette.pick(rng, "kerb"))]
    x = _FIRST_M
    while x < end_m:
        width = rng.uniform(7, 18)
        if rng.random() < side.built:
            shapes += _terrace(rng, palette, x + width / 2, s * side.front_m, s, width)
        else:
            shapes += tree(rng, palette, x + width / 2, s * (side.front_m + rng.uniform(2, 9)))
        border = side.kerb_m + side.pavement_m + 0.1
        if side.front_m > border + 0.3 and rng.random() < 0.7:
            shapes += fence(rng, palette, x + width / 2, s * border, width - 1.5)
        x += width + (0.0 if rng.random() < 0.6 else rng.uniform(1, 6))
    if side.parking:
        shapes += _parked(rng, palette, side, min(end_m, 70))
    return shapes + _on_pavement(rng, palette, side, min(end_m, 75))


def _on_pavement(rng: np.random.Generator, palette: Palette, side: _Side, end_m: float) -> list[Box | Sphere]:
    """Return trees or poles along the kerb, and people."""
    makers = tree if rng.random() < 0.5 else pole, pole, pedestrian
    shapes, x = [], rng.uniform(-15, 0)
    while x < end_m:
        maker = makers[rng.choice(3, p=[0.6, 0.2, 0.2])]
        beside = rng.uniform(0.4, side.pavement_m - 0.4) if maker is pedestrian else 0.45
        shapes += maker(rng, palette, x, side.sign * (side.kerb_m + beside))
        x += rng.uniform(5, 14)
    return shapes


def _house(rng: np.random.Generator, palette: Palette, x: float, y: float, size: tuple[float, float],
           storeys: int) -> list[Box]:
    """Return walls and roof of a house by its centre and its size along x and y."""
    height, roof = 3.0 * storeys + rng.uniform(0.2, 1.2), rng.uniform(0.3, 2.5)
    overhang = rng.uniform(-1.5, 0.5) if roof > 1 else rng.uniform(0.1, 0.5)
    return [block(rng, (x, y, 0), (*size, height), palette.pick(rng, "house")),
            block(rng, (x, y, height), (size[0] + min(overhang, 0), size[1] + overhang, roof),
                  palette.pick(rng, "roof"))]


def _terrace(rng: np.random.Generator, palette: Palette, x: float, front: float, sign: int,
             width: float) -> list[Box]:
    """Return a house on the side `sign` with its front at y = `front`: door, shop and balcony on it."""
    storeys, depth = int(rng.integers(1, 5)), rng.uniform(8, 12)
    parts = _house(rng, palette, x, front + sign * depth / 2, (width, depth), storeys)

    def add(kind: str, along: float, low: float, size: tuple[float, float, float]) -> None:
        parts.append(block(rng, (along, front, low), size, palette.pick(rng, kind)))

    if rng.random() < 0.7:
        size = (rng.uniform(0.9, 1.3), 0.12, rng.uniform(2.1, 2.4))
        add("door", x + rng.uniform(-0.35, 0.35) * width, 0, size)
    if rng.random() < 0.3:
        add("shop", x, 0, (width * rng.uniform(0.6, 1), 0.06, 3.0))
    if storeys > 1 and rng.random() < 0.25:
        add("metal", x, 3.1, (rng.uniform(2, 4), 2.2, 1.0))
    return parts


def _parked(rng: np.random.Generator, palette: Palette, side: _Side, end_m: float) -> list[Box]:
    """Return a row of parked cars with gaps."""
    cars, x, occupied = [], rng.uniform(-15, -8), rng.uniform(0.3, 0.9)
    while x < end_m:
        if rng.random() < occupied:
            cars += car(rng, palette, x, side.sign * (side.kerb_m - rng.uniform(1.05, 1.15)))
        x += rng.uniform(6, 8)
    return cars


def _traffic(rng: np.random.Generator, palette: Palette) -> list[Box]:
    """Return cars in the opposite lane and perhaps one ahead; a drive is so short that they stand."""
    cars = []
    x = rng.uniform(6, 30)
    while x < 75:
        cars += car(rng, palette, x, CLEAR_LEFT_M + rng.uniform(1.0, 1.1))
        x += rng.uniform(9, 50)
    if rng.random() < 0.4:
        cars += car(rng, palette, rng.uniform(14, 45), rng.uniform(-0.4, 0.4))
    return cars


def _sun(rng: np.random.Generator, grey: float) -> tuple[Lamp, ...]:
    """Return the sun as a lamp far up, 12 to 60 degrees high, weak or absent under clouds."""
    if grey > 0.7:
        return ()
    height, turn = np.radians(rng.uniform(12, 60)), rng.uniform(-np.pi, np.pi)
    towards = np.array([np.cos(height) * np.cos(turn), np.cos(height) * np.sin(turn), np.sin(height)])
    warmth = rng.uniform(0.0, 0.2)
    colour = np.array([1, 1 - 0.4 * warmth, 1 - warmth], np.float32)
    place = _SUN_M * towards + np.array([20.0, 0.0, 0.0])
    return (Lamp(place, (1 - grey) * rng.uniform(0.7, 1.3) * (1 + _SUN_M**2), colour),)
