# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Patches around superpixels: the right place, black beyond the picture, resized as a whole."""
from __future__ import annotations

import numpy as np
import pytest

from src.dcnf.patches import patches
from src.dcnf.superpixels import centroids, grid, slic
from tests.dcnf.test_superpixels import mosaic


def test_unresized_patches_are_the_picture_around_the_centroids():
    rgb, _ = mosaic((60, 80), noise=20)
    labels = slic(rgb, 50)
    found = patches(rgb, labels, 30, 30)
    assert found.shape == (labels.max() + 1, 3, 30, 30) and found.dtype == np.uint8
    for patch, (row, column) in zip(found, centroids(labels)):
        top, left = (int(np.floor(place - 15 + 0.5)) for place in (row, column))
        expected = np.zeros((30, 30, 3), np.uint8)
        for r, c in np.ndindex(30, 30):
            if 0 <= top + r < 60 and 0 <= left + c < 80:
                expected[r, c] = rgb[top + r, left + c]
        np.testing.assert_array_equal(patch.transpose(1, 2, 0), expected)


@pytest.mark.parametrize(("box_px", "patch_px"), [(24, 32), (30, 15), (10, 25)])
def test_resized_patches_show_the_same_place(box_px, patch_px):
    y, x = np.mgrid[:120, :160] + 0.5
    rgb = np.stack([y, x, 255 - x], -1).astype(np.uint8)  # pixels hold floor of where they are
    labels = grid((120, 160), 20)
    found = patches(rgb, labels, box_px, patch_px).astype(float)
    steps = (np.arange(patch_px) + 0.5) * box_px / patch_px - box_px / 2
    for patch, (row, column) in zip(found, centroids(labels)):
        if 20 < row < 100 and 20 < column < 140:  # nothing of the patch is beyond the picture
            step_px = box_px / patch_px  # the patch is placed to a pixel of its own
            np.testing.assert_allclose(patch[0], np.repeat((row + steps - 0.5)[:, None], patch_px, 1),
                                       atol=0.5 * step_px + 0.51)
            np.testing.assert_allclose(patch[1], np.repeat((column + steps - 0.5)[None], patch_px, 0),
                                       atol=0.5 * step_px + 0.51)


def test_black_beyond_the_picture():
    found = patches(np.full((40, 40, 3), 255, np.uint8), grid((40, 40), 20), 40, 80)
    first = found[0, 0]  # around row 10, column 10 of 40 pixels that became 80
    assert not first[:20].any() and not first[:, :20].any() and (first[20:, 20:] == 255).all()
