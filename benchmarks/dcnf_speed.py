# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""dcnf: seconds of one picture of 640x480 with about 700 superpixels, part by part.

The parts are what preprocessing does (superpixels, their features, the network's inputs), the exported
network in ONNX Runtime, and the map; and the CRF's solver, exported alone. The weights are random: they do
not change the work.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime

from benchmarks.measuring import run_python
from src.config import load_settings
from src.datasets.pair_sets import open_pairs
from src.deploy.onnx_export import export_onnx
from src.graph import TensorSpec
from src.method import Method, Sample, build_method

TRUNKS = ("light", "vgg16")
_DATA = ("--layout", "nyu", "--num_train", 1, "--num_test", 12, "--width", 640, "--height", 480, "--seed", 3)


def measure(scratch: Path) -> dict[str, dict[str, float]]:
    """Return the median seconds of each part and of the whole, by trunk, and the number of superpixels."""
    data = scratch / "data"
    run_python("-m", "src.datasets.synthetic", "--output_dir", data, *_DATA)
    return {trunk: _measure_trunk(trunk, data, scratch) for trunk in TRUNKS}


def summary(results: dict[str, dict[str, float]]) -> list[str]:
    """Return a line for each trunk."""
    return [f"- 640x480, {row['superpixels']:.0f} superpixels, trunk {trunk}: {row['whole']:.3f} s "
            f"({row['inputs']:.3f} s superpixels and features, {row['network']:.3f} s network, "
            f"{row['map']:.3f} s map; the solver alone {row['solver']:.4f} s)"
            for trunk, row in results.items()]


def _measure_trunk(trunk: str, data: Path, scratch: Path) -> dict[str, float]:
    method = build_method(load_settings("eval", "", ["--method", "dcnf", "--trunk", trunk, "--data_url",
                                                     str(data)]))
    network = method.build_networks()["dcnf"].set_train(False)
    run = _onnx(network, method, scratch / f"{trunk}.onnx")
    solve = _solver(network.crf, method.settings.max_superpixels, scratch / f"{trunk}_solver.onnx")
    pictures = open_pairs(method.settings, "test")
    rows = [_timed(method, run, solve, pictures.read(index)[0]) for index in range(len(pictures))]
    return {name: median(row[name] for row in rows[2:]) for name in rows[0]}


def _timed(method: Method, run: Callable, solve: Callable, rgb: np.ndarray) -> dict[str, float]:
    """Return the seconds of one picture."""
    start = time.perf_counter()
    sample: Sample = method.prepare_frame("picture", {"picture": rgb})
    prepared = time.perf_counter()
    log_depth, unary = run({name: values[None] for name, values in sample.inputs.items()})
    predicted = time.perf_counter()
    method.to_full(method.decode("dcnf:depth", log_depth[0], sample), sample)
    painted = time.perf_counter()
    solve({"z": unary, "similarity": sample.inputs["similarity"][None]})
    solved = time.perf_counter()
    return {"inputs": prepared - start, "network": predicted - prepared, "map": painted - predicted,
            "whole": painted - start, "solver": solved - painted,
            "superpixels": int(sample.extras["labels"].max()) + 1}


def _onnx(network: object, method: Method, path: Path) -> Callable:
    (model,) = method.graph.models
    export_onnx(network, method.graph.input_specs(model), model.outputs, path, {}, {})
    return _session(path)


def _solver(crf: object, number: int, path: Path) -> Callable:
    """Export the CRF without the unary network."""
    kinds = crf.beta_logit.size
    inputs = TensorSpec("z", (number,)), TensorSpec("similarity", (kinds, number, number))
    export_onnx(crf, inputs, (TensorSpec("depth", (number,)),), path, {}, {})
    return _session(path)


def _session(path: Path) -> Callable:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)
