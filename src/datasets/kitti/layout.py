# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Where the files of stereo frames lie: KITTI raw's layout and the seed's.

Below one root (x = 2 and 3, left and right; calibrations lie in <date>/ in both layouts):

    pictures       <date>/<drive>/image_0x/data/<frame>.png or .jpg            KITTI raw
                   {left,right}_imgs/<drive>/<frame>.png or .jpg               the seed's layout
    ground truth   <date>/<drive>/velodyne_points/data/<frame>.bin             "velodyne", projected when read
                   <date>/<drive>/proj_depth/groundtruth/image_0x/<frame>.png  "png", uint16, 1/256 m
                   {left,right}_gt/<drive>/<frame>.npy                         "npy", float metres

Each kind of ground truth goes with either layout; 0 = no reading everywhere.
"""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from src.datasets.kitti.frame_lists import DATE, DRIVE, FRAME, FrameId
from src.errors import UserError


class Column(NamedTuple):
    """One file that every frame has.

    Attributes:
        folder: below the root, with {date} and {drive} to be filled in.
        suffixes: of the file; where several exist the first counts.
    """

    folder: str
    suffixes: tuple[str, ...]

    def folder_of(self, drive: str) -> str:
        """Return the folder of a drive, below the root."""
        return self.folder.format(date=FrameId(drive, "").date, drive=drive)

    def file_of(self, frame: FrameId) -> str:
        """Return the path of a frame's file below the root, with the first suffix."""
        return f"{self.folder_of(frame.drive)}/{frame.frame}{self.suffixes[0]}"

    def files(self, root: Path, drive: str) -> dict[str, str]:
        """Return the names of a drive's files by frame number; {} where there is no such folder."""
        found: dict[str, str] = {}
        try:
            paths = [path for path in (root / self.folder_of(drive)).iterdir()
                     if path.suffix in self.suffixes and FRAME.fullmatch(path.stem)]
        except (FileNotFoundError, NotADirectoryError):
            return found
        for path in sorted(paths, key=lambda path: self.suffixes.index(path.suffix)):
            found.setdefault(path.stem, path.name)
        return found


_PICTURE = (".png", ".jpg", ".jpeg")
_SEED_PICTURES = ("left_imgs", "right_imgs")
_RAW_COLUMNS = tuple(Column(f"{{date}}/{{drive}}/image_0{x}/data", _PICTURE) for x in (2, 3))
_SEED_COLUMNS = tuple(Column(f"{folder}/{{drive}}", _PICTURE) for folder in _SEED_PICTURES)
TRUTHS: Mapping[str, tuple[Column, ...]] = {
    "velodyne": (Column("{date}/{drive}/velodyne_points/data", (".bin",)),),
    "png": tuple(Column(f"{{date}}/{{drive}}/proj_depth/groundtruth/image_0{x}", (".png",)) for x in (2, 3)),
    "npy": tuple(Column(f"{side}_gt/{{drive}}", (".npy",)) for side in ("left", "right")),
    "none": ()}
"""The files of each kind of ground truth: one scan for both views, or one map for left and right each."""


def _has_seed_layout(root: Path) -> bool:
    return any((root / name).is_dir() for name in _SEED_PICTURES)


def picture_columns(root: Path) -> tuple[Column, Column]:
    """Return where left and right pictures lie: the seed's way where left_imgs/ or right_imgs/ exists."""
    return _SEED_COLUMNS if _has_seed_layout(root) else _RAW_COLUMNS


def find_drives(folder: str | Path) -> tuple[Path, tuple[str, ...]]:
    """Return the root and the sorted drives of a root, a date's folder or a drive's folder.

    Raises:
        UserError: the folder is missing or holds no drives.
    """
    path = Path(folder).absolute()
    if not path.is_dir():
        raise UserError(f"no data folder {folder}; give KITTI raw's root, a date or a drive in it")
    if DRIVE.fullmatch(path.name) and DATE.fullmatch(path.parent.name):
        return path.parent.parent, (path.name,)
    if DATE.fullmatch(path.name):
        root, parents = path.parent, [path]
    elif _has_seed_layout(path):
        root, parents = path, [path / name for name in _SEED_PICTURES]
    else:
        root, parents = path, [date for date in path.iterdir() if DATE.fullmatch(date.name)]
    drives = {drive.name for parent in parents if parent.is_dir() for drive in parent.iterdir()
              if DRIVE.fullmatch(drive.name) and drive.is_dir()}
    if not drives:
        raise UserError(f"{folder} holds no drives: neither <date>/<date>_drive_<number>_sync/ as KITTI raw "
                        "has them nor left_imgs/<drive>/ and right_imgs/<drive>/")
    return root, tuple(sorted(drives))
