# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Features, similarities and pooling weights against loops, NumPy's histograms and scikit-image."""
from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2luv
from skimage.feature import local_binary_pattern

from src.dcnf.features import (
    GAMMAS,
    binary_patterns,
    colour,
    describe,
    distance,
    histogram,
    pooling,
    similarity,
    texture,
)
from src.dcnf.superpixels import boxes, edges_of, grid, slic
from src.errors import UserError
from tests.dcnf.test_superpixels import mosaic

KINDS = tuple(GAMMAS)
# East first, then clockwise: rows grow downwards.
AROUND = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    rgb, _ = mosaic((60, 80), noise=12)
    return rgb, slic(rgb, 50)


def matrices(rgb: np.ndarray, labels: np.ndarray, number: int) -> np.ndarray:
    described = describe(rgb, labels)
    return similarity(described.edges, described.distances, KINDS, number)


def test_colour_is_scikit_images_luv(scene):
    rgb, labels = scene
    expected = [rgb2luv(rgb)[labels == i].mean(0) for i in range(labels.max() + 1)]
    np.testing.assert_allclose(colour(rgb, labels), expected, atol=0.05)


def test_histogram_is_numpys(scene):
    rgb, labels = scene
    expected = []
    for i in range(labels.max() + 1):
        counts = [np.histogram(rgb[labels == i, channel], 11, (0, 256))[0] for channel in range(3)]
        expected.append(np.concatenate(counts) / (labels == i).sum())
    np.testing.assert_allclose(histogram(rgb, labels), expected, rtol=1e-12)


def test_every_level_is_counted():
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2)
    found = histogram(ramp, np.zeros((16, 16), int))
    np.testing.assert_allclose(found.reshape(3, 11).sum(1), 1)
    assert set(np.rint(found[0] * 256)) == {23, 24}


def test_patterns_by_loop():
    grey = np.random.default_rng(0).integers(0, 4, (6, 7))
    expected = np.zeros((4, 5), int)
    for row, column in np.ndindex(4, 5):
        for bit, (down, right) in enumerate(AROUND):
            brighter = grey[1 + row + down, 1 + column + right] > grey[1 + row, 1 + column]
            expected[row, column] += brighter * 2**bit
    np.testing.assert_array_equal(binary_patterns(grey), expected)


def test_patterns_of_the_four_nearest_are_scikit_images():
    grey = np.random.default_rng(0).permutation(120).reshape(10, 12)  # no two alike: > is >=
    expected = local_binary_pattern(grey, 4, 1)[1:-1, 1:-1].astype(int)  # counter-clockwise from the east
    patterns = binary_patterns(grey)
    found = sum((patterns >> bit & 1) << place for place, bit in enumerate((0, 6, 4, 2)))
    np.testing.assert_array_equal(found, expected)


def pattern_bin(bits: list[bool]) -> int:
    """Return vl_lbp's bin: by where the run of ones starts and how long it is; 56 flat, 57 all others."""
    starts = [i for i in range(8) if bits[i] and not bits[i - 1]]
    if not starts:
        return 56
    return starts[0] * 7 + sum(bits) - 1 if len(starts) == 1 else 57


def texture_by_loop(rgb: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the histogram of a box of 8 x 8 pixels that vl_lbp makes with cells of 8 pixels."""
    grey = np.pad(rgb.astype(int) @ (299, 587, 114), 8)
    top, left = (int(np.floor((first + end) / 2)) - 4 + 8 for first, end in (box[::2], box[1::2]))
    weights = np.zeros(58)
    for row in range(1, 7):
        for column in range(1, 7):
            bits = [grey[top + row + down, left + column + right] > grey[top + row, left + column]
                    for down, right in AROUND]
            near = [1 - abs((i + 0.5) / 8 - 0.5) for i in (row, column)]  # bilinear, 1 in the middle
            weights[pattern_bin(bits)] += near[0] * near[1]
    roots = np.sqrt(weights)
    return roots / np.linalg.norm(roots)


def test_texture_by_loop(scene):
    rgb, labels = scene
    expected = [texture_by_loop(rgb, box) for box in boxes(labels)]
    found = texture(rgb, labels)
    assert found.shape == (labels.max() + 1, 58)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_texture_of_plain_pictures():
    labels = np.zeros((9, 9), int)
    flat = texture(np.full((9, 9, 3), 77, np.uint8), labels)
    np.testing.assert_allclose(flat[0, 56], 1)
    ramp = np.repeat(np.tile(np.arange(9, dtype=np.uint8) * 20, (9, 1))[..., None], 3, 2)
    found = texture(ramp, labels)  # everything from north-east (bit 7) to south-east is brighter
    np.testing.assert_allclose(found[0, 7 * 7 + 2], 1)
    np.testing.assert_allclose(texture(ramp[:, ::-1], labels)[0, 3 * 7 + 2], 1)


def test_distances_of_black_and_white():
    rgb = np.zeros((20, 40, 3), np.uint8)
    rgb[:, 20:] = 255
    described = describe(rgb, grid((20, 40), 20))
    np.testing.assert_array_equal(described.edges, [[0, 1]])
    expected = np.array([0, np.sqrt(6 / 33), 100 / np.sqrt(3)])
    np.testing.assert_allclose(described.distances, [expected], rtol=1e-5)
    found = similarity(described.edges, described.distances, KINDS, 3)
    np.testing.assert_allclose(found[:, 0, 1], np.exp(-expected * (50, 25, 0.1)), rtol=1e-4)


def test_similarities_by_loop(scene):
    rgb, labels = scene
    number, size = labels.max() + 1, labels.max() + 8
    features = (texture(rgb, labels), histogram(rgb, labels), colour(rgb, labels))
    expected = np.zeros((3, size, size))
    for matrix, feature, gamma in zip(expected, features, (50, 25, 0.1)):
        for p, q in edges_of(labels):
            matrix[p, q] = matrix[q, p] = np.exp(-gamma * np.linalg.norm(feature[p] - feature[q])
                                                 / np.sqrt(feature.shape[1]))
    found = matrices(rgb, labels, size)
    assert found.dtype == np.float32 and not found[:, number:].any()
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_array_equal(found, found.swapaxes(1, 2))


def test_some_similarities_are_chosen_by_name(scene):
    described = describe(*scene)
    both = similarity(described.edges, described.distances, ("histogram", "colour"), 90)
    np.testing.assert_array_equal(both, similarity(described.edges, described.distances, KINDS, 90)[1:])


def test_distance_grows_with_the_difference_per_dimension():
    feature = np.array([[0.0, 0, 0, 0], [2, 2, 2, 2], [3, 0, 0, 0]])
    np.testing.assert_allclose(distance(feature, np.array([[0, 1], [0, 2]])), [2, 1.5])


def test_what_is_stored_is_compact_and_enough(scene):
    rgb, labels = scene
    described = describe(rgb, labels)
    kept = (described.labels, described.edges, described.distances)
    assert [values.dtype for values in kept] == [np.uint16, np.uint16, np.float32]
    np.testing.assert_array_equal(described.labels, labels)
    np.testing.assert_array_equal(pooling(described.labels, (7, 10), 90), pooling(labels, (7, 10), 90))


def test_renumbering_renumbers_and_changes_nothing_else(scene):
    rgb, labels = scene
    number = labels.max() + 1
    order = np.random.default_rng(0).permutation(number)
    other = order[labels]
    found = matrices(rgb, other, number)[:, order[:, None], order]
    np.testing.assert_allclose(found, matrices(rgb, labels, number), rtol=1e-5)
    np.testing.assert_array_equal(pooling(other, (6, 8), number)[order], pooling(labels, (6, 8), number))


def test_mirrored_pictures_have_the_same_similarities():
    rgb, _ = mosaic((60, 80), noise=12)
    labels = grid((60, 80), 10)  # even boxes: their middles are mirrored exactly
    plain, mirrored = describe(rgb, labels), describe(rgb[:, ::-1], labels[:, ::-1])
    np.testing.assert_array_equal(mirrored.edges, plain.edges)
    np.testing.assert_allclose(mirrored.distances, plain.distances, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cells_hw", [(15, 20), (7, 9), (60, 80), (75, 90), (1, 1)])
def test_pooling_is_the_mean_of_the_map_enlarged_by_nearest_neighbours(scene, cells_hw):
    _, labels = scene
    number = labels.max() + 1
    values = np.random.default_rng(0).normal(size=(*cells_hw, 4))
    rows, columns = (np.array([int((i + 0.5) * out / size) for i in range(size)])
                     for size, out in zip(labels.shape, cells_hw))
    enlarged = values[rows[:, None], columns]
    expected = [enlarged[labels == i].mean(0) for i in range(number)]
    pool = pooling(labels, cells_hw, number + 5)
    assert pool.shape == (number + 5, cells_hw[0] * cells_hw[1]) and pool.dtype == np.float32
    np.testing.assert_allclose(pool[:number] @ values.reshape(-1, 4), expected, atol=1e-5)
    np.testing.assert_allclose(pool.sum(1), np.arange(number + 5) < number, rtol=1e-5)


def test_mirrored_labels_pool_the_mirrored_map(scene):
    _, labels = scene
    pool = pooling(labels, (15, 20), 90).reshape(90, 15, 20)
    np.testing.assert_array_equal(pooling(labels[:, ::-1], (15, 20), 90).reshape(90, 15, 20), pool[..., ::-1])


def test_too_many_superpixels_are_refused(scene):
    rgb, labels = scene
    number = labels.max() + 1
    with pytest.raises(UserError, match=f"{number} superpixels and --max_superpixels is {number - 1}"):
        matrices(rgb, labels, number - 1)
    with pytest.raises(UserError, match="--max_superpixels"):
        pooling(labels, (6, 8), number - 1)


def test_one_superpixel_has_no_neighbours():
    rgb, _ = mosaic((12, 16))
    described = describe(rgb, np.zeros((12, 16), np.int32))
    assert described.edges.shape == (0, 2) and described.distances.shape == (0, 3)
    assert not similarity(described.edges, described.distances, KINDS, 4).any()
