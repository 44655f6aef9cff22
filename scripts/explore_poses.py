# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Explore a posed set: depth, orientation and motion of its cameras, as pictures and numbers."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.datasets.posed import INDOOR_FPS, LAYOUTS, PosedSet, read_posed  # noqa: E402 - no installed package
from src.datasets.posed_statistics import all_poses, sample_depth, summary  # noqa: E402
from src.errors import CommandParser, UserError, run_command  # noqa: E402
from src.files import atomic_path, write_json  # noqa: E402
from src.geometry.trajectory import UP_AXES, up_axis  # noqa: E402

_ABOUT = """\
Draw how depth is distributed in a posed set, and how its cameras stand and move.

layouts:
  seed          <uuid>/pan/images/<n>.jpg, depth/<n>.png (mm along the ray), pose/<n>.txt (4 x 4)
  stanford2d3d  area_<k>/pano/rgb, depth, pose of Stanford 2D-3D-S
  indoor        frame-<n>.depth.png (mm) and frame-<n>.pose.txt (4 x 4) of 7-Scenes, 3DMatch, BundleFusion
  tum           depth.txt and groundtruth.txt of TUM RGB-D

FOLDER is the set; of indoor and tum, one recording or folders of them. Poses lead from the camera (x right,
y down, z forward) to the world. Yaw is 0 along an axis of the world and grows to the right, pitch is positive
above the horizon, roll where the camera's right side dips. Cameras are compared with the next one of their
recording and with the one that stands nearest. A panorama's depth counts by solid angle.

Written to OUTPUT_DIR, in place of earlier files of these names:
  depth.png        depth with percentiles, log scale; share of each map without reading
  distances.png    from camera to camera, alone and with the angles
  orientation.png  yaw, pitch, roll; angles between neighbouring cameras, 0 to 180 degrees
  paths.png        from above, with arrows where the cameras look
  speed.png        metres and degrees a second (where no times are known, a step)
  summary.json     the numbers
The pictures need matplotlib: pip install -r requirements-dev.txt."""
_EXAMPLES = """\
examples:
  python scripts/explore_poses.py panoramas
  python scripts/explore_poses.py rgbd_dataset_freiburg1_desk --layout tum --limit 50"""


def _above_zero(kind: type) -> Callable[[str], float]:
    """Return a parser of finite numbers above 0."""
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text!r} is not possible; give a number above 0")
        return value
    return parse


def main(argv: list[str]) -> None:
    """Read the set, write the pictures and the numbers, and print the chief of them."""
    args = _parser().parse_args(argv)
    try:
        import matplotlib  # noqa: F401 - asked for before anything is read
    except ModuleNotFoundError:
        raise UserError("drawing needs matplotlib: pip install -r requirements-dev.txt") from None
    from src.drawing.posed import draw_all

    posed = read_posed(args.folder, args.layout, args.depth_scale, args.fps)
    up = up_axis(all_poses(posed)) if args.up == "auto" else args.up
    depth = sample_depth(posed, args.limit)
    numbers = summary(posed, depth, up)
    for name, figure in draw_all(posed, depth, up).items():
        path = args.output_dir / f"{name}.png"
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=120)
        print(path)
    write_json(args.output_dir / "summary.json", numbers)
    print(args.output_dir / "summary.json")
    print("\n".join(_lines(posed, numbers)))


def _lines(posed: PosedSet, numbers: dict) -> list[str]:
    """Return the chief numbers as text."""
    depth, orientation, motion = numbers["depth"], numbers["orientation"], numbers["motion"]
    low, middle, high = (depth["percentiles_m"][percent] for percent in ("1", "50", "99"))
    unposed = f", {posed.num_unposed} more without a pose" if posed.num_unposed else ""
    lines = [f"{posed.layout}: {numbers['frames']} frames, {len(posed.recordings)} recording(s){unposed}",
             f"depth ({depth['kind']}, {depth['maps']} maps): {low:.2f} to {high:.2f} m (1 to 99 %), median "
             f"{middle:.2f} m, {depth['without_reading']:.1%} without a reading",
             f"up is {orientation['up']}; pitch {_spread(orientation['pitch_deg'], '°')}, roll "
             f"{_spread(orientation['roll_deg'], '°')}"]
    for kind in ("next", "nearest"):
        lines.append(f"to the {kind} camera: {_spread(numbers['distance_m'][kind], ' m')}, "
                     f"{_spread(numbers['angle_deg'][kind], '°')}")
    if posed.has_times:
        lines.append(f"path {motion['path_m']:.2f} m in {motion['duration_s']:.1f} s: "
                     f"{_spread(motion['speed_mps'], ' m/s')}, {_spread(motion['turning_dps'], '°/s')}")
    return lines


def _spread(values: dict[str, float], unit: str) -> str:
    if not values["count"]:
        return "none"
    return f"{values['p50']:.2f}{unit} ({values['min']:.2f} to {values['max']:.2f})"


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser("python scripts/explore_poses.py", _ABOUT, _EXAMPLES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the set")
    parser.add_argument("--layout", choices=("auto", *LAYOUTS), default="auto",
                        help="how its files lie, see above (default: auto, by what is there)")
    parser.add_argument("--output_dir", type=Path, default=Path("output/explore"),
                        help="folder of pictures and numbers (default: output/explore)")
    parser.add_argument("--limit", type=_above_zero(int), default=200, metavar="N",
                        help="read N depth maps at most, spread evenly; of poses all are (default: 200)")
    parser.add_argument("--up", choices=("auto", *UP_AXES), default="auto", metavar="AXIS",
                        help="which way is up in the world: x, y, z, -x, -y or -z, the latter as --up=-y "
                             "(default: auto, nearest to the cameras' mean up)")
    parser.add_argument("--depth_scale", type=_above_zero(float), metavar="U",
                        help="units a metre of the depth files (default: the layout's)")
    parser.add_argument("--fps", type=_above_zero(float), default=INDOOR_FPS, metavar="F",
                        help="indoor: frames a second, which make frame numbers times (default: 30)")
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
