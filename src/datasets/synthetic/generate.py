# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs a layout's jobs on all cores and keeps the output folder whole: made once, resumed if interrupted.

A layout is a module with `jobs(settings) -> list` of picklable jobs; a job has `files` (one tuple a frame of
paths relative to the output folder) and `run(output_dir)`, and draws only from a random stream of its own, so
that the number of workers changes nothing.
"""
from __future__ import annotations

import json
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import cv2
from tqdm import tqdm

from src.datasets.synthetic.settings import Settings
from src.errors import UserError
from src.files import write_json

# Raised by one whenever the same settings would give other files.
GENERATOR_VERSION = 1
RECORD = "synthetic.json"


def generate(output_dir: Path, settings: Settings, jobs: list, workers: int) -> int:
    """Write what is missing of a data set and return the number of frames written (0: it was complete).

    Raises:
        UserError: the folder holds anything else than (a part of) this very data set.
    """
    _claim(output_dir, settings)
    todo = [job for job in jobs
            if not all((output_dir / name).is_file() for frame in job.files for name in frame)]
    frames = sum(len(job.files) for job in todo)
    with tqdm(total=frames, unit="frame", desc=f"synthetic {settings.layout}", mininterval=0.5,
              disable=None if todo else True) as bar:
        if workers == 1 or len(todo) < 2:
            for job in todo:
                job.run(output_dir)
                bar.update(len(job.files))
        else:
            _run_parallel(output_dir, todo, workers, bar)
    return frames


def _claim(output_dir: Path, settings: Settings) -> None:
    """Record the settings in a new or empty folder; accept one with the same record; refuse any other."""
    record = {"generator_version": GENERATOR_VERSION, **asdict(settings)}
    path = output_dir / RECORD
    if output_dir.exists() and not output_dir.is_dir():
        raise UserError(f"--output_dir {output_dir} is a file; give a folder")
    if not output_dir.is_dir() or not any(output_dir.iterdir()):
        write_json(path, record)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"--output_dir {output_dir} is not empty and has no {RECORD}, so it is no synthetic "
                        "data set; give a new folder") from None
    if found != record:
        found = found if isinstance(found, dict) else {}
        other = [f"{k} {found.get(k)} instead of {v}" for k, v in record.items() if found.get(k) != v]
        raise UserError(f"--output_dir {output_dir} holds a synthetic data set of other settings "
                        f"({', '.join(other)}); give a new folder or delete that one")


def _run_parallel(output_dir: Path, jobs: list, workers: int, bar: tqdm) -> None:
    # "spawn": a fork would copy the locks of whatever threads the calling process runs.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_prepare_worker)
    try:
        running = {pool.submit(job.run, output_dir): len(job.files) for job in jobs}
        for future in as_completed(running):
            future.result()
            bar.update(running[future])
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_worker() -> None:
    cv2.setNumThreads(1)  # one process a core already
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
