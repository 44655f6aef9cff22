# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures: colours, holes, scales, files."""
from __future__ import annotations

import warnings

import matplotlib
import numpy as np
import pytest
from PIL import Image

from src.errors import UserError
from src.visualize import (
    INVALID_RGB,
    colorize_depth,
    depth_bar,
    error_bar,
    error_map,
    grid,
    normal_map,
    panel,
    robust_limits,
    save_picture,
)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_depth_colours_are_viridis_in_rgb():
    depth = np.linspace(2, 6, 256)[None]
    colored = colorize_depth(depth, np.ones(depth.shape, bool), 2, 6)
    reference = matplotlib.colormaps["viridis"](np.arange(256))[None, :, :3] * 255
    assert np.abs(colored - reference).max() <= 2


def test_error_colours_are_inferno_in_rgb():
    truth = np.full((1, 256), 4.0)
    pred = truth * (1 + np.linspace(0, 0.5, 256))
    colored = error_map(pred, truth, np.ones(truth.shape, bool), 0.5)
    reference = matplotlib.colormaps["inferno"](np.arange(256))[None, :, :3] * 255
    assert np.abs(colored - reference).max() <= 3
    too_near = 2 * truth - pred
    np.testing.assert_array_equal(error_map(too_near, truth, np.ones(truth.shape, bool), 0.5), colored)


def test_values_beyond_the_limits_take_the_end_colours():
    valid = np.ones((1, 4), bool)
    colored = colorize_depth(np.array([[-5.0, 1.0, 3.0, 1e9]]), valid, 1.0, 3.0)
    np.testing.assert_array_equal(colored[0, 0], colored[0, 1])
    np.testing.assert_array_equal(colored[0, 2], colored[0, 3])
    assert colored.dtype == np.uint8


def test_holes_are_grey_in_every_map_and_no_colour_is():
    valid = np.array([[True, False, False, False]])
    hole = np.array([[2.0, 0.0, np.nan, np.inf]])
    vectors = np.stack([hole, hole, -hole], -1)
    for colored in (colorize_depth(hole, valid, 1, 3), error_map(np.ones((1, 4)), hole, valid),
                    normal_map(vectors, valid)):
        assert colored.shape == (1, 4, 3)
        np.testing.assert_array_equal(colored[0, 1:], np.tile(INVALID_RGB, (3, 1)))
        assert tuple(colored[0, 0]) != INVALID_RGB
    ramp = np.linspace(0, 1, 256)[None]
    colors = colorize_depth(ramp, ramp >= 0, 0, 1).reshape(-1, 3).tolist()
    colors += error_map(1 + ramp, np.ones_like(ramp), ramp >= 0, 1.0).reshape(-1, 3).tolist()
    assert list(INVALID_RGB) not in colors


def test_a_flat_or_empty_map_has_a_picture():
    flat = np.full((3, 3), 2.0)
    assert np.unique(colorize_depth(flat, flat > 0, 2.0, 2.0).reshape(-1, 3), axis=0).shape == (1, 3)
    assert robust_limits(flat, flat < 0) == (0.0, 1.0)


def test_robust_limits_ignore_holes_and_outliers():
    depth = np.linspace(1, 5, 1000)
    depth[0], depth[-1] = -1e6, 1e6
    depth = np.append(depth, np.nan)
    low, high = robust_limits(depth, np.isfinite(depth))
    assert (low, high) == pytest.approx((1.08, 4.92), abs=0.01)


def test_normals_become_half_shifted_colours():
    vectors = np.array([[[0, 0, -1.0], [1, 0, 0], [0, 1, 0], [0.6, -0.8, 0]]])
    colored = normal_map(vectors, np.ones((1, 4), bool))
    expected = [[128, 128, 0], [255, 128, 128], [128, 255, 128], [204, 26, 128]]
    np.testing.assert_allclose(colored[0], expected, atol=1)


def test_bars_run_from_the_map_s_first_colour_at_the_bottom_and_are_labelled():
    ends = colorize_depth(np.array([[1.0, 9.0]]), np.ones((1, 2), bool), 1, 9)[0]
    bar = depth_bar(100, 1, 9)
    np.testing.assert_array_equal(bar[-1, 0], ends[0])
    np.testing.assert_array_equal(bar[0, 0], ends[1])
    assert (bar[:, 20:] < 100).any()
    assert (depth_bar(100, 1, 8) != bar).any()  # another label
    assert error_bar(100, 0.5).shape == bar.shape


def test_panel_shows_image_truth_prediction_and_error():
    truth = np.tile(np.linspace(1, 5, 74), (55, 1))
    truth[:, :10] = 0
    pred = truth.copy()
    pred[:, :10] = 3
    rgb = np.full((228, 304, 3), (200, 30, 60), np.uint8)
    image = panel(rgb, truth, pred, truth > 0, height_px=228)
    assert image.dtype == np.uint8
    assert image.shape == (228 + 22, 4 * 310 + 2 * 86, 3)
    np.testing.assert_array_equal(image[100, 150], (200, 30, 60))
    row, tile = 150, 310
    truth_row, pred_row = image[row, tile:tile + 304], image[row, 2 * tile:2 * tile + 304]
    error_row = image[row, 3 * tile + 86:3 * tile + 86 + 304]
    assert (truth_row[:40] == INVALID_RGB).all()
    assert (error_row[:40] == INVALID_RGB).all()
    np.testing.assert_array_equal(truth_row[45:], pred_row[45:])  # one scale for both
    assert not (pred_row[:40] == INVALID_RGB).all(axis=-1).any()
    assert np.unique(error_row[45:], axis=0).shape == (1, 3)  # no error


def test_panel_without_any_reading_uses_the_prediction_s_scale():
    pred = np.tile(np.linspace(1, 5, 30), (20, 1))
    image = panel(np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30)), pred, np.zeros((20, 30), bool))
    assert len(np.unique(image[150, 2 * 366:2 * 366 + 360], axis=0)) > 20


def test_grid_places_pictures_under_their_titles_in_rows_and_columns():
    def flat(height, width, value):
        return np.full((height, width, 3), value, np.uint8)

    image = grid([[("first", flat(30, 40, 10)), ("", flat(20, 60, 20))],
                  [("second", flat(50, 70, 30)), ("", flat(10, 20, 40))]])
    title, gap = 22, 6
    assert image.dtype == np.uint8
    assert image.shape == (title + 50 + title + 20, 60 + gap + 70 + gap, 3)
    right, below = 60 + gap, title + 50 + title
    expected = np.full(image.shape, 255, np.uint8)
    expected[title:title + 30, :40] = 10
    expected[below:below + 20, :60] = 20
    expected[title:title + 50, right:right + 70] = 30
    expected[below:below + 10, right:right + 20] = 40
    np.testing.assert_array_equal(image[title:], expected[title:])
    assert (image[:title, :60] < 100).any() and (image[:title, right:] < 100).any()  # the titles


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_saved_picture_is_rgb_and_alone(tmp_path, suffix):
    rgb = np.full((16, 24, 3), (250, 120, 10), np.uint8)
    save_picture(tmp_path / f"new/picture{suffix}", rgb)
    assert [p.name for p in (tmp_path / "new").iterdir()] == [f"picture{suffix}"]
    with Image.open(tmp_path / f"new/picture{suffix}") as image:
        assert np.abs(np.asarray(image).astype(int) - rgb).max() <= 3


def test_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"\.png"):
        save_picture(tmp_path / "picture.xyz", np.zeros((2, 2, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
