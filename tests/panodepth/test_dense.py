# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The picture of matches: where lines begin, end and go, and how matches are chosen."""
from __future__ import annotations

import numpy as np

from src.geometry.matches import dense_matches
from src.panodepth.dense import draw_matches, spread
from tests.geometry.panorama_scene import Panorama, rotation

HEIGHT, WIDTH = 64, 128
BLACK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
NOWHERE = np.zeros((HEIGHT, WIDTH, 2)), np.zeros((HEIGHT, WIDTH), bool)
GAP_PX = len(draw_matches(BLACK, BLACK, *NOWHERE)) - 2 * HEIGHT


def one_match(row: int, column: int, u_px: float, v_px: float) -> np.ndarray:
    """Which pixels of black panoramas a single match colours, (2 H + gap, W) bool."""
    places, visible = np.full((HEIGHT, WIDTH, 2), np.nan), np.zeros((HEIGHT, WIDTH), bool)
    places[row, column], visible[row, column] = (u_px, v_px), True
    plain = draw_matches(BLACK, BLACK, places, np.zeros_like(visible))
    return (draw_matches(BLACK, BLACK, places, visible, spacing_px=1) != plain).any(axis=-1)


def test_a_line_joins_the_match():
    drawn = one_match(32, 20, 60.5, 10.5)
    lower = 10 + HEIGHT + GAP_PX
    assert drawn[32, 20] and drawn[lower, 60] and not drawn[:28].any() and not drawn[lower + 4:].any()
    for share in (0.25, 0.5, 0.75):
        assert drawn[round(32 + share * (lower - 32)), round(20 + share * 40)]
    assert drawn.sum() < 200


def test_a_line_goes_the_shorter_way_across_the_seam():
    drawn = one_match(32, 120, 6.5, 32.5)
    lower = 32 + HEIGHT + GAP_PX
    assert drawn[32, 120] and drawn[lower, 6]
    assert not drawn[:, 12:115].any() and drawn[:, [0, WIDTH - 1]].any(axis=0).all()


def test_panoramas_stand_above_each_other_and_stay_as_they_are():
    upper, lower = np.full_like(BLACK, 50), np.full_like(BLACK, 90)
    picture = draw_matches(upper, lower, *NOWHERE)
    np.testing.assert_array_equal(picture[:HEIGHT], upper)
    np.testing.assert_array_equal(picture[-HEIGHT:], lower)
    assert picture.dtype == np.uint8 and np.all(picture[HEIGHT:-HEIGHT] == 255) and upper.max() == 50


def test_colours_tell_the_longitude():
    picture = draw_matches(BLACK, BLACK, np.stack(np.meshgrid(np.arange(128.0), np.arange(64.0)), -1),
                           np.ones((HEIGHT, WIDTH), bool), spacing_px=16)
    colours = {tuple(c) for c in picture[picture.max(axis=-1) == 255] if min(c) == 0}
    assert len(colours) > 5


def test_matches_are_spread_evenly_over_the_sphere():
    rows, columns = spread(np.ones((256, 512), bool), 16)
    phi = np.pi / 2 - np.pi * (rows + 0.5) / 256
    thirds = np.histogram(np.sin(phi), [-1, -1 / 3, 1 / 3, 1])[0]  # zones of equal area
    np.testing.assert_allclose(thirds / len(rows), 1 / 3, atol=0.06)
    assert np.ptp(np.histogram(columns, 8, (0, 512))[0]) < 0.1 * len(rows)
    visible = np.zeros((256, 512), bool)
    visible[:, :100] = True
    rows, columns = spread(visible, 16)
    assert visible[rows, columns].all() and len(rows) > 0


def test_two_views_of_a_room():
    here, there = Panorama((-0.8, 0.2, 0.4)), Panorama((0.5, 0.1, -0.9), rotation(60))
    depth_m, image = here.picture(HEIGHT, WIDTH)
    other_m, other = there.picture(HEIGHT, WIDTH)
    places, visible = dense_matches(depth_m, other_m, np.linalg.inv(there.pose()) @ here.pose())
    rgb, other_rgb = (np.rint(np.moveaxis(i, 0, -1) * 255).astype(np.uint8) for i in (image, other))
    picture = draw_matches(rgb, other_rgb, places, visible)
    changed = (picture[:HEIGHT] != rgb).any(axis=-1)
    rows, columns = spread(visible, 24)
    assert changed[rows, columns].all() and 0.02 < changed.mean() < 0.6
