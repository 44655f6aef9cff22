# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The statistics of the benchmarks."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from benchmarks.dcnf import rms_gain


def errors(pictures: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Sums of squared errors and numbers of pixels of two seeds' pictures."""
    count = 50 + np.arange(pictures) % 37
    square = scale ** 2 * rng.gamma(2, 0.5, (2, pictures)) * count
    return np.stack((square, np.broadcast_to(count, square.shape)), axis=-1)


def test_the_gain_and_its_interval_are_scipys():
    rng = np.random.default_rng(1)
    whole, unary = errors(60, 0.7, rng), errors(60, 0.8, rng)

    def gain(index: np.ndarray) -> float:
        one, other = whole[:, index].sum((0, 1)), unary[:, index].sum((0, 1))
        return 1 - np.sqrt(one[0] / one[1]) / np.sqrt(other[0] / other[1])

    found = rms_gain(whole, unary)
    expected = bootstrap((np.arange(60),), gain, vectorized=False, method="percentile",
                         n_resamples=4000, rng=2).confidence_interval
    assert found["gain"] == pytest.approx(gain(np.arange(60)), abs=1e-12)
    assert (found["low"], found["high"]) == pytest.approx(expected, abs=0.006)
    seed = 1 - np.sqrt(whole[1, :, 0].sum() / unary[1, :, 0].sum())
    assert found["by_seed"][1] == pytest.approx(seed)


def test_pictures_stay_paired():
    """Pictures differ greatly, but each gains as much: the interval has no width."""
    unary = errors(40, 5.0, np.random.default_rng(0))
    found = rms_gain(unary * (0.9 ** 2, 1), unary)
    assert (found["low"], found["gain"], found["high"]) == pytest.approx((0.1, 0.1, 0.1))
