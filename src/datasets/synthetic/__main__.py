# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Command line: `python -m src.datasets.synthetic --layout nyu --output_dir D`."""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from src.datasets.synthetic import (
    layout_ddrnet,
    layout_kitti,
    layout_make3d,
    layout_nyu,
    layout_nyu_mat,
    layout_panorama,
)
from src.datasets.synthetic.generate import generate
from src.datasets.synthetic.settings import PanoramaSettings, Settings
from src.errors import UserError, run_command

LAYOUTS = {"nyu": layout_nyu, "ddrnet": layout_ddrnet, "kitti": layout_kitti, "panorama": layout_panorama,
           "make3d": layout_make3d, "nyu_mat": layout_nyu_mat}
SIZES_PX = {"nyu": (640, 480), "ddrnet": (640, 480), "kitti": (1242, 375), "panorama": (512, 256),
            "make3d": (426, 568), "nyu_mat": (640, 480)}
_PANORAMA_ONLY = ("depth_scale", "tilt_deg", "pan_sizes")

_ABOUT = """\
Ray-cast synthetic scenes with exact depth and write them in the layout of a real data set.

layouts:
  nyu   furnished rooms and corridors, 640 x 480, Kinect intrinsics, z depth from 0.5 to 10 m
        Train/<scene>_out/<n>.jpg and .png (8 bits, value / 255 * 10 m), four frames a scene
        Test/<nnnnn>_colors.png and <nnnnn>_depth.png (16 bits, mm), every frame of a new scene
  ddrnet objects and figures, 640 x 480, Kinect intrinsics, z depth from 0.7 to 2.4 m, exact and as a Kinect's
        train.csv, test.csv: raw, reference, colour, mask; train_albedo.csv, test_albedo.csv: albedo too
        <split>/scene_<n>/<kind>/frame_<n>.png (depth 16 bits, mm; colour in linear light) and light.json
  kitti streets, two rectified views 1242 x 375, z depth from 3 to 80 m, no depth in the sky
        <date>/<drive>/image_02|image_03, velodyne_points, proj_depth/groundtruth (16 bits, z * 256 m)
        <date>/calib_cam_to_cam.txt, calib_velo_to_cam.txt; train.txt, test.txt; four frames a drive
  panorama rooms, equirectangular 512 x 256, distance along the ray to 12 m, four posed panoramas a room
        <uuid>/pan/images/<nnnn>.jpg, depth/<nnnn>.png (16 bits), pose/<nnnn>.txt (4 x 4, camera to world),
        obj/<uuid>.obj (the mesh); train.csv, valid.csv (the last tenth of the training rooms), test.csv:
        image, depth, pose; *_pairs.csv: two panoramas of one room a line
  make3d streets, upright 426 x 568 (1704 x 2272 in the data set), distance along the ray to 81.9 m
        Train400Img/img-<id>.jpg and Train400Depth/depth_sph_corr-<id>.mat, Test134/ and Test134Depth/
        Gridlaserdata/: Position3DGrid, 55 x 305 laser readings
  nyu_mat the rooms of nyu as one file, nyu_depth_v2_labeled.mat (MATLAB 7.3, HDF5): images, depths, rawDepths
        (float32 metres), testNdxs
"""
_EXAMPLES = """\
examples:
  python -m src.datasets.synthetic --layout nyu --output_dir output/nyu
  python -m src.datasets.synthetic --output_dir small --num_train 8 --num_test 4 --width 160 --height 120

The same settings give the same files, whatever the number of workers. Calling again completes an interrupted
run; a folder with anything else in it is refused. The settings are kept in <output_dir>/synthetic.json.
"""


def main(argv: list[str]) -> int:
    """Parse the arguments, generate the data set and say what was written."""
    parser = argparse.ArgumentParser("python -m src.datasets.synthetic", description=_ABOUT, epilog=_EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--layout", default="nyu", metavar="NAME",
                        help=f"one of: {', '.join(LAYOUTS)} (default: nyu)")
    parser.add_argument("--output_dir", type=Path, required=True, metavar="D", help="a new folder")
    parser.add_argument("--num_train", type=int, default=600, metavar="N",
                        help="training frames (default: 600)")
    parser.add_argument("--num_test", type=int, default=240, metavar="M",
                        help="test frames (default: 240)")
    parser.add_argument("--seed", type=int, default=1, metavar="S",
                        help="another number, other scenes (default: 1)")
    parser.add_argument("--holes", type=int, choices=(0, 1), default=1,
                        help="1: a share of each depth map has no reading (nyu 5 to 10 %%, ddrnet 5 to 15 %% "
                             "of the objects, kitti 5 %% of each scan, panorama 5 to 17 %%, make3d 1 %%); "
                             "0: all of it has (default: 1)")
    parser.add_argument("--width", type=int, metavar="PX", help="picture width (default: the layout's)")
    parser.add_argument("--height", type=int, metavar="PX", help="picture height (default: the layout's)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="W",
                        help="processes (default: one a core)")
    own = parser.add_argument_group("panorama only")
    own.add_argument("--depth_scale", type=int, metavar="U",
                     help="units a metre of the depth files (default: 1000; Matterport3D has 4000)")
    own.add_argument("--tilt_deg", type=float, metavar="T",
                     help="up to so much each camera leans (default: 0, all are level)")
    own.add_argument("--pan_sizes", type=int, choices=(0, 1),
                     help="1: also pan/high and pan/low, twice and half the size; slow (default: 0)")
    args = parser.parse_args(argv)
    if args.layout not in LAYOUTS:
        raise UserError(f"--layout {args.layout} does not exist; choose from: {', '.join(LAYOUTS)}")
    if args.workers < 1:
        raise UserError(f"--workers {args.workers} is impossible; give 1 or more")
    settings = _settings(args)
    written = generate(args.output_dir, settings, LAYOUTS[args.layout].jobs(settings), args.workers)
    outcome = f"wrote {written} frames" if written else "already complete"
    print(f"{args.output_dir}: {outcome} ({args.num_train} train, {args.num_test} test, seed {args.seed})")
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    width, height = (own if given is None else given
                     for given, own in zip((args.width, args.height), SIZES_PX[args.layout]))
    common = (args.layout, args.num_train, args.num_test, args.seed, bool(args.holes), width, height)
    extra = {name: getattr(args, name) for name in _PANORAMA_ONLY if getattr(args, name) is not None}
    if args.layout == "panorama":
        return PanoramaSettings(*common, **extra)
    if extra:
        raise UserError(f"--{next(iter(extra))} belongs to --layout panorama, not to {args.layout}; "
                        "leave it out")
    return Settings(*common)


if __name__ == "__main__":
    sys.exit(run_command(main))
