# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The light of a picture of a sphere is recovered, and shading under it shows the picture again."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.config import load_settings
from src.ddrnet.shading import basis, shade, solve_light
from src.geometry.pinhole import Intrinsics
from src.geometry.tensors import back_project, normals, pinhole_rays

RIDGE = load_settings("train", "", ["--method", "ddrnet"]).shading_ridge  # the default
CAMERA = Intrinsics(fx_px=1400.0, fy_px=1380.0, cx_px=176.6, cy_px=150.2, width_px=352, height_px=320)
CENTRE, RADIUS_M = np.array([0.02, 0.01, 2.0]), 0.2
LIGHTS = np.array([[0.45, 0.10, -0.20, 0.15, 0.05, -0.04, 0.03, 0.06, -0.05],
                   [0.40, -0.15, -0.15, -0.10, 0.02, 0.06, 0.05, -0.03, 0.04]])
RNG = np.random.default_rng(0)


def ball(share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth of a sphere (H, W), outward normals (3, H, W), and its cap of a share of the radius (bool)."""
    rays = np.moveaxis(CAMERA.rays(), -1, 0)
    a, b = np.sum(rays * rays, axis=0), np.tensordot(CENTRE, rays, 1)
    root = b * b - a * (CENTRE @ CENTRE - RADIUS_M**2)
    depth_m = np.where(root > 0, (b - np.sqrt(np.maximum(root, 0))) / a, 0)
    outward = (rays * depth_m - CENTRE[:, None, None]) / RADIUS_M
    sight = CENTRE / np.linalg.norm(CENTRE)
    facing = -np.tensordot(sight, outward, 1)
    cap = (root > 0) & (facing > np.sqrt(1 - share**2))
    return depth_m, np.where(root > 0, outward, 0), cap


def picture(outward: np.ndarray, albedo: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Grey (H, W) of the sphere in float64, from METHODS' list of harmonics, coefficient by coefficient."""
    x, y, z = outward
    irradiance = (light[0] + light[1] * y + light[2] * z + light[3] * x + light[4] * x * y + light[5] * y * z
                  + light[6] * (2 * z**2 - x**2 - y**2) + light[7] * z * x + light[8] * (x**2 - y**2))
    return albedo * irradiance


def batch(textured: bool, share: float = 0.95):
    """Normals, albedo, picture and surface of two images under the two lights, as float64 arrays."""
    depth_m, outward, cap = ball(share)
    albedo = RNG.uniform(0.3, 1.0, (2, 1, *cap.shape)) if textured else np.ones((2, 1, *cap.shape))
    grey = np.stack([picture(outward, a[0], light)[None] for a, light in zip(albedo, LIGHTS, strict=True)])
    assert 0.02 < grey[..., cap].min() < grey[..., cap].max() < 0.99  # nothing saturates
    surface = np.broadcast_to(cap, grey.shape).astype(np.float64)
    return depth_m, np.stack([outward, outward]), albedo, grey, surface


def tensors(*arrays: np.ndarray) -> list[ms.Tensor]:
    return [ms.Tensor(np.ascontiguousarray(a, np.float32)) for a in arrays]


def depth_normals(depth_m: np.ndarray) -> ms.Tensor:
    camera = ms.Tensor(np.array([[CAMERA.fx_px, CAMERA.fy_px, CAMERA.cx_px, CAMERA.cy_px]], np.float32))
    rays = pinhole_rays(camera, *depth_m.shape)
    one = normals(back_project(ms.Tensor(depth_m[None, None].astype(np.float32)), rays))
    return ms.ops.concat((one, one), 0)


@pytest.mark.parametrize("source", ["analytic", "depth"])
@pytest.mark.parametrize("textured", [False, True])
@pytest.mark.parametrize("share, ridge", [(0.95, RIDGE), (0.9, RIDGE / 10)])
def test_the_light_is_recovered_and_shows_the_picture(share, ridge, textured, source):
    """The less of the sphere is seen, the more alike are the harmonics and the more the ridge is felt."""
    depth_m, outward, albedo, grey, surface = batch(textured, share)
    wide, near = tensors(outward, albedo), tensors(grey, surface)
    given = wide[0] if source == "analytic" else depth_normals(depth_m)
    light = solve_light(given, wide[1], *near, ridge)
    assert light.shape == (2, 9)
    off = np.linalg.norm(light.asnumpy() - LIGHTS, axis=1) / np.linalg.norm(LIGHTS, axis=1)
    assert off.max() < 0.01
    shown = shade(given, wide[1], light).asnumpy()
    assert shown.shape == grey.shape
    assert np.abs((shown - grey) * surface).max() < (1e-3 if source == "analytic" else 5e-3)


def test_what_is_no_surface_does_not_count():
    _, outward, albedo, grey, surface = batch(True)
    plain = solve_light(*tensors(outward, albedo, grey, surface), RIDGE).asnumpy()
    outside = surface == 0
    other = solve_light(*tensors(np.where(outside, 0.7, outward), np.where(outside, 0.2, albedo),
                                 np.where(outside, 0.9, grey), surface), RIDGE).asnumpy()
    np.testing.assert_array_equal(plain, other)


def test_it_is_the_ridge_regression_of_the_mean():
    """Against NumPy's least squares of the extended system, with a ridge that is felt, on noisy pictures."""
    _, outward, albedo, grey, surface = batch(True)
    noisy = grey + RNG.normal(0, 0.1, grey.shape)
    found = solve_light(*tensors(outward, albedo, noisy, surface), 0.02).asnumpy()
    for number, light in enumerate(found):
        on = surface[number, 0] > 0
        seen = outward[number][:, on], albedo[number, 0][on]
        rows = np.stack([picture(*seen, unit) for unit in np.eye(9)], 1)
        system = np.concatenate((rows / np.sqrt(on.sum()), np.sqrt(0.02) * np.eye(9)))
        target = np.concatenate((noisy[number, 0][on] / np.sqrt(on.sum()), np.zeros(9)))
        np.testing.assert_allclose(light, np.linalg.lstsq(system, target, rcond=None)[0], atol=1e-5)


def test_shading_is_clipped_to_what_a_picture_can_show():
    outward = np.zeros((1, 3, 2, 3)) + np.array([0, 0, -1.0])[:, None, None]
    albedo = np.full((1, 1, 2, 3), 0.5)
    for constant, expected in ((-0.3, 0.0), (0.8, 0.4), (5.0, 1.0)):
        light = np.array([[constant, *[0.0] * 8]])
        np.testing.assert_allclose(shade(*tensors(outward, albedo, light)).asnumpy(), expected, rtol=1e-6)


def test_the_basis_has_the_order_of_the_list():
    _, outward, cap = ball(0.95)
    found = basis(*tensors(outward[None])).asnumpy()[0]
    for values, unit in zip(found, np.eye(9), strict=True):
        np.testing.assert_allclose(values[cap], picture(outward, 1.0, unit)[cap], atol=1e-6)


@pytest.mark.parametrize("normal", [(0.0, 0.0, -1.0), (0.6, 0.0, -0.8), (0.36, 0.48, -0.8)])
def test_a_flat_wall_gives_a_finite_light_that_shows_the_wall(normal):
    """One normal says one thing about nine coefficients; the ridge chooses the smallest light that fits."""
    shape = (1, 1, 20, 30)
    flat = np.broadcast_to(np.array(normal)[:, None, None], (1, 3, 20, 30))
    grey = np.full(shape, 0.37)
    given = tensors(flat, np.ones(shape), grey, np.ones(shape))
    light = solve_light(*given, RIDGE)
    assert np.isfinite(light.asnumpy()).all() and np.abs(light.asnumpy()).max() < 1
    np.testing.assert_allclose(shade(*given[:2], light).asnumpy(), grey, rtol=1e-4)


def test_an_image_without_surface_has_no_light():
    _, outward, albedo, grey, surface = batch(False)
    surface[1] = 0
    light = solve_light(*tensors(outward, albedo, grey, surface), RIDGE).asnumpy()
    assert not light[1].any()
    assert np.linalg.norm(light[0] - LIGHTS[0]) < 0.01
