# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Draw the dense matches between two posed panoramas, and say whether their colours agree."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.datasets.panorama import Panorama, PanoramaList, read_panoramas  # noqa: E402 - no installed package
from src.errors import CommandParser, UserError, run_command  # noqa: E402
from src.geometry.matches import dense_matches, relative_pose  # noqa: E402
from src.geometry.trajectory import angle_between_deg, distance_between_m  # noqa: E402
from src.panodepth.agreement import agreement  # noqa: E402
from src.panodepth.dense import draw_matches  # noqa: E402
from src.visualize import save_picture  # noqa: E402

_ABOUT = """\
Draw which pixels of two panoramas of one place show the same point, by depth and poses: the panoramas above
each other, some of the matches as lines, coloured by longitude in the upper one.

PAIRS is a list with image,depth,pose,image2,depth2,pose2, as scripts/generate_csv.py --pairs writes it. A
pixel has a match where the other panorama's depth says that it sees the point, too. Printed are the share of
the pixels that have one, by solid angle, and the mean difference of the colours at matches and at random
places: where poses and depth are right, the former is far smaller."""
_EXAMPLES = """\
examples:
  python scripts/draw_matches.py train_pairs.csv --index 3 --output dense.png
  python scripts/draw_matches.py Stanford2D3D/train_pairs.csv --depth_scale 512"""
_WIDEST_PX = 1024
_SPACING_PX, _ROWS_DRAWN = 24, 12  # closer matches hide small pictures, more rows of them large ones


def _index(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not possible; give a row's number, 0 or more")
    return int(text)


def _scale(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 < value < np.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not possible; give units a metre, above 0")
    return value


def _read(pairs: PanoramaList, index: int) -> tuple[Panorama, Panorama]:
    """Read both panoramas of a row, at one size."""
    first, second = pairs.read(index), pairs.read(index, second=True)
    width_px = min(first.rgb.shape[1], _WIDEST_PX)
    return first.resized(width_px, width_px // 2), second.resized(width_px, width_px // 2)


def main(argv: list[str]) -> None:
    """Draw the matches of one row and print how they agree."""
    args = _parser().parse_args(argv)
    pairs = read_panoramas(args.pairs, args.depth_scale)
    if not pairs.has_pair:
        raise UserError(f"{args.pairs} names single panoramas; make a list of pairs by "
                        "scripts/generate_csv.py --pairs")
    if args.index >= len(pairs):
        raise UserError(f"{args.pairs} has {len(pairs)} pairs; give --index 0 to {len(pairs) - 1}")
    here, there = _read(pairs, args.index)
    places, visible = dense_matches(here.depth_m, there.depth_m,
                                    relative_pose(here.camera_to_world, there.camera_to_world))
    image, other = pairs.rows[args.index][::3]
    if not visible.any():
        raise UserError(f"no pixel of {image} is seen in {other}; check the poses (camera to world, of one "
                        f"place) and --depth_scale {args.depth_scale:g}")
    figures = agreement(here.rgb, there.rgb, places, visible)
    spacing_px = max(_SPACING_PX, len(visible) // _ROWS_DRAWN)
    save_picture(args.output, draw_matches(here.rgb, there.rgb, places, visible, spacing_px))
    poses = here.camera_to_world[None], there.camera_to_world[None]
    print(f"{image} and {other}: {distance_between_m(*poses)[0]:.2f} m and "
          f"{angle_between_deg(*poses)[0]:.1f}° apart")
    print(f"matches: {figures.matches} pixels, {figures.share:.1%} of what has a reading")
    print(f"mean difference of the colours: {figures.at_matches:.1f} of 255 at matches, "
          f"{figures.at_random:.1f} at random places")
    print(args.output)


def _parser() -> CommandParser:
    parser = CommandParser("python scripts/draw_matches.py", _ABOUT, _EXAMPLES)
    parser.add_argument("pairs", type=Path, metavar="PAIRS", help="the list, see above")
    parser.add_argument("--index", type=_index, default=0, help="which row, from 0 (default: 0)")
    parser.add_argument("--output", type=Path, default=Path("dense.png"),
                        help="the picture, .png or .jpg (default: dense.png)")
    parser.add_argument("--depth_scale", type=_scale, default=1000,
                        help="units a metre of the depth files (default: 1000)")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
