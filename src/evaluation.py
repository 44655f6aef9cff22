# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""From depth maps to figures: one accumulator for each net and protocol."""
from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from src.config import Settings
from src.errors import UserError
from src.files import atomic_path, write_json
from src.method import Method, Sample
from src.metrics import Accumulator, printed, reported, score
from src.protocols import Protocol, protocol_named


def chosen_protocols(method: Method) -> list[Protocol]:
    """Return the protocols of the settings (the method's own by default) with the settings' variations."""
    s = method.settings
    changes = {"flip_average": s.flip_average}
    changes.update({name: s[name] for name in ("alignment", "pooling", "max_depth_m") if s[name] is not None})
    chosen = [method.adapted(protocol_named(name)) for name in s.protocol or method.protocols]
    return [dataclasses.replace(protocol, **changes) for protocol in chosen]


class _OwnFigures:
    """A method's own figures (`Method.own_figures`) over the images, pooled like all others."""

    def __init__(self, pooling: str):
        self.pooling = pooling
        self._totals: dict[str, tuple[float, float]] = {}

    def add(self, figures: Mapping[str, tuple[float, float]]) -> None:
        for name, (total, count) in figures.items():
            if count == 0:
                continue
            if not np.isfinite(total):
                raise UserError(f"its own figure {name} is {total}")
            before = self._totals.get(name, (0.0, 0.0))
            added = (total, count) if self.pooling == "pixel" else (total / count, 1)
            self._totals[name] = (before[0] + added[0], before[1] + added[1])

    def result(self) -> dict[str, float]:
        return {name: total / count for name, (total, count) in self._totals.items()}


class Evaluation:
    """The figures of every net under every protocol, one accumulator each; add samples, then read the report.

    Args:
        method: gives the placement of maps and the units.
        protocols: what to measure.
        keep_rows: keep the figures of every image for `write_csv`.

    Maps that came with the samples (`Method.given_maps`) are measured beside the nets'.
    """

    def __init__(self, method: Method, protocols: Sequence[Protocol], keep_rows: bool = False):
        self.method = method
        self.protocols = list(protocols)
        self.num_images = 0
        self.given: set[str] = set()  # names of the maps that came with the samples
        self.keep_rows = keep_rows
        self.rows: list[dict[str, object]] = []
        self._scores: dict[tuple[str, str], Accumulator] = {}
        self._own: dict[tuple[str, str], _OwnFigures] = {}

    def add(self, sample: Sample, maps: Mapping[str, np.ndarray]) -> None:
        """Score the network-size maps of one sample.

        Raises:
            UserError: a prediction is not finite (the sample is named).
        """
        self.num_images += 1
        given = self.method.given_maps(sample)
        self.given |= set(given)
        for name, depth_m in given.items():
            self._add(name, sample, self.method.truth_at_network(depth_m), depth_m)
        for result, map_m in maps.items():
            self._add(result, sample, map_m, self.method.to_full(map_m, sample)[0])

    def add_external(self, sample: Sample, depth_m: np.ndarray) -> None:
        """Score a full-size map (H, W) that another program made."""
        self.num_images += 1
        self._add("external", sample, self.method.truth_at_network(depth_m), depth_m)

    def _add(self, result: str, sample: Sample, map_m: np.ndarray, full_m: np.ndarray) -> None:
        net = self.method.net_of(result)
        own = self.method.own_figures(result, full_m, sample)
        measured = self.method.measured(sample)
        _, truth_m = self.method.view_of(result, sample)
        for protocol in self.protocols:
            if protocol.space == "network":
                prediction, truth, weights = map_m, self.method.truth_at_network(truth_m), None
            else:
                prediction, truth, weights = full_m, truth_m, measured
            try:
                image = score(prediction, truth, protocol, weights)
                self._own.setdefault((net, protocol.name), _OwnFigures(protocol.pooling)).add(own)
            except UserError as error:
                raise UserError(f"sample {sample.name}, {net}: {error}") from None
            self._scores.setdefault((net, protocol.name), Accumulator(protocol)).add(image)
            if not self.keep_rows:
                continue
            figures = reported(image.figures(), protocol) if image.num_valid else {}
            self.rows.append({"name": sample.name, "net": net, "protocol": protocol.name,
                              "num_valid": image.num_valid, **figures,
                              **{name: total / count for name, (total, count) in own.items() if count}})

    def report(self) -> dict:
        """Return the figures as `--output_json` writes them."""
        results = []
        for key, scores in self._scores.items():
            results.append({"net": key[0], "protocol": scores.protocol.as_dict(),
                            "metrics": {**scores.result(), **self._own[key].result()},
                            "num_skipped": scores.num_skipped, "num_valid": scores.num_valid})
        return {"method": self.method.name, "num_images": self.num_images, "results": results}

    def write_csv(self, path: str | Path) -> None:
        """Write one row an image, net and protocol; figures are empty where an image has no valid pixel."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)

    def publish(self, settings: Settings) -> None:
        """Print every figure under its protocol and write `--output_json` and `--output_csv`."""
        report = self.report()
        print(f"{report['num_images']} images")
        for protocol in self.protocols:
            print(protocol.describe())
            for result in report["results"]:
                if result["protocol"]["name"] == protocol.name:
                    figures = printed(result["metrics"], protocol)
                    count = result["num_skipped"]
                    skipped = f" ({count} images without a valid pixel)" if count else ""
                    shown = " ".join(f"{name}: {value:.6f}" for name, value in figures.items())
                    print(f"  {result['net']}: {shown}{skipped}")
        if settings.output_json:
            write_json(settings.output_json, {**report, "settings": settings.plain()})
        if settings.output_csv:
            self.write_csv(settings.output_csv)
