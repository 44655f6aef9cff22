# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""KITTI's ground truth: project every velodyne scan into the left and the right view, and write the maps."""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal

import numpy as np
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.datasets.image_files import write_depth_png  # noqa: E402 - no installed package
from src.datasets.kitti.calibration import Calibration, read_calibration  # noqa: E402
from src.datasets.kitti.frame_lists import FrameId  # noqa: E402
from src.datasets.kitti.layout import TRUTHS, find_drives  # noqa: E402
from src.datasets.kitti.raw import UNITS_PER_M  # noqa: E402
from src.datasets.kitti.velodyne import project, read_scan, scan_problem  # noqa: E402
from src.errors import CommandParser, UserError, run_command  # noqa: E402
from src.files import atomic_path  # noqa: E402

_ABOUT = """\
Project KITTI raw's velodyne scans into image_02 and image_03. Each scan

  <root>/<date>/<drive>/velodyne_points/data/<frame>.bin

with <root>/<date>/calib_cam_to_cam.txt and calib_velo_to_cam.txt becomes

  --format png   <root>/<date>/<drive>/proj_depth/groundtruth/image_02/<frame>.png and image_03/...
                 16-bit, z in 1/256 m, 0 = no reading
  --format npy   <root>/left_gt/<drive>/<frame>.npy and right_gt/...
                 float32 (H, W), z in metres, 0 = no reading

A frame whose files exist is kept, so a stopped run goes on where it stopped; nothing is written before all
scans and calibrations have been found in order."""
_EXAMPLES = """\
examples:
  python scripts/prepare_kitti_gt.py kitti --format png                  every drive of every date
  python scripts/prepare_kitti_gt.py kitti/2011_09_26 --format png       every drive of a date
  python scripts/prepare_kitti_gt.py kitti/2011_09_26/2011_09_26_drive_0048_sync --format npy \\
      --output_dir data                                                  one drive, beside data/left_imgs"""


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no count of processes; give 1 or more")
    return int(text)


def _frames(root: Path, drives: tuple[str, ...]) -> list[FrameId]:
    """Return the frames that have a scan, which is checked as far as its size tells."""
    (scans,) = TRUTHS["velodyne"]
    frames = []
    for drive in drives:
        numbers = sorted(scans.files(root, drive))
        if not numbers:
            raise UserError(f"{root / scans.folder_of(drive)} holds no scans <frame>.bin, ten digits each")
        frames += [FrameId(drive, number) for number in numbers]
    for frame in frames:
        problem = scan_problem(root / scans.file_of(frame))
        if problem:
            raise UserError(f"{root / scans.file_of(frame)} is {problem}; replace or remove it")
    return frames


def _write(path: Path, depth_m: np.ndarray) -> None:
    if path.suffix == ".png":
        write_depth_png(path, depth_m, UNITS_PER_M["png"])
    else:
        with atomic_path(path) as temporary:
            np.save(temporary, depth_m)


def _maps(frame: FrameId, output_dir: Path, kind: str) -> list[Path]:
    """Return the files of a frame's ground truth, left and right."""
    return [output_dir / column.file_of(frame) for column in TRUTHS[kind]]


def prepare(frame: FrameId, root: Path, output_dir: Path, kind: str,
            calibrations: dict[str, Calibration]) -> None:
    """Write both maps of a frame."""
    (scans,) = TRUTHS["velodyne"]
    points = read_scan(root / scans.file_of(frame))
    for path, view in zip(_maps(frame, output_dir, kind), calibrations[frame.date].views):
        _write(path, project(points, view))


def _run(work: Callable[[FrameId], None], frames: list[FrameId], workers: int) -> Iterator[None]:
    """Yield after each frame, in order; one worker is this process."""
    workers = min(workers, len(frames))
    if workers <= 1:
        yield from map(work, frames)
        return
    # Spawned, since a fork copies the locks of threads that a caller may have; workers leave Ctrl-C to us.
    with ProcessPoolExecutor(workers, get_context("spawn"), signal, (SIGINT, SIG_IGN)) as pool:
        yield from pool.map(work, frames)


def main(argv: list[str]) -> None:
    """Parse the arguments, check all scans, then prepare them in parallel."""
    parser = CommandParser("python scripts/prepare_kitti_gt.py", _ABOUT, _EXAMPLES)
    parser.add_argument("folder", type=Path, help="KITTI raw's root, a date or a drive in it")
    parser.add_argument("--format", choices=("png", "npy"), required=True, help="what to write, see above")
    parser.add_argument("--output_dir", type=Path, help="root of what is written; default: the scans' root")
    parser.add_argument("--overwrite", action="store_true", help="write files anew that exist")
    parser.add_argument("--workers", type=_count, default=os.cpu_count(),
                        help="processes; default: one a core")
    args = parser.parse_args(argv)
    root, drives = find_drives(args.folder)
    frames = _frames(root, drives)
    calibrations = {date: read_calibration(root / date) for date in sorted({frame.date for frame in frames})}
    output_dir = args.output_dir or root
    todo = [frame for frame in frames
            if args.overwrite or not all(path.exists() for path in _maps(frame, output_dir, args.format))]
    work = partial(prepare, root=root, output_dir=output_dir, kind=args.format, calibrations=calibrations)
    for _ in tqdm(_run(work, todo, args.workers), total=len(todo), unit="frame", disable=None):
        pass
    print(f"{len(todo)} frames written below {output_dir}, {len(frames) - len(todo)} were there")


if __name__ == "__main__":
    sys.exit(run_command(main))
