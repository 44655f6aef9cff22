# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The truth of superpixels against a loop: holes count for nothing, sizes may differ."""
from __future__ import annotations

import numpy as np
import pytest

from src.dcnf.superpixels import slic
from src.dcnf.truth import superpixel_truth
from src.errors import UserError
from tests.dcnf.test_superpixels import mosaic


def random_depth(image_hw: tuple[int, int], holes: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(rng.random(image_hw) < holes, 0, rng.uniform(0.5, 80, image_hw)).astype(np.float32)


@pytest.mark.parametrize(("depth_hw", "min_share"), [((60, 80), 0.25), ((60, 80), 0.4), ((120, 240), 0.4),
                                                     ((13, 77), 0.4), ((13, 77), 0.0)])
def test_means_by_loop(depth_hw, min_share):
    labels = slic(mosaic((60, 80))[0], 50)
    depth_m = random_depth(depth_hw, holes=0.6)
    readings = [[] for _ in range(64)]
    for row, column in np.ndindex(depth_hw):
        at = labels[int((row + 0.5) * 60 / depth_hw[0]), int((column + 0.5) * 80 / depth_hw[1])]
        readings[at].append(depth_m[row, column])
    log_depth, valid = superpixel_truth(depth_m, labels, 64, min_share)
    assert log_depth.dtype == valid.dtype == np.float32 and log_depth.shape == valid.shape == (64,)
    for i, found in enumerate(readings):
        read = [z for z in found if z > 0]
        enough = bool(read) and len(read) >= min_share * len(found)
        assert valid[i] == enough
        np.testing.assert_allclose(log_depth[i], np.mean(np.log(read)) if enough else 0, rtol=1e-5)
    assert min_share != 0.4 or 0 < valid.sum() < labels.max() + 1


def test_what_is_no_reading_never_counts():
    labels = np.repeat([[0, 1, 2]], 4, axis=0)
    depth_m = np.array([[np.nan, 2, 0], [np.inf, 2, 0], [-1, 8, 0], [4, 8, 0]])
    log_depth, valid = superpixel_truth(depth_m, labels, 4, 0.25)
    np.testing.assert_allclose(np.exp(log_depth[:2]), [4, 4], rtol=1e-6)
    np.testing.assert_array_equal(valid, [1, 1, 0, 0])
    np.testing.assert_array_equal(log_depth[2:], 0)
    np.testing.assert_array_equal(superpixel_truth(depth_m, labels, 4, 0.3)[1], [0, 1, 0, 0])


def test_scaling_and_mirroring():
    labels = slic(mosaic((60, 80))[0], 50)
    depth_m = random_depth((60, 80), holes=0.3)
    log_depth, valid = superpixel_truth(depth_m, labels, 60)
    scaled, _ = superpixel_truth(depth_m * 2.5, labels, 60)
    np.testing.assert_allclose(scaled, log_depth + valid * np.log(2.5), rtol=1e-5, atol=1e-6)
    mirrored = superpixel_truth(depth_m[:, ::-1], labels[:, ::-1].astype(np.uint16), 60)
    np.testing.assert_allclose(mirrored, (log_depth, valid), rtol=1e-6)


def test_too_many_superpixels_are_refused():
    with pytest.raises(UserError, match="5 superpixels and --max_superpixels is 4"):
        superpixel_truth(np.ones((1, 5)), np.arange(5)[None], 4)
