# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pairs of posed panoramas that see much of the same: near neighbours whose depth agrees."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.datasets.panorama import Row, nearest
from src.datasets.panorama_files import read_distance, read_pose
from src.geometry.sphere import latitude_weights, points, project

# Poses that are nearer than this are taken for the same.
_APART_M = 0.1
_WIDTH_PX, _HEIGHT_PX = 128, 64
# A pixel of the coarse map is 2.8 degrees wide: a slanted surface's distance changes as much within it.
_REL_TOLERANCE = 0.1


class Seen(NamedTuple):
    """What a panorama sees: distance along the ray (64, 128) float32, 0 = none, and its pose (4, 4)."""

    depth_m: np.ndarray
    camera_to_world: np.ndarray


def read_seen(root: Path, row: Row, units_per_m: float) -> Seen:
    """Read depth, coarsely, and pose of a panorama."""
    depth_m = read_distance(root / row[1], units_per_m)
    return Seen(nearest(depth_m, _WIDTH_PX, _HEIGHT_PX), read_pose(root / row[2]))


def overlap(first: Seen, second: Seen) -> float:
    """Return which share of the first one's readings the second one sees too, by angle.

    A point counts as seen where the second panorama's distance in its direction agrees to 10 %.
    """
    read = first.depth_m > 0
    to_second = np.linalg.inv(second.camera_to_world) @ first.camera_to_world
    seen = points(first.depth_m)[read] @ to_second[:3, :3].T + to_second[:3, 3]
    u_px, v_px = project(seen, _HEIGHT_PX, _WIDTH_PX)
    row, column = np.minimum(v_px.astype(int), _HEIGHT_PX - 1), u_px.astype(int) % _WIDTH_PX
    distance_m = np.linalg.norm(seen, axis=1)
    agrees = np.abs(second.depth_m[row, column] - distance_m) < _REL_TOLERANCE * distance_m
    weight = np.broadcast_to(latitude_weights(_HEIGHT_PX)[:, None], read.shape)[read]
    return float((weight * agrees).sum() / weight.sum()) if read.any() else 0.0


def pair_up(rows: Sequence[Row], seen: Sequence[Seen], max_distance_m: float,
            min_overlap: float) -> Iterator[Row]:
    """Yield rows of six for panoramas that have a neighbour: the nearest one with enough overlap.

    Args:
        rows: image, depth and pose of each panorama; the poses are in one world.
        seen: of each panorama.
        max_distance_m: between the cameras; nearer than 0.1 m they count as one.
        min_overlap: share of the readings, both ways.
    """
    position = np.array([view.camera_to_world[:3, 3] for view in seen])
    for k, row in enumerate(rows):
        apart_m = np.linalg.norm(position - position[k], axis=1)
        near = np.flatnonzero((apart_m >= _APART_M) & (apart_m <= max_distance_m))
        for other in near[np.argsort(apart_m[near], kind="stable")]:
            if min(overlap(seen[k], seen[other]), overlap(seen[other], seen[k])) >= min_overlap:
                yield row + rows[other]
                break
