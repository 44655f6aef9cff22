# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense matches between panoramas of an exactly ray-cast room."""
from __future__ import annotations

import numpy as np
import pytest

from src.geometry.matches import dense_matches, relative_pose
from src.geometry.sphere import directions, project, sample
from tests.geometry.panorama_scene import Panorama, pixel_directions, rotation

HEIGHT, WIDTH = 128, 256
HERE = Panorama((-0.8, 0.2, 0.4), rotation(15, 10, -5), pillar=True)
THERE = Panorama((0.5, 0.1, -0.9), rotation(-140, -8, 12), pillar=True)
POSE = relative_pose(HERE.pose(), THERE.pose())


def truth() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth here, the world's points (H, W, 3) by it, and which of these THERE sees."""
    vectors = pixel_directions(HEIGHT, WIDTH)
    depth_m = HERE.trace(vectors)[0]
    world = (vectors * depth_m[..., None]) @ HERE.turn.T + HERE.centre_m
    way = (world - THERE.centre_m) @ THERE.turn
    distance_m = np.linalg.norm(way, axis=-1)
    return depth_m, world, np.abs(THERE.trace(way / distance_m[..., None])[0] - distance_m) < 1e-9


def depth_there() -> np.ndarray:
    return THERE.trace(pixel_directions(HEIGHT, WIDTH))[0]


def off_px(u_px, v_px, other_u_px, other_v_px) -> np.ndarray:
    """Distance of places over the sphere in rows."""
    ways = [np.stack([np.sin(np.pi * v / HEIGHT) * np.sin(2 * np.pi * u / WIDTH), np.cos(np.pi * v / HEIGHT),
                      np.sin(np.pi * v / HEIGHT) * np.cos(2 * np.pi * u / WIDTH)], axis=-1)
            for u, v in ((u_px, v_px), (other_u_px, other_v_px))]
    return np.arcsin(np.clip(np.linalg.norm(ways[0] - ways[1], axis=-1) / 2, 0, 1)) * 2 * HEIGHT / np.pi


@pytest.mark.parametrize("units_m", [None, 4000, 1000])
def test_matches_land_on_the_same_point_within_a_pixel(units_m):
    """And back: the point that the other depth map shows at a match projects to where the match began."""
    depth_m, world, common = truth()
    stored = [d if units_m is None else np.rint(d * units_m) / units_m for d in (depth_m, depth_there())]
    places, visible = dense_matches(*stored, POSE)
    exact = project((world - THERE.centre_m) @ THERE.turn, HEIGHT, WIDTH)
    assert off_px(*np.moveaxis(places, -1, 0), *exact)[visible].max() < (1e-6 if units_m is None else 0.05)
    seen_m = 1 / sample(1 / stored[1], *np.moveaxis(places, -1, 0))
    theta, phi = 2 * np.pi * places[..., 0] / WIDTH - np.pi, np.pi / 2 - np.pi * places[..., 1] / HEIGHT
    way = np.stack([np.cos(phi) * np.sin(theta), -np.sin(phi), np.cos(phi) * np.cos(theta)], axis=-1)
    found = (seen_m[..., None] * way) @ THERE.turn.T + THERE.centre_m
    back = project((found - HERE.centre_m) @ HERE.turn, HEIGHT, WIDTH)
    own = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    assert np.mean(off_px(*back, *own)[visible] < 1) > 0.999
    assert np.linalg.norm(found - world, axis=-1)[visible].max() < 0.05 * 6.5  # margin times farthest


def test_what_the_other_view_sees_is_found_and_what_is_hidden_is_not():
    depth_m, _, common = truth()
    _, visible = dense_matches(depth_m, depth_there(), POSE)
    assert common.mean() > 0.8 and (~common).sum() > 300
    assert visible[common].mean() > 0.99
    assert visible[~common].mean() < 0.05


def test_matches_there_and_back_agree():
    depth_m, other_m = truth()[0], depth_there()
    places, visible = dense_matches(depth_m, other_m, POSE)
    returns, back_visible = dense_matches(other_m, depth_m, np.linalg.inv(POSE))
    nearest = np.floor(np.nan_to_num(places)).astype(int)
    nearest = np.minimum(nearest[..., 1], HEIGHT - 1), nearest[..., 0] % WIDTH
    own = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    both = visible & back_visible[nearest]
    # Half a pixel away there is at most a few here: distances differ by up to this factor and the slant.
    assert both.mean() > 0.8 and np.median(off_px(*np.moveaxis(returns[nearest], -1, 0), *own)[both]) < 0.7


def test_a_view_matches_itself_and_a_turn_moves_columns():
    depth_m = truth()[0]
    own = np.stack(np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5), axis=-1)
    places, visible = dense_matches(depth_m, depth_m, np.eye(4))
    np.testing.assert_allclose(places, own, atol=1e-9)
    assert visible.all()
    pose = np.eye(4)
    pose[:3, :3] = rotation(360 * 100 / WIDTH)
    places, visible = dense_matches(depth_m, np.roll(depth_m, 100, axis=1), pose)
    np.testing.assert_allclose(places[..., 0], (own[..., 0] + 100) % WIDTH, atol=1e-8)
    assert visible.all()


@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf])
def test_holes_match_nothing_and_nothing_matches_holes(hole):
    depth_m = truth()[0].astype(np.float32)
    own, other = depth_m.copy(), depth_m.copy()
    own[20:30, 40:60] = other[50:70, 100:120] = hole
    places, visible = dense_matches(own, other, np.eye(4))
    assert not visible[20:30, 40:60].any() and np.isnan(places[20:30, 40:60]).all()
    assert not visible[50:70, 100:120].any() and np.isfinite(places[50:70, 100:120]).all()
    away = np.ones(visible.shape, bool)
    away[20:30, 40:60] = away[49:71, 99:121] = False
    assert visible[away].all()


def test_sizes_may_differ():
    depth_m, _, common = truth()
    other_m = THERE.trace(directions(64, 128))[0]
    places, visible = dense_matches(depth_m, other_m, POSE)
    full, _ = dense_matches(depth_m, depth_there(), POSE)
    np.testing.assert_allclose(places, full / 2, atol=1e-9)
    assert visible[common].mean() > 0.97


def test_relative_poses():
    point = np.array([0.3, -0.7, 1.9, 1])
    np.testing.assert_allclose(THERE.pose() @ relative_pose(HERE.pose(), THERE.pose()) @ point,
                               HERE.pose() @ point)
