# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The numbers about posed sets against those of a circle of cameras and of a ramp of depths."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.datasets.posed import read_posed
from src.datasets.posed_statistics import DepthSample, all_poses, sample_depth, spread, summary
from src.geometry.sphere import latitude_weights
from src.geometry.trajectory import up_axis
from tests.panorama_files import HEIGHT, write_depth, write_seed_view, yawed
from tests.posed_files import (
    CHORD_M,
    COUNT,
    LOOKING_DOWN,
    RADIUS_M,
    STEP_DEG,
    circle,
    ramp_mm,
    write_indoor,
    write_tum,
)
from tests.samples import save


def explored(folder: Path, limit: int = 200, units_per_m: float | None = None, up: str | None = None) -> dict:
    posed = read_posed(folder, "auto", units_per_m)
    return summary(posed, sample_depth(posed, limit), up or up_axis(all_poses(posed)))


def assert_constant(found: dict[str, float], count: int, value: float) -> None:
    assert found == pytest.approx({"count": count, "mean": value, "min": value, "p05": value, "p50": value,
                                   "p95": value, "max": value}, abs=1e-5)


@pytest.mark.parametrize(("write", "up"), [(write_indoor, "-y"), (write_tum, "z")])
def test_a_circle_of_cameras(tmp_path, write, up):
    numbers = explored(write(tmp_path / "set", circle()))
    assert (numbers["frames"], numbers["recordings"], numbers["frames_without_pose"]) == (COUNT, 1, 0)
    for kind, count in (("next", COUNT - 1), ("nearest", COUNT)):
        assert_constant(numbers["distance_m"][kind], count, CHORD_M)
        assert_constant(numbers["angle_deg"][kind], count, STEP_DEG)
    orientation, motion = numbers["orientation"], numbers["motion"]
    assert orientation["up"] == up and orientation["yaw_deg"]["strength"] == pytest.approx(0, abs=1e-5)
    for name in ("pitch_deg", "roll_deg"):
        assert_constant(orientation[name], COUNT, 0)
    # A frame each half second.
    assert_constant(motion["speed_mps"], COUNT - 1, 2 * CHORD_M)
    assert_constant(motion["turning_dps"], COUNT - 1, 2 * STEP_DEG)
    recording, = motion["recordings"]
    assert recording["duration_s"] == (COUNT - 1) / 2
    assert recording["path_m"] == pytest.approx((COUNT - 1) * CHORD_M, abs=1e-5)
    assert recording["extent_m"] == pytest.approx({"right": 2 * RADIUS_M, "ahead": 2 * RADIUS_M, "up": 0})


def test_depth_of_a_ramp(tmp_path):
    """Each map holds 1.01, 1.02 ... 2.00 m and as many pixels without a reading."""
    depth = explored(write_indoor(tmp_path / "set", circle()))["depth"]
    assert depth["percentiles_m"] == pytest.approx({str(p): 1 + p / 100 for p in (1, 5, 25, 50, 75, 95, 99)})
    assert (depth["kind"], depth["maps"], depth["readings"]) == ("z", COUNT, 100 * COUNT)
    assert (depth["without_reading"], depth["min_m"], depth["max_m"]) == (0.5, 1.01, 2)
    assert depth["mean_m"] == pytest.approx(1.505)


def test_a_part_of_the_maps_in_other_units(tmp_path):
    folder = write_indoor(tmp_path / "set", circle())
    save(folder / "frame-000015.depth.png", np.full((10, 20), 50000, np.uint16))  # not looked at
    depth = explored(folder, limit=3, units_per_m=500)["depth"]
    assert (depth["maps"], depth["units_per_m"], depth["max_m"]) == (3, 500, 4)
    assert spread(range(12), 3) == [0, 6, 11] and spread(range(2), 3) == range(2)


def test_panoramas_count_by_solid_angle(tmp_path):
    folder = tmp_path / "set"
    for k in range(3):
        write_seed_view(folder, "room", str(k), yawed(np.radians(40 * k), (0.5 * k, 0, 0)))
        depth_m = np.zeros((HEIGHT, 2 * HEIGHT))
        depth_m[HEIGHT // 4:] = 1 + np.arange(HEIGHT // 4, HEIGHT)[:, None] / HEIGHT
        write_depth(folder / "room/depth" / f"{k}.png", depth_m, 1000)
    numbers = explored(folder)
    depth, motion = numbers["depth"], numbers["motion"]
    # Above 45 degrees of latitude lies (1 - sin 45) / 2 of the sphere.
    assert depth["without_reading"] == pytest.approx((1 - np.sqrt(0.5)) / 2, abs=1e-3)
    weights = latitude_weights(HEIGHT)[HEIGHT // 4:]
    row = np.searchsorted(np.cumsum(weights), 0.5 * weights.sum())
    assert depth["percentiles_m"]["50"] == pytest.approx(1 + (HEIGHT // 4 + row) / HEIGHT, abs=1e-3)
    assert (depth["kind"], depth["weighting"]) == ("distance along the ray", "solid angle")
    assert_constant(numbers["distance_m"]["next"], 2, 0.5)
    assert_constant(numbers["angle_deg"]["nearest"], 3, 40)
    assert numbers["orientation"]["yaw_deg"]["mean"] == pytest.approx(40)
    assert motion["path_m"] == 1 and "speed_mps" not in motion


def test_weighted_percentiles():
    sample = DepthSample(np.array([1, 2, 3, 4], np.float32), np.array([4, 3, 2, 1], np.float32), np.zeros(1))
    assert sample.percentiles_m((0, 40, 41, 70, 71, 90, 91, 100)) == {0: 1, 40: 1, 41: 2, 70: 2, 71: 3, 90: 3,
                                                                     91: 4, 100: 4}
    values = np.sort(np.random.default_rng(0).random(997).astype(np.float32))
    even = DepthSample(values, np.ones(997, np.float32), np.zeros(1))
    for percent, depth_m in even.percentiles_m().items():
        assert depth_m == np.quantile(values, percent / 100, method="inverted_cdf")


def test_large_maps_are_thinned_out_evenly(tmp_path, monkeypatch):
    write_indoor(tmp_path, circle())
    monkeypatch.setattr("src.datasets.posed_statistics._PIXELS", 200 * COUNT / 4)
    sample = sample_depth(read_posed(tmp_path), COUNT)
    np.testing.assert_allclose(np.unique(sample.depth_m), np.unique(ramp_mm()[1:5:2, 1::2]) / 1000, rtol=1e-6)


def test_a_single_camera_has_no_neighbours(tmp_path):
    numbers = explored(write_indoor(tmp_path / "set", circle()[:1]))
    assert numbers["distance_m"] == numbers["angle_deg"] == {"next": {"count": 0}, "nearest": {"count": 0}}
    assert numbers["motion"]["speed_mps"] == {"count": 0} and numbers["motion"]["path_m"] == 0


def test_cameras_that_look_down_have_no_yaw(tmp_path):
    orientation = explored(write_indoor(tmp_path, LOOKING_DOWN), up="-y")["orientation"]
    assert orientation["up"] == "-y" and orientation["yaw_deg"] == orientation["roll_deg"] == {"count": 0}
    assert orientation["pitch_deg"]["max"] == -90
