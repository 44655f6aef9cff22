# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Inverse warping against exactly ray-cast views, NumPy in float64, finite differences and real stereo."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from PIL import Image

from src.geometry.warp import has_depth, sample, transform, visible, warp_stereo
from tests.geometry.stereo_scene import FOCAL_BASELINE_PX_M, LEFT, RIGHT, View, bilinear
from tests.samples import DEPTH_SAMPLES, needs_samples

RNG = np.random.default_rng(5)
SIDES = {"left": (LEFT, RIGHT, -1.0), "right": (RIGHT, LEFT, 1.0)}


def tensor(values, dtype=np.float32) -> ms.Tensor:
    return ms.Tensor(np.asarray(values, dtype))


def turned(yaw_deg: float, pitch_deg: float) -> np.ndarray:
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return about_y @ about_x


def stereo(maps, depth_m, view: View, other: View, sign: float, dtype=np.float32):
    """`warp_stereo` of one pair: seen (C, H, W) and valid (H, W)."""
    seen, valid = warp_stereo(tensor(maps[None], dtype), tensor(depth_m[None, None], dtype),
                              tensor([FOCAL_BASELINE_PX_M], dtype), sign,
                              tensor([other.cx_px - view.cx_px], dtype))
    return seen.asnumpy()[0], valid.asnumpy()[0, 0]


def see(depth_m, view: View, other: View, sign: float):
    """Other view's image as this one sees it, where it maps inside, and where it is seen, too."""
    other_depth_m, other_image, _ = other.picture()
    seen, valid = stereo(np.concatenate([other_depth_m[None], other_image]), depth_m, view, other, sign)
    shown = visible(tensor(depth_m), tensor(seen[0]), 0.1).asnumpy()
    return seen[1:], valid > 0, (valid * shown) > 0


@pytest.mark.parametrize("side", SIDES)
def test_exact_depth_reproduces_the_view(side):
    view, other, sign = SIDES[side]
    depth_m, image, _ = view.picture()
    seen, _, used = see(depth_m, view, other, sign)
    error, unwarped = np.abs(seen - image).mean(axis=0), np.abs(other.picture()[1] - image).mean(axis=0)
    _, common = view.visibility_in(other)
    assert error[used].mean() < 0.05 * unwarped[used].mean() and unwarped[used].mean() > 0.1
    assert np.mean(used[common]) > 0.99 and common.mean() > 0.9


@pytest.mark.parametrize("side", SIDES)
def test_only_what_both_views_see_is_used(side):
    """The wall beside the board is hidden in the other view; there the warped image shows the board."""
    view, other, sign = SIDES[side]
    depth_m, image, _ = view.picture()
    seen, valid, used = see(depth_m, view, other, sign)
    inside, common = view.visibility_in(other)
    hidden = inside & ~common
    assert hidden.sum() > 100 and np.mean(valid != inside) < 0.001
    assert np.mean(used[hidden]) < 0.02
    error = np.abs(seen - image).mean(axis=0)
    assert error[hidden].mean() > 10 * error[used].mean()
    assert not used[~inside].any()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_depth_10_percent_off_is_clearly_worse(side, factor):
    view, other, sign = SIDES[side]
    depth_m, image, _ = view.picture()
    errors = []
    for wrong in (1.0, factor):
        seen, valid, _ = see(wrong * depth_m, view, other, sign)
        errors.append(np.abs(seen - image).mean(axis=0)[valid & view.visibility_in(other)[1]].mean())
    assert errors[1] > 5 * errors[0]


@pytest.mark.parametrize("side", SIDES)
def test_stereo_samples_where_the_geometry_says(side):
    view, other, sign = SIDES[side]
    depth_m, maps = view.picture()[0], RNG.random((5, 64, 96))
    u, v, z_m = view.places_in(other)
    np.testing.assert_allclose(z_m, depth_m)
    expected, inside = bilinear(maps, u, v)
    for dtype, tolerance in ((np.float64, 2e-5), (np.float32, 5e-5)):
        seen, valid = stereo(maps, depth_m, view, other, sign, dtype)
        assert seen.dtype == valid.dtype == dtype
        np.testing.assert_array_equal(valid > 0, inside)
        np.testing.assert_allclose(seen[:, inside], expected[:, inside], atol=tolerance)


def test_every_pair_has_its_own_calibration():
    maps, depth_m = RNG.random((3, 2, 12, 16)), RNG.uniform(4, 9, (3, 1, 12, 16))
    focal_baseline, shift = np.array([20.0, 8.0, 31.5]), np.array([0.0, 1.3, -2.4])
    given = [tensor(values) for values in (maps, depth_m, focal_baseline, shift)]
    seen, valid = (a.asnumpy() for a in warp_stereo(given[0], given[1], given[2], -1.0, given[3]))
    column, row = np.meshgrid(np.arange(16) + 0.5, np.arange(12) + 0.5)
    for i in range(3):
        expected, inside = bilinear(maps[i], column + shift[i] - focal_baseline[i] / depth_m[i, 0], row)
        np.testing.assert_array_equal(valid[i, 0] > 0, inside)
        np.testing.assert_allclose(seen[i][:, inside], expected[:, inside], atol=1e-5)


def test_poses_chain():
    first, second = np.eye(4), np.eye(4)
    first[:3, :3], first[:3, 3] = turned(20, 5), [1, 2, 3]
    second[:3, :3], second[:3, 3] = turned(-7, 30), [-0.5, 0.1, 0.9]
    points = tensor(RNG.normal(size=(1, 3, 4, 5)), np.float64)
    chained = transform(transform(points, tensor(first[None], np.float64)), tensor(second[None], np.float64))
    whole = transform(points, tensor((second @ first)[None], np.float64))
    np.testing.assert_allclose(chained.asnumpy(), whole.asnumpy(), atol=1e-12)
    back = transform(whole, tensor(np.linalg.inv(second @ first)[None], np.float64))
    np.testing.assert_allclose(back.asnumpy(), points.asnumpy(), atol=1e-12)


def test_samples_at_centres_are_the_pixels_and_borders_are_inside():
    image = RNG.random((2, 3, 37, 53)).astype(np.float32)
    places = np.stack(np.meshgrid(np.arange(53) + 0.5, np.arange(37) + 0.5))[None].repeat(2, 0)
    values, inside = (a.asnumpy() for a in sample(ms.Tensor(image), tensor(places)))
    np.testing.assert_allclose(values, image, atol=2e-5)
    assert inside.all()
    shifted = places + np.array([0.0, 0.5]).reshape(1, 2, 1, 1)
    values, inside = (a.asnumpy() for a in sample(ms.Tensor(image), tensor(shifted)))
    np.testing.assert_allclose(values[:, :, :-1], (image[:, :, 1:] + image[:, :, :-1]) / 2, atol=2e-5)
    assert inside[:, :, :-1].all() and not inside[:, :, -1].any()


def test_samples_anywhere_and_outside():
    image, (u, v) = RNG.random((3, 9, 13)), RNG.uniform(-4, 18, (2, 30, 40))
    u[0, :4], v[0, 2:6] = [np.nan, np.inf, -np.inf, 1e30], [np.nan, np.inf, -1e38, 2.0]
    expected, inside = bilinear(image, u, v)
    given = tensor(image[None]), tensor(np.stack([u, v])[None])
    values, mask = sample(*given)
    np.testing.assert_array_equal(mask.asnumpy()[0, 0] > 0, inside)
    np.testing.assert_allclose(values.asnumpy()[0][:, inside], expected[:, inside], atol=1e-5)
    assert np.isfinite(values.asnumpy()).all() and 0.1 < inside.mean() < 0.5

    def total(image, places):
        return sample(image, places)[0].sum()

    gradient = ms.grad(total, 1)(*given).asnumpy()[0]
    assert np.isfinite(gradient).all() and not gradient[:, ~inside].any()
    assert np.mean(gradient[:, inside] != 0) > 0.99


def depth_gradient(maps, weights, dtype):
    """The left view's weighted sum of what it sees and its gradient, as a function of depth (1, 1, H, W)."""
    other, factors = tensor(maps[None], dtype), tensor(weights[None], dtype)
    constants = tensor([FOCAL_BASELINE_PX_M], dtype), tensor([RIGHT.cx_px - LEFT.cx_px], dtype)

    def total(depth_m):
        seen, valid = warp_stereo(other, depth_m, constants[0], -1.0, constants[1])
        return (seen * valid * factors).sum()

    return ms.value_and_grad(total)


def test_gradient_by_depth_is_that_of_finite_differences():
    depth_m, maps, weights = LEFT.picture()[0], RNG.random((3, 64, 96)), RNG.normal(size=(3, 64, 96))
    column, row = LEFT.centres()
    ends = []
    for step_m in (1e-7, -1e-7):  # each pixel's sum depends on its own depth alone
        u = column + RIGHT.cx_px - LEFT.cx_px - FOCAL_BASELINE_PX_M / (depth_m + step_m)
        values, inside = bilinear(maps, u, row)
        ends.append((values * weights * inside).sum(axis=0))
    expected = (ends[0] - ends[1]) / 2e-7
    assert np.abs(expected).max() > 1
    for dtype, tolerance in ((np.float64, 1e-6), (np.float32, 1e-4)):
        value, found = depth_gradient(maps, weights, dtype)(tensor(depth_m[None, None], dtype))
        assert value.asnumpy() == pytest.approx(ends[0].sum(), abs=1e-2)
        np.testing.assert_allclose(found.asnumpy()[0, 0], expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("hole", [0.0, -3.0, 1e-30, np.inf, np.nan])
def test_holes_are_not_valid_and_everything_stays_finite(hole):
    depth_m = LEFT.picture()[0].copy()
    holes = RNG.random(depth_m.shape) < 0.3
    depth_m[holes] = hole
    maps, weights = RNG.random((3, 64, 96)), RNG.normal(size=(3, 64, 96))
    seen, valid = stereo(maps, depth_m, LEFT, RIGHT, -1.0)
    np.testing.assert_array_equal(valid > 0, LEFT.visibility_in(RIGHT)[0] & ~holes)
    assert np.isfinite(seen).all()
    np.testing.assert_array_equal(has_depth(tensor(depth_m)).asnumpy(), ~holes)
    _, gradient = depth_gradient(maps, weights, np.float32)(tensor(depth_m[None, None]))
    assert np.isfinite(gradient.asnumpy()).all() and not gradient.asnumpy()[0, 0][holes].any()


def test_visible_is_relative_and_holes_hide():
    depth_m = tensor([10.0, 10.0, 10.0, 1.0, 1.0, 10.0, 10.0])
    seen_m = tensor([9.1, 8.9, 30.0, 0.91, 0.89, 0.0, np.nan])
    assert visible(depth_m, seen_m, 0.1).asnumpy().tolist() == [1, 0, 1, 1, 0, 0, 0]


def test_compiled_calls_repeat_to_the_last_bit():
    run = ms.jit(depth_gradient(RNG.random((3, 64, 96)), RNG.normal(size=(3, 64, 96)), np.float32))
    depth_m = tensor(LEFT.picture()[0][None, None])
    first = [a.asnumpy().copy() for a in run(depth_m)]
    for _ in range(40):
        for again, once in zip(run(depth_m), first, strict=True):
            np.testing.assert_array_equal(again.asnumpy(), once)


@needs_samples("Middlebury/cones")
@pytest.mark.parametrize("side", SIDES)
def test_a_real_pair(side):
    """Middlebury's cones: quarter-pixel disparities, 0 where unknown; depth in units of fx * baseline."""
    folder = DEPTH_SAMPLES / "Middlebury" / "cones"
    images = {view: np.asarray(Image.open(folder / f"im{n}.png"), np.float32).transpose(2, 0, 1) / 255
              for view, n in (("left", 2), ("right", 6))}
    disp_px = {view: np.asarray(Image.open(folder / f"disp{n}.png"), np.float32) / 4
               for view, n in (("left", 2), ("right", 6))}
    depth = {view: np.where(d > 0, 1 / np.maximum(d, 0.25), 0) for view, d in disp_px.items()}
    (_, _, sign), other = SIDES[side], "right" if side == "left" else "left"
    maps = np.concatenate([depth[other][None], images[other]])[None]
    constants = tensor([1.0]), sign, tensor([0.0])
    seen, valid = warp_stereo(tensor(maps), tensor(depth[side][None, None]), *constants)
    shown = visible(tensor(depth[side]), seen[0, 0], 0.1).asnumpy()
    valid, seen = valid.asnumpy()[0, 0] > 0, seen.asnumpy()[0, 1:]
    used = valid & (shown > 0)
    error = np.abs(seen - images[side]).mean(axis=0)
    unwarped = np.abs(images[other] - images[side]).mean(axis=0)
    assert used.mean() > 0.75 and used.sum() > 0.85 * valid.sum()
    assert error[used].mean() < 0.2 * unwarped[used].mean()
    assert error[valid & ~used].mean() > 3 * error[used].mean()
    wrong, inside = warp_stereo(tensor(maps), tensor(1.1 * depth[side][None, None]), *constants)
    both = used & (inside.asnumpy()[0, 0] > 0)
    assert np.abs(wrong.asnumpy()[0, 1:] - images[side]).mean(axis=0)[both].mean() > 2 * error[both].mean()
