# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's lists: find the panoramas of a data set, check them, and split them by place."""
from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.datasets.csv_index import read_rows  # noqa: E402 - no installed package
from src.datasets.image_files import read_header  # noqa: E402
from src.datasets.panorama import Row, problems, report, write_panoramas  # noqa: E402
from src.datasets.panorama_files import read_distance, read_pose  # noqa: E402
from src.datasets.panorama_pairs import pair_up, read_seen  # noqa: E402
from src.datasets.panorama_sets import (  # noqa: E402
    SETS,
    PanoramaSet,
    View,
    find_views,
    set_of,
    split_by_place,
)
from src.errors import CommandParser, UserError, run_command  # noqa: E402

_LISTS = ("train", "valid", "train_pairs", "valid_pairs")
_OWN = ("image_files", "depth_files", "pose_files")
_SAMPLE = 20

_ABOUT = """\
Write a training and a validation list of a set of panoramas, train.csv and valid.csv. No place is in both.

layouts, below DATA_DIR:
  seed          <uuid>/pan/images/<n>.jpg|png (else pan/high, pan/low), <uuid>/depth/<n>.png,
                <uuid>/pose/<n>.txt|json (may be absent); a place is a <uuid>
  stanford2d3d  area_<k>/pano/rgb|depth|pose/camera_*_{rgb.png,depth.png,pose.json}; a place is an area
  matterport3d  <scan>/pano_skybox_color/<id>.jpg, <scan>/pano_depth/<id>.png; a place is a scan
  3d60          */*_color_0_Left_Down_0.0.png, *_depth_0_Left_Down_0.0.exr; a place is a building
  own           --image_files, --depth_files and, where known, --pose_files say how the paths are made:
                {place} and {name}, and any further {part}, each stand for a part of a folder's or file's name

Depth is the distance along the ray: a 16-bit PNG with a scale (0 and 65535 = no reading), or an .exr in
metres. Files may end in capitals, as .JPG. All are checked by their headers, poses by their matrices,
before anything is written; earlier lists of these names are replaced. A row is image,depth or
image,depth,pose, relative to the list. Places of DATA_DIR/test.csv, where there is one, are left out."""
_EXAMPLES = """\
examples:
  python scripts/generate_csv.py panoramas --layout seed
  python scripts/generate_csv.py Stanford2D3D --layout stanford2d3d --output_dir lists --pairs
  python scripts/generate_csv.py scans --layout own --image_files "{place}/rgb/{name}.jpg" \\
      --depth_files "{place}/range/{name}.png" --depth_scale 512"""


def _number(low: float, high: float) -> Callable[[str], float]:
    """Return a parser of numbers from `low` to `high`."""
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = np.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not possible; give {low:g} to {high:g}")
        return value
    return parse


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not possible; give a whole number, 0 or more")
    return int(text)


def _held_out(root: Path, views: Sequence[View], listed: Path | None) -> set[str]:
    """Return the places that a list, `root`/test.csv by default, is about."""
    if listed is None and not (root / "test.csv").is_file():
        return set()
    path = listed or root / "test.csv"
    files = {(path.parent / field).resolve() for _, row in read_rows(path) for field in row}
    # Any file of a panorama: the list may name its picture at another size.
    places = {view.place for view in views if any((root / file).resolve() in files for file in view.row)}
    if not places:
        raise UserError(f"{path} names no file of the panoramas in {root}, so it holds no place out; give a "
                        "list that does by --without, or correct or remove this one")
    return places


def _check(root: Path, views: Sequence[View]) -> Counter:
    """Check all files by their headers, and poses; return how many pictures there are of each size."""
    wrong: list[str] = []
    sizes: Counter = Counter()
    for view in tqdm(views, unit="panorama", desc="check", disable=None):
        found = problems(root, [view.row]) or _pose_problems(root, view)
        wrong += found
        if not found:
            sizes["{}x{}".format(*read_header(root / view.row[0]).size_wh)] += 1
    report(root, wrong)
    return sizes


def _pose_problems(root: Path, view: View) -> list[str]:
    """Return what is wrong with a panorama's pose, where it has one; a pose is small enough to be read."""
    try:
        for file in view.row[2:]:
            read_pose(root / file)
    except UserError as error:
        return [str(error)]
    return []


def _pairs(root: Path, views: Sequence[View], units_per_m: float, args: argparse.Namespace) -> list[Row]:
    """Return the pairs; what is seen is kept of one world at a time."""
    def world(view: View) -> str:
        return view.world
    bar = tqdm(sorted(views, key=world), unit="panorama", desc="pairs", disable=None)
    pairs: list[Row] = []
    for _, members in groupby(bar, world):
        rows, seen = zip(*((view.row, read_seen(root, view.row, units_per_m)) for view in members))
        pairs += pair_up(rows, seen, args.max_distance_m, args.min_overlap)
    return pairs


def _write(lists: Mapping[str, Sequence[Row]], root: Path, output_dir: Path) -> None:
    for name in _LISTS:
        path = output_dir / f"{name}.csv"
        if name in lists:
            write_panoramas(path, [tuple(os.path.relpath(root / file, output_dir) for file in row)
                                   for row in lists[name]])
            print(f"{path}: {len(lists[name])} {'pairs' if name.endswith('_pairs') else 'panoramas'}")
        elif path.exists():
            print(f"{path} is of an earlier run and may share places with the new lists; delete it")


def _depth_summary(root: Path, views: Sequence[View], units_per_m: float, seed: int) -> str:
    """Say what the depth of some panoramas is, by which a wrong scale is seen."""
    chosen = np.random.default_rng(seed).permutation(len(views))[:_SAMPLE]
    maps = [read_distance(root / views[k].row[1], units_per_m)[::4, ::4] for k in chosen]
    depth_m = np.concatenate([values.ravel() for values in maps])
    read_m = depth_m[depth_m > 0]
    if not read_m.size:
        raise UserError(f"{root}: {len(maps)} depth maps that were looked at have no reading at all")
    low, middle, high = np.quantile(read_m, (0.01, 0.5, 0.99))
    return (f"depth of {len(maps)} panoramas: {low:.2f} to {high:.2f} m (1 to 99 %), median {middle:.2f} m, "
            f"{100 * (1 - read_m.size / depth_m.size):.1f} % without a reading")


def _set(args: argparse.Namespace) -> PanoramaSet:
    """Return how the data set's files lie."""
    if args.layout != "own":
        given = [name for name in _OWN if getattr(args, name)]
        if given:
            raise UserError(f"--{given[0]} is for --layout own; {args.layout} knows where its files lie")
        kind = SETS[args.layout]
        return kind._replace(units_per_m=args.depth_scale or kind.units_per_m)
    if not (args.image_files and args.depth_files and args.depth_scale):
        raise UserError("--layout own needs --image_files, --depth_files and --depth_scale")
    return set_of(args.image_files, args.depth_files, args.pose_files, args.depth_scale)


def main(argv: list[str]) -> None:
    """Find, check and split the panoramas, write the lists and say what is in them."""
    args = _parser().parse_args(argv)
    root, kind = args.data_dir, _set(args)
    views = find_views(root, kind)
    if args.pose_files and len(views[0].row) < 3:
        raise UserError(f"--pose_files {args.pose_files} fits no file in {root}; correct it or leave it out")
    held_out = _held_out(root, views, args.without)
    views = [view for view in views if view.place not in held_out]
    if not views:
        raise UserError(f"{root} has no places that are not held out by {args.without or root / 'test.csv'}")
    if args.pairs and len(views[0].row) < 3:
        raise UserError(f"--pairs needs poses, and {root} has none ({args.layout})")
    sizes = _check(root, views)
    summary = _depth_summary(root, views, kind.units_per_m, args.seed)
    parts = dict(zip(("train", "valid"), split_by_place(views, args.valid_share, args.seed)))
    lists = {name: [view.row for view in part] for name, part in parts.items() if part}
    if args.pairs:
        pairs = {f"{name}_pairs": _pairs(root, part, kind.units_per_m, args) for name, part in parts.items()}
        if not pairs["train_pairs"]:
            raise UserError(f"no two training panoramas are within {args.max_distance_m:g} m and overlap by "
                            f"{args.min_overlap:g}; give a larger --max_distance_m or smaller --min_overlap")
        lists.update({name: rows for name, rows in pairs.items() if rows})
    _write(lists, root, args.output_dir)
    print("places:", ", ".join(f"{len({view.place for view in part})} in {name}.csv"
                               for name, part in parts.items()))
    if held_out:
        print(f"places held out for tests: {len(held_out)}")
    print(f"pictures {', '.join(f'{size} ({count})' for size, count in sizes.most_common())}; depth files "
          f"{kind.units_per_m:g} units a metre (--depth_scale {kind.units_per_m:g})")
    print(summary)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("python scripts/generate_csv.py", _ABOUT, _EXAMPLES)
    parser.add_argument("data_dir", type=Path, metavar="DATA_DIR", help="the data set")
    parser.add_argument("--layout", choices=(*SETS, "own"), required=True,
                        help="how its files lie, see above")
    parser.add_argument("--image_files", metavar="PATTERN", help="own: paths of the pictures in DATA_DIR")
    parser.add_argument("--depth_files", metavar="PATTERN", help="own: paths of their depth")
    parser.add_argument("--pose_files", metavar="PATTERN", help="own: paths of their poses (default: none)")
    parser.add_argument("--depth_scale", type=_number(1e-3, 1e6), metavar="U",
                        help="units a metre of the depth files (default: the layout's)")
    parser.add_argument("--output_dir", type=Path, default=Path(), help="folder of the lists (default: .)")
    parser.add_argument("--valid_share", type=_number(0, 0.9), default=0.1,
                        help="share of the panoramas for validation, by whole places; 0: none (default: 0.1)")
    parser.add_argument("--seed", type=_seed, default=1, help="another number, another split (default: 1)")
    parser.add_argument("--without", type=Path, metavar="CSV",
                        help="leave out the places of this list (default: DATA_DIR/test.csv where it exists)")
    parser.add_argument("--pairs", action="store_true",
                        help="also write train_pairs.csv and valid_pairs.csv: each panorama with its nearest "
                             "neighbour of enough overlap, where it has one (reads all depth; needs poses)")
    parser.add_argument("--max_distance_m", type=_number(0.1, 100), default=3.0,
                        help="between the cameras of a pair (default: 3)")
    parser.add_argument("--min_overlap", type=_number(0, 1), default=0.3,
                        help="share of its readings that each of a pair sees in the other (default: 0.3)")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
