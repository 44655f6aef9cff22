# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Superpixels: what must hold of any, measured by scikit-image and loops; SLIC follows the picture."""
from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage.measure import label as connected_parts
from skimage.measure import regionprops

from src.config import Settings
from src.datasets.image_files import read_rgb
from src.dcnf.superpixels import (
    areas,
    boxes,
    cells,
    centroids,
    edges_of,
    grid,
    limit_edge,
    resize_labels,
    segment,
    slic,
)
from src.errors import UserError
from tests.samples import DEPTH_SAMPLES, needs_samples


def mosaic(image_hw: tuple[int, int], seed: int = 0, noise: float = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of slanted cells in plain colours with noise, and the number of each pixel's cell."""
    rng = np.random.default_rng(seed)
    sites = rng.uniform(0, 1, (20, 2)) * image_hw
    place = np.stack(np.mgrid[:image_hw[0], :image_hw[1]], -1) + 0.5
    cell = np.square(place[..., None, :] - sites).sum(-1).argmin(-1)
    rgb = rng.uniform(20, 235, (20, 3))[cell] + rng.normal(0, noise, (*image_hw, 3))
    return np.clip(rgb, 0, 255).astype(np.uint8), cell


def edges_by_loop(labels: np.ndarray) -> list[list[int]]:
    pairs = set()
    for row, column in np.ndindex(labels.shape):
        for other in ((row + 1, column), (row, column + 1)):
            if other[0] < labels.shape[0] and other[1] < labels.shape[1]:
                pair = sorted((int(labels[row, column]), int(labels[other])))
                if pair[0] != pair[1]:
                    pairs.add(tuple(pair))
    return [list(pair) for pair in sorted(pairs)]


def check_superpixels(labels: np.ndarray, image_hw: tuple[int, int]) -> None:
    """Refuse labels that are not 0 to n - 1 in the order of their first pixels, or not connected."""
    assert labels.dtype == np.int32 and labels.shape == image_hw
    numbers, first = np.unique(labels, return_index=True)
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
    assert (np.diff(first) > 0).all()
    assert connected_parts(labels + 1, connectivity=1).max() == len(numbers)


@pytest.mark.parametrize(("number", "regularizer"), [(60, 0.1), (300, 0.1), (300, 0.01), (300, 1.0)])
def test_slic_gives_about_the_wanted_number_of_connected_superpixels(number, regularizer):
    rgb, _ = mosaic((120, 160))
    labels = slic(rgb, number, regularizer)
    check_superpixels(labels, (120, 160))
    found = labels.max() + 1
    assert abs(found - number) < 0.15 * number
    assert areas(labels).min() > 0.2 * labels.size / found


def test_slic_follows_the_colours_and_ever_less_with_the_regularizer():
    rgb, cell = mosaic((120, 160))

    def mixed(labels: np.ndarray) -> float:
        """Return the share of pixels that are not of the cell that most of their superpixel is of."""
        counts = np.zeros((labels.max() + 1, cell.max() + 1))
        np.add.at(counts, (labels, cell), 1)
        return 1 - counts.max(1).sum() / labels.size

    shares = [mixed(slic(rgb, 200, regularizer)) for regularizer in (0.02, 0.5, 20.0)]
    blocks = mixed(grid((120, 160), 10))
    assert shares[0] < 0.2 * blocks and shares[0] < shares[1] < shares[2] < 1.1 * blocks


def test_coarse_grain_does_not_join_superpixels_to_huge_ones():
    rgb = np.random.default_rng(0).normal(128, 50, (240, 320, 3)).clip(0, 255).astype(np.uint8)
    labels = slic(rgb, 170)
    assert labels.max() + 1 > 150 and areas(labels).max() < 3 * labels.size / 170


def test_more_than_the_maximum_never_come_out():
    rgb, _ = mosaic((60, 80))
    assert slic(rgb, 1000, max_superpixels=100).max() < 100
    wanted = slic(rgb, 50).max() + 1
    labels = slic(rgb, 50, max_superpixels=wanted - 1)
    check_superpixels(labels, (60, 80))
    assert 0.5 * wanted < labels.max() + 1 < wanted


@pytest.mark.parametrize("image_hw", [(1, 1), (2, 3), (3, 200), (200, 2), (17, 23)])
@pytest.mark.parametrize("number", [1, 7, 900])
def test_any_size_and_number(image_hw, number):
    rgb = np.random.default_rng(1).integers(0, 256, (*image_hw, 3), np.uint8)
    labels = slic(rgb, number)
    check_superpixels(labels, image_hw)


def test_stripes_are_refused_where_they_have_too_many_squares():
    stripe = np.full((2, 300, 3), 90, np.uint8)
    assert slic(stripe, 5, max_superpixels=100).max() < 100
    with pytest.raises(UserError, match="300 x 2 is too narrow for at most 20 superpixels"):
        slic(stripe, 5, max_superpixels=20)


def test_number_of_threads_changes_nothing():
    rgb, _ = mosaic((120, 160), noise=20)
    threads = cv2.getNumThreads()
    try:
        found = []
        for number in (1, 3):
            cv2.setNumThreads(number)
            found.append(slic(rgb, 200))
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(*found)


@needs_samples("NYU")
def test_real_pictures_have_about_700():
    for path in sorted((DEPTH_SAMPLES / "NYU/Test").glob("*_colors.png")):
        rgb = read_rgb(path)
        labels = slic(rgb, 700)
        check_superpixels(labels, rgb.shape[:2])
        assert 630 < labels.max() + 1 < 770


def test_grid_has_all_neighbours():
    labels = grid((240, 320), 40)
    check_superpixels(labels, (240, 320))
    np.testing.assert_array_equal(labels, np.kron(np.arange(48).reshape(6, 8), np.ones((40, 40), int)))
    assert len(edges_of(labels)) == 6 * 7 + 5 * 8  # the source has 48 of these 82


def test_grid_cuts_the_last_blocks_and_refuses_too_many():
    labels = grid((7, 10), 4)
    np.testing.assert_array_equal(labels[::3, ::3], [[0, 0, 1, 2], [0, 0, 1, 2], [3, 3, 4, 5]])
    assert grid((40, 40), 4, max_superpixels=100).max() == 99
    with pytest.raises(UserError, match="100 superpixels and --max_superpixels is 99.*--block_px"):
        grid((40, 40), 4, max_superpixels=99)


def test_settings_choose():
    rgb, _ = mosaic((60, 80))
    settings = Settings({"superpixels": "grid", "block_px": 20, "max_superpixels": 90, "num_superpixels": 40,
                         "slic_regularizer": 0.3})
    np.testing.assert_array_equal(segment(rgb, settings), grid((60, 80), 20))
    labels = segment(rgb, settings.replace(superpixels="slic"))
    np.testing.assert_array_equal(labels, slic(rgb, 40, 0.3))
    assert segment(rgb, settings.replace(superpixels="slic", max_superpixels=9)).max() < 9


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_are_those_of_a_loop(seed):
    labels = np.random.default_rng(seed).integers(0, 12, (9, 11)).repeat(2, 0)
    np.testing.assert_array_equal(edges_of(labels), edges_by_loop(labels))
    assert edges_of(np.zeros((3, 4), np.int32)).shape == (0, 2)


def test_corners_do_not_touch():
    np.testing.assert_array_equal(edges_of(np.array([[0, 1], [2, 3]])), [[0, 1], [0, 2], [1, 3], [2, 3]])


def test_neighbours_of_mirrored_and_renumbered_superpixels():
    labels = slic(mosaic((60, 80))[0], 50)
    edges = edges_of(labels)
    np.testing.assert_array_equal(edges_of(labels[:, ::-1]), edges)
    order = np.random.default_rng(0).permutation(labels.max() + 1)
    renumbered = np.sort(order[edges], axis=1)
    np.testing.assert_array_equal(edges_of(order[labels]), renumbered[np.lexsort(renumbered.T[::-1])])


@pytest.mark.parametrize("dtype", [np.int32, np.uint16])
def test_places_are_those_of_scikit_image(dtype):
    labels = slic(mosaic((60, 80))[0], 50).astype(dtype)
    regions = regionprops(labels.astype(int) + 1)
    np.testing.assert_array_equal(areas(labels), [region.area for region in regions])
    np.testing.assert_allclose(centroids(labels) - 0.5, [region.centroid for region in regions])
    np.testing.assert_array_equal(boxes(labels), [region.bbox for region in regions])


@pytest.mark.parametrize(("size", "out_size"), [(12, 4), (480, 30), (50, 7), (7, 50), (9, 9), (3, 2)])
def test_cells_are_where_centres_fall(size, out_size):
    expected = [int((i + Fraction(1, 2)) * out_size / size) for i in range(size)]
    np.testing.assert_array_equal(cells(size, out_size), expected)


def test_labels_at_another_size():
    labels = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(resize_labels(labels, (6, 12)), np.kron(labels, np.ones((3, 4), int)))
    np.testing.assert_array_equal(resize_labels(resize_labels(labels, (6, 12)), (2, 3)), labels)
    np.testing.assert_array_equal(resize_labels(labels, (1, 1)), [[4]])


def test_only_larger_pictures_are_made_smaller():
    rgb, _ = mosaic((60, 80))
    assert limit_edge(rgb, 80) is rgb
    assert limit_edge(rgb, 40).shape == (30, 40, 3)
    assert limit_edge(rgb.transpose(1, 0, 2), 20).shape == (20, 15, 3)
    np.testing.assert_allclose(limit_edge(rgb, 40), rgb.reshape(30, 2, 40, 2, 3).mean((1, 3)), atol=0.51)
    assert limit_edge(np.zeros((1000, 1, 3), np.uint8), 100).shape == (100, 1, 3)
