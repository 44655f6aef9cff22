# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The mean angle between normals, against exactly known normals of walls, planes and balls."""
from __future__ import annotations

import warnings

import numpy as np
import pytest

from src.geometry.sphere import neighbour_indices
from src.panodepth.figures import normal_figures
from tests.geometry.panorama_scene import Panorama, pixel_directions, rotation

SIZE = (64, 128)
RAYS = pixel_directions(*SIZE)
AREA = np.cos(np.pi / 2 - np.pi * (np.arange(SIZE[0]) + 0.5) / SIZE[0])[:, None]  # of a pixel, by rows
ROOM = Panorama(turn=rotation(30, 20, 10), pillar=True)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def mean_deg(depth_m: np.ndarray, truth_m: np.ndarray) -> float:
    figures = normal_figures(depth_m.astype(np.float32), truth_m.astype(np.float32))
    assert figures.keys() == {"normal_deg"}
    total, weight = figures["normal_deg"]
    return total / weight


def plane_m(tilt_deg: float) -> np.ndarray:
    """Depth of a floor 1.2 m below that leans about z, where that is 50 degrees down or more; else 0."""
    tilt = np.radians(tilt_deg)
    down = RAYS @ [np.sin(tilt), np.cos(tilt), 0]
    return np.where(RAYS[..., 1] > np.sin(np.radians(50)), 1.2 / np.maximum(down, 0.01), 0)


def walls_m() -> tuple[np.ndarray, np.ndarray]:
    """Depth of a room without the pixels at its corners, and exact normals."""
    depth_m, normal, surface = ROOM.trace(RAYS)
    inner = (surface.ravel()[neighbour_indices(*SIZE)] == surface).all(axis=0)
    return np.where(inner, depth_m, 0), normal


def has_normal(depth_m: np.ndarray) -> np.ndarray:
    """Where a pixel and its neighbours have readings that differ by less than a tenth."""
    near_m = depth_m.ravel()[neighbour_indices(*SIZE)]
    usable = (near_m > 0) & (np.abs(near_m - depth_m) <= 0.1 * np.minimum(near_m, depth_m))
    return (depth_m > 0) & usable.all(axis=0)


def test_the_truth_itself_has_no_error():
    depth_m = ROOM.trace(RAYS)[0]
    assert mean_deg(depth_m, depth_m) < 0.1
    assert mean_deg(1.7 * depth_m, depth_m) < 0.1  # a larger room has the same walls
    total, weight = normal_figures(depth_m, depth_m)["normal_deg"]
    assert total / weight < 1e-5  # float64
    assert 0.9 < weight / (AREA.sum() * SIZE[1]) < 1  # the pillar's outline does not count


@pytest.mark.parametrize("tilt_deg", [3, -10, 25])
def test_a_tilted_plane_is_off_by_its_tilt(tilt_deg):
    level, tilted = plane_m(0), plane_m(tilt_deg)
    assert mean_deg(tilted, level) == pytest.approx(abs(tilt_deg), abs=0.02)
    assert mean_deg(np.where(tilted > 0, tilted, 3), level) == pytest.approx(abs(tilt_deg), abs=0.02)


def test_pixels_count_by_the_area_that_they_cover():
    """A ball around the camera has the way back for its normal: its angle to each wall is known."""
    truth_m, normal = walls_m()
    exists = has_normal(truth_m)
    angle_deg = np.degrees(np.arccos(np.clip(-np.sum(RAYS * normal, axis=-1), -1, 1)))
    weights = exists * AREA
    expected, uneven = (np.sum(w * angle_deg) / w.sum() for w in (weights, exists))
    assert abs(expected - uneven) > 0.5
    assert mean_deg(np.full(SIZE, 2.5), truth_m) == pytest.approx(expected, abs=0.01)
    assert normal_figures(np.full(SIZE, 2.5), truth_m)["normal_deg"][1] == pytest.approx(weights.sum())


def test_predictions_in_holes_do_not_count():
    truth_m, _ = walls_m()
    rng = np.random.default_rng(0)
    truth_m[rng.random(SIZE) < 0.03] = 0
    predicted_m = np.where(truth_m > 0, truth_m, 4) * rng.uniform(0.97, 1.03, SIZE)
    anything_m = np.where(truth_m > 0, predicted_m, rng.uniform(0.1, 90, SIZE))
    found = normal_figures(anything_m, truth_m)["normal_deg"]
    assert found == normal_figures(predicted_m, truth_m)["normal_deg"]
    assert found[1] == pytest.approx((has_normal(truth_m) * AREA).sum()) and found[0] / found[1] > 5


def test_jumps_of_the_prediction_are_steep_surfaces_and_not_left_out():
    """Along the equator, of a ball of 2 m with ridges of 3 m eight columns wide."""
    truth_m = np.where(np.abs(np.arange(SIZE[0]) - 31.5) < 4, 2.0, 0)[:, None] * np.ones(SIZE[1])
    ridges_m = np.where(np.arange(SIZE[1]) % 16 < 8, 2.0, 3.0) * np.ones((SIZE[0], 1))
    slope = (1 / 2 - 1 / 3) / (2 * np.sin(2 * np.pi / SIZE[1]))  # of inverse depth, over two columns
    beside_deg = np.degrees(np.arctan(slope * np.array([2, 3])))  # on either side of a jump
    assert mean_deg(ridges_m, truth_m) == pytest.approx(2 * beside_deg.sum() / 16, rel=0.01)


def test_without_any_reading_nothing_is_measured():
    assert normal_figures(np.ones(SIZE), np.zeros(SIZE))["normal_deg"] == (0, 0)
