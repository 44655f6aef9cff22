# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet: speed of its training, and its maps against raw depth and OpenCV's bilateral filters.

All maps are measured on unseen frames, over the same pixels, with the same figures. The filters are given
what the networks of preset `cpu` see: the raw depth with holes, and all that is outside the mask, at the
depth of the nearest reading inside. (Filled after the filter instead, MAE, normals and holes are worse.) Of
the grid those two are measured that have the best MAE and the best normals on training frames.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measuring import run_python, run_training
from src.config import load_settings
from src.ddrnet.units import MM
from src.evaluation import Evaluation, chosen_protocols
from src.method import Method, Sample, build_method
from src.prediction import read_samples

DATA = ("--layout", "ddrnet", "--num_train", 240, "--num_test", 40)
SIGMAS_COLOR_MM = (20, 40, 60, 100)
SIGMAS_SPACE_PX = (2, 3, 4, 6)
TUNING_FRAMES = 24
NETS = ("denoise", "refine")
_SHARES = {f"normal_below_{limit}": f"< {limit}°" for limit in ("11.25", "22.5", "30")}
COLUMNS = {"mae_mm": "MAE mm", "rmse_mm": "RMSE mm", "median_mm": "median mm",
           "normal_mean_deg": "normals mean °", "normal_median_deg": "normals median °", **_SHARES,
           "hole_mae_mm": "MAE in holes mm"}
COMPARED = ("mae_mm", "normal_median_deg")  # by which filters are chosen, and compared with the networks

Filter = tuple[int, int]  # sigma_color in mm, sigma_space in px
Figures = Mapping[str, float]


def measure(data: Path, scratch: Path, given: argparse.Namespace) -> dict:
    """Return the figures; `given` has `long_steps`, and `max_steps` to shorten both trainings."""
    longest = given.max_steps or given.long_steps
    lengths = {"preset cpu": given.max_steps, "longer": min(given.long_steps, longest)}
    training, nets = {}, {}
    for name, steps in lengths.items():
        folder = scratch / name.replace(" ", "_")
        training[name] = _train(data, folder, steps)
        found = _evaluate(data, folder)
        nets.update({f"{name}, {training[name]['steps']} steps: {net}": found[net] for net in NETS})
    tuning, filters = _tuned_filters(data)
    return {"training": training, "filters_on_training_frames": tuning,
            "quality": {"raw depth": found["raw"], **filters, **nets}, "verdict": verdicts(filters, nets)}


def summary(results: dict) -> str:
    """Return the speed, the Markdown table of the quality, and whether the networks beat the filters."""
    speed = [f"- {name}: {figures['steps']} steps of {figures['seconds_a_step']:.2f} s, "
             f"{figures['wait_share']:.1%} of the time waiting for data, "
             f"peak memory {figures['peak_memory_bytes'] / 1e9:.1f} GB"
             for name, figures in results["training"].items()]
    verdict = [f"- {line}" for line in results["verdict"]]
    return "\n".join([*speed, "", *_table(results["quality"]), "", *verdict])


def bilateral(depth_m: np.ndarray, sigma_color_mm: float, sigma_space_px: float) -> np.ndarray:
    """Return OpenCV's bilateral filter of depth (H, W) float32 in metres; its window follows sigma_space."""
    depth_mm = depth_m * np.float32(MM)
    return cv2.bilateralFilter(depth_mm, 0, sigma_color_mm, sigma_space_px) / np.float32(MM)


def filter_figures(method: Method, samples: Iterable[Sample],
                   filters: Iterable[Filter]) -> dict[Filter, Figures]:
    """Return the figures of each filter over the samples."""
    evaluations = {chosen: Evaluation(method, chosen_protocols(method)) for chosen in filters}
    for sample in samples:
        seen_m = method.decode("denoise:denoised", sample.inputs["raw"], sample)
        depth_m, _ = method.to_full(seen_m, sample)
        for chosen, evaluation in evaluations.items():
            evaluation.add_external(sample, bilateral(depth_m, *chosen))
    return {chosen: evaluation.report()["results"][0]["metrics"]
            for chosen, evaluation in evaluations.items()}


def verdicts(filters: Mapping[str, Figures], nets: Mapping[str, Figures]) -> list[str]:
    """Say of each training and each compared figure whether both networks beat all the filters."""
    lines = []
    for training in dict.fromkeys(name.rsplit(": ", 1)[0] for name in nets):
        for figure in COMPARED:
            best = min(figures[figure] for figures in filters.values())
            found = [nets[f"{training}: {net}"][figure] for net in NETS]
            outcome = "both networks beat" if max(found) < best else "NOT both networks beat"
            lines.append(f"{training}, {COLUMNS[figure]}: {outcome} the best bilateral filter, "
                         f"{found[0]:.2f} (denoise) and {found[1]:.2f} (refine) against {best:.2f}")
    return lines


def _train(data: Path, folder: Path, steps: int) -> dict[str, float]:
    length = ("--max_steps", steps) if steps else ()  # else the preset's
    return run_training(folder, "--method", "ddrnet", "--preset", "cpu", "--data_url", data, *length)


def _evaluate(data: Path, folder: Path) -> dict[str, Figures]:
    """Return the figures of the raw depth and of both networks on the test frames."""
    report = folder / "figures.json"
    run_python("eval.py", "--data_url", data, "--train_url", folder, "--output_json", report)
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    return {result["net"]: result["metrics"] for result in results}


def _tuned_filters(data: Path) -> tuple[dict[str, Figures], dict[str, Figures]]:
    """Choose filters on training frames; return the whole grid's figures there, and theirs on test frames."""
    train, test = (_method(data, data / index) for index in ("train.csv", "test.csv"))
    frames = train.eval_samples()
    numbers = np.unique(np.linspace(0, len(frames) - 1, TUNING_FRAMES).astype(int))
    grid = filter_figures(train, (frames[int(number)] for number in numbers),
                          product(SIGMAS_COLOR_MM, SIGMAS_SPACE_PX))
    best = {figure: min(grid, key=lambda chosen: grid[chosen][figure])
            for figure in COMPARED}
    tested = filter_figures(test, read_samples(test, test.eval_samples()), set(best.values()))
    return ({_title(chosen): figures for chosen, figures in grid.items()},
            {f"bilateral, best {COLUMNS[figure]} in training ({_title(chosen)})": tested[chosen]
             for figure, chosen in best.items()})


def _method(data: Path, index: Path) -> Method:
    """Return the method that evaluates on an index, with the inputs of preset `cpu`."""
    return build_method(load_settings("eval", "", ["--method", "ddrnet", "--preset", "cpu", "--data_url",
                                                   str(data), "--test_index_file", str(index)]))


def _title(chosen: Filter) -> str:
    return f"{chosen[0]} mm, {chosen[1]} px"


def _table(rows: Mapping[str, Figures]) -> list[str]:
    """Return the lines of a Markdown table; a cell is empty where a map has no such figure."""
    def cell(name: str, figures: Figures) -> str:
        if name not in figures:
            return ""
        return f"{figures[name]:.1%}" if name in _SHARES else f"{figures[name]:.2f}"

    head = [f"| | {' | '.join(COLUMNS.values())} |", f"| --- |{' ---: |' * len(COLUMNS)}"]
    return head + [f"| {title} | {' | '.join(cell(name, figures) for name in COLUMNS)} |"
                   for title, figures in rows.items()]
