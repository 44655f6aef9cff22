# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Work on numbered items by several processes; the results come in order and are never many at a time."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from signal import SIG_IGN, SIGINT, signal
from typing import TypeVar

import cv2

T = TypeVar("T")
_AHEAD = 4  # results a process that may wait for their turn
_FEWEST = 4  # items a process: for fewer its start, of about a second, does not pay


def in_order(work: Callable[[int], T], count: int, workers: int) -> Iterator[T]:
    """Yield `work(0)` to `work(count - 1)`; one worker is this process.

    Args:
        work: can be pickled; what it raises comes through.
        count: of the items.
        workers: processes, at most; fewer where there is little to do.
    """
    workers = min(workers, count // _FEWEST)
    if workers <= 1:
        yield from map(work, range(count))
        return
    # Spawned, since a fork copies the locks of threads that a caller may have.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _prepare)
    pending: deque[Future[T]] = deque()
    try:
        for index in range(count):
            pending.append(pool.submit(work, index))
            if len(pending) > _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare() -> None:
    cv2.setNumThreads(1)  # one process a core already
    signal(SIGINT, SIG_IGN)  # Ctrl-C is the parent's to handle
