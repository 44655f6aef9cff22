# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The README's commands in their order, as a user types them: train, evaluate, export, C++ inference."""
from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.cpp_program import build_cpp_program, needs_cpp
from tests.samples import write_nyu
from tests.script_runner import REPOSITORY, run_script

NUM_TEST = 3
TOLERANCE = 1e-3  # between the figures of eval.py and of the C++ program

pytestmark = needs_cpp


def figures(log: str) -> dict[str, float]:
    """Return the fine net's figures of the first protocol (the ModelZoo's) that a log shows."""
    line = re.search(r"^  fine: (.*)$", log, re.MULTILINE)
    assert line, log
    return {name: float(value) for name, value in re.findall(r"(\w+): (\S+)", line[1])}


def files_of_the_repository() -> set[Path]:
    """Return what lies in the folders where the scripts write by default."""
    return {path for folder in ("Model", "scripts") for path in (REPOSITORY / folder).rglob("*")}


def test_readme_commands_from_training_to_the_cpp_program(tmp_path: Path):
    """The folders lie to each other as the README has them: scripts/, Model/ and NYU/ side by side."""
    build_cpp_program()  # the script's own build finds it up to date, and tests that build do not meet
    before = files_of_the_repository()
    write_nyu(tmp_path / "NYU", num_train=4, num_test=NUM_TEST, image_hw=(480, 640))
    model, cwd = tmp_path / "Model", tmp_path / "scripts"
    cwd.mkdir()

    def run(script: str, *args: object) -> str:
        done = run_script(script, *args, cwd=cwd, TRAIN_URL=model, PYTHON=sys.executable)
        assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    run("run_standalone_train_ascend.sh", "../NYU", 0, "--coarse_net", "eigen", "--fc_width", 64,
        "--max_steps", 2, "--batch_size", 2, "--log_every", 1)
    log = (cwd / "train.log").read_text()
    for title in ("coarse net", "fine net"):
        line = rf"^training {title}, step: 1 loss: \d+\.\d+, time cost: \d+\.\d+$"
        assert re.search(line, log, re.MULTILINE), log

    checkpoints = model / "Ckpt/FinalCoarseNet.ckpt", model / "Ckpt/FinalFineNet.ckpt"
    named = run("run_eval.sh", "../NYU", *checkpoints)
    assert (cwd / "eval.log").read_text() == named
    by_python = figures(named)
    assert set(by_python) == {"delta1_loss", "delta2_loss", "delta3_loss", "abs_relative_loss",
                              "sqr_relative_loss", "rmse_linear_loss", "rmse_log_loss"}
    assert figures(run("run_eval.sh", "../NYU")) == by_python

    run("run_export_coarse_model.sh")
    run("run_export_fine_model.sh")
    run("run_infer_310.sh", "../Model/MindIR/FinalCoarseNet.mindir", "../Model/MindIR/FinalFineNet.mindir",
        "../NYU/Test/", 0)
    assert figures((cwd / "acc.log").read_text()) == pytest.approx(by_python, abs=TOLERANCE)
    assert len(list((cwd / "preprocess_Result/img_data").glob("*.bin"))) == NUM_TEST
    assert len(list((cwd / "result_Files").glob("*_0.bin"))) == NUM_TEST
    times = (cwd / "time_Result/test_perform_static.txt").read_text()
    assert re.match(rf"NN inference cost average time: \d+\.\d+ ms of infer_count {NUM_TEST}\n", times)
    assert files_of_the_repository() == before
