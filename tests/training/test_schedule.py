# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Learning rates by hand."""
from __future__ import annotations

import numpy as np
import pytest

from src.config import load_settings
from src.errors import UserError
from src.training.schedule import check_decay, learning_rates


def rates(total, *argv, steps_per_epoch=1000):
    return learning_rates(0.2, total, load_settings("train", "", list(argv)), steps_per_epoch)


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


HALF, QUARTER = ("--lr_decay_rate", "0.5"), ("--lr_decay_rate", "0.25")


@pytest.mark.parametrize(("argv", "steps_per_epoch", "expected"), [
    # at 3.5 and 7 steps, the half and the end of the epoch, then 10.5 and 14
    (("step", "--lr_decays_per_epoch", "2", *HALF), 7,
     [0.2] * 4 + [0.1] * 3 + [0.05] * 4 + [0.025] * 3 + [0.0125]),
    (("step", "--lr_decays_per_epoch", "1", *HALF), 3, [0.2] * 3 + [0.1] * 3 + [0.05]),
    (("exponential", "--lr_decay_every", "2", *QUARTER), 4, [0.2, 0.1, 0.05, 0.025, 0.0125]),
    (("step", "--lr_decays_per_epoch", "5", *HALF), 2, [0.2, 0.1, 0.05, 0.025]),  # at most one a step
    (("step", "--lr_decays_per_epoch", "1", *HALF, "--warmup_steps", "4"), 2, [0.05, 0.1, 0.075, 0.1, 0.05]),
    (("step", "--lr_decays_per_epoch", "0", "--lr_decay_steps", "2", *HALF), 1, [0.2, 0.2, 0.1]),
    (("constant", "--lr_decays_per_epoch", "2"), 2, [0.2] * 5)])
def test_decays_by_epochs(argv, steps_per_epoch, expected):
    seen = rates(len(expected), "--lr_schedule", *argv, steps_per_epoch=steps_per_epoch)
    np.testing.assert_allclose(seen, expected, rtol=1e-6)


@pytest.mark.parametrize("per_epoch", [1, 2, 3, 7])
def test_every_epoch_has_as_many_decays(per_epoch):
    """Also where they do not divide its steps, and after many epochs."""
    steps = 10
    seen = rates(100 * steps, "--lr_schedule", "step", "--lr_decays_per_epoch", str(per_epoch),
                 "--lr_decay_rate", "0.99", steps_per_epoch=steps)
    first = seen[::steps].astype(np.float64)
    np.testing.assert_allclose(first, 0.2 * 0.99 ** (per_epoch * np.arange(100.0)), rtol=1e-6)
    assert len(np.unique(seen)) == 100 * per_epoch


def test_a_decay_may_come_after_several_epochs():
    """The published DCNF: times 0.6 every 20 epochs, here of 99 steps."""
    seen = rates(6000, "--lr_schedule", "step", "--lr_decays_per_epoch", "0.05", "--lr_decay_rate", "0.6",
                 steps_per_epoch=99)
    np.testing.assert_allclose(seen, 0.2 * 0.6 ** (np.arange(6000) // 1980), rtol=1e-6)


def test_decay_steps_that_would_have_no_effect_are_refused():
    """A method that decays by epochs, as mergedepth does, and a user who decays by steps."""
    settings = load_settings("train", "", ["--method", "mergedepth", "--lr_decay_steps", "50"])
    with pytest.raises(UserError, match="no effect, as --method mergedepth decays 2 times an epoch; give"):
        check_decay(settings)
    for given in (["--lr_decays_per_epoch", "0"], ["--lr_decays_per_epoch", "3"]):
        check_decay(load_settings("train", "", ["--method", "mergedepth", "--lr_decay_steps", "50", *given]))
    for argv in ([], ["--lr_decay_steps", "50"], ["--method", "mergedepth"], ["--lr_decay_every", "2"]):
        check_decay(load_settings("train", "", argv))
