# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's crops against the plane and the sphere that they show: crops, flips, sizes and the depth shift."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from src.ddrnet.data_loader import network_depth
from src.ddrnet.frame import shifted
from src.geometry.pinhole import back_project, normals
from tests.ddrnet.frames import (
    CAMERA,
    HEIGHT,
    LOW_M,
    MIRRORED,
    SIDE,
    UP_M,
    WIDTH,
    camera_in,
    exact_frame,
    metres,
    noisy_frame,
    points_in,
    random_field,
    sample_of,
)
from tests.ddrnet_files import BALL, FIXED, SCENE, WALL, depth_of, off_scene_m, rays_of, settings_of


@pytest.mark.parametrize("crop", ["true", "false"])
def test_crops_show_the_same_scene(crop):
    """Their own cameras put the points of crops on the very plane and sphere of the frame, off its middle."""
    corners = set()
    for seed in range(5):
        sample = sample_of(exact_frame(), seed, *FIXED, "--rand_crop", crop)
        points, camera = points_in(sample), camera_in(sample)
        assert off_scene_m(points).max() < 1e-6
        np.testing.assert_allclose([camera.fx_px, camera.fy_px], [CAMERA.fx_px, CAMERA.fy_px], rtol=1e-6)
        x0, y0 = CAMERA.cx_px - camera.cx_px, CAMERA.cy_px - camera.cy_px
        assert max(abs(x0 - round(x0)), abs(y0 - round(y0))) < 1e-4
        corners.add((round(x0), round(y0)))
    assert corners == {((WIDTH - SIDE) // 2, (HEIGHT - SIDE) // 2)} if crop == "false" else len(corners) == 5


def test_flipped_crops_show_the_mirrored_scene():
    flips = 0
    for seed in range(12):
        sample = sample_of(exact_frame(), seed, *FIXED, "--rand_crop", "true", "--rand_flip", "true")
        off = [off_scene_m(points_in(sample), scene).max() for scene in (SCENE, MIRRORED)]
        assert min(off) < 1e-6 and max(off) > 0.01
        flips += off[1] < off[0]
    assert 2 <= flips <= 10


def test_scaled_crops_show_the_same_scene():
    """Linear resizing is off a plane by z'' / 8 px^2 < 2 um; the outermost pixels repeat the edge."""
    growths = []
    for seed in range(8):
        sample = sample_of(exact_frame((WALL,)), seed, *FIXED, "--rand_scale", "true")
        inner = points_in(sample)[1:-1, 1:-1]
        assert WALL.distance_m(inner).max() < 1e-5
        growths.append(sample["camera"][0] / CAMERA.fx_px)
        side = max(8, round(SIDE / growths[-1]))
        np.testing.assert_allclose(sample["camera"][:2], np.array([CAMERA.fx_px, CAMERA.fy_px]) * SIDE / side,
                                   rtol=1e-6)
    assert 1 / 1.51 < min(growths) < 0.9 and 1.1 < max(growths) < 1.51


@pytest.mark.parametrize("scale", ["false", "true"])
def test_picture_and_depth_stay_aligned(scale):
    """The column and row that picture and albedo tell are those of the pixel's ray, scaled and mirrored."""
    for seed in range(6):
        sample = sample_of(exact_frame(), seed, "--rand_scale", scale, "--rand_depth_shift", "false")
        column = (sample["grey"][0] + 1) / 2 * WIDTH
        row = sample["albedo"][0] * HEIGHT
        x, y, _ = np.moveaxis(rays_of(camera_in(sample)), -1, 0)
        mirrored = column[0, -1] < column[0, 0]
        error_px = [(column - (CAMERA.fx_px * (-x if mirrored else x) + CAMERA.cx_px))[1:-1, 1:-1],
                    (row - (CAMERA.fy_px * y + CAMERA.cy_px))[1:-1, 1:-1]]
        assert np.abs(error_px).max() < 1e-3


def test_scaled_readings_are_never_blended():
    rng = np.random.default_rng(0)
    holes = rng.random((HEIGHT, WIDTH)) < 0.1
    raw_m = np.where(holes, 0, rng.choice([1.0, 2.0], (HEIGHT, WIDTH))).astype(np.float32)
    for seed in range(4):
        frame = exact_frame(raw_m=raw_m, reference_m=np.float32(1.5) * ~holes)
        sample = sample_of(frame, seed, *FIXED, "--rand_scale", "true", "--diff_thres", 0)
        found = metres(sample["raw"])
        assert np.abs(found[..., None] - [0, 1, 2]).min(axis=-1).max() < 1e-6
        reference_m = sample["reference_m"]
        assert np.all((reference_m == 0) | (np.abs(reference_m - 1.5) < 1e-5))
        assert (reference_m > 0).mean() > 0.4


@pytest.mark.parametrize(("x0", "y0"), [(0, 0), (37, 51), (112, 72)])
def test_normals_of_a_window_are_the_frames(x0, y0):
    frame = exact_frame()
    whole, exists = normals(back_project(frame.reference_m, CAMERA), frame.mask, 0.1)
    part = frame.window(x0, y0, SIDE, SIDE)
    for flip in (False, True):
        seen = part.flipped() if flip else part
        found, there = normals(back_project(seen.reference_m, seen.camera), seen.mask, 0.1)
        if flip:
            found, there = found[:, ::-1] * [-1, 1, 1], there[:, ::-1]
        expected = whole[y0:y0 + SIDE, x0:x0 + SIDE]
        both = there & exists[y0:y0 + SIDE, x0:x0 + SIDE]
        assert both[1:-1, 1:-1].mean() > 0.7
        assert np.abs(found - expected)[both].max() < 1e-4


def test_surface_is_where_the_reference_has_a_normal():
    """Neither borders, nor pixels beside a hole or outside the mask, nor those beside a jump of 2 %."""
    rng = np.random.default_rng(5)
    z_m = depth_of(CAMERA).astype(np.float32)
    z_m[rng.random(z_m.shape) < 0.01] = 0
    mask = np.ones(z_m.shape, bool)
    mask[:, 130:] = False
    sample = sample_of(exact_frame(reference_m=z_m, mask=mask), 3, *FIXED, "--image_size", 96)
    part, seen = z_m[12:108, 32:128], mask[12:108, 32:128]
    there = seen & (part > 0)
    np.testing.assert_array_equal(sample["mask"][0], there)
    expected = np.zeros(part.shape)
    for v in range(1, 95):
        for u in range(1, 95):
            z = part[[v, v, v, v - 1, v + 1], [u, u - 1, u + 1, u, u]]
            flat = np.all(np.abs(z - z[0]) <= 0.02 * np.minimum(z, z[0]))
            expected[v, u] = bool(np.all(z > 0)) and flat and mask[v + 12, u + 32:u + 34].all()
    np.testing.assert_array_equal(sample["surface"][0], expected)
    assert 0.5 < expected.mean() < 0.95
    behind = BALL.z_m(rays_of(CAMERA))[12:108, 32:128] > 9
    silhouette = behind[1:-1, 1:-1] != behind[1:-1, 2:]
    assert not expected[1:-1, 1:-1][silhouette].any() and silhouette.sum() > 20


# --- the depth shift ------------------------------------------------------------------------------------


def test_the_shift_moves_all_readings_by_one_distance():
    distances = []
    for seed in range(10):
        still, moved = (sample_of(noisy_frame(), seed, "--rand_depth_shift", on) for on in ("false", "true"))
        before, after = still["reference_m"], moved["reference_m"]
        readings, raw_readings = before > 0, still["raw"] > -1
        distance = (after - before)[readings]
        raw_distance = (metres(moved["raw"]) - metres(still["raw"]))[raw_readings]
        assert max(np.ptp(distance), np.ptp(raw_distance)) < 2e-6
        assert abs(distance.mean() - raw_distance.mean()) < 1e-6
        distances.append(distance.mean())
        assert after[readings].min() > LOW_M - 1e-6 and after.max() < UP_M + 1e-6
        assert np.all(after[~readings] == 0) and np.all(moved["raw"][~raw_readings] == -1)
        assert moved["raw"].min() >= -1 and moved["raw"].max() <= 1
        for same in ("mask", "grey", "albedo"):
            np.testing.assert_array_equal(moved[same], still[same])
        middle = np.median(np.concatenate([metres(still["raw"])[raw_readings], before[readings]]))
        growth = (middle + distances[-1]) / middle
        np.testing.assert_allclose(moved["camera"], still["camera"] * [growth, growth, 1, 1], rtol=1e-5)
    assert min(distances) < -0.1 and max(distances) > 0.3


@pytest.mark.parametrize(("share", "end_m"), [(0.0, LOW_M), (1.0, UP_M)])
def test_the_shift_ends_where_the_range_does(share, end_m):
    settings = settings_of()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        frame = exact_frame(raw_m=random_field(rng, 0.7, 2.3), reference_m=random_field(rng, 0.9, 1.8))
        moved = shifted(frame, settings, share)
        both = np.concatenate([moved.raw_m, moved.reference_m])
        assert (both.min() if share == 0 else both.max()) == pytest.approx(end_m, abs=1e-6)
        seen = network_depth(moved.raw_m, moved.mask, settings)
        assert seen.min() >= -1 and seen.max() <= 1


def test_the_background_does_not_hold_the_foreground_back():
    """A near object before a wall: the shift follows the object, the wall leaves the range."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:, :WIDTH // 2] = True
    depth_m = np.where(mask, np.float32(0.85), np.float32(2.9))
    frame = exact_frame(raw_m=depth_m, reference_m=depth_m * mask, mask=mask)
    far = shifted(frame, settings_of(), 1.0)
    np.testing.assert_allclose(far.raw_m[mask], UP_M, rtol=1e-6)
    assert (far.raw_m[~mask] == 0).all()
    assert far.camera.fx_px / frame.camera.fx_px == pytest.approx(UP_M / 0.85, rel=1e-5)


def test_a_crop_without_readings_is_not_shifted():
    empty = exact_frame(raw_m=np.zeros((HEIGHT, WIDTH), np.float32),
                        reference_m=np.zeros((HEIGHT, WIDTH), np.float32))
    assert shifted(empty, settings_of(), 0.7) is empty


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_slopes_outlast_the_shift(share):
    """The normals of a shifted plane, by differentiating ((z + s) x / g, (z + s) y / g, z + s) by the pixel.

    With the slopes per pixel p = z_x / z, q = z_y / z they are (r p, r q, -1 - (r / g) (x p + y q)), where
    g = (m + s) / m and r = g z / (z + s): beside the middle depth m and the optical axis the old ones.
    """
    frame = exact_frame((WALL,))
    moved = shifted(frame, settings_of(), share)
    x, y, _ = np.moveaxis(rays_of(CAMERA), -1, 0)
    z_m = depth_of(CAMERA, (WALL,))
    shift = float((moved.reference_m - frame.reference_m).mean())
    growth = 1 + shift / np.median(z_m)
    r = growth * z_m / (z_m + shift)
    p, q = z_m * WALL.slope_x / WALL.z0_m, z_m * WALL.slope_y / WALL.z0_m
    expected = np.stack([r * p, r * q, -1 - r / growth * (x * p + y * q)], -1)
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    found, exists = normals(back_project(moved.reference_m.astype(np.float64), moved.camera), moved.mask)
    assert exists[1:-1, 1:-1].all()
    assert angles_deg(found, expected)[exists].max() < 0.02
    # sin(angle) <= |difference of the vectors above| / |old one|, and that one has length 1 along the ray
    change = np.stack([(1 - r) * p, (1 - r) * q, (r / growth - 1) * (x * p + y * q)], -1)
    bound = np.degrees(np.arcsin(np.linalg.norm(change, axis=-1) * np.linalg.norm(rays_of(CAMERA), axis=-1)))
    turned = angles_deg(found, np.broadcast_to(WALL.normal, found.shape))[exists]
    assert np.all(turned <= bound[exists] + 0.02)
    left_alone, _ = normals(back_project(moved.reference_m.astype(np.float64), CAMERA), moved.mask)
    control = angles_deg(left_alone, np.broadcast_to(WALL.normal, found.shape))[exists]
    assert turned.mean() < 0.25 * control.mean()


def angles_deg(a, b):
    return np.degrees(np.arccos(np.clip((a * b).sum(-1), -1, 1)))


@pytest.mark.parametrize("has_mask", ["true", "false"])
def test_the_mask_is_the_references_before_the_shift(has_mask):
    """The source takes it after the shift, when what lacks a reference has moved too: everything is mask."""
    frame = noisy_frame()
    frame = replace(frame, mask=np.random.default_rng(0).random(frame.mask.shape) < 0.8) \
        if has_mask == "true" else frame
    x0, y0 = (WIDTH - SIDE) // 2, (HEIGHT - SIDE) // 2
    inside = np.s_[y0:y0 + SIDE, x0:x0 + SIDE]
    for seed in range(3):
        sample = sample_of(frame, seed, *FIXED, "--rand_depth_shift", "true", "--has_mask", has_mask)
        expected = frame.mask[inside] & (frame.reference_m[inside] > 0)
        np.testing.assert_array_equal(sample["mask"][0], expected)
        assert 0.5 < expected.mean() < 0.95
