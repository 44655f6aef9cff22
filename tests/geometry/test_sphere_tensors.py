# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Tensors of panoramas against NumPy's sphere, exactly ray-cast rooms and finite differences."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.geometry import sphere, sphere_tensors
from src.geometry.sphere_tensors import inverse_pose, normals, project, sample, surface, warp_pose, wrapped
from src.geometry.warp import transform, visible
from tests.geometry.panorama_scene import Panorama, rotation

RNG = np.random.default_rng(6)
HERE = Panorama(turn=rotation(15, 10, -5), pillar=True)
THERE = Panorama((0.7, 0.1, -0.6), rotation(-60, -8, 12), pillar=True)
HERE_TO_THERE = np.linalg.inv(THERE.pose()) @ HERE.pose()


def tensor(values, dtype=np.float32) -> ms.Tensor:
    return ms.Tensor(np.asarray(values, dtype))


def holed(depth_m: np.ndarray, share: float = 0.03) -> np.ndarray:
    return np.where(RNG.random(depth_m.shape) < share, 0, depth_m)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rays_points_and_weights_are_numpys(dtype):
    depth_m = RNG.uniform(0.5, 9, (2, 1, 12, 24)).astype(dtype)
    found = sphere_tensors.points(ms.Tensor(depth_m)).asnumpy()
    assert found.dtype == dtype
    for own, one in zip(found, depth_m, strict=True):
        np.testing.assert_allclose(own, np.moveaxis(sphere.points(one[0]), -1, 0), atol=1e-6)
    weights = sphere_tensors.latitude_weights(12, ms.Tensor(depth_m).dtype).asnumpy()
    np.testing.assert_allclose(weights.ravel(), sphere.latitude_weights(12), rtol=1e-6)


@pytest.mark.parametrize("size", [(64, 128), (30, 50)])
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_normals_are_numpys_wherever_these_exist(size, dtype, tolerance):
    depth_m = np.stack([holed(view.picture(*size)[0])[None] for view in (HERE, THERE)])
    given = ms.Tensor(depth_m.astype(dtype))
    found, on_surface = normals(given).asnumpy(), surface(given, (given > 0).astype(given.dtype)).asnumpy()
    assert found.dtype == on_surface.dtype == dtype
    for own, mask, one in zip(found, on_surface, depth_m, strict=True):
        expected, exists = sphere.normals(one[0])
        np.testing.assert_array_equal(mask[0] > 0, exists)
        assert 0.5 < exists.mean() < 0.95
        np.testing.assert_allclose(np.moveaxis(own, 0, -1)[exists], expected[exists], atol=tolerance)
    assert np.isfinite(found).all()


def test_normals_of_the_rooms_walls_are_within_a_hundredth_of_a_degree():
    depth_m, exact, number = HERE.trace(sphere.directions(256, 512))
    inner = (number.ravel()[sphere.neighbour_indices(256, 512)] == number).all(axis=0)
    found = np.moveaxis(normals(tensor(depth_m[None, None])).asnumpy()[0], 0, -1)
    sine = np.linalg.norm(np.cross(found, exact), axis=-1)
    assert np.degrees(sine[inner]).max() < 0.01 and (found * exact).sum(axis=-1)[inner].min() > 0.99


def test_surface_leaves_out_what_is_not_valid_and_edges():
    depth_m, valid = HERE.picture(32, 64)[0], (RNG.random((32, 64)) < 0.95)
    found = surface(tensor(depth_m[None, None]), tensor(valid[None, None])).asnumpy()[0, 0] > 0
    np.testing.assert_array_equal(found, sphere.normals(np.where(valid, depth_m, 0))[1])
    assert found.any() and not found[~valid].any()
    steeper = surface(tensor(depth_m[None, None]), tensor(valid[None, None]), 0.02).asnumpy()[0, 0] > 0
    np.testing.assert_array_equal(steeper, sphere.normals(np.where(valid, depth_m, 0), 0.02)[1])


def weighted_normals(factors: ms.Tensor):
    """A function of depth: the normals' sum with these weights."""
    return lambda depth_m: (normals(depth_m) * factors).sum()


@pytest.mark.parametrize("compiled", [False, True])
def test_gradient_of_normals_is_that_of_finite_differences(compiled):
    depth_m, weights = RNG.uniform(1.4, 1.6, (8, 16)), RNG.normal(size=(8, 16, 3))
    expected = np.zeros_like(depth_m)
    for position in np.ndindex(depth_m.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = depth_m.copy()
            moved[position] += step
            ends.append(np.sum(sphere.normals(moved, np.inf)[0] * weights))
        expected[position] = (ends[0] - ends[1]) / 2e-6
    assert np.abs(expected).max() > 1
    for dtype, tolerance in ((np.float64, 1e-7), (np.float32, 1e-5)):
        gradient = ms.grad(weighted_normals(tensor(np.moveaxis(weights, -1, 0)[None], dtype)))
        gradient = ms.jit(gradient) if compiled else gradient
        found = gradient(tensor(depth_m[None, None], dtype)).asnumpy()[0, 0]
        np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("depth_m", [np.zeros((8, 16)), np.zeros((8, 16)) + [0, 1.5] * 8,
                                     np.full((8, 16), 1e-30), np.full((8, 16), 1e6)])
def test_normals_and_gradients_stay_finite(depth_m):
    total = weighted_normals(tensor(np.arange(3).reshape((1, 3, 1, 1))))
    value, gradient = ms.value_and_grad(total)(tensor(depth_m[None, None]))
    assert np.isfinite(value.asnumpy()) and np.isfinite(gradient.asnumpy()).all()


def test_places_are_numpys():
    vectors = RNG.normal(size=(20, 30, 3)) * [1, 4, 1]
    for dtype, tolerance in ((np.float32, 1e-4), (np.float64, 1e-5)):  # Python's numbers become float32
        found = project(tensor(np.moveaxis(vectors, -1, 0)[None], dtype), 32, 64).asnumpy()[0]
        np.testing.assert_allclose(found, sphere.project(vectors, 32, 64), atol=tolerance)


def test_the_vertical_axis_has_a_place_and_no_gradient_by_x_and_z():
    vectors = tensor(np.array([[0, 1.0, 0], [1e-9, -2.0, 1e-9], [0, 0, 0]]).T.reshape((1, 3, 1, 3)))

    def total(vectors):
        return project(vectors, 32, 64).sum()

    found = project(vectors, 32, 64).asnumpy()[0, :, 0]
    np.testing.assert_allclose(found, [[32, 32, 32], [32, 0, 16]], atol=0.02)
    gradient = ms.grad(total)(vectors).asnumpy()[0]
    assert np.isfinite(gradient).all() and not gradient[[0, 2]].any()


def test_samples_are_numpys_across_seam_and_poles():
    maps = RNG.random((2, 3, 9, 18))
    u_px, v_px = RNG.uniform(0, 18, (2, 15, 25)), RNG.uniform(0, 9, (2, 15, 25))
    u_px[:, 0, :4], v_px[:, 0, :4] = [0, 18, 0, 18], [0, 0, 9, 9]
    found = sample(tensor(maps), tensor(np.stack((u_px, v_px), axis=1))).asnumpy()
    for own, one, u, v in zip(found, maps, u_px, v_px, strict=True):
        expected = sphere.sample(np.moveaxis(one, 0, -1), u, v)
        np.testing.assert_allclose(np.moveaxis(own, 0, -1), expected, atol=1e-5)
    nowhere = sample(tensor(maps), tensor(np.full((2, 2, 3, 3), np.nan))).asnumpy()
    assert np.isfinite(nowhere).all()
    np.testing.assert_array_equal(wrapped(tensor(maps), 2, 3).asnumpy(),
                                  np.pad(maps, ((0, 0), (0, 0), (0, 0), (2, 3)), "wrap").astype(np.float32))


def test_poses_are_undone():
    pose, given = tensor(HERE_TO_THERE[None], np.float64), tensor(RNG.normal(size=(1, 3, 4, 5)), np.float64)
    np.testing.assert_allclose(inverse_pose(pose).asnumpy()[0], np.linalg.inv(HERE_TO_THERE)[:3], atol=1e-12)
    back = transform(transform(given, pose), inverse_pose(pose))
    np.testing.assert_allclose(back.asnumpy(), given.asnumpy(), atol=1e-12)


def see(depth_m: np.ndarray, height: int):
    """What HERE sees of THERE by its depth: image, depth, the points' distance from there, whether valid."""
    other_m, image = THERE.picture(height, 2 * height)
    seen, valid, there_m = (a.asnumpy()[0] for a in warp_pose(
        tensor(np.concatenate((other_m[None], image))[None]), tensor(depth_m[None, None]),
        tensor(HERE_TO_THERE[None])))
    return seen[1:], seen[0], there_m[0], valid[0]


def truly_visible(depth_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each point from THERE, and whether nothing is in between."""
    there = sphere.points(depth_m) @ HERE_TO_THERE[:3, :3].T + HERE_TO_THERE[:3, 3]
    distance_m = np.linalg.norm(there, axis=-1)
    return distance_m, np.abs(THERE.trace(there / distance_m[..., None])[0] - distance_m) < 1e-9


def test_exact_depth_reproduces_the_view_where_both_see_it():
    depth_m, image = HERE.picture(128, 256)
    seen, seen_m, there_m, valid = see(depth_m, 128)
    distance_m, common = truly_visible(depth_m)
    np.testing.assert_allclose(there_m, distance_m, rtol=1e-5)
    assert valid.all()
    used = visible(tensor(there_m), tensor(seen_m), 0.1).asnumpy() > 0
    hidden = ~common
    assert hidden.sum() > 300 and used[common].mean() > 0.99 and used[hidden].mean() < 0.1
    error = np.abs(seen - image).mean(axis=0)
    unwarped = np.abs(THERE.picture(128, 256)[1] - image).mean()
    assert error[used].mean() < 0.01 < 0.1 < unwarped
    for rows in (slice(0, 6), slice(-6, None)):  # the poles
        assert error[rows][used[rows]].mean() < 0.02
    assert error[:, [0, -1]][used[:, [0, -1]]].mean() < 0.02  # the seam
    for factor in (0.9, 1.1):
        wrong = np.abs(see(factor * depth_m, 128)[0] - image).mean(axis=0)
        assert wrong[common].mean() > 5 * error[common].mean()


def test_every_place_is_sampled_as_numpy_does():
    depth_m, maps = HERE.picture(32, 64)[0], RNG.random((4, 20, 40))
    there = sphere.points(depth_m) @ HERE_TO_THERE[:3, :3].T + HERE_TO_THERE[:3, 3]
    expected = sphere.sample(np.moveaxis(maps, 0, -1), *sphere.project(there, 20, 40))
    for dtype, tolerance in ((np.float32, 2e-5), (np.float64, 1e-5)):
        seen, _, _ = warp_pose(tensor(maps[None], dtype), tensor(depth_m[None, None], dtype),
                               tensor(HERE_TO_THERE[None], dtype))
        np.testing.assert_allclose(np.moveaxis(seen.asnumpy()[0], 0, -1), expected, atol=tolerance)


def test_a_turn_alone_is_a_roll():
    maps, depth_m = RNG.random((2, 16, 32)), RNG.uniform(1, 5, (16, 32))
    pose = np.eye(4)
    pose[:3, :3] = rotation(360 * 5 / 32)  # to the right by five columns
    seen, _, there_m = warp_pose(tensor(maps[None]), tensor(depth_m[None, None]), tensor(pose[None]))
    np.testing.assert_allclose(seen.asnumpy()[0], np.roll(maps, -5, axis=2), atol=1e-4)
    np.testing.assert_allclose(there_m.asnumpy()[0, 0], depth_m, rtol=1e-6)


def test_gradients_of_a_warp_are_those_of_finite_differences():
    """By depth along random directions: each pixel's sum depends on its own depth alone."""
    depth_m, maps, weights = HERE.picture(32, 64)[0], RNG.random((2, 32, 64)), RNG.normal(size=(3, 32, 64))
    other, pose = tensor(maps[None], np.float64), tensor(HERE_TO_THERE[None], np.float64)
    factors = tensor(weights[None], np.float64)

    def total(depth_m):
        seen, valid, there_m = warp_pose(other, depth_m, pose)
        return (seen * valid * factors[:, :2]).sum() + (there_m * factors[:, 2:]).sum()

    found = ms.grad(total)(tensor(depth_m[None, None], np.float64)).asnumpy()[0, 0]
    ends = []
    for step_m in (1e-7, -1e-7):
        there = sphere.points(depth_m + step_m) @ HERE_TO_THERE[:3, :3].T + HERE_TO_THERE[:3, 3]
        values = sphere.sample(np.moveaxis(maps, 0, -1), *sphere.project(there, 32, 64))
        ends.append(np.sum(values * np.moveaxis(weights[:2], 0, -1), axis=-1)
                    + np.linalg.norm(there, axis=-1) * weights[2])
    expected = (ends[0] - ends[1]) / 2e-7
    # Of float32's making: a place within rounding of a pixel's centre may take the next slope.
    agree = np.abs(found - expected) < 1e-4 * np.abs(expected).max()
    assert agree.mean() > 0.998 and np.abs(expected).max() > 1


@pytest.mark.parametrize("hole", [0.0, -3.0, np.inf, np.nan])
def test_holes_are_not_valid_and_everything_stays_finite(hole):
    depth_m = HERE.picture(16, 32)[0]
    holes = RNG.random(depth_m.shape) < 0.3
    depth_m[holes] = hole

    other, pose = tensor(np.ones((1, 2, 16, 32))), tensor(HERE_TO_THERE[None])

    def total(depth_m):
        seen, valid, there_m = warp_pose(other, depth_m, pose)
        return (seen * valid).sum() + (there_m * valid).sum(), valid

    (value, valid), gradient = ms.value_and_grad(total, has_aux=True)(tensor(depth_m[None, None]))
    np.testing.assert_array_equal(valid.asnumpy()[0, 0] > 0, ~holes)
    assert np.isfinite(value.asnumpy()) and np.isfinite(gradient.asnumpy()).all()
    assert not gradient.asnumpy()[0, 0][holes].any()


def test_compiled_calls_repeat_to_the_last_bit():
    maps, pose = tensor(RNG.random((1, 3, 64, 128))), tensor(HERE_TO_THERE[None])

    def total(depth_m):
        seen, _, there_m = warp_pose(maps, depth_m, pose)
        return (seen * there_m).sum() + (normals(depth_m) * seen).sum()

    run, depth_m = ms.jit(ms.value_and_grad(total)), tensor(HERE.picture(64, 128)[0][None, None])
    first = [a.asnumpy().copy() for a in run(depth_m)]
    for _ in range(30):
        for again, once in zip(run(depth_m), first, strict=True):
            np.testing.assert_array_equal(again.asnumpy(), once)
