# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth: speed of its training, and what both phases reach on unseen streets.

Both phases of preset `cpu`, the second from the first's checkpoints. They learn from lidar scans; their maps
are measured against the streets' exact depth on frames of drives that no training has seen, beside the best
constant maps of the training set, and with the pictures shuffled (a network that looks loses its advantage).
The reconstruction loss of those frames is phase 2's own term, before and after it.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.measuring import run_python, run_training
from src.baseline import TrainingMaps, best_figures, constant_figures
from src.config import load_settings
from src.method import Method, build_method
from src.protocols import protocol_named

DATA = ("--layout", "kitti", "--num_train", 640, "--num_test", 60, "--width", 640, "--height", 192,
        "--seed", 5)
PROTOCOL = "kitti_garg"
VIEWS = ("left", "right")
_EXACT = ("--ground_truth", "png")
_PRESET = ("--method", "mergedepth", "--preset", "cpu")
# Nothing random: the pairs as they are.
_PLAIN = ("--rand_flip", "false", "--grayscale", "0", "--noise", "0", "--color_range", "0")
_SHOWN = ("abs_rel", "rmse", "delta1", "epe_px", "d1")


def measure(data: Path, scratch: Path, given: argparse.Namespace) -> dict:
    """Return the figures; `given.max_steps` shortens both phases."""
    length = ("--max_steps", given.max_steps) if given.max_steps else ()
    first, second = scratch / "supervised", scratch / "unsupervised"
    training = {"supervised": _train(data, first, "supervised", *length)}
    start = ("--l_model_pth", first / "Ckpt/FinalLeftNet.ckpt",
             "--r_model_pth", first / "Ckpt/FinalRightNet.ckpt")
    training["unsupervised"] = _train(data, second, "unsupervised", *start, *length)
    return {"training": training, "figures": figures(data, first, second),
            "losses_of_unseen_pairs": {"after phase 1": unseen_losses(data, first),
                                       "after phase 2": unseen_losses(data, second)}}


def figures(data: Path, first: Path, second: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Return the figures of constant maps and of both phases' networks, by row and view."""
    return {"best constant map": {view: _best_constant(data, view) for view in VIEWS},
            "pictures shuffled": _evaluate(data, first, "--shuffle_inputs", "true"),
            "after phase 1": _evaluate(data, first), "after phase 2": _evaluate(data, second)}


def summary(results: dict) -> str:
    """Return the speed and a Markdown table of the figures."""
    speed = [f"- {name}: {row['steps']} steps of {row['seconds_a_step']:.2f} s, "
             f"{row['wait_share']:.1%} of the time waiting for data, "
             f"peak memory {row['peak_memory_bytes'] / 1e9:.1f} GB"
             for name, row in results["training"].items()]
    losses = results["losses_of_unseen_pairs"]
    head = [f"| | view | {' | '.join(_SHOWN)} | reconstruction |",
            f"| --- | --- |{' ---: |' * (len(_SHOWN) + 1)}"]
    table = [f"| {name} | {view} | {' | '.join(f'{row[view][shown]:.3f}' for shown in _SHOWN)} | "
             + (f"{losses[name][f'rec_{view}']:.5f} |" if name in losses else "|")
             for name, row in results["figures"].items() for view in VIEWS]
    return "\n".join([*speed, "", *head, *table])


def unseen_losses(data: Path, folder: Path) -> dict[str, float]:
    """Return the mean terms of phase 2 over the test pairs, for the networks of a training."""
    from mindspore import Tensor

    from src.training.checkpoints import load_trained
    from src.training.device import set_up_device

    method = _method(data, "--train_list", str(data / "test.txt"), "--train_url", str(folder))
    set_up_device(method.settings)
    stage = method.build_stage("unsupervised", load_trained(method, method.graph))
    stage.objective.set_train(False)
    samples, sums, counts = method.train_samples("unsupervised"), 0.0, 0.0
    for index in range(len(samples)):
        columns = samples.read(index, np.random.default_rng(0))
        batch = [Tensor(columns[name][None]) for name in stage.columns]
        sums = sums + stage.objective(*batch).asnumpy()
        counts = counts + stage.objective.counts(*batch).asnumpy()
    return dict(zip(stage.objective.terms, (sums / counts).tolist()))


def _train(data: Path, folder: Path, stage: str, *arguments: object) -> dict[str, float]:
    return run_training(folder, *_PRESET, "--data_url", data, "--stages", stage, *arguments)


def _evaluate(data: Path, folder: Path, *arguments: object) -> dict[str, dict[str, float]]:
    """Return the figures on the test frames by view."""
    report = folder / "figures.json"
    run_python("eval.py", "--data_url", data, "--train_url", folder, "--protocol", PROTOCOL, *_EXACT,
               "--output_json", report, *arguments)
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    return {result["net"]: result["metrics"] for result in results}


def _best_constant(data: Path, view: str) -> dict[str, float]:
    scans = TrainingMaps(_method(data).train_samples("supervised"), f"depth_{view}_m")
    return best_figures(constant_figures(_method(data, *_EXACT), scans, f"{view}:depth",
                                         protocol_named(PROTOCOL)))


def _method(data: Path, *arguments: str) -> Method:
    return build_method(load_settings("train", "", [*_PRESET, *_PLAIN, "--data_url", str(data), *arguments]))
