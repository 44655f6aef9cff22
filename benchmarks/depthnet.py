# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet: speed and memory of the coarse nets' training, and memory of evaluations of two lengths."""
from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.measuring import run_python, run_training

DATA = ("--layout", "nyu", "--num_train", 64, "--num_test", 64)
# name -> (settings of train.py, steps of the coarse stage)
TRAININGS = {
    "coarse modelzoo, batch 8": (("--batch_size", 8), 8),
    "coarse eigen (4096 units), batch 8": (("--coarse_net", "eigen", "--batch_size", 8), 20),
    "coarse eigen, preset cpu": (("--preset", "cpu"), 40),
}
_CPU = TRAININGS["coarse eigen, preset cpu"][0]


def measure(data: Path, scratch: Path, given: argparse.Namespace) -> dict:
    """Return the figures; `given.max_steps` shortens the trainings."""
    trainings = {}
    for name, (settings, steps) in TRAININGS.items():
        steps = min(steps, given.max_steps or steps)
        trainings[name] = _train_coarse(data, scratch / "train", settings, steps)
    return {"training": trainings, "evaluation": _evaluation(data, scratch / "eval")}


def summary(results: dict) -> str:
    """Return what to print of the figures."""
    return json.dumps(results, indent=2)


def _train_coarse(data: Path, folder: Path, settings: tuple, steps: int) -> dict[str, float]:
    return run_training(folder, "--data_url", data, *settings, "--stages", "coarse", "--coarse_steps", steps)


def _evaluation(data: Path, folder: Path) -> dict[str, dict]:
    """Compare the peak memory of evaluations of 16 and 64 images."""
    _train_coarse(data, folder, _CPU, 3)
    run_training(folder, "--data_url", data, *_CPU, "--stages", "fine", "--fine_net_train_step", 3)
    peaks = {str(limit): run_python("eval.py", "--data_url", data, "--train_url", folder, "--limit", limit)
             for limit in (16, 64)}
    return {"peak_memory_bytes_by_images": peaks}
