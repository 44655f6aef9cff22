# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""int8 ONNX files of a method: calibrated on pictures, then measured beside the float32 files."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.deploy.calibration import Reader, by_model, calibration_readers, reaching
from src.deploy.quantize import quantize
from src.deploy.runtimes import onnx_runner
from src.errors import UserError
from src.evaluation import Evaluation, chosen_protocols
from src.files import write_json
from src.graph import Graph
from src.method import Method
from src.prediction import Runners, predict, read_samples
from src.protocols import Protocol

FOLDER = "INT8"
_SHOWN = ("delta1", "abs_rel", "rmse")


def measured_part(method: Method) -> Graph:
    """Return the part of the graph that makes the depth of the networks to write.

    Raises:
        UserError: `--export_nets` names one without: nothing would show what rounding does to it.
    """
    graph, chosen = method.graph, method.settings.export_nets
    part = graph.upto(graph.results_of(graph.models_of(chosen or tuple(graph.networks))))
    blind = [name for name in chosen if name not in part.networks]
    if blind:
        raise UserError(f"--file_format INT8: {', '.join(blind)} makes no depth that int8 could be measured "
                        "by; leave it out of --export_nets, or INT8 out of --file_format")
    return part


def write_int8(method: Method, part: Graph, sources: Mapping[str, Path]) -> None:
    """Write and print `<train_url>/INT8/Final<Net>.onnx`, and accuracy.json with what rounding costs.

    Args:
        method: whose settings say which networks to write, on what to calibrate and how to measure.
        part: of its graph, as `measured_part` gives it.
        sources: the float32 ONNX file of each of the part's networks.

    Raises:
        UserError: there is nothing to calibrate on, or a network cannot be quantized.
    """
    s, protocol = method.settings, chosen_protocols(method)[0]
    readers, origin = calibration_readers(method, part)
    floats = {name: onnx_runner(path) for name, path in sources.items()}
    runners, files = dict(floats), {}
    for name, model in part.networks.items():
        if s.export_nets and name not in s.export_nets:
            continue
        path = Path(s.train_url) / FOLDER / f"{model.file}.onnx"
        count = quantize(sources[name], path, reaching(part, floats, name, readers), s.int8_weight_bits == 7)
        runners[name] = onnx_runner(path)
        before, after = sources[name].stat().st_size, path.stat().st_size
        files[name] = {"float32_bytes": before, "int8_bytes": after, "ratio": after / before}
        print(f"{path}: {after / 1e6:.2f} MB, {100 * after / before:.1f} % of the float32 file, calibrated "
              f"on {count} inputs from {origin}")
    accuracy = _accuracy(method, part, (by_model(part, floats), by_model(part, runners)), protocol, readers)
    write_json(Path(s.train_url) / FOLDER / "accuracy.json",
               {"method": method.name, "calibration": {"from": origin, "samples": len(readers)},
                "files": files, **accuracy})


def _accuracy(method: Method, part: Graph, runners: tuple[Runners, Runners], protocol: Protocol,
              readers: Sequence[Reader]) -> dict[str, Any]:
    """Measure and print float32 and int8: on the evaluation set or, without one, against each other."""
    try:
        samples = method.eval_samples()
    except UserError as error:
        print(f"no evaluation set, so no figures: {error}")
        return _relative_difference(method, part, runners, readers)
    evaluations = []
    for each in runners:
        evaluation = Evaluation(method, [protocol])
        for sample, maps in predict(method, part, each, read_samples(method, samples, method.settings.limit)):
            evaluation.add(sample, maps)
        evaluations.append(evaluation)
    reports = [evaluation.report() for evaluation in evaluations]
    print(f"{reports[0]['num_images']} images\n{protocol.describe()}")
    results = []
    for float32, int8 in zip(*(report["results"] for report in reports)):
        if float32["net"] in evaluations[0].given:
            continue
        before, after = float32["metrics"], int8["metrics"]
        difference = {name: after[name] - before[name] for name in before if name in after}
        rows = {"float32": before, "int8": after, "difference": difference}
        for row, figures in rows.items():
            sign = "+" if row == "difference" else ""
            shown = " ".join(f"{name}: {figures[name]:{sign}.6f}" for name in _SHOWN)
            print(f"  {float32['net']} {row}: {shown}")
        results.append({"net": float32["net"], **rows})
    return {"num_images": reports[0]["num_images"], "protocol": protocol.as_dict(), "results": results}


def _relative_difference(method: Method, part: Graph, runners: tuple[Runners, Runners],
                         readers: Sequence[Reader]) -> dict[str, Any]:
    """Measure and print how far the calibration samples' maps are apart, relative to their mean depth."""
    shares: dict[str, list[float]] = {result: [] for result in part.results}
    made = (predict(method, part, each, (read() for read in readers)) for each in runners)
    for (_, float32), (_, int8) in zip(*made):
        for result, found in shares.items():
            mean = max(float(float32[result].mean()), np.finfo(np.float32).tiny)
            found.append(float(np.abs(int8[result] - float32[result]).mean()) / mean)
    results = [{"net": method.net_of(result), "mean_relative_difference": float(np.mean(found))}
               for result, found in shares.items()]
    for row in results:
        print(f"  {row['net']}: int8 is {100 * row['mean_relative_difference']:.3f} % off float32 in the "
              f"mean of {len(readers)} calibration samples")
    return {"num_images": 0, "protocol": None, "results": results}
