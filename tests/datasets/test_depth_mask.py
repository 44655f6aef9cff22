# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Hole filling and masks: against SciPy, a float64 reference, and the published files."""
from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from src.datasets.depth_mask import fill_holes, foreground_mask
from tests.samples import DEPTH_SAMPLES, needs_samples

GROUP = DEPTH_SAMPLES / "DDRNet/20170907/group1"


def sparse_depth(seed: int, density: float, hw: tuple[int, int] = (70, 90)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(hw) < density, rng.integers(1, 65536, hw), 0).astype(np.uint16)


def closed_reference(depth: np.ndarray) -> np.ndarray:
    """Closing in float64 from the definition: over x-6 ... x+5 the largest, then over the same the smallest.

    Outside the map counts for neither.
    """
    def windows(values, outside):
        padded = np.pad(values, (6, 5), constant_values=outside)
        return np.lib.stride_tricks.sliding_window_view(padded, (12, 12))
    dilated = windows(depth.astype(np.float64), -np.inf).max(axis=(2, 3))
    return windows(dilated, np.inf).min(axis=(2, 3))


@pytest.mark.parametrize("density", [0.002, 0.02, 0.3, 0.95])
def test_holes_are_filled_by_the_closing_and_readings_kept(density):
    depth = sparse_depth(1, density)
    filled = fill_holes(depth)
    assert filled.dtype == np.uint16
    np.testing.assert_array_equal(filled, np.where(depth > 0, depth, closed_reference(depth)))


@pytest.mark.parametrize("density", [0.02, 0.3])
def test_scipy_closes_alike_inside(density):
    """SciPy mirrors the square for the dilation: origin -1 turns x-5 ... x+6 into OpenCV's x-6 ... x+5."""
    depth = sparse_depth(2, density)
    dilated = ndimage.grey_dilation(depth, (12, 12), origin=-1)
    closed = ndimage.grey_erosion(dilated, (12, 12))
    inside = (slice(12, -12),) * 2
    np.testing.assert_array_equal(fill_holes(depth)[inside], np.where(depth > 0, depth, closed)[inside])


def test_one_reading_grows_to_the_right_and_down():
    depth = np.zeros((40, 40), np.uint16)
    depth[20, 15] = 1300
    assert np.argwhere(fill_holes(depth)).tolist() == [[20, 15], [21, 16]]


@pytest.mark.parametrize(("width", "filled"), [(11, True), (12, False)])
def test_holes_narrower_than_the_square_are_filled(width, filled):
    depth = np.full((60, 60), 1300, np.uint16)
    depth[20:20 + width, 20:20 + width] = 0
    assert np.all(fill_holes(depth) == 1300) == filled


def test_depth_that_is_whole_or_absent_stays():
    for depth in (np.zeros((30, 20), np.uint16), np.full((30, 20), 65535, np.uint16)):
        np.testing.assert_array_equal(fill_holes(depth), depth)


def test_the_mask_is_where_both_have_depth():
    filled, reference = sparse_depth(3, 0.5), sparse_depth(4, 0.5)
    mask = foreground_mask(filled, reference)
    assert mask.dtype == np.uint8
    expected = [[255 * (a > 0 and b > 0) for a, b in zip(*rows)] for rows in zip(filled, reference)]
    assert mask.tolist() == expected


@pytest.mark.parametrize("density", [0.9, 0.99])
def test_dots_are_removed_as_scipy_opens(density):
    reference = sparse_depth(5, density)
    filled = np.ones_like(reference)
    mask = foreground_mask(filled, reference, remove_dots=True)
    opened = ndimage.binary_opening(reference > 0, np.ones((5, 5)))
    inside = (slice(4, -4),) * 2  # for SciPy what lies outside is background
    np.testing.assert_array_equal(mask[inside] > 0, opened[inside])
    assert 0 < np.count_nonzero(mask) < np.count_nonzero(reference)


def test_dots_go_and_surfaces_stay():
    reference = np.zeros((40, 40), np.uint16)
    reference[10:20, 5:30] = 1300
    surface = reference > 0
    reference[30:34, 30:34] = 1400
    filled = np.full_like(reference, 1300)
    np.testing.assert_array_equal(foreground_mask(filled, reference, remove_dots=True) > 0, surface)
    assert np.count_nonzero(foreground_mask(filled, reference)) == surface.sum() + 16


@needs_samples("DDRNet")
def test_published_files_are_reproduced_bit_for_bit():
    frames = sorted(file.name for file in (GROUP / "depth_map").iterdir())
    assert len(frames) >= 1
    for frame in frames:
        raw, reference, filled, mask = (
            np.asarray(Image.open(GROUP / folder / frame))
            for folder in ("depth_map", "high_quality_depth", "depth_filled", "mask"))
        raw, reference = raw.astype(np.uint16), reference.astype(np.uint16)
        np.testing.assert_array_equal(fill_holes(raw), filled)
        np.testing.assert_array_equal(foreground_mask(fill_holes(raw), reference), mask)
        assert 0.05 < np.mean(mask > 0) < 0.5
