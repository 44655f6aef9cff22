# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Stereo pairs of the user's own from a list file: left and right picture, left and right depth map."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.config import Settings
from src.datasets.image_files import check_header, read_depth, read_rgb
from src.datasets.kitti.raw import StereoFrame
from src.datasets.pairs import read_list
from src.errors import UserError
from src.geometry.pinhole import Intrinsics

_PICTURES = ("left picture", "right picture")
_DEPTHS = ("left depth", "right depth")
_SHOWN = 3  # so many of the bad files are named, the others counted


@dataclass(frozen=True)
class ListedStereo:
    """Rectified pairs of one rig; reads as `src.datasets.kitti.raw.StereoFrames` does.

    Attributes:
        root: folder that the files' paths start from.
        names: a name for each pair.
        files: left picture, right picture, and the depth maps where these are used.
        settings: `depth_scale` and the rig (`fx_px`, `fy_px`, `cx_px`, `cy_px`, `right_cx_px`, `baseline_m`).
    """

    root: Path
    names: tuple[str, ...]
    files: tuple[tuple[str, ...], ...]
    settings: Settings

    def __len__(self) -> int:
        return len(self.files)

    def describe(self, index: int) -> str:
        """Return the files of a pair."""
        return " ".join(self.files[index])

    def read(self, index: int) -> StereoFrame:
        """Read a pair.

        Raises:
            UserError: a file is damaged or the files differ in size.
        """
        s, paths = self.settings, [self.root / file for file in self.files[index]]
        left_rgb, right_rgb = read_rgb(paths[0]), read_rgb(paths[1])
        height, width = left_rgb.shape[:2]
        depths_m = [read_depth(path, s.depth_scale) for path in paths[2:]]
        depths_m = depths_m or [np.zeros((height, width), np.float32)] * 2
        for path, values in zip(paths[1:], (right_rgb, *depths_m)):
            if values.shape[:2] != (height, width):
                raise UserError(f"{path} is {values.shape[1]}x{values.shape[0]} but {paths[0]} is "
                                f"{width}x{height}; all files of a rectified pair have one size")
        cx_px = width / 2 if s.cx_px is None else s.cx_px
        left = Intrinsics(s.fx_px, s.fy_px or s.fx_px, cx_px, height / 2 if s.cy_px is None else s.cy_px,
                          width, height)
        right_cx_px = cx_px if s.right_cx_px is None else s.right_cx_px
        right = Intrinsics(left.fx_px, left.fy_px, right_cx_px, left.cy_px, width, height)
        return StereoFrame(left_rgb, right_rgb, *depths_m, left, right, s.baseline_m)


def listed_stereo(path: str, settings: Settings, with_truth: bool) -> ListedStereo:
    """Open the pairs of a list file, relative to its folder: two pictures and two depth maps a line.

    Args:
        path: the list.
        settings: see `ListedStereo`.
        with_truth: without it the lines may name the pictures alone, and depth maps are not read.

    Raises:
        UserError: as `read_list`, files are missing or of another kind (named), or the rig is not known.
    """
    if settings.fx_px is None or settings.baseline_m is None:
        raise UserError("--data_list of stereo pairs needs the rig: give --fx_px (focal length in pixels) "
                        "and --baseline_m (distance of the cameras in metres)")
    kinds = (*_PICTURES, *_DEPTHS)
    used = kinds if with_truth else _PICTURES
    rows = read_list(path, len(kinds), ", ".join(kinds), fewest=len(used))
    root = Path(path).parent
    problems = [f"{file} is {wrong}" for row in rows for kind, file in zip(used, row)
                if (wrong := check_header(root / file, kind in _DEPTHS))]
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise UserError(f"{path}: {'; '.join(problems[:_SHOWN])}{more}; add, replace or remove these files")
    names = tuple(f"{i:05d}_{Path(row[0]).stem}" for i, row in enumerate(rows))
    return ListedStereo(root, names, tuple(row[:len(used)] for row in rows), settings)
