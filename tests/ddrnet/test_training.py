# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A training of the cascade that was stopped and resumed is, bit for bit, the one that nothing stopped."""
from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import run
from tests.ddrnet_files import write_ddrnet
from tests.training.test_trainer import Stop, assert_same_training, rows, stop_before

STEPS, STOPS = 40, (7, 23)
TERMS = ("dn_l1", "dn_l2", "dn_huber", "dn_normal_dot", "dt_fidelity", "dt_shading", "dt_shading_gradient",
         "dt_smoothness")
# Three crops of 36 pixels: normals exist on 34, which makes arrays that are no whole number of vectors of 8.
# There a kernel drifts from call to call if it is one of those of `src.losses.base.repeatable_log`.
AUGMENTED = ("--image_size", 36, "--rand_scale", "true", "--rand_brightness", "true", "--diff_thres", 0)
WEIGHTS = tuple(text for term in TERMS for text in (f"--{term}_weight", 1))
ADAM = (*AUGMENTED, *WEIGHTS)
SGD = (*AUGMENTED, *WEIGHTS, "--preset", "local", "--optimizer", "sgd", "--learning_rate", 1e-5,
       "--grad_clip", 0.5, "--ema_decay", 0.7, "--accumulate_steps", 2, "--fidelity", "l2")
ALBEDO = (*ADAM, "--fill_raw", "true", "--has_abd", "true", "--dnnet", "base", "--lr_schedule", "cosine")


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    return write_ddrnet(tmp_path_factory.mktemp("frames"), train=7, test=2)


def train(frames: Path, folder: Path, *argv: object) -> None:
    """Three crops a step; the state is saved every fifth step, so a resumed training repeats some."""
    name = "_albedo" if "--has_abd" in argv else ""
    run("train", "--method", "ddrnet", "--device_target", "CPU", "--data_url", frames, "--index_file",
        frames / f"train{name}.csv", "--test_index_file", frames / f"test{name}.csv", "--train_url", folder,
        "--batch_size", 3, "--max_steps", STEPS, "--log_every", 1, "--save_every", 5, "--eval_every", 15,
        "--picture_every", 0, *argv)


@pytest.mark.parametrize("argv", [
    ADAM, pytest.param(SGD, marks=pytest.mark.slow), pytest.param(ALBEDO, marks=pytest.mark.slow),
    pytest.param((*ADAM, "--dnnet", "None"), marks=pytest.mark.slow)],
    ids=["adam", "sgd", "albedo", "refine"])
def test_a_resumed_training_is_the_same(frames, tmp_path, argv):
    train(frames, tmp_path / "straight", *argv)
    logged = [row for row in rows(tmp_path / "straight") if "loss" in row]
    assert [row["step"] for row in logged] == list(range(STEPS))
    assert all(value > 0 for row in logged for value in row["terms"].values())
    assert len(logged[0]["terms"]) == (len(TERMS) if "None" not in argv else 4)
    resume = ()
    for number in STOPS:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
            stop_before(patch, "joint", number)
            train(frames, tmp_path / "pieces", *argv, *resume)
        resume = ("--resume",)
    train(frames, tmp_path / "pieces", *argv, *resume)
    assert_same_training(tmp_path / "pieces", tmp_path / "straight")
