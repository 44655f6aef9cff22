# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What DDRNet's preset cpu reaches on synthetic scenes that its training has not seen."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import figures

REPOSITORY = Path(__file__).resolve().parents[2]
NUM_TRAIN, NUM_TEST = 240, 40


def python(*argv: object) -> None:
    subprocess.run([sys.executable, *map(str, argv)], cwd=REPOSITORY, check=True)


@pytest.mark.slow
def test_preset_cpu_denoises_to_0_7_of_the_raw_error_and_refining_betters_the_normals(tmp_path):
    data, model, report = tmp_path / "data", tmp_path / "Model", tmp_path / "figures.json"
    python("-m", "src.datasets.synthetic", "--layout", "ddrnet", "--output_dir", data,
           "--num_train", NUM_TRAIN, "--num_test", NUM_TEST)
    python("train.py", "--method", "ddrnet", "--preset", "cpu", "--data_url", data, "--train_url", model,
           "--picture_every", 0, "--eval_limit", 1)
    python("eval.py", "--data_url", data, "--train_url", model, "--output_json", report)
    found = figures(report)
    raw, denoised, refined = (found[net, "kinect_mm"] for net in ("raw", "denoise", "refine"))
    assert denoised["mae_mm"] <= 0.7 * raw["mae_mm"]
    assert refined["mae_mm"] <= denoised["mae_mm"]
    assert refined["normal_median_deg"] < denoised["normal_median_deg"]
