# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Batches depend on (seed, epoch, index) alone, arrive in order, and do not fill the memory."""
from __future__ import annotations

import threading
import time
import weakref

import numpy as np
import pytest

from src.datasets.loader import TrainLoader, ahead
from src.errors import UserError


class Samples:
    """Sample i: its number and what its generator draws; earlier samples take longer to read."""

    def __init__(self, size: int, bad: int = -1):
        self.size = size
        self.bad = bad
        self.lock = threading.Lock()
        self.reads = 0

    def __len__(self) -> int:
        return self.size

    def read(self, index, rng):
        if index == self.bad:
            raise UserError(f"sample {index} is damaged")
        time.sleep(0.002 * (index % 3))
        with self.lock:
            self.reads += 1
        return {"index": np.array(index), "drawn": rng.random(4)}


def load(size=20, batch_size=4, seed=1, workers=2, rank=0, ranks=1, first=0, last=9):
    loader = TrainLoader(Samples(size), batch_size, seed, workers, rank, ranks)
    return list(loader.batches(first, last))


def content(batches):
    """Everything in the batches, as bytes by batch."""
    return [(b.indices.tobytes(), *(b.columns[name].tobytes() for name in sorted(b.columns)))
            for b in batches]


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_workers_change_nothing(workers):
    assert content(load(workers=workers)) == content(load(workers=2))


def test_an_epoch_holds_every_sample_once_in_another_order():
    batches = load(size=20, last=10)
    epochs = [np.concatenate([b.indices for b in batches[i:i + 5]]) for i in (0, 5)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(20))] * 2
    assert epochs[0].tolist() != epochs[1].tolist() != list(range(20))
    assert all(np.array_equal(b.columns["index"], b.indices) for b in batches)


def test_augmentation_changes_with_epoch_sample_and_seed():
    drawn = {row.tobytes() for seed in (1, 2) for b in load(seed=seed, last=10) for row in b.columns["drawn"]}
    assert len(drawn) == 2 * 2 * 20


def test_a_sample_is_the_same_at_any_place():
    """Another batch size puts the sample elsewhere; what its generator draws is the same."""
    def by_index(batches):
        return {int(i): b.columns["drawn"][row].tobytes() for b in batches for row, i in enumerate(b.indices)}

    assert by_index(load(batch_size=4, last=5)) == by_index(load(batch_size=10, last=2))


def test_loading_continues_where_it_stopped():
    assert content(load(last=12))[7:] == content(load(first=7, last=12))


@pytest.mark.parametrize(("ranks", "batch_size"), [(2, 4), (4, 2), (8, 1)])
def test_ranks_share_the_batches_of_one(ranks, batch_size):
    """R ranks with batch B see at every step what one rank with batch R * B sees, in the same order."""
    size = 44  # five steps of 8 an epoch, 4 samples left over
    whole = load(size=size, batch_size=8, last=11)
    parts = [load(size=size, batch_size=batch_size, rank=r, ranks=ranks, last=11) for r in range(ranks)]
    for step, batch in enumerate(whole):
        for name, column in batch.columns.items():
            together = np.concatenate([part[step].columns[name] for part in parts])
            np.testing.assert_array_equal(together, column)


def test_a_set_smaller_than_a_batch_is_refused():
    with pytest.raises(UserError, match="has 7 samples, fewer than one batch of 8; give a smaller"):
        TrainLoader(Samples(7), 4, 1, 1, 0, 2)
    assert TrainLoader(Samples(8), 4, 1, 1, 0, 2).batches_per_epoch == 1


def test_a_workers_error_arrives():
    loader = TrainLoader(Samples(20, bad=3), 4, 1, 3)
    with pytest.raises(UserError, match="sample 3 is damaged"):
        list(loader.batches(0, 5))


def loader_threads():
    return [t for t in threading.enumerate() if t.name.startswith(("loader", "reader"))]


def test_few_batches_are_alive_and_threads_end():
    samples = Samples(400)
    loader = TrainLoader(samples, 4, 1, workers=3)
    read, made, most = loader._read, [], 0

    def watched(*arguments):
        batch = read(*arguments)
        made.append(weakref.ref(batch))
        return batch

    loader._read = watched
    batches = loader.batches(0, 100)
    for _ in range(40):
        batch = next(batches)
        time.sleep(0.003)  # the workers have time to run too far ahead
        most = max(most, sum(reference() is not None for reference in made))
    assert batch.indices.shape == (4,)
    assert 1 <= most <= 3 + 2  # one a worker, the next one, and the one that is being used
    batches.close()
    assert len(made) <= 40 + 3 + 1
    assert loader_threads() == []


def test_reading_ahead_keeps_order_and_bounds():
    started = []

    class Slow:
        def __getitem__(self, index):
            started.append(index)
            time.sleep(0.004 * (index % 3 == 0))
            if index == 30:
                raise UserError("sample 30 is damaged")
            return index

    reader = ahead(Slow(), range(40), workers=2)
    for expected in range(20):
        assert next(reader) == expected
        assert len(started) <= expected + 2 * 2 + 1
    with pytest.raises(UserError, match="sample 30"):
        list(reader)
    assert loader_threads() == []
