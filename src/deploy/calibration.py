# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The samples that int8 files are calibrated on, and what reaches each network on them."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from src.deploy.pictures import find_files
from src.errors import UserError
from src.graph import Graph
from src.method import Method, Sample
from src.prediction import Runner

Reader = Callable[[], Sample]


def calibration_readers(method: Method, part: Graph) -> tuple[list[Reader], str]:
    """Return what reads each calibration sample, and where they are from.

    Args:
        method: whose settings say: `calibration_list`, else the training set; `calibration_samples` of them.
        part: of its graph, whose inputs are needed.

    Raises:
        UserError: there is neither a list nor a training set.
    """
    s = method.settings
    if s.calibration_list:
        rows = _spread(find_files(method, part, s.calibration_list), s.calibration_samples)
        return [partial(method.prepare, name, files) for name, files in rows], s.calibration_list
    try:
        samples = method.calibration_samples()
    except UserError as error:
        raise UserError(f"int8 needs pictures to calibrate on: give --calibration_list, or the training set "
                        f"({error})") from None
    chosen = _spread(range(len(samples)), s.calibration_samples)
    return [partial(samples.__getitem__, index) for index in chosen], "the training set"


def _spread(items: Sequence, count: int) -> list:
    """Return `count` of the items, evenly spread, or all where there are fewer."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def by_model(part: Graph, runners: Mapping[str, Runner]) -> dict[str, Runner]:
    """Return the runners of networks by the names of the models that run them."""
    return {model.name: runners[model.network] for model in part.models}


def reaching(part: Graph, networks: Mapping[str, Runner], name: str,
             readers: Sequence[Reader]) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the inputs (1, ...) that reach a network on each sample, once for each model that runs it.

    Args:
        part: of the graph.
        networks: runs each of its networks.
        name: of the network.
        readers: of the samples.
    """
    reached: list[tuple[np.ndarray, ...]] = []

    def recording(*inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        reached.append(inputs)
        return networks[name](*inputs)

    runners = by_model(part, {**networks, name: recording})
    for read in readers:
        sample = read()
        part.run(runners, {spec.name: sample.inputs[spec.name][None] for spec in part.inputs})
        yield from reached
        reached.clear()
