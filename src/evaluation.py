# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""From samples to figures: running a method's graph over a data set and scoring it by protocols."""
from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from src.config import Settings
from src.datasets.loader import ahead
from src.errors import UserError
from src.files import atomic_path
from src.graph import Graph
from src.method import Method, Sample
from src.metrics import Accumulator, reported, score
from src.protocols import Protocol, protocol_named

Runners = Mapping[str, Callable[..., tuple[np.ndarray, ...]]]


def chosen_protocols(method: Method) -> list[Protocol]:
    """Return the protocols of the settings (the method's own by default) with the settings' variations."""
    s = method.settings
    changes = {"flip_average": s.flip_average}
    changes.update({field: s[name] for field, name in (("alignment", "alignment"), ("pooling", "pooling"),
                                                       ("max_depth_m", "max_depth_m")) if s[name] is not None})
    return [dataclasses.replace(protocol_named(name), **changes) for name in s.protocol or method.protocols]


def predict(method: Method, graph: Graph, runners: Runners, samples: Sequence[Sample],
            limit: int = 0) -> Iterator[tuple[Sample, dict[str, np.ndarray]]]:
    """Yield each sample with its depth maps (h, w) in metres at the network's size, by result.

    Samples are read a few ahead by threads; memory does not grow with their number. `flip_average`,
    `eval_batch_size` and `shuffle_inputs` are read from the method's settings.
    """
    s = method.settings
    total = min(len(samples), limit) if limit else len(samples)
    reader = ahead(samples, range(total), s.num_parallel_workers)
    if s.shuffle_inputs:
        reader = _with_next_inputs(reader)
    for batch in _chunks(reader, s.eval_batch_size):
        inputs = {name: np.stack([sample.inputs[name] for sample in batch]) for name in batch[0].inputs}
        raw = graph.run(runners, inputs)
        mirrored = graph.run(runners, method.mirrored(inputs)) if s.flip_average else None
        for i, sample in enumerate(batch):
            maps = {result: method.decode(result, values[i], sample) for result, values in raw.items()}
            if mirrored:
                maps = {result: (map_m + method.decode(result, mirrored[result][i], sample)[:, ::-1]) / 2
                        for result, map_m in maps.items()}
            yield sample, maps


def _chunks(items: Iterator[Sample], size: int) -> Iterator[list[Sample]]:
    chunk: list[Sample] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _with_next_inputs(samples: Iterator[Sample]) -> Iterator[Sample]:
    """Give each sample the inputs of the next one, the last those of the first."""
    first = previous = next(samples)
    for sample in samples:
        yield dataclasses.replace(previous, inputs=sample.inputs)
        previous = sample
    yield dataclasses.replace(previous, inputs=first.inputs)


class Evaluation:
    """The figures of every net under every protocol, one accumulator each; add samples, then read the report.

    Args:
        method: gives the placement of maps and the units.
        protocols: what to measure.
        keep_rows: keep the figures of every image for `write_csv`.
    """

    def __init__(self, method: Method, protocols: Sequence[Protocol], keep_rows: bool = False):
        self.method = method
        self.protocols = list(protocols)
        self.num_images = 0
        self.keep_rows = keep_rows
        self.rows: list[dict[str, object]] = []
        self._scores: dict[tuple[str, str], Accumulator] = {}
        self._own: dict[str, dict[str, list[float]]] = {}

    def add(self, sample: Sample, maps: Mapping[str, np.ndarray]) -> None:
        """Score the network-size maps of one sample.

        Raises:
            UserError: a prediction is not finite (the sample is named).
        """
        self.num_images += 1
        for result, map_m in maps.items():
            full_m, _ = self.method.to_full(map_m, sample)
            net = self.method.net_of(result)
            self._add(net, sample, map_m, full_m)
            own = self.method.own_figures(result, full_m, sample)
            for name, value in own.items():
                total = self._own.setdefault(net, {}).setdefault(name, [0.0, 0])
                total[0] += value
                total[1] += 1

    def add_external(self, sample: Sample, depth_m: np.ndarray) -> None:
        """Score a full-size map (H, W) that another program made."""
        self.num_images += 1
        self._add("external", sample, self.method.truth_at_network(depth_m), depth_m)

    def _add(self, net: str, sample: Sample, map_m: np.ndarray, full_m: np.ndarray) -> None:
        for protocol in self.protocols:
            if protocol.space == "network":
                prediction, truth = map_m, self.method.truth_at_network(sample.truth_m)
            else:
                prediction, truth = full_m, sample.truth_m
            try:
                image = score(prediction, truth, protocol)
            except UserError as error:
                raise UserError(f"sample {sample.name}, {net}: {error}") from None
            self._scores.setdefault((net, protocol.name), Accumulator(protocol)).add(image)
            if not self.keep_rows:
                continue
            figures = reported(image.figures(), protocol) if image.num_valid else {}
            self.rows.append({"name": sample.name, "net": net, "protocol": protocol.name,
                              "num_valid": image.num_valid, **figures})

    def report(self) -> dict:
        """Return the figures as `--output_json` writes them."""
        results = []
        for (net, _), scores in self._scores.items():
            own = {name: total / count for name, (total, count) in self._own.get(net, {}).items()}
            results.append({"net": net, "protocol": scores.protocol.as_dict(),
                            "metrics": {**scores.result(), **own},
                            "num_skipped": scores.num_skipped, "num_valid": scores.num_valid})
        return {"method": self.method.name, "num_images": self.num_images, "results": results}

    def write_csv(self, path: str | Path) -> None:
        """Write one row an image, net and protocol; figures are empty where an image has no valid pixel."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)


def external_map(settings: Settings, sample: Sample) -> np.ndarray:
    """Read another program's map of a sample from `--predictions`, resized linearly to the truth's size.

    Raises:
        UserError: there is no `<name>.npy` or `<name>.png`, or it cannot be read.
    """
    import cv2

    from src.datasets.image_files import read_depth

    stem = Path(settings.predictions) / sample.name
    npy, png = stem.with_name(f"{stem.name}.npy"), stem.with_name(f"{stem.name}.png")
    if npy.exists():
        depth_m = read_depth(npy, 1.0)
    elif png.exists():
        depth_m = read_depth(png, settings.prediction_scale)
    else:
        raise UserError(f"--predictions {settings.predictions} has neither {npy.name} nor {png.name}")
    height, width = sample.image_hw
    if depth_m.shape == (height, width):
        return depth_m
    return cv2.resize(depth_m, (width, height), interpolation=cv2.INTER_LINEAR)
