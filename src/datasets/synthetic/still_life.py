# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Random groups of objects and figures within an arm's reach of a depth camera, and views of them."""
from __future__ import annotations

import cv2
import numpy as np

from src.datasets.image_files import LUMA
from src.datasets.synthetic.objects import Object, Paint, Relief, Solid, cast
from src.geometry.pinhole import Intrinsics

NEAREST_M, FARTHEST_M = 0.7, 2.4
COVERAGE = (0.25, 0.6)
_PROBE = (80, 60)
_ATTEMPTS = 15
# Sizes below are for a group this far away; nearer groups are as much smaller.
_USUAL_M = 1.5
_RELIEF_M = (0.001, 0.015)
# Wavelengths of relief at the group's distance: 10 to 80 px of the 640 x 480 camera.
_RELIEF_RAD = (10 / 536.6, 80 / 536.6)

Views = list[list[Object]]


def random_views(rng: np.random.Generator, camera: Intrinsics, count: int) -> Views:
    """Draw a group of objects and return it as seen in `count` views: the objects in the camera frame.

    In every view the objects fill 25 to 60 % of the picture and lie 0.7 to 2.4 m away. A coarse picture
    (80 x 60) decides, so a few pixels may still lie outside.
    """
    distance_m = rng.uniform(1.3, 2.45)  # kept if a group does not fit, or most would be near
    while True:
        group = _group(rng, distance_m)
        views = []
        for _ in range(_ATTEMPTS * count):
            view = _seen(rng, group, distance_m)
            if _fits(view, camera):
                views.append(view)
            if len(views) == count:
                return views


def _seen(rng: np.random.Generator, group: list[Object], distance_m: float) -> list[Object]:
    turn = np.array([rng.normal(0, 0.15), rng.uniform(-0.5, 0.5), rng.normal(0, 0.08)])
    aside = np.array([rng.uniform(-0.1, 0.1), rng.uniform(-0.08, 0.08), rng.uniform(-0.1, 0.12)])
    shift = distance_m * (aside + [0, 0, 1])
    return [thing.moved(cv2.Rodrigues(turn)[0], shift) for thing in group]


def _fits(view: list[Object], camera: Intrinsics) -> bool:
    z_m = cast(view, camera.resized(*_PROBE)).z_m
    seen = np.isfinite(z_m)
    margin_m = 0.02
    return (COVERAGE[0] + 0.005 < seen.mean() < COVERAGE[1] - 0.005
            and z_m[seen].min() > NEAREST_M + margin_m and z_m[seen].max() < FARTHEST_M - margin_m)


def _group(rng: np.random.Generator, distance_m: float) -> list[Object]:
    """Return 2 to 6 objects about the origin, some of them one figure."""
    scale = distance_m / _USUAL_M * rng.uniform(0.8, 1.3)
    solids = _figure(rng, scale) if rng.random() < 0.3 else []
    solids += [_solid(rng, scale) for _ in range(rng.integers(2, 7) - len(solids))]
    palette = [random_colour(rng) for _ in range(rng.integers(1, 6))]
    return [Object(solid, _relief(rng, distance_m), _paint(rng, palette, distance_m)) for solid in solids]


def _solid(rng: np.random.Generator, scale: float) -> Solid:
    kind = ("ellipsoid", "ellipsoid", "box", "cylinder")[rng.integers(4)]
    half = rng.uniform(0.14, 0.36) * rng.uniform(0.55, 1.25, 3)
    place = np.array([rng.uniform(-0.55, 0.55), rng.uniform(-0.38, 0.38), rng.uniform(-0.15, 0.15)])
    return Solid(kind, scale * half, cv2.Rodrigues(rng.normal(0, 0.6, 3))[0], scale * place)


def _figure(rng: np.random.Generator, scale: float) -> list[Solid]:
    """Return a trunk, a head and two arms."""
    x = rng.uniform(-0.25, 0.25)
    parts = [(rng.choice(["ellipsoid", "cylinder"]), (0.2, 0.3, 0.13), (x, 0.2, 0), (0, 0, 0)),
             ("ellipsoid", (0.11, 0.14, 0.12), (x, -0.25, -0.02), rng.normal(0, 0.2, 3))]
    for side in (-1, 1):
        swing = (rng.normal(0, 0.3), 0, -side * rng.uniform(0.1, 0.8))
        reach = 0.22 + 0.16 * abs(np.sin(swing[2]))
        parts.append(("ellipsoid", (0.07, 0.27, 0.07), (x + side * reach, 0.15, -0.06), swing))
    return [Solid(str(kind), scale * np.array(half), cv2.Rodrigues(np.array(turn, float))[0],
                  scale * np.array(place)) for kind, half, place, turn in parts]


def _relief(rng: np.random.Generator, distance_m: float) -> Relief:
    """Draw waves of 10 to 80 px, 1 to 15 mm high, that tilt the surface by up to about 20 degrees each."""
    count = rng.integers(2, 6)
    low, high = np.log(_RELIEF_RAD)
    wavelength_m = distance_m * np.exp(rng.uniform(low, high, count))
    amplitude_m = np.clip(rng.uniform(0.1, 0.4, count) * wavelength_m / (2 * np.pi), *_RELIEF_M)
    slower = rng.uniform(3, 6, count)
    return Relief(_wave_vectors(rng, wavelength_m), rng.uniform(0, 2 * np.pi, count),
                  _wave_vectors(rng, slower * wavelength_m), rng.uniform(0, 2 * np.pi, count),
                  amplitude_m, rng.random(count) < 0.4)


def _paint(rng: np.random.Generator, palette: list[np.ndarray], distance_m: float) -> Paint:
    """Draw one to three colours of the palette in large stripes and patches."""
    count = min(int(rng.choice([0, 1, 2], p=[0.5, 0.3, 0.2])), len(palette) - 1)
    order = rng.permutation(len(palette))[:count + 1]
    wavelength_m = distance_m * rng.uniform(0.1, 0.4, count)
    return Paint(np.stack([palette[k] for k in order]), _wave_vectors(rng, wavelength_m),
                 rng.uniform(0, 2 * np.pi, count))


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """Return linear RGB (3,) whose luma is 0.4 to 0.95 and whose components are 0.03 to 0.97."""
    luma = rng.uniform(0.4, 0.95)
    tint = rng.random(3)
    tint -= LUMA @ tint
    room = np.where(tint > 0, 0.97 - luma, luma - 0.03) / np.maximum(np.abs(tint), 1e-6)
    return luma + tint * min(rng.uniform(0, 0.8), room.min())


def _wave_vectors(rng: np.random.Generator, wavelength_m: np.ndarray) -> np.ndarray:
    direction = rng.normal(size=(len(wavelength_m), 3))
    return 2 * np.pi / wavelength_m[:, None] * direction / np.linalg.norm(direction, axis=1, keepdims=True)
