# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Augmentation against geometry by hand, Pillow, and pictures that hold their own coordinates."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from src.datasets.augment import crop_matrix, scale_colors, sharpen, to_chw, warp

# OpenCV rounds source positions to 1/32 pixel.
ROUNDING_PX = 1 / 32
OUT_WH = (37, 23)
VIEWS = {
    "crop": {},
    "scale": {"scale": 1.37},
    "rotation": {"rotation_deg": 4.6},
    "shift": {"shift_px": (3.25, -2.5)},
    "flip": {"flip": True},
    "all": {"scale": 1.21, "rotation_deg": -3.3, "shift_px": (-2.3, 4.1), "flip": True},
    "outside": {"scale": 0.8, "rotation_deg": 30.0, "shift_px": (9.0, 9.0)},
}


def point(matrix, x, y):
    return (matrix @ np.array([x, y, 1.0]))[:2]


def output_centers(out_wh):
    """Pixel centres (3, H * W) of an output, row by row."""
    x, y = np.meshgrid(np.arange(out_wh[0]) + 0.5, np.arange(out_wh[1]) + 0.5)
    return np.stack([x.ravel(), y.ravel(), np.ones(x.size)])


def test_matrices_by_hand():
    """A crop of 20x10 at (4, 2), resized to 40x40: corners, centre and directions."""
    crop = (4, 2, 20, 10), (40, 40)
    plain = crop_matrix(*crop)
    np.testing.assert_allclose(point(plain, 0, 0), [4, 2])
    np.testing.assert_allclose(point(plain, 40, 40), [24, 12])
    np.testing.assert_allclose(point(crop_matrix(*crop, flip=True), 0, 10), point(plain, 40, 10))
    for view in ({"scale": 1.7}, {"rotation_deg": 20.0}, {"flip": True}):
        np.testing.assert_allclose(point(crop_matrix(*crop, **view), 20, 20), [14, 7])
    np.testing.assert_allclose(point(crop_matrix(*crop, scale=2.0), 0, 0), [9, 4.5])
    np.testing.assert_allclose(point(crop_matrix(*crop, shift_px=(3, -1)), 20, 20), [17, 6])
    # a quarter turn: 10 source pixels along the output's x become 10 source pixels along y
    np.testing.assert_allclose(point(crop_matrix(*crop, rotation_deg=90.0), 40, 20), [14, 17], atol=1e-12)


@pytest.mark.parametrize("view", VIEWS)
def test_pixels_come_from_where_the_matrix_says(view):
    """A picture whose values are its own pixel centres returns the coordinates of each output pixel."""
    crop = (8, 6, 60, 40)
    x, y = np.meshgrid(np.arange(80) + 0.5, np.arange(50) + 0.5)
    matrix = crop_matrix(crop, OUT_WH, **VIEWS[view])
    seen = warp(np.stack([x, y], -1).astype(np.float32), matrix, OUT_WH, nearest=False)
    expected = (matrix @ output_centers(OUT_WH))[:2].T
    repeated = np.clip(expected, 0.5, [79.5, 49.5])  # the edge repeats outside
    assert np.abs(seen.reshape(-1, 2) - repeated).max() < 1.01 * ROUNDING_PX
    outside = np.any(repeated != expected, axis=1).sum()
    assert (outside > 50) == (view == "outside")


@pytest.mark.parametrize("view", VIEWS)
def test_depth_is_taken_from_the_nearest_pixel_or_absent(view):
    """A map that holds its own pixel numbers: each output pixel holds the number of the pixel it falls in."""
    numbers = np.arange(1, 80 * 50 + 1, dtype=np.float32).reshape(50, 80)
    matrix = crop_matrix((8, 6, 60, 40), OUT_WH, **VIEWS[view])
    seen = warp(numbers, matrix, OUT_WH, nearest=True).ravel()
    position = (matrix @ output_centers(OUT_WH))[:2]
    column, row = np.floor(position).astype(int)
    inside = (column >= 0) & (column < 80) & (row >= 0) & (row < 50)
    expected = np.where(inside, row * 80 + column + 1, 0)
    away_from_edges = np.all(np.abs(position - np.rint(position)) > ROUNDING_PX, axis=0)
    assert away_from_edges.mean() > 0.8
    np.testing.assert_array_equal(seen[away_from_edges], expected[away_from_edges])
    assert set(seen) <= {0, *numbers.ravel()}  # never blended


@pytest.mark.parametrize("factor", [0.0, 0.8, 1.0, 1.2, 2.0])
def test_sharpness_is_pillows(factor):
    """Inside; Pillow copies the border, which is blended here like the rest."""
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    expected = np.asarray(ImageEnhance.Sharpness(Image.fromarray(rgb)).enhance(factor))
    seen = sharpen(rgb / np.float32(255), factor) * 255
    tolerance = 0.51 + abs(1 - factor)  # Pillow rounds the smoothed picture to whole numbers, and truncates
    assert np.abs(seen - expected)[1:-1, 1:-1].max() <= tolerance + 0.5
    np.testing.assert_allclose(sharpen(np.full((5, 5, 3), 0.3, np.float32), factor), 0.3, atol=1e-6)


@pytest.mark.parametrize("factor", [0.8, 0.93, 1.0, 1.2])
def test_brightness_is_pillows(factor):
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    expected = np.asarray(ImageEnhance.Brightness(Image.fromarray(rgb)).enhance(factor))
    seen = scale_colors(rgb / np.float32(255), np.full(3, factor)) * 255
    assert np.abs(seen - expected).max() <= 1.0


def test_colours_are_scaled_by_channel_and_stay_in_range():
    seen = scale_colors(np.full((2, 2, 3), 0.5, np.float32), np.array([0.8, 1.0, 2.4]))
    np.testing.assert_allclose(seen, np.broadcast_to([0.4, 0.5, 1.0], (2, 2, 3)), rtol=1e-6)
    assert seen.dtype == np.float32


def test_channels_come_first():
    rgb = np.arange(24, dtype=np.float64).reshape(2, 4, 3)
    chw = to_chw(rgb)
    assert chw.shape == (3, 2, 4) and chw.dtype == np.float32 and chw.flags.c_contiguous
    assert all(chw[c, y, x] == rgb[y, x, c] for c in range(3) for y in range(2) for x in range(4))
