# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Learning rates by hand."""
from __future__ import annotations

import numpy as np
import pytest

from src.config import load_settings
from src.training.schedule import learning_rates


def rates(total, *argv):
    return learning_rates(0.2, total, load_settings("train", "", list(argv)))


@pytest.mark.parametrize(("argv", "expected"), [
    ([], [0.2, 0.2, 0.2, 0.2, 0.2]),
    (["--warmup_steps", "4"], [0.05, 0.1, 0.15, 0.2, 0.2]),
    (["--lr_schedule", "step", "--lr_decay_steps", "2", "--lr_decay_rate", "0.5"],
     [0.2, 0.2, 0.1, 0.1, 0.05]),
    (["--lr_schedule", "exponential", "--lr_decay_steps", "2", "--lr_decay_rate", "0.25"],
     [0.2, 0.1, 0.05, 0.025, 0.0125]),
    # cosine over the 4 steps after the warm-up: shares 0, 1/4, 1/2, 3/4 of half a turn, from 1 down to 0.1
    (["--lr_schedule", "cosine", "--warmup_steps", "1", "--lr_final_scale", "0.1"],
     [0.2, 0.2, 0.2 * (0.1 + 0.45 * (1 + 0.5**0.5)), 0.2 * 0.55, 0.2 * (0.1 + 0.45 * (1 - 0.5**0.5))]),
    (["--lr_schedule", "step", "--lr_decay_steps", "3", "--lr_decay_rate", "0.5", "--warmup_steps", "2"],
     [0.1, 0.2, 0.2, 0.1, 0.1])])
def test_exact_values(argv, expected):
    seen = rates(5, *argv)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen, expected, rtol=1e-6)


def test_a_warm_up_longer_than_the_training_stays_below():
    course = rates(2, "--warmup_steps", "4", "--lr_schedule", "cosine")
    np.testing.assert_allclose(course, [0.05, 0.1], rtol=1e-6)


def test_cosine_falls_all_the_way():
    course = rates(1000, "--lr_schedule", "cosine", "--lr_final_scale", "0.01")
    assert np.all(np.diff(course) < 0) and course[0] == np.float32(0.2)
    assert course[-1] == pytest.approx(0.002, rel=1e-3)
