# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Maps from superpixels: both filters against float64 references written as loops and dense matrices."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from src.dcnf.paint import affinities, colourise, depth_map, guided, seeds
from src.dcnf.superpixels import centroids, grid, slic
from src.dcnf.truth import superpixel_truth
from tests.dcnf.test_superpixels import mosaic

SMOOTHINGS = ("none", "guided", "colourise")


def slanted(image_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture and the depth of two slanted walls that meet in its only edge."""
    y, x = np.mgrid[:image_hw[0], :image_hw[1]] / image_hw[1]
    left = x < 0.4 + 0.1 * y
    depth_m = np.where(left, 1.5 + x + y, 5 - x + 0.5 * y)
    rgb = np.where(left[..., None], (200, 90, 60), (40, 110, 150)) + 20 * y[..., None]
    return rgb.astype(np.uint8), depth_m.astype(np.float32)


def test_without_smoothing_each_pixel_has_its_superpixels_depth():
    labels = slic(mosaic((60, 80))[0], 50).astype(np.uint16)
    log_depth = np.linspace(0, 3, 90).astype(np.float32)  # longer: padded
    found = depth_map(log_depth, labels, mosaic((60, 80))[0], "none")
    assert found.dtype == np.float32
    for i in range(labels.max() + 1):
        np.testing.assert_allclose(found[labels == i], np.exp(log_depth[i]), rtol=1e-6)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_one_depth_stays_one_depth(smoothing):
    rgb, _ = mosaic((60, 80), noise=20)
    found = depth_map(np.full(90, np.log(3.7), np.float32), slic(rgb, 50), rgb, smoothing)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 3.7, rtol=1e-4)


def test_guided_filter_makes_slanted_walls_better_and_keeps_their_edge():
    rgb, depth_m = slanted((120, 160))
    labels = slic(rgb, 180)
    log_depth, _ = superpixel_truth(depth_m, labels, 300)

    def error(smoothing: str) -> float:
        found = depth_map(log_depth, labels, rgb, smoothing, radius_px=5)
        return float(np.sqrt(np.mean(np.square(np.log(found / depth_m)))))

    assert error("guided") < 0.75 * error("none")


def guided_reference(painted: np.ndarray, rgb: np.ndarray, radius_px: int, epsilon: float) -> np.ndarray:
    """Return He's filter of a colour guide in [0, 1], float64; pictures go on mirrored beyond their rim."""
    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, 2 * radius_px + 1, mode="reflect", axes=(0, 1))

    guide, painted = rgb / 255.0, painted.astype(np.float64)
    centre, level = mean(guide), mean(painted)
    spread = mean(guide[..., :, None] * guide[..., None, :]) - centre[..., :, None] * centre[..., None, :]
    shared = mean(guide * painted[..., None]) - centre * level[..., None]
    slope = np.linalg.solve(spread + epsilon * np.eye(3), shared[..., None])[..., 0]
    offset = level - (slope * centre).sum(-1)
    return (mean(slope) * guide).sum(-1) + mean(offset)


@pytest.mark.parametrize(("radius_px", "epsilon"), [(3, 3e-3), (8, 3e-3), (5, 1e-4), (5, 0.05)])
def test_guided_filter_is_hes(radius_px, epsilon):
    rgb = cv2.GaussianBlur(mosaic((40, 50), noise=30)[0], (0, 0), 1.5)  # plain areas: small variances
    painted = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    np.testing.assert_allclose(guided(painted, rgb, radius_px, epsilon),
                               guided_reference(painted, rgb, radius_px, epsilon), atol=2e-5)


def colourise_reference(values: np.ndarray, labels: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Return Levin's colourisation with 3 x 3 windows by loops and a dense solver."""
    height, width = labels.shape
    grey = rgb @ np.array([0.299, 0.587, 0.114]) / 255
    system = np.eye(labels.size)
    for row, column in np.ndindex(labels.shape):
        near = [(r, c) for r in range(max(0, row - 1), min(height, row + 2))
                for c in range(max(0, column - 1), min(width, column + 2)) if (r, c) != (row, column)]
        apart = np.array([grey[place] - grey[row, column] for place in near]) ** 2
        sigma = max(0.6 * np.var([grey[row, column], *(grey[place] for place in near)]),
                    apart.min() / -np.log(0.01), 2e-6)
        weights = np.exp(-apart / sigma)
        for (r, c), weight in zip(near, weights / weights.sum()):
            system[row * width + column, r * width + c] -= weight
    right = np.zeros(labels.size)
    for i, (row, column) in enumerate(centroids(labels)):
        at = int(row) * width + int(column)
        system[at, at] += 1
        right[at] = values[i]
    return np.linalg.solve(system, right).reshape(labels.shape)


def test_colourisation_is_levins():
    rgb, _ = mosaic((15, 20), noise=10)
    labels = grid((15, 20), 5)  # centroids are pixels
    values = np.random.default_rng(0).normal(size=12)
    expected = colourise_reference(values, labels, rgb)
    np.testing.assert_allclose(colourise(values, labels, rgb), expected, atol=1e-5)


def test_colourisation_stays_between_its_values_and_does_not_cross_edges():
    rgb = np.zeros((21, 42, 3), np.uint8)
    rgb[:, 21:] = 255
    values = np.where(np.arange(18) % 6 < 3, 1.0, 2.0)
    found = colourise(values, grid((21, 42), 7), rgb)
    assert found.min() >= 1 - 1e-6 and found.max() <= 2 + 1e-6
    np.testing.assert_allclose(found, np.where(rgb[..., 0] > 0, 2, 1), atol=0.05)


def test_weights_are_means_of_those_around():
    weights = affinities(mosaic((9, 12), noise=10)[0])
    np.testing.assert_allclose(weights.sum(1), 1)
    counts = np.diff(weights.indptr).reshape(9, 12)
    assert (counts[1:-1, 1:-1] == 8).all() and (counts[0, 1:-1] == 5).all() and counts[0, 0] == 3
    assert weights.diagonal().max() == 0


def test_seeds_lie_in_their_superpixels_near_the_centroid():
    labels = np.zeros((9, 9), int)
    labels[2:7, 2:7] = 1  # around which the other is a ring
    rows, columns = np.unravel_index(seeds(labels), labels.shape)
    np.testing.assert_array_equal(labels[rows, columns], [0, 1])
    assert (rows[1], columns[1]) == (4, 4)
    assert max(abs(rows[0] - 4), abs(columns[0] - 4)) == 3  # the nearest there is


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_mirrored_superpixels_give_the_mirrored_map(smoothing):
    rgb, _ = mosaic((35, 49), noise=10)
    labels = grid((35, 49), 7)  # odd blocks: one pixel is the middle
    log_depth = np.random.default_rng(0).normal(1, 0.3, 40).astype(np.float32)
    plain = depth_map(log_depth, labels, rgb, smoothing)
    mirrored = depth_map(log_depth, labels[:, ::-1], np.ascontiguousarray(rgb[:, ::-1]), smoothing)
    np.testing.assert_allclose(mirrored[:, ::-1], plain, rtol=1e-4)
