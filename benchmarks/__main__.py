# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Run the benchmarks: `python -m benchmarks --data_url NYU --output_dir output/bench`.

Each figure comes from a process of its own, so that peak memory is that figure's; medians over the steps
after the first two, which compile. Results go to results.json beside the machine and the versions.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from statistics import median

from src.errors import UserError, run_command
from src.files import write_json

# name -> (settings of train.py, steps of the coarse stage)
TRAININGS = {
    "coarse modelzoo, batch 8": (("--batch_size", "8"), 8),
    "coarse eigen (4096 units), batch 8": (("--coarse_net", "eigen", "--batch_size", "8"), 20),
    "coarse eigen, preset cpu": (("--preset", "cpu"), 40),
}


def main(argv: list[str]) -> None:
    """Run every benchmark and write the results."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_url", default="output/bench/NYU",
                        help="NYU layout; made synthetically if absent")
    parser.add_argument("--output_dir", default="output/bench",
                        help="folder for results.json and scratch files")
    given = parser.parse_args(argv)
    out, data = Path(given.output_dir), Path(given.data_url)
    if not data.is_dir():
        _python("-m", "src.datasets.synthetic", "--layout", "nyu", "--output_dir", str(data),
                "--num_train", "64", "--num_test", "64")
    results = {"machine": f"{platform.machine()}, {os.cpu_count()} cores",
               "versions": {name: metadata.version(name)
                            for name in ("mindspore", "onnxruntime", "openvino")},
               "training": {name: _training(data, out / "train", *entry)
                            for name, entry in TRAININGS.items()},
               "evaluation": _evaluation(data, out)}
    write_json(out / "results.json", results)
    print(json.dumps(results, indent=2))


def _python(*arguments: str) -> int:
    """Run a command of the package and return its peak memory in bytes."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"`{' '.join(arguments)}` ended with exit code {process.returncode}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _training(data: Path, folder: Path, settings: tuple[str, ...], steps: int) -> dict[str, float]:
    """Measure a training of the coarse net: seconds a step, share of time waiting for data, peak memory."""
    peak = _python("train.py", "--data_url", str(data), "--train_url", str(folder), *settings,
                   "--stages", "coarse", "--coarse_steps", str(steps), "--log_every", "1",
                   "--picture_every", "0", "--eval_limit", "1")
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    made = [row for row in rows if "loss" in row][2:]
    total = sum(row["seconds"] for row in made)
    return {"steps": len(made), "seconds_a_step": median(row["seconds"] for row in made),
            "wait_share": sum(row["wait_seconds"] for row in made) / total, "peak_memory_bytes": peak}


def _evaluation(data: Path, out: Path) -> dict[str, float]:
    """Compare the peak memory of evaluations of 16 and 64 images."""
    _training(data, out / "eval", TRAININGS["coarse eigen, preset cpu"][0], 3)
    common = ("--data_url", str(data), "--train_url", str(out / "eval"))
    _python("train.py", *common, *TRAININGS["coarse eigen, preset cpu"][0], "--stages", "fine",
            "--fine_net_train_step", "2", "--picture_every", "0", "--eval_limit", "1")
    peaks = {str(limit): _python("eval.py", *common, "--limit", str(limit)) for limit in (16, 64)}
    return {"peak_memory_bytes_by_images": peaks}


if __name__ == "__main__":
    sys.exit(run_command(main))
