# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Rays, points and normals of tensors against ray-cast planes and spheres, NumPy, and finite differences."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.geometry import pinhole
from src.geometry.pinhole import Intrinsics
from src.geometry.tensors import back_project, normals, pinhole_rays

CAMERA = Intrinsics(fx_px=90.0, fy_px=95.0, cx_px=58.5, cy_px=44.0, width_px=120, height_px=80)
OFF_CENTRE = Intrinsics(fx_px=536.6, fy_px=500.0, cx_px=-200.3, cy_px=310.7, width_px=48, height_px=40)
PLANES = [(0, 0, -1), (0.3, 0, -1), (0, -0.4, -1), (0.5, 0.3, -0.8), (-0.2, 0.6, -0.7), (0.6, 0.2, -0.6)]
CHANGES = {
    "as it is": lambda camera: camera,
    "cropped": lambda camera: camera.cropped(30, 20, 64, 48),
    "padded": lambda camera: camera.cropped(-6, -4, 132, 88),
    "flipped": lambda camera: camera.flipped(),
    "resized": lambda camera: camera.resized(180, 60),
    "all": lambda camera: camera.resized(240, 160).cropped(50, 30, 128, 96).flipped(),
}


def as_tensor(*cameras: Intrinsics, dtype=np.float32) -> ms.Tensor:
    """(N, 4) fx, fy, cx, cy."""
    return ms.Tensor(np.array([[c.fx_px, c.fy_px, c.cx_px, c.cy_px] for c in cameras], dtype))


def directions(camera: Intrinsics) -> np.ndarray:
    """Rays (3, H, W) with z = 1 from the definition: what projects to the pixel's centre."""
    u, v = np.meshgrid(np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5)
    pixels = np.stack([u.ravel(), v.ravel(), np.ones(u.size)])
    return np.linalg.solve(camera.matrix(), pixels).reshape(3, *u.shape)


def plane_depth(camera: Intrinsics, unit: np.ndarray, distance_m: float) -> np.ndarray:
    """Depth (H, W) of the plane unit . P = -distance, whose normal `unit` points to the camera."""
    return -distance_m / np.tensordot(unit, directions(camera), 1)


def sphere_depth(camera: Intrinsics, centre: np.ndarray, radius_m: float) -> np.ndarray:
    """Depth (H, W) of the sphere's near side, 0 beside it."""
    rays = directions(camera)
    a, b = np.sum(rays * rays, axis=0), np.tensordot(centre, rays, 1)
    root = b * b - a * (centre @ centre - radius_m**2)
    return np.where(root > 0, (b - np.sqrt(np.maximum(root, 0))) / a, 0)


def points_of(camera: Intrinsics, depth_m: np.ndarray, dtype=np.float32) -> ms.Tensor:
    rays = pinhole_rays(as_tensor(camera, dtype=dtype), *depth_m.shape)
    return back_project(ms.Tensor(depth_m[None, None].astype(dtype)), rays)


def numpy_normals(camera: Intrinsics, depth_m: np.ndarray, rel_jump: float = np.inf):
    """`src.geometry.pinhole.normals` in float64 as (3, H, W), and where they exist."""
    computed, exists = pinhole.normals(pinhole.back_project(depth_m, camera), depth_m > 0, rel_jump)
    return np.moveaxis(computed, -1, 0), exists


@pytest.mark.parametrize("change", CHANGES)
def test_rays_project_to_the_pixels_centres(change):
    camera = CHANGES[change](CAMERA)
    found = pinhole_rays(as_tensor(camera, CAMERA), camera.height_px, camera.width_px).asnumpy()
    assert found.shape == (2, 3, camera.height_px, camera.width_px) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], directions(camera), atol=1e-6)
    np.testing.assert_allclose(found[0], np.moveaxis(camera.rays(), -1, 0), atol=1e-6)
    assert np.all(found[:, 2] == 1)


def test_every_image_has_its_own_camera():
    cameras = (CAMERA, CAMERA.flipped(), CAMERA.cropped(7, -9, 120, 80))
    together = pinhole_rays(as_tensor(*cameras), 80, 120).asnumpy()
    for rays, camera in zip(together, cameras, strict=True):
        np.testing.assert_array_equal(rays, pinhole_rays(as_tensor(camera), 80, 120).asnumpy()[0])
    assert np.abs(together[0] - together[1]).max() > 0.01


def test_points_lie_on_the_sphere_and_x_is_right_and_y_down():
    centre = np.array([0.1, -0.05, 3.0])
    depth_m = sphere_depth(CAMERA, centre, 0.8)
    points = points_of(CAMERA, depth_m).asnumpy()[0]
    hit = depth_m > 0
    distance = np.linalg.norm(points - centre[:, None, None], axis=0)
    assert hit.sum() > 1000
    np.testing.assert_allclose(distance[hit], 0.8, rtol=1e-5)
    assert np.all(np.diff(points[0][35:50, 50:70]) > 0)
    wall = points_of(CAMERA, np.full((80, 120), 2.0)).asnumpy()[0]
    assert np.all(np.diff(wall[0], axis=1) > 0) and np.all(np.diff(wall[1], axis=0) > 0)
    assert np.all(wall[2] == 2) and wall[0, 0, 0] < 0 < wall[0, 0, -1]


@pytest.mark.parametrize("change", CHANGES)
def test_normals_of_planes_are_exact_and_point_to_the_camera(change):
    camera = CHANGES[change](CAMERA)
    units = np.array(PLANES) / np.linalg.norm(PLANES, axis=1, keepdims=True)
    depth_m = np.stack([plane_depth(camera, unit, 1.2)[None] for unit in units])
    assert depth_m.min() > 0
    for dtype, tolerance in ((np.float64, 1e-8), (np.float32, 1e-3)):
        rays = pinhole_rays(as_tensor(*[camera] * len(units), dtype=dtype), *depth_m.shape[2:])
        found = normals(back_project(ms.Tensor(depth_m.astype(dtype)), rays)).asnumpy()
        assert found.dtype == dtype and found.shape == (len(units), 3, *depth_m.shape[2:])
        inner = found[:, :, 1:-1, 1:-1]
        expected = np.broadcast_to(units[:, :, None, None], inner.shape)
        np.testing.assert_allclose(inner, expected, atol=tolerance)


def test_a_wall_in_front_has_the_normal_0_0_minus_1_and_the_border_none():
    found = normals(points_of(OFF_CENTRE, np.full((40, 48), 1.3))).asnumpy()[0]
    inner = found[:, 1:-1, 1:-1]
    np.testing.assert_allclose(inner, np.broadcast_to([[[0]], [[0]], [[-1]]], inner.shape), atol=1e-4)
    border = np.ones((40, 48), bool)
    border[1:-1, 1:-1] = False
    assert not found[:, border].any()


@pytest.mark.parametrize("spacing_mm", [0.1, 2.0, 500.0])
def test_normals_have_length_1_at_any_distance_of_the_points(spacing_mm):
    """A guard against division by zero that is made for millimetres shrinks normals of points in metres."""
    camera = Intrinsics(1000 / spacing_mm, 1000 / spacing_mm, 8.0, 6.0, 16, 12)
    found = normals(points_of(camera, np.full((12, 16), 1.0))).asnumpy()[0, :, 1:-1, 1:-1]
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1, atol=1e-5)


def test_walls_and_ceiling_of_a_corridor_face_inwards():
    """A left wall is farther to the right and faces right; a ceiling is farther below and faces down."""
    rising, camera = np.linspace(1.0, 1.3, 48), CAMERA.cropped(34, 20, 48, 48)
    for axis, depth_m in ((0, np.tile(rising, (48, 1))), (1, np.tile(rising[:, None], (1, 48)))):
        near_side = normals(points_of(camera, depth_m)).asnumpy()[0, axis, 1:-1, 1:-1]
        far_side = normals(points_of(camera, np.flip(depth_m))).asnumpy()[0, axis, 1:-1, 1:-1]
        assert near_side.min() > 0.1 and far_side.max() < -0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normals_of_a_sphere_point_away_from_its_centre(dtype):
    centre, radius_m = np.array([0.1, -0.05, 3.0]), 0.8
    errors_deg = []
    for camera in (CAMERA, CAMERA.resized(240, 160)):
        depth_m = sphere_depth(camera, centre, radius_m)
        exact = (directions(camera) * depth_m - centre[:, None, None]) / radius_m
        sight = directions(camera) / np.linalg.norm(directions(camera), axis=0)
        seen = (depth_m > 0) & (-np.sum(exact * sight, axis=0) > np.cos(np.pi / 4))
        found = normals(points_of(camera, depth_m, dtype)).asnumpy()[0]
        np.testing.assert_allclose(np.linalg.norm(found[:, seen], axis=0), 1, atol=1e-5)
        sine = np.linalg.norm(np.cross(found, exact, axis=0), axis=0)[seen]
        assert np.all(np.sum(found * exact, axis=0)[seen] > 0) and seen.sum() > 0.05 * seen.size
        errors_deg.append(np.degrees(np.arcsin(sine)).max())
    assert errors_deg[0] < 0.3
    assert errors_deg[0] / errors_deg[1] == pytest.approx(4, rel=0.2)  # second order in the pixels' distance


@pytest.mark.parametrize("camera", [CAMERA, OFF_CENTRE, CAMERA.cropped(11, 5, 96, 64).flipped()])
def test_agrees_with_numpy_wherever_normals_exist(camera):
    """A bumpy surface with holes and a step."""
    rng = np.random.default_rng(0)
    shape = (camera.height_px, camera.width_px)
    depth_m = 1.5 + 0.05 * np.sin(np.arange(shape[0])[:, None] / 4) * np.cos(np.arange(shape[1]) / 5)
    depth_m[:, shape[1] // 2:] += 0.6
    depth_m[rng.random(shape) < 0.03] = 0
    expected, exists = numpy_normals(camera, depth_m, rel_jump=0.1)
    found = normals(points_of(camera, depth_m, np.float64)).asnumpy()[0]
    assert 0.5 < exists.mean() < 0.95
    np.testing.assert_allclose(found[:, exists], expected[:, exists], atol=1e-7)
    rounded = normals(points_of(camera, depth_m)).asnumpy()[0]
    np.testing.assert_allclose(rounded[:, exists], expected[:, exists], atol=5e-4)
    assert np.isfinite(rounded).all()


def weighted_normals(weights: np.ndarray, camera: Intrinsics):
    """A function of depth (1, 1, H, W): the normals' sum with given weights (3, H, W)."""
    dtype = weights.dtype
    rays = pinhole_rays(as_tensor(camera, dtype=dtype), *weights.shape[1:])
    return lambda depth_m: (normals(back_project(depth_m, rays)) * ms.Tensor(weights[None])).sum()


@pytest.mark.parametrize("compiled", [False, True])
def test_gradient_is_that_of_finite_differences(compiled):
    camera = CAMERA.resized(12, 8)
    rng = np.random.default_rng(1)
    depth_m = rng.uniform(1.4, 1.6, (8, 12))
    weights = rng.normal(size=(3, 8, 12))
    expected = np.zeros_like(depth_m)
    for position in np.ndindex(depth_m.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = depth_m.copy()
            moved[position] += step
            ends.append(np.sum(numpy_normals(camera, moved)[0] * weights))
        expected[position] = (ends[0] - ends[1]) / 2e-6
    for dtype, tolerance in ((np.float64, 1e-6), (np.float32, 2e-5)):
        gradient = ms.grad(weighted_normals(weights.astype(dtype), camera))
        gradient = ms.jit(gradient) if compiled else gradient
        found = gradient(ms.Tensor(depth_m[None, None].astype(dtype))).asnumpy()[0, 0]
        np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())
    assert np.abs(expected).max() > 1


@pytest.mark.parametrize("depth_m", [np.zeros((8, 12)), np.zeros((8, 12)) + [0, 1.5, 1.5] * 4,
                                     np.where(np.random.default_rng(2).random((8, 12)) < 0.4, 0, 1.5)],
                         ids=["nothing", "stripes", "scattered holes"])
def test_holes_give_finite_normals_and_gradients(depth_m):
    function = weighted_normals(np.ones((3, 8, 12), np.float32), CAMERA.resized(12, 8))
    value, gradient = ms.value_and_grad(function)(ms.Tensor(depth_m[None, None].astype(np.float32)))
    assert np.isfinite(value.asnumpy()) and np.isfinite(gradient.asnumpy()).all()


def test_coinciding_points_have_the_normal_0():
    found = normals(ms.Tensor(np.zeros((1, 3, 5, 6), np.float32))).asnumpy()
    assert found.shape == (1, 3, 5, 6) and not found.any()


def test_a_hole_leaves_the_normals_beyond_its_neighbours_alone():
    camera, rng = CAMERA.resized(16, 12), np.random.default_rng(3)
    depth_m = rng.uniform(1.4, 1.6, (12, 16))
    holed = depth_m.copy()
    holed[5, 8] = 0
    plain, changed = (normals(points_of(camera, d)).asnumpy()[0] for d in (depth_m, holed))
    differing = np.argwhere(np.any(plain != changed, axis=0)).tolist()
    assert differing == [[4, 8], [5, 7], [5, 9], [6, 8]]
