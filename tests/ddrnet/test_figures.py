# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures of single depth maps against planes tilted by known angles."""
from __future__ import annotations

import warnings

import numpy as np
import pytest

from src.ddrnet.figures import depth_figures, normal_errors_deg
from tests.ddrnet_files import BALL, Plane, depth_of, kinect

HEIGHT, WIDTH = 48, 64
CAMERA = kinect(WIDTH, HEIGHT)
WALL = Plane(1.5, 0.0, 0.0)
ALL = np.ones((HEIGHT, WIDTH), bool)
INNER = (HEIGHT - 2) * (WIDTH - 2)  # pixels with four neighbours


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def tilted(angle_deg: float, direction_deg: float = 0.0, z0_m: float = 1.5) -> Plane:
    """A plane whose normal is `angle_deg` off the optical axis."""
    slope = np.tan(np.radians(angle_deg))
    return Plane(z0_m, slope * np.cos(np.radians(direction_deg)), slope * np.sin(np.radians(direction_deg)))


def z_of(*scene) -> np.ndarray:
    return depth_of(CAMERA, scene)


def noisy(seed: int, size_m: float = 0.01) -> np.ndarray:
    return z_of(WALL) + np.random.default_rng(seed).uniform(-size_m, size_m, (HEIGHT, WIDTH))


@pytest.mark.parametrize("direction", [0, 90, 200])
@pytest.mark.parametrize("angle", [0.0, 3.0, 20.0, 44.0])
def test_errors_are_the_angle_between_planes(angle, direction):
    plane = tilted(angle, direction)
    for depth_m, truth_m in ((z_of(plane), z_of(WALL)), (z_of(plane).astype(np.float32), z_of(WALL))):
        errors = normal_errors_deg(depth_m, truth_m, ALL, CAMERA)
        assert errors.shape == (INNER,)
        np.testing.assert_allclose(errors, angle, atol=0.05 if depth_m.dtype == np.float32 else 1e-5)


def test_errors_between_two_tilted_planes():
    found, truth = tilted(17, 30, 1.2), tilted(9, 140, 1.7)
    angle = np.degrees(np.arccos(found.normal @ truth.normal))
    np.testing.assert_allclose(normal_errors_deg(z_of(found), z_of(truth), ALL, CAMERA), angle, atol=1e-6)


def test_an_offset_in_depth_is_no_error_of_normals():
    np.testing.assert_allclose(normal_errors_deg(1.1 * z_of(tilted(12)), z_of(tilted(12)), ALL, CAMERA), 0,
                               atol=1e-5)


CROSS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))


def counted(truth_m: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Where a normal is measured: pixel and neighbours are seen and none lies 2 % nearer or farther."""
    result = np.zeros(seen.shape, bool)
    for v in range(1, HEIGHT - 1):
        for u in range(1, WIDTH - 1):
            z = np.array([truth_m[v + y, u + x] for y, x in CROSS])
            whole = all(seen[v + y, u + x] for y, x in CROSS)
            result[v, u] = whole and bool(np.all(np.abs(z - z[0]) <= 0.02 * np.minimum(z, z[0])))
    return result


def test_silhouettes_and_holes_are_excluded():
    """A map that is wrong wherever no measured normal needs it has no error."""
    truth_m = z_of(tilted(5), BALL)
    readings = np.random.default_rng(0).random(truth_m.shape) > 0.05
    expected = counted(truth_m, readings)
    needed = np.any([np.roll(expected, step, (0, 1)) for step in CROSS], axis=0)
    errors = normal_errors_deg(np.where(needed, truth_m, 2.9), truth_m, readings, CAMERA)
    assert errors.size == expected.sum() > 0.5 * INNER
    np.testing.assert_allclose(errors, 0, atol=1e-5)
    silhouette = counted(truth_m, ALL) < counted(z_of(WALL), ALL)
    assert silhouette.sum() > 20 and not expected[silhouette].any()


def test_every_map_is_measured_at_the_same_pixels():
    truth_m = np.where(np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.05, 0, z_of(tilted(10)))
    readings = np.random.default_rng(1).random((HEIGHT, WIDTH)) > 0.05
    maps = [truth_m, noisy(2), noisy(3, 0.5), np.zeros_like(truth_m), np.where(readings, noisy(4), 0)]
    sizes = {normal_errors_deg(depth_m, truth_m, readings, CAMERA).size for depth_m in maps}
    raw_m = readings * 1.5
    counts = {depth_figures(map_m, truth_m, raw_m, CAMERA)["normal_mean_deg"][1] for map_m in maps}
    expected = counted(truth_m, readings & (truth_m > 0)).sum()
    assert sizes == counts == {expected} and expected > 0.5 * INNER


def test_a_map_without_depth_is_90_degrees_off():
    errors = normal_errors_deg(np.zeros((HEIGHT, WIDTH)), z_of(WALL), ALL, CAMERA)
    np.testing.assert_array_equal(errors, np.full(INNER, 90.0))


def test_figures_of_angles():
    """Three stripes, 10, 20 and 25 degrees off, apart by columns without truth."""
    truth_m, depth_m = z_of(WALL), z_of(tilted(25))
    depth_m[:, :21], depth_m[:, 21:41] = z_of(tilted(10))[:, :21], z_of(tilted(20))[:, 21:41]
    truth_m[:, [20, 21, 40, 41]] = 0
    widths = np.array([18, 16, 20])  # 1..18, 23..38, 43..62
    count = widths.sum() * (HEIGHT - 2)
    figures = depth_figures(depth_m, truth_m, np.full(truth_m.shape, 1.5), CAMERA)
    total_deg = widths @ [10, 20, 25] * (HEIGHT - 2)
    assert figures["normal_mean_deg"] == (pytest.approx(total_deg, rel=1e-6), count)
    assert figures["normal_median_deg"] == (pytest.approx(20, abs=1e-5), 1)
    for limit, share in (("11.25", widths[0]), ("22.5", widths[:2].sum()), ("30", widths.sum())):
        assert figures[f"normal_below_{limit}"] == (share * (HEIGHT - 2), count)


def test_readings_and_holes_are_counted_apart():
    rng = np.random.default_rng(0)
    truth_m = np.where(rng.random((HEIGHT, WIDTH)) < 0.3, 0, z_of(tilted(8)))
    raw_m = np.where(rng.random((HEIGHT, WIDTH)) < 0.4, 0, 1.4)
    depth_m = noisy(1, 0.03)
    figures = depth_figures(depth_m, truth_m, raw_m, CAMERA)
    pixels = [values.tolist() for values in (depth_m.ravel(), truth_m.ravel(), raw_m.ravel())]
    seen = [abs(d - t) * 1000 for d, t, r in zip(*pixels) if t and r]
    holes = [abs(d - t) * 1000 for d, t, r in zip(*pixels) if t and not r]
    middle = sorted(seen)[(len(seen) - 1) // 2:len(seen) // 2 + 1]
    assert figures["median_mm"] == (pytest.approx(sum(middle) / len(middle), rel=1e-9), 1)
    assert figures["hole_mae_mm"] == (pytest.approx(sum(holes), rel=1e-9), len(holes))
    elsewhere = np.where((raw_m > 0) & (truth_m > 0), depth_m, 2.9)
    assert depth_figures(elsewhere, truth_m, raw_m, CAMERA)["median_mm"] == figures["median_mm"]
    filled = np.where(raw_m > 0, 2.9, depth_m)
    assert depth_figures(filled, truth_m, raw_m, CAMERA)["hole_mae_mm"] == figures["hole_mae_mm"]


@pytest.mark.parametrize(("raw", "truth"), [(0.0, 1.5), (1.5, 0.0), (0.0, 0.0)])
def test_maps_without_a_reading_or_truth(raw, truth):
    shape = (HEIGHT, WIDTH)
    figures = depth_figures(noisy(0), np.full(shape, truth), np.full(shape, raw), CAMERA)
    empty = {name: value for name, value in figures.items() if name != "hole_mae_mm"}
    assert len(empty) == 6 and set(empty.values()) == {(0.0, 0.0)}
    assert figures["hole_mae_mm"][1] == (HEIGHT * WIDTH if truth and not raw else 0)


def test_a_perfect_map():
    truth_m = z_of(tilted(30, 70), BALL).astype(np.float32)
    figures = depth_figures(truth_m, truth_m, np.where(truth_m > 1.3, truth_m, 0), CAMERA)
    assert figures["median_mm"] == (0, 1) and figures["hole_mae_mm"][0] == 0 < figures["hole_mae_mm"][1]
    assert figures["normal_mean_deg"][0] / figures["normal_mean_deg"][1] < 0.05
    assert figures["normal_below_11.25"][0] == figures["normal_below_11.25"][1] > 0
