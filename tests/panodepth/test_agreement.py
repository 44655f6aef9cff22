# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures of matches against what exact rooms and made-up matches say."""
from __future__ import annotations

import numpy as np
import pytest

from src.geometry.matches import dense_matches, relative_pose
from src.panodepth.agreement import agreement, color_difference
from tests.geometry.panorama_scene import Panorama, rotation

HEIGHT, WIDTH = 64, 128
OWN = np.stack(np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5), axis=-1)
HERE, THERE = Panorama((-0.8, 0.2, 0.4)), Panorama((0.5, 0.1, -0.9), rotation(60, 10, 5))


def figures_of(pose: np.ndarray, colors: int = 255):
    views = [view.picture(HEIGHT, WIDTH) for view in (HERE, THERE)]
    rgb, other_rgb = (np.rint(np.moveaxis(image, 0, -1) * colors).astype(np.uint8) for _, image in views)
    return agreement(rgb, other_rgb, *dense_matches(views[0][0], views[1][0], pose))


def test_right_matches_agree_and_those_of_a_wrong_pose_do_not():
    right = figures_of(relative_pose(HERE.pose(), THERE.pose()))
    assert right.share == pytest.approx(1, abs=0.01)  # nothing hides anything in an empty room
    assert right.at_matches < 3 and right.at_random > 40
    wrong = figures_of(relative_pose(THERE.pose(), HERE.pose()))
    assert wrong.at_matches > 20 and wrong.share < 0.9 * right.share
    assert wrong.matches < right.matches <= HEIGHT * WIDTH


def test_figures_of_uniform_pictures_are_their_difference():
    rgb, other = np.full((HEIGHT, WIDTH, 3), 50, np.uint8), np.full((32, 64, 3), 80, np.uint8)
    other[..., 2] = 20
    found = agreement(rgb, other, OWN / 2, np.ones((HEIGHT, WIDTH), bool))
    assert found.matches == HEIGHT * WIDTH and found.share == 1
    assert found.at_matches == found.at_random == pytest.approx(30)


def test_the_share_is_of_the_solid_angle_with_a_reading():
    """Rows below 30 degrees south cover a quarter of the sphere, the northern half two."""
    places, visible = OWN.copy(), np.ones((HEIGHT, WIDTH), bool)
    phi_deg = 90 - 180 * (np.arange(HEIGHT) + 0.5) / HEIGHT
    visible[phi_deg > -30] = False
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert agreement(rgb, rgb, places, visible).share == pytest.approx(0.25, abs=0.02)
    places[phi_deg > 0] = np.nan
    assert agreement(rgb, rgb, places, visible).share == pytest.approx(0.5, abs=0.02)


def test_random_places_are_even_over_the_sphere():
    """A bright cap of 30 degrees about each pole covers 13.4 % of the sphere, a third of the rows."""
    rgb, other = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((256, 512, 3), np.uint8)
    other[:43] = other[-43:] = 255
    found = agreement(rgb, other, OWN * 4, np.ones((HEIGHT, WIDTH), bool))
    assert found.at_random / 255 == pytest.approx(1 - np.cos(np.radians(30)), abs=0.015)
    assert found == agreement(rgb, other, OWN * 4, np.ones((HEIGHT, WIDTH), bool))  # the same every time


def test_without_a_match_there_is_no_difference():
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    found = agreement(rgb, rgb, OWN, np.zeros((HEIGHT, WIDTH), bool))
    assert (found.matches, found.share) == (0, 0) and np.isnan([found.at_matches, found.at_random]).all()


def test_differences_are_zero_where_a_picture_is_its_own_and_unknown_where_the_place_is():
    rgb = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    u_px, v_px = np.moveaxis(OWN, -1, 0).copy()
    u_px[3, 4] = np.nan
    found = color_difference(rgb, np.roll(rgb, 7, axis=1), u_px + 7, v_px)
    assert np.argwhere(np.isnan(found)).tolist() == [[3, 4]] and np.nanmax(found) < 1e-9
    np.testing.assert_allclose(color_difference(rgb, 255 - rgb, *np.moveaxis(OWN, -1, 0)),
                               np.abs(2.0 * rgb - 255).mean(axis=-1))
