# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Parallel loading ahead of the train step; what a batch holds depends on (seed, epoch, index) alone."""
from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.errors import UserError


@dataclass(frozen=True)
class Batch:
    """Stacked columns (N, ...) and the samples that they come from."""

    columns: dict[str, np.ndarray]
    indices: np.ndarray


class TrainLoader:
    """Shuffled, sharded, augmented batches of a training set.

    Each worker thread reads whole batches (decoding and OpenCV release the interpreter's lock); at most
    `workers + 1` batches beside the one in use are in memory, whatever the size of the set. The samples of an
    epoch are dealt out by batches of all ranks, so that rank r of R with batch B sees its part of the batches
    that one rank with batch R * B sees.

    Args:
        samples: a training set as `src.method.Method.train_samples` describes it.
        batch_size: samples a batch of this rank.
        seed: of the order and of the augmentation.
        workers: threads.
        rank: number of this process.
        ranks: number of processes.

    Raises:
        UserError: the set is smaller than one batch of all ranks.
    """

    def __init__(self, samples: Any, batch_size: int, seed: int, workers: int, rank: int = 0, ranks: int = 1):
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.workers = workers
        self.rank = rank
        self.ranks = ranks
        self.batches_per_epoch = len(samples) // (batch_size * ranks)
        if not self.batches_per_epoch:
            raise UserError(f"the training set has {len(samples)} samples, fewer than one batch of "
                            f"{batch_size * ranks}; give a smaller --batch_size")

    def _read(self, epoch: int, indices: np.ndarray) -> Batch:
        rows = [self.samples.read(int(index), np.random.default_rng([self.seed, epoch, int(index)]))
                for index in indices]
        return Batch({name: np.stack([row[name] for row in rows]) for name in rows[0]}, indices)

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """Yield batches number `first` up to, not including, `last`, counted over all epochs."""
        pending: deque[Future[Batch]] = deque()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="loader")
        try:
            for number in range(first, last):
                epoch, within = divmod(number, self.batches_per_epoch)
                if within == 0 or number == first:
                    order = np.random.default_rng([self.seed, epoch]).permutation(len(self.samples))
                start = (within * self.ranks + self.rank) * self.batch_size
                pending.append(pool.submit(self._read, epoch, order[start:start + self.batch_size]))
                if len(pending) > self.workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def ahead(samples: Any, indices: range, workers: int) -> Iterator[Any]:
    """Yield `samples[i]` for each index in order, read by threads a few samples ahead (constant memory)."""
    pending: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="reader")
    try:
        for index in indices:
            pending.append(pool.submit(samples.__getitem__, index))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
