# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Data sets, from the web to MindRecord: `make download|preprocess|convert DATASET...` calls this.

`pack` makes records of any method's own data.
"""
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

from src.config import load_settings  # noqa: E402 - no installed package
from src.datasets.catalogue import DATA_SETS  # noqa: E402
from src.datasets.download import download, unpack  # noqa: E402
from src.datasets.mindrecord import Row, write_records  # noqa: E402
from src.datasets.prepared import Plan, Prepared, prepare  # noqa: E402
from src.errors import CommandParser, UserError, run_command  # noqa: E402
from src.method import build_method  # noqa: E402

PARTS = ("train", "test")
COMMAND = "scripts/datasets"
# dcnf's settings that superpixels depend on; `convert` takes them, too.
DIVIDING = ("preset", "num_superpixels", "max_superpixels", "slic_regularizer", "block_px", "max_edge_px")
_ABOUT = """\
Bring data sets to the form that training reads fastest. Below --data_dir, for each NAME:

  download     NAME/raw/ the files of the web, NAME/unpacked/ their archives; goes on where it stopped
  preprocess   NAME/train/, NAME/test/ <name>-image.png and <name>-depth.png (16-bit mm) or .npy (metres)
  convert      NAME/train.mindrecord, NAME/test.mindrecord, in shards, with the superpixels of --method dcnf
  list         says what data sets there are
  pack         makes records of any method's own data; `pack --help` tells how

Then --data_url DATA_DIR/NAME trains and evaluates. Depth keeps its metres; depth maps are resized by nearest
neighbours only, and keep their own size by default. NAME is one or more of:
""" + ", ".join(DATA_SETS) + ", all"
_EXAMPLES = """\
examples:
  make download make3d1 nyu && make preprocess convert make3d1 nyu
  python scripts/datasets.py preprocess nyu --data_dir /data --width 320 --height 240 --limit 100
  python scripts/datasets.py convert nyu --data_dir /data --shards 8
  python scripts/datasets.py convert nyu --preset cpu --force      for train.py --method dcnf --preset cpu
  python scripts/datasets.py convert nyu --superpixels none        for the other methods"""
_PACK = """\
Pack the data of a method into OUTPUT_DIR/train.mindrecord and test.mindrecord; then --data_url OUTPUT_DIR
trains and evaluates as with the files: the samples are the same, bit by bit. Every setting of the method may
be given (`python train.py --method M --help` lists them): where the data are, and how they are read."""
_PACK_EXAMPLES = """\
examples:
  python scripts/datasets.py pack --method panodepth --data_url output/panoramas --output_dir records
  python scripts/datasets.py pack --method mergedepth --data_url kitti --output_dir /fast/kitti --shards 16
  python scripts/datasets.py pack --method depthnet --data_list own.txt --parts train --output_dir records"""


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
    for source in sources.values():
        plan.chosen(source)  # both parts have some of the range, before a file of one is touched
    written = []
    for part, source in sources.items():
        count, problems = prepare(source, folder / part, plan, args.workers, args.force)
        left_out = [*(f"{file} has no partner" for file in getattr(source, "unpaired", ())), *problems]
        for problem in left_out:
            print(f"left out: {problem}", file=sys.stderr)
        written.append(f"{count} {part} samples" + (f" ({len(left_out)} left out)" if left_out else ""))
    return f"{' and '.join(written)} in {folder}"


def convert_set(name: str, args: argparse.Namespace) -> str:
    """Pack a data set's preprocessed files into records, with superpixels unless there are to be none."""
    folder, superpixels = args.data_dir / name, _superpixels(args)
    parts = {part: Prepared(folder / part) for part in PARTS}
    if len({samples.plan for samples in parts.values()}) > 1:
        raise UserError(f"{folder}/train and {folder}/test were made with other sizes or ranges; preprocess "
                        "both again with --force (make: FORCE=1)")
    for part, samples in parts.items():
        write_records(folder / f"{part}.mindrecord", samples.names, partial(samples.row, further=superpixels),
                      args.shards, args.workers, args.force)
    counts = " and ".join(f"{len(samples)} {part}" for part, samples in parts.items())
    return f"{counts} samples in {folder}/*.mindrecord; train with --data_url {folder}"


def _superpixels(args: argparse.Namespace) -> Callable[[np.ndarray], Row] | None:
    """Return what gives the columns of a picture's superpixels, or None where these are not wanted."""
    if args.superpixels == "none":
        return None
    from src.dcnf.data_loader import superpixel_row

    given = {name: vars(args)[name] for name in ("superpixels", *DIVIDING)}
    settings = load_settings(COMMAND, "", ["--method", "dcnf", *(f"--{name}={value}" for name, value
                                                                 in given.items() if value is not None)])
    build_method(settings)  # which refuses those that do not fit together
    return partial(superpixel_row, settings=settings)


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


def pack(argv: list[str]) -> None:
    """Parse the arguments of `pack`, and do it."""
    parser = CommandParser(f"python {COMMAND}.py pack", _PACK, _PACK_EXAMPLES)
    parser.add_argument("--output_dir", type=Path, required=True, metavar="D", help="folder for the records")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: train test")
    _add_writing(parser, parser)
    args, others = parser.parse_known_args(argv)
    settings = load_settings(COMMAND, "", others)
    parts = list(dict.fromkeys(args.parts))
    if settings.data_list and len(parts) > 1:
        raise UserError("--data_list names the samples of one part; give --parts train or --parts test")
    method = build_method(settings)
    found = {part: method.record_rows(part) for part in parts}
    for part, rows in found.items():
        write_records(args.output_dir / f"{part}.mindrecord", *rows, args.shards, args.workers, args.force)
    counts = " and ".join(f"{len(rows.names)} {part}" for part, rows in found.items())
    print(f"{counts} samples in {args.output_dir}/*.mindrecord; train with --method {method.name} --data_url "
          f"{args.output_dir}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    count, index = partial(_number, 1), partial(_number, 0)
    parser = CommandParser(f"python {COMMAND}.py", _ABOUT, _EXAMPLES)
    parser.add_argument("verb", choices=(*_VERBS, "list"), help="what to do, see above")
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets")
    parser.add_argument("--data_dir", type=Path, default=Path("data"), metavar="D",
                        help="folder of all data sets; default: data")
    own = parser.add_argument_group("preprocess")
    for name, what in (("width", "pictures"), ("height", "pictures"), ("dwidth", "depth maps"),
                       ("dheight", "depth maps")):
        own.add_argument(f"--{name}", type=count, metavar="PX", help=f"of {what}; default: the data set's")
    own.add_argument("--start", type=index, default=0, metavar="I",
                     help="number of the first sample of each part; default: 0")
    own.add_argument("--limit", type=index, metavar="I", help="number after the last one; default: all")
    own = parser.add_argument_group("convert")
    _add_writing(parser, own)
    own.add_argument("--superpixels", choices=("slic", "grid", "none"),
                     help="how dcnf divides the pictures; default: as --preset says, else slic")
    for name in DIVIDING:
        own.add_argument(f"--{name}", metavar="X", help="as train.py --method dcnf takes it")
    return parser.parse_args(argv)


def _add_writing(parser: argparse.ArgumentParser, records: argparse._ActionsContainer) -> None:
    parser.add_argument("--force", action="store_true", help="make anew what is there")
    parser.add_argument("--workers", type=partial(_number, 1), default=os.cpu_count() or 1, metavar="N",
                        help="processes; default: one a core")
    records.add_argument("--shards", type=partial(_number, 1), default=4, metavar="N",
                         help="files a record; default: 4")


def main(argv: list[str]) -> None:
    """Parse the arguments and do it for one data set after the other."""
    if argv[:1] == ["pack"]:
        pack(argv[1:])
        return
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
