# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: processes with their peak memory, figures of a training, this machine."""
from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from statistics import median

from src.errors import UserError

_COMPILING_STEPS = 2  # the first ones, which compile


def run_python(*arguments: object) -> int:
    """Run a command of the package and return its peak memory in bytes."""
    command = [str(argument) for argument in arguments]
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"`{' '.join(command)}` ended with exit code {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run_training(folder: Path, *arguments: object) -> dict[str, float]:
    """Run train.py, one line of metrics a step; return its length, speed and peak memory.

    The memory includes the validation of one picture, which ends each stage.
    """
    peak = run_python("train.py", "--train_url", folder, *arguments, "--log_every", 1, "--picture_every", 0,
                      "--eval_limit", 1)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [row for row in rows if "loss" in row]
    measured = steps[_COMPILING_STEPS:]
    total = sum(row["seconds"] for row in measured)
    return {"steps": len(steps), "seconds_a_step": median(row["seconds"] for row in measured),
            "wait_share": sum(row["wait_seconds"] for row in measured) / total, "peak_memory_bytes": peak}


def environment() -> dict:
    """Return the machine and the versions that the figures belong to."""
    packages = ("mindspore", "numpy", "opencv-contrib-python-headless", "onnxruntime", "openvino")
    return {"machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {name: metadata.version(name) for name in packages}}
