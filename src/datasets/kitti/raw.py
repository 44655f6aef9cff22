# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Stereo frames with sparse ground truth, found and checked when opened, paired by name (see `layout`)."""
from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.datasets.image_files import open_npy, read_depth, read_header, read_rgb
from src.datasets.kitti.calibration import Calibration, read_calibration
from src.datasets.kitti.frame_lists import FrameId
from src.datasets.kitti.layout import TRUTHS, Column, find_drives, picture_columns
from src.datasets.kitti.velodyne import project, read_scan, scan_problem
from src.datasets.stereo import StereoFrame
from src.errors import UserError, listed
from src.geometry.pinhole import Intrinsics

UNITS_PER_M = {"png": 256.0, "npy": 1.0}
_MOST_COLOR_CODE = 120


@dataclass(frozen=True)
class StereoFrames:
    """Frames whose files are there; `names` are unique and name the outputs of a frame.

    Attributes:
        root: folder that the files' paths start from.
        truth: kind of ground truth, a key of `layout.TRUTHS`.
        ids: drive and number of each frame.
        names: a name for each frame.
        files: left picture, right picture, then the ground truth's files of each frame.
        calibrations: by date.
    """

    root: Path
    truth: str
    ids: tuple[FrameId, ...]
    names: tuple[str, ...]
    files: tuple[tuple[str, ...], ...]
    calibrations: Mapping[str, Calibration]

    def __len__(self) -> int:
        return len(self.ids)

    def describe(self, index: int) -> str:
        """Return the files of a frame."""
        return " ".join(self.files[index])

    def drives(self) -> tuple[str, ...]:
        """Return the drives that the frames come from, sorted."""
        return tuple(sorted({frame.drive for frame in self.ids}))

    def of_drives(self, drives: Collection[str]) -> StereoFrames:
        """Return the frames of some drives, in the same order."""
        kept = [i for i, frame in enumerate(self.ids) if frame.drive in drives]
        ids, names, files = (tuple(column[i] for i in kept) for column in (self.ids, self.names, self.files))
        return replace(self, ids=ids, names=names, files=files)

    def read(self, index: int) -> StereoFrame:
        """Read a frame; both pictures and both depth maps have the sizes that the calibration says.

        Raises:
            UserError: a file is damaged.
        """
        left, right, *truth = (self.root / file for file in self.files[index])
        calibration = self.calibrations[self.ids[index].date]
        left_depth_m, right_depth_m = self._depths_m(truth, calibration)
        return StereoFrame(read_rgb(left), read_rgb(right), left_depth_m, right_depth_m,
                           calibration.left.intrinsics, calibration.right.intrinsics, calibration.baseline_m)

    def _depths_m(self, files: list[Path], calibration: Calibration) -> list[np.ndarray]:
        if self.truth == "velodyne":
            scan = read_scan(files[0])
            return [project(scan, view) for view in calibration.views]
        if self.truth == "none":
            camera = calibration.left.intrinsics
            return [np.zeros((camera.height_px, camera.width_px), np.float32) for _ in calibration.views]
        return [read_depth(file, UNITS_PER_M[self.truth]) for file in files]


def split_by_drive(frames: StereoFrames, share: float) -> tuple[StereoFrames, StereoFrames]:
    """Hold out whole drives, so that no scene is in both sets; return the other frames and the held-out ones.

    About `share` (0 to 1) of the drives are held out, at least one, and one always remains. A drive's name
    alone decides its place in the order, so that a training and its evaluation agree, whatever else lies in
    the folder and whichever frames have ground truth.

    Raises:
        UserError: there are fewer than two drives.
    """
    drives = sorted(frames.drives(), key=_place)
    if len(drives) < 2:
        raise UserError(f"{frames.root}: the frames of a single drive cannot be split by drive; add another "
                        "drive, give frame lists, or hold out nothing (--test_share 0)")
    below = sum(_place(drive) < share for drive in drives)
    held_out = drives[:min(max(below, 1), len(drives) - 1)]
    return frames.of_drives(set(drives) - set(held_out)), frames.of_drives(held_out)


def _place(drive: str) -> float:
    """Return a number from 0 to 1 that is a drive's own, spread evenly over drives."""
    return int.from_bytes(hashlib.sha256(drive.encode()).digest()[:8], "big") / 2**64


def open_frames(folder: str | Path, truth: str, listed: Iterable[FrameId] | None = None,
                skip_incomplete: bool = False) -> StereoFrames:
    """Find and check the frames below a folder; only headers and sizes of their files are read.

    Args:
        folder: a root, or a date or a drive in KITTI raw.
        truth: kind of ground truth, a key of `layout.TRUTHS`; "none" gives maps without readings.
        listed: the frames to take (`read_frame_list`), looked for below the root; without it all, sorted.
        skip_incomplete: leave out frames that lack a file, and print how many, instead of refusing: KITTI's
            own depth PNGs lack the first and last five frames of a drive, and a few frames have no scan.

    Raises:
        UserError: the folder holds no drives or complete frames, files are missing, of another kind or of
            another size than the calibration says (the first few are named), or a calibration is missing or
            damaged, or `.npy` maps hold the source's colour codes.
    """
    if truth not in TRUTHS:
        raise UserError(f"no ground truth {truth!r}; choose from {', '.join(TRUTHS)}")
    root, drives = find_drives(folder)
    columns = (*picture_columns(root), *TRUTHS[truth])
    rows, missing = _paired(root, columns, _all_frames(root, columns, drives) if listed is None else listed)
    _report_missing(root, len(rows) + len(missing), missing, skip_incomplete)
    if not rows:
        raise UserError(f"{folder} holds no complete frames: left and right picture and ground truth "
                        f"{truth!r}, named by ten digits")
    calibrations = {date: read_calibration(root / date) for date in sorted({frame.date for frame in rows})}
    kinds = ("picture", "picture", *[truth] * len(TRUTHS[truth]))
    checks = ((file, _problem(root / file, kind, calibrations[frame.date].left.intrinsics))
              for frame, files in rows.items() for file, kind in zip(files, kinds))
    _report(root, [f"{file} is {wrong}" for file, wrong in checks if wrong], "replace or remove these files")
    if truth == "npy":
        _require_metres(root / next(iter(rows.values()))[2])
    return StereoFrames(root, truth, tuple(rows), tuple(frame.name for frame in rows), tuple(rows.values()),
                        calibrations)


def _require_metres(path: Path) -> None:
    """Refuse what the source's own preprocessing writes: colours of distances, whole numbers up to 120."""
    readings = np.load(path, allow_pickle=False)
    readings = readings[readings > 0]
    if readings.size > 1 and readings.max() <= _MOST_COLOR_CODE and (readings == np.rint(readings)).all():
        raise UserError(f"{path} holds whole numbers up to {readings.max():g}: colour codes of distances, "
                        "not metres; make it of the scans with scripts/prepare_kitti_gt.py --format npy")


def _all_frames(root: Path, columns: tuple[Column, ...], drives: tuple[str, ...]) -> list[FrameId]:
    """Return the frames of which any file exists."""
    return [FrameId(drive, frame) for drive in drives
            for frame in sorted(set().union(*(column.files(root, drive) for column in columns)))]


def _paired(root: Path, columns: tuple[Column, ...], wanted: Iterable[FrameId],
            ) -> tuple[dict[FrameId, tuple[str, ...]], list[str]]:
    """Return the files of the complete frames, and of every other frame the first file that it lacks."""
    rows, missing, present = {}, [], {}
    for frame in wanted:
        if frame.drive not in present:
            present[frame.drive] = [column.files(root, frame.drive) for column in columns]
        names = [files.get(frame.frame) for files in present[frame.drive]]
        if None in names:
            column = columns[names.index(None)]
            missing.append(" or ".join([column.file_of(frame), *column.suffixes[1:2]]))
        else:
            rows[frame] = tuple(f"{column.folder_of(frame.drive)}/{name}"
                                for column, name in zip(columns, names))
    return rows, missing


def _report_missing(root: Path, count: int, missing: list[str], skip_incomplete: bool) -> None:
    if missing and skip_incomplete:
        print(f"{root}: {len(missing)} of {count} frames are incomplete and left out; "
              f"the first lacks {missing[0]}")
    else:
        _report(root, [f"{file} is missing" for file in missing],
                "add these files, list other frames, or leave them out with --skip_incomplete")


def _report(root: Path, problems: list[str], advice: str) -> None:
    if problems:
        raise UserError(listed(root, problems, advice))


def _problem(path: Path, kind: str, camera: Intrinsics) -> str | None:
    """Say what is wrong with a file as far as its header tells, or None; ends a sentence `<path> is`."""
    if kind == "velodyne":
        return scan_problem(path)
    try:
        found, size_wh = _npy_header(path) if kind == "npy" else _picture_header(path, kind)
    except UserError as error:
        return str(error)
    if size_wh == (camera.width_px, camera.height_px):
        return None
    return (f"{found} of {size_wh[0]}x{size_wh[1]} where the calibration says "
            f"{camera.width_px}x{camera.height_px}")


def _picture_header(path: Path, kind: str) -> tuple[str, tuple[int, int]]:
    header = read_header(path)
    if kind == "png" and (header.format, header.color, header.bits) != ("PNG", "grey", 16):
        raise UserError(f"{header}, not a 16-bit grey PNG (1/256 m)")
    return str(header), header.size_wh


def _npy_header(path: Path) -> tuple[str, tuple[int, int]]:
    values = open_npy(path)
    if values.ndim != 2 or values.dtype.kind != "f":
        raise UserError("no array (H, W) of floats, metres")
    return f"a {values.dtype} array", (values.shape[1], values.shape[0])
