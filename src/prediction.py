# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Depth maps of a data set: a method's graph run batch by batch, or maps that another program wrote."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from src.config import Settings
from src.datasets.image_files import read_depth
from src.datasets.loader import ahead
from src.errors import UserError
from src.graph import Graph
from src.method import Method, Sample

if TYPE_CHECKING:
    from mindspore import nn

# Takes a model's inputs as NumPy batches and returns its outputs as NumPy batches.
Runner = Callable[..., tuple[np.ndarray, ...]]
Runners = Mapping[str, Runner]


def as_arrays(outputs: object) -> tuple[np.ndarray, ...]:
    """Return a network's output tensor or tensors as NumPy arrays, at least float32."""
    outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    arrays = (output.asnumpy() for output in outputs)
    return tuple(a.astype(np.float32) if a.dtype == np.float16 else a for a in arrays)  # O2 while training


def network_runner(network: nn.Cell) -> Runner:
    """Run a MindSpore network in inference mode."""
    from mindspore import Tensor

    def run(*inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        network.set_train(False)
        return as_arrays(network(*(Tensor(value) for value in inputs)))

    return run


def network_runners(networks: Mapping[str, nn.Cell]) -> dict[str, Runner]:
    """Return a runner for each network."""
    return {name: network_runner(network) for name, network in networks.items()}


def read_samples(method: Method, samples: Sequence[Sample], limit: int = 0) -> Iterator[Sample]:
    """Yield the samples of a set (the first `limit`), read a few ahead by threads: memory does not grow.

    With `shuffle_inputs` each has the inputs of another.
    """
    total = min(len(samples), limit) if limit else len(samples)
    samples = _OtherInputs(method, samples, total) if method.settings.shuffle_inputs else samples
    return ahead(samples, range(total), method.settings.num_parallel_workers)


class _OtherInputs:
    """The first `total` samples, each with the inputs of the one half of them further on.

    The next one's would not do: neighbours in a drive look alike.
    """

    def __init__(self, method: Method, samples: Sequence[Sample], total: int):
        self.method = method
        self.samples = samples
        self.total = total

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, index: int) -> Sample:
        other = self.samples[(index + max(1, self.total // 2)) % self.total]
        return self.method.shuffled(self.samples[index], other)


def predict(method: Method, graph: Graph, runners: Runners,
            samples: Iterator[Sample]) -> Iterator[tuple[Sample, dict[str, np.ndarray]]]:
    """Yield each sample with its depth maps (h, w) in metres at the network's size, by result.

    `flip_average` and `eval_batch_size` are read from the method's settings.
    """
    s = method.settings
    for batch in _batches(samples, s.eval_batch_size):
        maps = _network_maps(method, graph, runners, batch)
        if s.flip_average:
            mirrored = _network_maps(method, graph, runners, [method.mirrored(sample) for sample in batch])
            maps = [{result: (map_m + flipped[result][:, ::-1]) / 2 for result, map_m in plain.items()}
                    for plain, flipped in zip(maps, mirrored)]
        yield from zip(batch, maps)


def _network_maps(method: Method, graph: Graph, runners: Runners,
                  batch: list[Sample]) -> list[dict[str, np.ndarray]]:
    """Run the graph on a batch; return the maps in metres of each sample, by result."""
    raw = graph.run(runners, {spec.name: np.stack([sample.inputs[spec.name] for sample in batch])
                              for spec in graph.inputs})
    return [{result: method.decode(result, values[i], sample) for result, values in raw.items()}
            for i, sample in enumerate(batch)]


def _batches(samples: Iterator[Sample], size: int) -> Iterator[list[Sample]]:
    """Yield up to `size` samples at a time, in order, whose inputs have the same shapes."""
    def shapes(sample: Sample) -> dict[str, tuple[int, ...]]:
        return {name: values.shape for name, values in sample.inputs.items()}

    batch: list[Sample] = []
    for sample in samples:
        if batch and (len(batch) == size or shapes(sample) != shapes(batch[0])):
            yield batch
            batch = []
        batch.append(sample)
    if batch:
        yield batch


def external_map(settings: Settings, sample: Sample) -> np.ndarray:
    """Read another program's map of a sample from `--predictions`, resized linearly to the truth's size.

    Raises:
        UserError: there is no `<name>.npy` or `<name>.png`, or it cannot be read.
    """
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
