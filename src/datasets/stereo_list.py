# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Stereo pairs of the user's own from a list file: left and right picture, left and right depth map."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.config import Settings
from src.datasets.image_files import check_header, open_npy, read_depth, read_header, read_rgb
from src.datasets.pairs import read_list
from src.datasets.stereo import StereoFrame
from src.errors import UserError, listed
from src.geometry.pinhole import Intrinsics

PICTURES = ("left picture", "right picture")
DEPTHS = ("left depth", "right depth")


@dataclass(frozen=True)
class ListedStereo:
    """Rectified pairs of one rig, all of one size.

    Attributes:
        root: folder that the files' paths start from.
        names: a name for each pair.
        files: left picture, right picture, and the depth maps where these are used.
        units_per_m: of the depth maps.
        left_camera, right_camera, baseline_m: the rig.
    """

    root: Path
    names: tuple[str, ...]
    files: tuple[tuple[str, ...], ...]
    units_per_m: float
    left_camera: Intrinsics
    right_camera: Intrinsics
    baseline_m: float

    def __len__(self) -> int:
        return len(self.files)

    def describe(self, index: int) -> str:
        """Return the files of a pair."""
        return " ".join(self.files[index])

    def read(self, index: int) -> StereoFrame:
        """Read a pair; without depth maps there is no reading.

        Raises:
            UserError: a file is damaged.
        """
        left, right, *depths = (self.root / file for file in self.files[index])
        hw = self.left_camera.height_px, self.left_camera.width_px
        depths_m = [read_depth(path, self.units_per_m) for path in depths] or [np.zeros(hw, np.float32)] * 2
        return StereoFrame(read_rgb(left), read_rgb(right), *depths_m, self.left_camera, self.right_camera,
                           self.baseline_m)


def listed_stereo(path: str, settings: Settings, with_truth: bool) -> ListedStereo:
    """Open the pairs of a list file, relative to its folder: two pictures and two depth maps a line.

    Args:
        path: the list.
        settings: `depth_scale` and the rig: `fx_px`, `fy_px`, `cx_px`, `cy_px`, `right_cx_px`, `baseline_m`.
        with_truth: without it the lines may name the pictures alone, and depth maps are not read.

    Raises:
        UserError: as `read_list`, files are missing, of another kind or of another size than the first
            picture (named), or the rig is not known.
    """
    if settings.fx_px is None or settings.baseline_m is None:
        raise UserError("--data_list of stereo pairs needs the rig: give --fx_px (focal length in pixels) "
                        "and --baseline_m (distance of the cameras in metres)")
    kinds = (*PICTURES, *DEPTHS)
    used = kinds if with_truth else PICTURES
    rows = [row[:len(used)] for row in read_list(path, len(kinds), ", ".join(kinds), fewest=len(used))]
    root = Path(path).parent
    size_wh = _check(path, root, rows, used)
    names = tuple(f"{i:05d}_{Path(row[0]).stem}" for i, row in enumerate(rows))
    return ListedStereo(root, names, tuple(rows), settings.depth_scale, *_rig(settings, *size_wh),
                        settings.baseline_m)


def _check(path: str, root: Path, rows: list[tuple[str, ...]], kinds: tuple[str, ...]) -> tuple[int, int]:
    """Check all files by their headers; return the width and height that they share."""
    problems, size_wh = [], None
    for row in rows:
        for kind, file in zip(kinds, row):
            try:
                own_wh = _size_wh(root / file, kind in DEPTHS)
            except UserError as error:
                problems.append(f"{file} is {error}")
                continue
            size_wh = size_wh or own_wh
            if own_wh != size_wh:
                problems.append(f"{file} is {own_wh[0]}x{own_wh[1]}, not {size_wh[0]}x{size_wh[1]} as the "
                                "files before it")
    if problems:
        raise UserError(listed(path, problems, "add, replace or remove these files"))
    return size_wh


def _size_wh(path: Path, depth: bool) -> tuple[int, int]:
    wrong = check_header(path, depth)
    if wrong:
        raise UserError(wrong)
    if path.suffix != ".npy":
        return read_header(path).size_wh
    values = open_npy(path)
    if values.ndim != 2:
        raise UserError("no array (H, W)")
    return values.shape[1], values.shape[0]


def _rig(settings: Settings, width_px: int, height_px: int) -> tuple[Intrinsics, Intrinsics]:
    s = settings
    cx_px = width_px / 2 if s.cx_px is None else s.cx_px
    cy_px = height_px / 2 if s.cy_px is None else s.cy_px
    left = Intrinsics(s.fx_px, s.fy_px or s.fx_px, cx_px, cy_px, width_px, height_px)
    return left, left if s.right_cx_px is None else replace(left, cx_px=s.right_cx_px)
