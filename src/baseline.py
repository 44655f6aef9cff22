# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The best that can be predicted without looking: constant depth maps of a training set."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from src.datasets.loader import ahead
from src.evaluation import Evaluation
from src.method import Method
from src.prediction import read_samples
from src.protocols import Protocol

_HIGHER = ("delta1", "delta2", "delta3")


def constant_maps(depth_maps_m: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Return the per-pixel mean, median and geometric mean of a training set's maps.

    Args:
        depth_maps_m: maps (h, w) in metres on the network's grid, 0 = no reading. All are held in memory.

    Returns:
        "mean", "median", "geometric_mean": (h, w) float32; a pixel that never has a reading takes the map's
            median.
    """
    maps = np.stack([np.where(m > 0, m, np.nan) for m in depth_maps_m]).astype(np.float64)
    empty = np.isnan(maps).all(axis=0)
    maps[:, empty] = np.nanmedian(maps)
    constants = {"mean": np.nanmean(maps, axis=0), "median": np.nanmedian(maps, axis=0),
                 "geometric_mean": np.exp(np.nanmean(np.log(maps), axis=0))}
    return {name: values.astype(np.float32) for name, values in constants.items()}


def constant_figures(method: Method, maps: Sequence[np.ndarray], result: str,
                     protocol: Protocol) -> dict[str, dict[str, float]]:
    """Score the constant maps of a training set on the method's evaluation set.

    Args:
        method: gives the evaluation set and how maps are placed in pictures.
        maps: of the training set, (h, w) in metres on the network's grid, 0 = no reading (`TrainingMaps`).
        result: of the method's graph, in whose place the maps stand (it tells the view).
        protocol: what to measure.

    Returns:
        the figures by the names of `constant_maps`.
    """
    constants = constant_maps(ahead(maps, range(len(maps)), method.settings.num_parallel_workers))
    evaluations = {name: Evaluation(method, [protocol]) for name in constants}
    for sample in read_samples(method, method.eval_samples()):
        for name, evaluation in evaluations.items():
            evaluation.add(sample, {result: constants[name]})
    return {name: evaluation.report()["results"][-1]["metrics"] for name, evaluation in evaluations.items()}


def best_figures(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return each figure's best value over several maps."""
    return {name: (max if name in _HIGHER else min)(values[name] for values in figures.values())
            for name in next(iter(figures.values()))}


class TrainingMaps:
    """The depth maps of a training set on the network's grid.

    Args:
        samples: of `Method.train_samples`, without augmentation.
        column: of these samples, depth in metres (1, h, w).
    """

    def __init__(self, samples: Any, column: str):
        self.samples = samples
        self.column = column

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.samples.read(index, np.random.default_rng(0))[self.column][0]
