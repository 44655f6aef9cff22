# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The equirectangular camera against its definition, exactly ray-cast rooms and areas of the sphere."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from src.geometry.sphere import (
    directions,
    edge_mask,
    latitude_weights,
    neighbour_indices,
    normals,
    points,
    project,
    resized,
    sample,
    slope_vectors,
    yaw_matrix,
)
from tests.geometry.panorama_scene import ROOM_M, Panorama, pixel_directions, rotation

RNG = np.random.default_rng(3)
LEVEL, TURNED = Panorama(), Panorama(turn=rotation(30, 20, 10))


def angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1)))


def on_one_surface(surface: np.ndarray) -> np.ndarray:
    """Where a pixel and its four neighbours see the same wall."""
    return (surface.ravel()[neighbour_indices(*surface.shape)] == surface).all(axis=0)


def test_directions_are_the_definition():
    np.testing.assert_allclose(directions(20, 40), pixel_directions(20, 40), atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(directions(20, 40), axis=-1), 1, rtol=1e-15)


def test_right_is_x_down_is_y_and_the_middle_is_z():
    ways = {(32, 16): (0, 0, 1), (48, 16): (1, 0, 0), (16, 16): (-1, 0, 0), (0, 16): (0, 0, -1),
            (32, 0): (0, -1, 0), (32, 32): (0, 1, 0), (40, 8): (0.5, -np.sqrt(0.5), 0.5)}
    for place, way in ways.items():
        np.testing.assert_allclose(project(np.array(way, float), 32, 64), place, atol=1e-12)


@pytest.mark.parametrize("size", [(20, 40), (16, 16), (9, 31)])
def test_projection_undoes_directions_at_any_distance(size):
    depth_m = RNG.uniform(0.01, 50, size)
    u_px, v_px = project(points(depth_m), *size)
    expected = np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5)
    np.testing.assert_allclose((u_px, v_px), expected, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(points(depth_m), axis=-1), depth_m)
    assert points(depth_m.astype(np.float32)).dtype == np.float32


def test_places_lie_in_the_image_and_the_camera_itself_nowhere():
    u_px, v_px = project(RNG.normal(size=(1000, 3)), 32, 64)
    assert 0 <= u_px.min() < 1 < 63 < u_px.max() < 64 and v_px.min() >= 0 and v_px.max() <= 32
    seam = np.array([[-1e-12, 0, -1], [1e-12, 0, -1], [-1e-300, 0, -1]])
    assert np.all((project(seam, 32, 64)[0] < 1e-9) | (project(seam, 32, 64)[0] > 64 - 1e-9))
    assert np.all(project(seam, 32, 64)[0] < 64)
    assert np.isnan(project(np.zeros((2, 3)), 32, 64)).all()


@pytest.mark.parametrize("columns", [1, 7, -12])
def test_rolling_an_image_turns_the_panorama(columns):
    """When the camera turns to the left by 2 pi k / W, what it saw moves to the right by k columns."""
    seen_m = LEVEL.trace(directions(16, 32))[0]
    turned_m = Panorama(LEVEL.centre_m, rotation(-360 * columns / 32)).trace(directions(16, 32))[0]
    np.testing.assert_allclose(np.roll(seen_m, columns, axis=1), turned_m, rtol=1e-12)


@pytest.mark.parametrize("columns", [0, 1, 13, 40, -7, 64])
def test_yaw_matrix_takes_points_to_the_rolled_panoramas_frame(columns):
    depth_m = RNG.uniform(0.3, 9, (32, 64))
    turn = yaw_matrix(columns, 64)
    rolled = points(np.roll(depth_m, columns, axis=1))
    np.testing.assert_allclose(rolled, np.roll(points(depth_m), columns, axis=1) @ turn.T, atol=1e-12)
    np.testing.assert_allclose(turn, rotation(360 * columns / 64), atol=1e-15)


def test_points_lie_on_the_walls_of_the_room():
    depth_m, _, surface = TURNED.trace(directions(64, 128))
    world = points(depth_m) @ TURNED.turn.T + TURNED.centre_m
    for number in range(6):
        np.testing.assert_allclose(world[surface == number][:, number // 2], ROOM_M[number % 2, number // 2])
        assert np.sum(surface == number) > 100


def test_latitude_weights_are_the_rows_areas():
    height = 37
    edges = np.pi / 2 - np.pi * np.arange(height + 1) / height
    area = -np.diff(np.sin(edges))  # of a zone of the unit sphere, by 2 pi
    np.testing.assert_allclose(latitude_weights(height) / latitude_weights(height).sum(), area / 2)


def test_neighbours_are_about_as_far_away_to_every_side():
    height, width = 128, 256
    vectors = directions(height, width).reshape(-1, 3)
    near = vectors[neighbour_indices(height, width).reshape(4, -1)]
    steps = angle_deg(near, vectors).reshape(4, height, width) / (180 / height)
    np.testing.assert_allclose(steps[2:], 1, rtol=1e-9)  # across the poles, too
    assert steps[:2].min() > 2 / 3 and steps[:2].max() < 4 / 3


def test_slope_vectors_give_a_linear_functions_slope_exactly():
    m = np.array([0.3, -1.2, 0.7])
    values = directions(12, 24) @ m
    right, left, below, above = values.ravel()[neighbour_indices(12, 24)][..., None]
    across, down = slope_vectors(12, 24)
    slope = (right - left) * across + (below - above) * down
    expected = m - values[..., None] * directions(12, 24)
    np.testing.assert_allclose(slope, expected, atol=1e-12)


def test_normals_of_a_room_are_exact_on_every_wall_at_the_seam_and_the_poles():
    vectors = directions(256, 512)
    for view in (LEVEL, TURNED, Panorama((0.2, -0.1, -0.3), rotation(100, -35, 60), pillar=True)):
        depth_m, exact, surface = view.trace(vectors)
        inner = on_one_surface(surface)
        found, exists = normals(depth_m)
        assert exists[inner].mean() > 0.999 and inner.mean() > 0.96
        assert inner[:, [0, -1]].mean() > 0.9 and inner[[0, -1]].mean() > 0.9
        assert angle_deg(found, exact)[inner & exists].max() < 1e-9
        rounded, _ = normals(depth_m.astype(np.float32))
        assert rounded.dtype == np.float32 and angle_deg(rounded, exact)[inner & exists].max() < 0.01
        stored, _ = normals(np.rint(depth_m * 4000) / 4000)  # as Matterport3D's files
        assert angle_deg(stored, exact)[inner & exists].max() < 1
    floor = normals(LEVEL.trace(vectors)[0])[0][-20:]
    np.testing.assert_allclose(floor, np.broadcast_to([0, -1, 0], floor.shape), atol=1e-12)


def test_noise_does_not_grow_towards_the_poles():
    """Seen from the middle of a ball every pixel's normal is the way back."""
    noisy_m = 1.5 + RNG.normal(0, 1e-3, (256, 512))
    error_deg = angle_deg(normals(noisy_m)[0], -directions(256, 512))
    of_rows = np.sqrt(np.mean(error_deg**2, axis=1))
    assert of_rows[1:-1].max() < 1.5 * of_rows[128] and of_rows.max() < 2 * of_rows[128] < 10


def test_normals_of_a_ball_point_away_from_its_centre():
    centre, radius_m, errors_deg = np.array([-0.4, 0.2, 2.0]), 0.8, []
    for height in (64, 128):
        vectors = directions(height, 2 * height)
        along = vectors @ centre
        root = along**2 - centre @ centre + radius_m**2
        depth_m = np.where(root > 0, along - np.sqrt(np.maximum(root, 0)), 0) * (along > 0)
        exact = (points(depth_m) - centre) / radius_m
        seen = (depth_m > 0) & (-np.sum(exact * vectors, axis=-1) > np.cos(np.pi / 4))
        found, exists = normals(depth_m, rel_jump=0.2)
        assert exists[seen].all() and seen.sum() > 0.005 * seen.size
        np.testing.assert_allclose(np.linalg.norm(found[exists], axis=-1), 1, rtol=1e-12)
        errors_deg.append(angle_deg(found, exact)[seen].max())
    assert errors_deg[0] < 2
    assert errors_deg[0] / errors_deg[1] == pytest.approx(4, rel=0.2)  # of second order


@pytest.mark.parametrize("columns", [1, 17, 64])
def test_rolled_depth_has_rolled_and_turned_normals(columns):
    depth_m = Panorama(turn=rotation(10, 5, 3), pillar=True).trace(directions(64, 128))[0]
    depth_m[RNG.random(depth_m.shape) < 0.02] = 0
    found, exists = normals(depth_m)
    rolled, rolled_exists = normals(np.roll(depth_m, columns, axis=1))
    np.testing.assert_array_equal(rolled_exists, np.roll(exists, columns, axis=1))
    turned = np.roll(found, columns, axis=1) @ rotation(360 * columns / 128).T
    np.testing.assert_allclose(rolled, turned, atol=1e-12)
    np.testing.assert_array_equal(edge_mask(np.roll(depth_m, columns, axis=1)),
                                  np.roll(edge_mask(depth_m), columns, axis=1))


@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf, -1.0])
def test_neither_a_hole_nor_a_silhouette_enters_a_normal(hole):
    depth_m = np.full((16, 32), 2.0)
    depth_m[8, 31] = depth_m[0, 3] = hole
    found, exists = normals(depth_m)
    missing = np.argwhere(~exists).tolist()
    across_pole = [[0, 3 + 16], [1, 3], [0, 3], [0, 3 + 8], [0, 3 - 8 + 32]]  # a quarter turn left and right
    at_seam = [[8, 31], [8, 30], [8, 0], [7, 31], [9, 31]]
    assert sorted(missing) == sorted(across_pole + at_seam)
    assert not found[~exists].any()
    depth_m = np.where(np.arange(32) < 12, 3.0, 2.0) * np.ones((16, 1))
    steep = ~normals(depth_m)[1]
    assert np.nonzero(steep[8])[0].tolist() == [0, 11, 12, 31]


def test_edges_go_on_across_the_seam_and_the_poles():
    depth_m = np.full((16, 32), 2.0)
    depth_m[8, 0] = 3.0
    expected = np.zeros((16, 32), bool)
    for row, column in ((8, 0), (8, 1), (8, 31), (7, 0), (9, 0)):
        expected[row, column] = True
    np.testing.assert_array_equal(edge_mask(depth_m), expected)
    depth_m = np.where(np.arange(32) < 16, 2.0, 2.0 + 0.3) * np.ones((16, 1))
    assert edge_mask(depth_m, 0.14).any() and not edge_mask(depth_m, 0.16).any()  # relative to the nearer
    assert edge_mask(depth_m, 0.14)[[0, 15]].all()
    assert np.nonzero(edge_mask(depth_m, 0.14)[8])[0].tolist() == [0, 15, 16, 31]
    depth_m[:] = np.linspace(2, 4, 16)[:, None]
    assert not edge_mask(depth_m, 0.1).any()


def test_a_pillar_in_a_room_has_edges_along_its_outline():
    view = Panorama(pillar=True)
    depth_m, _, surface = view.trace(directions(128, 256))
    pillar = surface > 5
    edges = edge_mask(depth_m)
    near = pillar.ravel()[neighbour_indices(128, 256)]
    assert edges[(near != pillar).any(axis=0) & (np.arange(128) < 70)[:, None]].mean() > 0.9
    assert edges[on_one_surface(surface)].mean() < 0.001


def test_samples_between_rows_and_columns_are_scipys():
    values = RNG.random((9, 18))
    u_px, v_px = RNG.uniform(-40, 60, 300), RNG.uniform(0.5, 8.5, 300)
    expected = map_coordinates(values, (v_px - 0.5, u_px - 0.5), order=1, mode="grid-wrap")
    np.testing.assert_allclose(sample(values, u_px, v_px), expected, atol=1e-12)
    colours = np.stack((values, 1 - values), axis=-1)
    blended = np.stack((expected, 1 - expected), axis=-1)
    np.testing.assert_allclose(sample(colours, u_px, v_px), blended, atol=1e-12)


def test_samples_of_a_smooth_function_are_close_everywhere_and_at_centres_exact():
    errors = []
    for height in (32, 64):
        values = np.exp(directions(height, 2 * height) @ [0.5, 0.8, -0.3])
        vectors = RNG.normal(size=(4000, 3)) * [1, 10, 1]  # many near the poles
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        places = project(vectors, height, 2 * height)
        errors.append(np.abs(sample(values, *places) - np.exp(vectors @ [0.5, 0.8, -0.3])).max())
        assert places[1].min() < 0.5 and places[1].max() > height - 0.5
        centres = np.meshgrid(np.arange(2 * height) + 0.5, np.arange(height) + 0.5)
        np.testing.assert_allclose(sample(values, *centres), values)
    assert errors[0] < 0.01 and errors[1] < 0.35 * errors[0]
    assert np.isnan(sample(values, np.array([np.nan, 1.0]), np.array([2.0, np.nan]))).all()


@pytest.mark.parametrize("m", np.eye(3))
def test_resizing_is_close_to_linear_functions_of_direction_at_the_seam_and_the_poles(m):
    """Of second order everywhere: repeated border pixels would be off by half a pixel's step."""
    errors = []
    for height in (16, 32, 64):
        found = resized(directions(height, 2 * height) @ m, 3 * height, 6 * height)
        errors.append(np.abs(found - directions(3 * height, 6 * height) @ m).max())
        assert errors[-1] < (np.pi / height) ** 2 / 4
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)


def test_resizing_keeps_values_at_common_centres_and_turns_with_the_image():
    values = RNG.uniform(1, 5, (8, 16)).astype(np.float32)
    assert resized(values, 8, 16) is values
    large = resized(values, 24, 48)
    assert large.dtype == np.float32 and large.shape == (24, 48)
    np.testing.assert_allclose(large[1::3, 1::3], values, rtol=1e-6)
    np.testing.assert_allclose(resized(large, 8, 16), values, rtol=1e-6)
    np.testing.assert_allclose(resized(np.roll(values, 5, axis=1), 24, 48), np.roll(large, 15, axis=1),
                               rtol=1e-6)
    np.testing.assert_allclose(resized(values[::-1, ::-1], 24, 48), large[::-1, ::-1], rtol=1e-6)
    halved = values.reshape(4, 2, 8, 2).mean((1, 3))
    np.testing.assert_allclose(resized(values, 4, 8), halved, rtol=1e-6)
    for size in ((8, 16), (37, 74), (5, 10), (9, 40)):
        np.testing.assert_allclose(resized(np.full((8, 16), 2.5), *size), np.full(size, 2.5), rtol=1e-12)
