# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth: speed of its training, what it reaches in unseen rooms, and what its exported files cost.

Preset `cpu` with each backbone, equally many steps. The maps are measured on panoramas of rooms that no
training has seen, beside the best constant maps of the training set, and with the pictures shuffled (a
network that looks loses its advantage). The int8 file is measured on the same panoramas; seconds an image are
of 512x256 files of the mobile network, float32 and int8 by turns.
"""
from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.measuring import run_python, run_training
from src.baseline import TrainingMaps, best_figures, constant_figures
from src.config import load_settings
from src.method import Method, build_method
from src.protocols import protocol_named

DATA = ("--layout", "panorama", "--num_train", 480, "--num_test", 96, "--seed", 11)
BACKBONES = ("mobile", "resnet50")
PROTOCOLS = ("panorama", "panorama_latitude")
_PRESET = ("--method", "panodepth", "--preset", "cpu")
_FULL_SIZE = ("--image_height", "256", "--image_width", "512")
_PLAIN = ("--rand_roll", "false", "--rand_flip", "false", "--color_range", "0")  # the panoramas as they are
_SHOWN = ("abs_rel", "rmse", "delta1", "normal_deg")
_IMAGES = 30


def measure(data: Path, scratch: Path, given: argparse.Namespace) -> dict:
    """Return the figures; `given.max_steps` shortens the trainings."""
    length = ("--max_steps", given.max_steps) if given.max_steps else ()
    training = {name: run_training(scratch / name, *_PRESET, "--data_url", data, "--backbone", name, *length)
                for name in BACKBONES}
    figures = {"best constant map": {protocol: _best_constant(data, protocol) for protocol in PROTOCOLS},
               "pictures shuffled": _evaluate(data, scratch / "mobile", "--shuffle_inputs", "true"),
               **{name: _evaluate(data, scratch / name) for name in BACKBONES}}
    run_python("export.py", "--train_url", scratch / "mobile", "--data_url", data, "--file_format", "INT8")
    accuracy = json.loads((scratch / "mobile/INT8/accuracy.json").read_text(encoding="utf-8"))
    return {"training": training, "figures": figures, "int8": accuracy,
            "milliseconds_an_image": _speed(data, scratch)}


def summary(results: dict) -> str:
    """Return the speeds and a Markdown table of the figures."""
    speed = [f"- {name}: {row['steps']} steps of {row['seconds_a_step']:.2f} s, "
             f"{row['wait_share']:.1%} of the time waiting for data, "
             f"peak memory {row['peak_memory_bytes'] / 1e9:.1f} GB"
             for name, row in results["training"].items()]
    image = results["milliseconds_an_image"]
    speed.append(f"- one image of 512x256, ONNX Runtime: float32 {image['float32']:.1f} ms, int8 "
                 f"{image['int8']:.1f} ms, {image['float32'] / image['int8']:.2f} times as fast")
    head = [f"| | protocol | {' | '.join(_SHOWN)} |", f"| --- | --- |{' ---: |' * len(_SHOWN)}"]
    table = [f"| {name} | {protocol} | {' | '.join(f'{row[protocol][shown]:.3f}' for shown in _SHOWN)} |"
             for name, row in results["figures"].items() for protocol in PROTOCOLS]
    return "\n".join([*speed, "", *head, *table])


def _evaluate(data: Path, folder: Path, *arguments: object) -> dict[str, dict[str, float]]:
    """Return the figures on the test panoramas by protocol."""
    report = folder / "figures.json"
    run_python("eval.py", "--data_url", data, "--train_url", folder, "--output_json", report, *arguments)
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    return {result["protocol"]["name"]: result["metrics"] for result in results}


def _best_constant(data: Path, protocol: str) -> dict[str, float]:
    method = _method(data, *_PLAIN)
    maps = TrainingMaps(method.train_samples("depth"), "depth_m")
    return best_figures(constant_figures(method, maps, "pano:depth", protocol_named(protocol)))


def _method(data: Path, *arguments: str) -> Method:
    return build_method(load_settings("train", "", [*_PRESET, "--data_url", str(data), *arguments]))


def _speed(data: Path, scratch: Path) -> dict[str, float]:
    """Return the median times of an image of 512x256; both files by turns, so that they share the load."""
    import onnxruntime

    full = scratch / "full_size"
    shutil.copytree(scratch / "mobile/Ckpt", full / "Ckpt", dirs_exist_ok=True)
    run_python("export.py", "--method", "panodepth", "--train_url", full, "--data_url", data, *_FULL_SIZE,
               "--file_format", "ONNX,INT8")
    sessions = {name: onnxruntime.InferenceSession(full / folder / "FinalPanoNet.onnx",
                                                   providers=["CPUExecutionProvider"])
                for name, folder in (("float32", "ONNX"), ("int8", "INT8"))}
    image = _method(data, *_FULL_SIZE).eval_samples()[0].inputs["image"][None]
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(_IMAGES):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(None, {"image": np.ascontiguousarray(image)})
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: median(found[2:]) for name, found in times.items()}
