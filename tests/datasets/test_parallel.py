# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Work by several processes: order, bounds, and errors that come through."""
from __future__ import annotations

import itertools
import os

import pytest

from src.datasets.parallel import in_order
from src.errors import UserError


def square(index: int) -> tuple[int, int]:
    if index == 90:
        raise UserError("ninety")
    return index * index, os.getpid()


@pytest.mark.parametrize(("workers", "count"), [(1, 9), (2, 40), (2, 3), (5, 0)])
def test_results_come_in_order(workers, count):
    found = list(in_order(square, count, workers))
    assert [value for value, _ in found] == [index * index for index in range(count)]
    processes = {process for _, process in found}
    assert len(processes) <= workers
    assert (os.getpid() in processes) == (count > 0 and (workers == 1 or count < 8))


def test_errors_come_through():
    with pytest.raises(UserError, match="ninety"):
        list(in_order(square, 100, 2))


def test_whoever_stops_early_leaves_nothing_running():
    """Only some items beyond those taken are ever begun."""
    taken = list(itertools.islice(results := in_order(square, 90, 2), 3))
    results.close()
    assert [value for value, _ in taken] == [0, 1, 4]
