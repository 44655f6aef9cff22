# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The protocols' crops, ranges and saved form."""
from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from src.errors import UserError
from src.metrics import score
from src.protocols import PROTOCOLS, Protocol, protocol_named


def measured_pixels(protocol: Protocol, height: int, width: int) -> np.ndarray:
    """Return which pixels `score` measures, (H, W) bool, found with readings in one line at a time."""
    pred = np.ones((height, width))

    def counts(line: np.ndarray) -> bool:
        return score(pred, line * pred, protocol).num_valid > 0

    return np.outer([counts(row[:, None]) for row in np.eye(height)], [counts(row) for row in np.eye(width)])


@pytest.mark.parametrize(("name", "size", "box"), [
    ("nyu_eigen", (480, 640), (45, 471, 41, 601)),  # the customary rows and columns
    ("nyu_eigen", (240, 320), (22, 235, 20, 300)),
    ("kitti_garg", (375, 1242), (153, 371, 44, 1197)),  # as monodepth2's astype(int32) gives
    ("kitti_garg", (370, 1226), (151, 366, 44, 1181)),
    ("kitti_eigen", (375, 1242), (124, 342, 44, 1197)),
    ("modelzoo", (55, 74), (0, 55, 0, 74)),
    ("make3d_c1", (55, 305), (0, 55, 0, 305)),
])
def test_crop_indices(name, size, box):
    assert PROTOCOLS[name].crop_box(*size) == box


def test_every_nyu_height_and_width_multiple_scales_exactly():
    for factor in range(1, 8):
        box = PROTOCOLS["nyu_eigen"].crop_box(480 * factor, 640 * factor)
        assert box == (45 * factor, 471 * factor, 41 * factor, 601 * factor)


@pytest.mark.parametrize(("name", "published"), [
    ("kitti_garg", (0.40810811, 0.99189189, 0.03594771, 0.96405229)),
    ("kitti_eigen", (0.3324324, 0.91351351, 0.0359477, 0.96405229)),
])
def test_kitti_fractions_are_the_published_ones_to_the_last_digit(name, published):
    box = PROTOCOLS[name].crop_box(10**8, 10**8)
    np.testing.assert_allclose(box, np.array(published) * 1e8, atol=1)


def test_only_the_crop_is_measured():
    protocol = PROTOCOLS["nyu_eigen"]
    expected = np.zeros((48, 64), bool)
    expected[4:47, 4:60] = True  # floor of 4.5, 47.1, 4.1, 60.1
    np.testing.assert_array_equal(measured_pixels(protocol, 48, 64), expected)


@pytest.mark.parametrize(("name", "measured_m", "ignored_m"), [
    ("nyu_eigen", [0.01, 10.0], [0.0, -1.0, 10.01, np.nan, np.inf]),
    ("kitti_garg", [0.01, 80.0], [0.0, 80.1]),
    ("make3d_c1", [1.0, 69.9], [70.1, 0.0]),
    ("make3d_c2", [1.0, 81.91], [0.0, np.inf]),
    ("panorama", [0.1, 10.0], [10.1, 0.0]),
    ("kinect_mm", [0.501, 3.0], [0.5, 3.01]),  # 0.5 is a background pushed to the near limit
    ("modelzoo", [0.0, 5.0, 50.0, np.nan], []),
])
def test_depth_range(name, measured_m, ignored_m):
    protocol = replace(PROTOCOLS[name], crop="none")
    truth = np.array([measured_m + ignored_m], np.float32)
    assert score(np.ones_like(truth), truth, protocol).num_valid == len(measured_m)


def test_saved_protocol_comes_back_through_json():
    for protocol in PROTOCOLS.values():
        assert Protocol.from_dict(json.loads(json.dumps(protocol.as_dict(), allow_nan=False))) == protocol


@pytest.mark.parametrize("values", [{"name": "x", "min_depth_m": 1.0},
                                    {"name": "x", "min_depth_m": 1.0, "max_depth_m": 2.0, "cap": 3}])
def test_saved_protocol_with_other_fields_is_refused(values):
    with pytest.raises(UserError, match="another version"):
        Protocol.from_dict(values)


def test_a_protocol_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        PROTOCOLS["nyu_eigen"].crop = "none"


@pytest.mark.parametrize(("change", "message"), [
    ({"crop": "kitti_grag"}, "did you mean kitti_garg"),
    ({"alignment": "mean"}, "none, median, lstsq"),
    ({"pooling": "batch"}, "image, pixel"),
    ({"space": "half"}, "full, network"),
    ({"weighting": "cosine"}, "none, latitude"),
    ({"figures": ("rmse_cm",)}, "figure"),
    ({"min_depth_m": 10.0}, "depth range"),
    ({"max_depth_m": np.inf}, "depth range"),
    ({"max_depth_m": float("nan")}, "depth range"),
    ({"min_prediction_m": 0.0}, "min_prediction_m"),
])
def test_impossible_values_are_refused(change, message):
    with pytest.raises(UserError, match=message):
        replace(PROTOCOLS["nyu_eigen"], **change)


def test_unknown_protocol_names_the_nearest():
    assert protocol_named("kitti_garg") is PROTOCOLS["kitti_garg"]
    with pytest.raises(UserError, match="did you mean nyu_eigen"):
        protocol_named("nyu_eigne")


def test_description_is_one_line_that_tells_protocols_apart():
    lines = [protocol.describe() for protocol in PROTOCOLS.values()]
    assert len({line.split(": ", 1)[1] for line in lines}) == len(lines)
    assert all("\n" not in line for line in lines)
    assert "no mask, truth clipped to [0.1, 10] m" in PROTOCOLS["modelzoo"].describe()
    assert "truth in (0.001, 80] m" in PROTOCOLS["kitti_eigen"].describe()


def test_latitude_weights_are_the_rows_share_of_the_sphere():
    height = 64
    weights = PROTOCOLS["panorama_latitude"].row_weights(height)
    latitudes = np.pi / 2 - np.pi * np.arange(height + 1) / height
    areas = np.sin(latitudes[:-1]) - np.sin(latitudes[1:])  # exact area of each band over 2 pi
    np.testing.assert_allclose(weights / weights.sum(), areas / areas.sum(), rtol=1e-12)
    np.testing.assert_array_equal(PROTOCOLS["panorama"].row_weights(3), [1, 1, 1])
