# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""dcnf: what the CRF is worth in unseen rooms, beside a unary network trained equally long; and its speed.

Preset `cpu` with several seeds. For each the whole (first the unary stage, then the joint one) stands beside
a unary network alone, trained for as many steps in one stage. The gain is that of rms, pooled over the pixels
of all pictures and seeds; its interval is a paired bootstrap over the pictures. Beside them are the best
constant maps of the training set, and the whole with the pictures shuffled (what looks loses its advantage).
"""
from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from benchmarks import dcnf_speed
from benchmarks.measuring import run_python, run_training
from src.baseline import best_figures, constant_figures
from src.config import load_settings
from src.datasets.pair_sets import open_pairs
from src.method import Method, build_method
from src.protocols import protocol_named

DATA = ("--layout", "nyu", "--num_train", 800, "--num_test", 160, "--width", 320, "--height", 240,
        "--seed", 21)
PROTOCOL = "nyu_eigen"
SEEDS = (1, 2, 3)
_PRESET = ("--method", "dcnf", "--preset", "cpu")
_SHOWN = ("abs_rel", "log10", "rmse", "rmse_log", "delta1")
_DRAWS = 10_000


def measure(data: Path, scratch: Path, given: argparse.Namespace) -> dict:
    """Return the figures; `given.max_steps` shortens the trainings."""
    records = scratch / "records"
    run_python("scripts/datasets.py", "pack", *_PRESET, "--data_url", data, "--output_dir", records,
               "--force")
    trainings, figures, squares, betas = {}, {}, {"whole": [], "unary alone": []}, {}
    for seed in SEEDS:
        for name, arguments in _trainings(given.max_steps).items():
            folder = scratch / f"{name.split()[0]}_{seed}"
            row = run_training(folder, *_PRESET, "--data_url", records, "--seed", seed, *arguments)
            net = "dcnf" if name == "whole" else "unary"
            trainings[f"{name}, seed {seed}"] = row
            figures[f"{name}, seed {seed}"] = _evaluate(records, folder, net)
            squares[name].append(_square_sums(folder / "rows.csv", net))
        betas[seed] = _betas(scratch / f"whole_{seed}")
    first = scratch / f"whole_{SEEDS[0]}"
    figures["whole, pictures shuffled"] = _evaluate(records, first, "dcnf", "--shuffle_inputs", "true")
    figures["best constant map"] = _best_constant(records)
    return {"training": trainings, "figures": figures, "betas": betas,
            "rms_gain": rms_gain(np.array(squares["whole"]), np.array(squares["unary alone"])),
            "seconds_an_image": dcnf_speed.measure(scratch / "speed")}


def summary(results: dict) -> str:
    """Return the speeds, the gain and a Markdown table of the figures."""
    lines = [f"- {name}: {row['steps']} steps of {row['seconds_a_step']:.2f} s, "
             f"{row['wait_share']:.1%} of the time waiting for data, "
             f"peak memory {row['peak_memory_bytes'] / 1e9:.1f} GB"
             for name, row in results["training"].items()]
    gain = results["rms_gain"]
    lines.append(f"- rms {gain['whole']:.4f} m by the whole, {gain['unary_alone']:.4f} m by the unary "
                 f"network alone: {gain['gain']:.1%} less, 95 % interval {gain['low']:.1%} to "
                 f"{gain['high']:.1%}; by seed {', '.join(f'{value:.1%}' for value in gain['by_seed'])}")
    lines.append(f"- betas (texture, histogram, colour) by seed: {results['betas']}")
    lines += dcnf_speed.summary(results["seconds_an_image"])
    head = [f"| | {' | '.join(_SHOWN)} |", f"| --- |{' ---: |' * len(_SHOWN)}"]
    table = [f"| {name} | {' | '.join(f'{row[shown]:.3f}' for shown in _SHOWN)} |"
             for name, row in results["figures"].items()]
    return "\n".join([*lines, "", *head, *table])


def rms_gain(whole: np.ndarray, unary: np.ndarray) -> dict:
    """Return how much less the pooled rms of the one is, in parts of that of the other.

    Args:
        whole: (seeds, pictures, 2), the sum of squared errors of a picture and the number of its pixels.
        unary: the same of the other.

    Returns:
        both rms in metres, the gain, the ends of its 95 % interval by a bootstrap over pictures, which stay
        paired, and the gain of each seed.
    """
    def rms(sums: np.ndarray) -> np.ndarray:
        return np.sqrt(sums[..., 0] / sums[..., 1])

    def gain(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return 1 - rms(one) / rms(other)

    pictures = whole.shape[1]
    counts = np.random.default_rng(0).multinomial(pictures, np.full(pictures, 1 / pictures), _DRAWS)
    drawn = gain(counts @ whole.sum(0), counts @ unary.sum(0))
    low, high = np.percentile(drawn, (2.5, 97.5))
    one, other = whole.sum((0, 1)), unary.sum((0, 1))
    return {"whole": float(rms(one)), "unary_alone": float(rms(other)), "gain": float(gain(one, other)),
            "low": float(low), "high": float(high),
            "by_seed": gain(whole.sum(1), unary.sum(1)).tolist()}


def _trainings(max_steps: int) -> dict[str, tuple]:
    """Return the settings of both trainings, of equally many steps."""
    preset = load_settings("train", "", list(_PRESET))
    first, second = preset.unary_steps, preset.joint_steps
    if max_steps:
        first, second = max_steps, max_steps
    return {"whole": ("--unary_steps", first, "--joint_steps", second),
            "unary alone": ("--stages", "unary", "--unary_steps", first + second)}


def _evaluate(data: Path, folder: Path, net: str, *arguments: object) -> dict[str, float]:
    """Return the figures of a net on the test pictures; the pictures' own go to rows.csv."""
    report = folder / "figures.json"
    run_python("eval.py", "--data_url", data, "--train_url", folder, "--protocol", PROTOCOL, "--output_json",
               report, "--output_csv", folder / "rows.csv", *arguments)
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    return next(result["metrics"] for result in results if result["net"] == net)


def _square_sums(path: Path, net: str) -> list[tuple[float, float]]:
    """Return the sum of squared errors and the number of pixels of each picture."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["net"] == net]
    return [(float(row["rmse"]) ** 2 * int(row["num_valid"]), int(row["num_valid"])) for row in rows]


def _betas(folder: Path) -> list[float]:
    """Return the weights of the similarities that were learned."""
    from src.training.checkpoints import load_trained

    method = _method("--train_url", str(folder))
    (network,) = load_trained(method, method.graph).values()
    return [round(float(beta), 3) for beta in network.crf.beta().asnumpy()]


def _best_constant(data: Path) -> dict[str, float]:
    method = _method("--data_url", str(data))
    return best_figures(constant_figures(method, _Truth(method), "dcnf:depth", protocol_named(PROTOCOL)))


class _Truth:
    """The depth maps of the training set at the size that maps are made at."""

    def __init__(self, method: Method):
        self.method = method
        self.pairs = open_pairs(method.settings, "train")

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.method.truth_at_network(self.pairs.read(index)[1])


def _method(*arguments: str) -> Method:
    return build_method(load_settings("train", "", [*_PRESET, *arguments]))
