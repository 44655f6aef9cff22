# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Data sets, from the web to MindRecord: `make download|preprocess|convert DATASET...` calls this."""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.datasets.catalogue import DATA_SETS  # noqa: E402 - no installed package
from src.datasets.download import download, unpack  # noqa: E402
from src.datasets.mindrecord import Row, write_records  # noqa: E402
from src.datasets.prepared import Plan, Prepared, prepare  # noqa: E402
from src.errors import CommandParser, UserError, run_command  # noqa: E402

PARTS = ("train", "test")
_ABOUT = """\
Bring data sets to the form that training reads fastest. Below --data_dir, for each NAME:

  download     NAME/raw/ the files of the web, NAME/unpacked/ their archives; goes on where it stopped
  preprocess   NAME/train/, NAME/test/ <name>-image.png and <name>-depth.png (16-bit mm) or .npy (metres)
  convert      NAME/train.mindrecord, NAME/test.mindrecord, in shards
  list         says what data sets there are

Then --data_url DATA_DIR/NAME trains and evaluates. Depth keeps its metres; depth maps are resized by nearest
neighbours only, and keep their own size by default. NAME is one or more of:
""" + ", ".join(DATA_SETS) + ", all"
_EXAMPLES = """\
examples:
  make download make3d1 nyu && make preprocess convert make3d1 nyu
  python scripts/datasets.py preprocess nyu --data_dir /data --width 320 --height 240 --limit 100
  python scripts/datasets.py convert nyu --data_dir /data --shards 8"""


def download_set(name: str, args: argparse.Namespace) -> str:
    """Download and unpack a data set's files."""
    folder = args.data_dir / name
    files = [download(remote, folder / "raw", args.force) for remote in DATA_SETS[name].files]
    for file in files:
        unpack(file, folder / "unpacked", args.force)
    return f"{len(files)} files in {folder / 'raw'}; terms of use: {DATA_SETS[name].page}"


def preprocess_set(name: str, args: argparse.Namespace) -> str:
    """Write a data set's pictures and depth maps in one size."""
    chosen, folder = DATA_SETS[name], args.data_dir / name
    image_wh = _size("width", "height", args) or chosen.image_wh
    plan = Plan(image_wh, _size("dwidth", "dheight", args), chosen.unit, args.start, args.limit)
    sources = {part: chosen.open(folder, part) for part in PARTS}
    written = []
    for part, source in sources.items():
        count, problems = prepare(source, folder / part, plan, args.workers, args.force)
        left_out = [*(f"{file} has no partner" for file in getattr(source, "unpaired", ())), *problems]
        for problem in left_out:
            print(f"left out: {problem}", file=sys.stderr)
        written.append(f"{count} {part} samples" + (f" ({len(left_out)} left out)" if left_out else ""))
    return f"{' and '.join(written)} in {folder}"


def convert_set(name: str, args: argparse.Namespace,
                further: Callable[[np.ndarray], Row] | None = None) -> str:
    """Pack a data set's preprocessed files into records.

    Args:
        name: of the data set.
        args: of the command.
        further: gives further columns for a picture (H, W, 3) uint8, such as superpixels; can be pickled.
    """
    folder = args.data_dir / name
    parts = {part: Prepared(folder / part) for part in PARTS}
    for part, samples in parts.items():
        write_records(folder / f"{part}.mindrecord", samples.names, partial(samples.row, further=further),
                      args.shards, args.workers, args.force)
    counts = " and ".join(f"{len(samples)} {part}" for part, samples in parts.items())
    return f"{counts} samples in {folder}/*.mindrecord; train with --data_url {folder}"


def _size(width: str, height: str, args: argparse.Namespace) -> tuple[int, int] | None:
    size = getattr(args, width), getattr(args, height)
    if size == (None, None):
        return None
    if None in size:
        raise UserError(f"--{width} and --{height} (make: {width.upper()} and {height.upper()}) go together; "
                        "give both")
    return size


def _number(least: int, text: str) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
    return int(text)


_VERBS = {"download": download_set, "preprocess": preprocess_set, "convert": convert_set}


def _arguments(argv: list[str]) -> argparse.Namespace:
    count, index = partial(_number, 1), partial(_number, 0)
    parser = CommandParser("python scripts/datasets.py", _ABOUT, _EXAMPLES)
    parser.add_argument("verb", choices=(*_VERBS, "list"), help="what to do, see above")
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets")
    parser.add_argument("--data_dir", type=Path, default=Path("data"), metavar="D",
                        help="folder of all data sets; default: data")
    parser.add_argument("--force", action="store_true", help="make anew what is there")
    parser.add_argument("--workers", type=count, default=os.cpu_count() or 1,
                        help="processes; default: one a core")
    own = parser.add_argument_group("preprocess")
    for name, what in (("width", "pictures"), ("height", "pictures"), ("dwidth", "depth maps"),
                       ("dheight", "depth maps")):
        own.add_argument(f"--{name}", type=count, metavar="PX", help=f"of {what}; default: the data set's")
    own.add_argument("--start", type=index, default=0, metavar="I",
                     help="number of the first sample of each part; default: 0")
    own.add_argument("--limit", type=index, metavar="I", help="number after the last one; default: all")
    own = parser.add_argument_group("convert")
    own.add_argument("--shards", type=count, default=4, help="files a record; default: 4")
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    """Parse the arguments and do it for one data set after the other."""
    args = _arguments(argv)
    if args.verb == "list":
        for name, chosen in DATA_SETS.items():
            print(f"{name}: {chosen.about}\n  {chosen.page}")
        return
    names = list(DATA_SETS) if "all" in args.names else list(dict.fromkeys(args.names))
    unknown = [name for name in names if name not in DATA_SETS]
    if unknown or not names:
        what = f"no data set {unknown[0]}" if unknown else f"{args.verb} what?"
        raise UserError(f"{what}; name one or more of {', '.join(DATA_SETS)}, all")
    for name in names:
        print(f"{name}: {_VERBS[args.verb](name, args)}", flush=True)


if __name__ == "__main__":
    sys.exit(run_command(main))
