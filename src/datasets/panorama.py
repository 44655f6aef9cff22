# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The list of panoramas that training and evaluation read: a CSV file, checked when opened.

    image,depth                              a header row with these names, in any order, or none;
    image,depth,pose                         paths relative to the list's folder
    image,depth,pose,image2,depth2,pose2     two panoramas of one place

What the files hold stands in `panorama_files`; `panorama_sets` finds them in known data sets.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from src.datasets.csv_index import read_rows
from src.datasets.image_files import read_rgb
from src.datasets.panorama_files import (
    depth_problem,
    picture_problem,
    pose_problem,
    read_distance,
    read_pose,
)
from src.errors import UserError, listed
from src.files import write_text
from src.geometry.sphere import resized

COLUMNS = ("image", "depth", "pose", "image2", "depth2", "pose2")
_WIDTHS = (2, 3, 6)
_PROBLEMS: tuple[Callable[[Path], str | None], ...] = (picture_problem, depth_problem, pose_problem) * 2

Row = tuple[str, ...]


@dataclass(frozen=True)
class Panorama:
    """A panorama as its files hold it.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth_m: (h, w) float32, distance along the ray, 0 = no reading; maybe of another size.
        camera_to_world: (4, 4) float64, or None of a list without pairs.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    camera_to_world: np.ndarray | None

    def resized(self, width_px: int, height_px: int) -> Panorama:
        """Return it at another size: the picture by area (or linearly, where it grows), depth by nearest."""
        shrinks = width_px <= self.rgb.shape[1] and height_px <= self.rgb.shape[0]
        if shrinks:
            rgb = cv2.resize(self.rgb, (width_px, height_px), interpolation=cv2.INTER_AREA)
        else:  # across the seam, which OpenCV takes for a border
            rgb = np.rint(resized(self.rgb.astype(np.float32), height_px, width_px)).astype(np.uint8)
        return Panorama(rgb, nearest(self.depth_m, width_px, height_px), self.camera_to_world)


@dataclass(frozen=True)
class PanoramaList:
    """The rows of a list; `names` are unique and name the outputs of a sample.

    Attributes:
        root: folder that relative paths start from.
        rows: the files of each row, 2, 3 or 6 in the order of `COLUMNS`.
        names: a name for each row.
        units_per_m: scale of the depth files.
    """

    root: Path
    rows: tuple[Row, ...]
    names: tuple[str, ...]
    units_per_m: float

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def has_pair(self) -> bool:
        """Whether each row names a second panorama of the place, with its pose."""
        return len(self.rows[0]) > 3

    def read(self, index: int, second: bool = False) -> Panorama:
        """Return a row's panorama, or its second one; poses are read of pairs alone, which need them.

        Raises:
            UserError: a file is damaged, or the list has no second panoramas.
        """
        if second and not self.has_pair:
            raise UserError("the list has no pairs; scripts/generate_csv.py --pairs makes one that has")
        row = self.rows[index]
        image, depth, *pose = (self.root / file for file in (row[3:] if second else row[:3]))
        return Panorama(read_rgb(image), read_distance(depth, self.units_per_m),
                        read_pose(pose[0]) if self.has_pair else None)

    def describe(self, index: int) -> str:
        """Return the files of a row."""
        return " ".join(self.rows[index])


def nearest(depth_m: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    """Return a map (h, w) at another size: each pixel takes the value that its centre falls on."""
    rows, columns = ((2 * np.arange(size) + 1) * source // (2 * size)
                     for size, source in zip((height_px, width_px), depth_m.shape))
    return depth_m[np.ix_(rows, columns)]


def read_panoramas(path: str | Path, units_per_m: float) -> PanoramaList:
    """Open a list; of the files only headers are read.

    Args:
        path: the CSV file.
        units_per_m: units a metre of the depth files: 1000 for the source's tree, 4000 for Matterport3D, 512
            for Stanford 2D-3D-S; `.exr` files are in metres whatever it is.

    Raises:
        UserError: the list is missing or empty, has other columns, or files are missing or of another kind or
            shape (the first few are named).
    """
    root, rows = Path(path).parent, read_files(path)
    report(path, problems(root, rows))
    stems = tuple(Path(row[0]).stem for row in rows)
    if len(set(stems)) < len(stems):
        stems = tuple(f"{n:05d}_{stem}" for n, stem in enumerate(stems))
    return PanoramaList(root, rows, stems, units_per_m)


def read_files(path: str | Path) -> tuple[Row, ...]:
    """Return the files of each row of a list in the order of `COLUMNS`, unchecked.

    Raises:
        UserError: the list is missing or empty, or has other columns.
    """
    numbered = read_rows(path)
    order = _order(path, numbered[0][1]) if numbered else ()
    if order:
        del numbered[0]
    if not numbered:
        raise UserError(f"{path} names no files; each row needs image, depth and, where known, pose")
    width = len(order) or len(numbered[0][1])
    for line, row in numbered:
        if len(row) != width or width not in _WIDTHS:
            raise UserError(f"{path} row {line} has {len(row)} columns, not "
                            f"{width if order else '2, 3 or 6'}: {', '.join(COLUMNS)}")
    return tuple(tuple(row[k] for k in order) if order else row for _, row in numbered)


def _order(path: str | Path, first: Row) -> tuple[int, ...]:
    """Return where a header row has each column of `COLUMNS`; () where the row is none."""
    names = [field.lower() for field in first]
    if not set(names) & set(COLUMNS):
        return ()
    if sorted(names) not in [sorted(COLUMNS[:width]) for width in _WIDTHS]:
        raise UserError(f"{path} has the columns {', '.join(names)}; image and depth are expected, or "
                        "these and pose, or these and image2, depth2, pose2")
    return tuple(names.index(name) for name in COLUMNS[:len(names)])


def problems(root: Path, rows: Iterable[Row]) -> list[str]:
    """Return what is wrong with the files of rows in the order of `COLUMNS`, as far as headers tell."""
    checked: dict[str, str | None] = {}
    for row in rows:
        for column, file, problem_of in zip(COLUMNS, row, _PROBLEMS):
            if file not in checked:
                wrong = problem_of(root / file) if file else "blank"
                checked[file] = f"{f'{column} {file}'.rstrip()} is {wrong}" if wrong else None
    return [text for text in checked.values() if text]


def report(where: str | Path, found: Sequence[str]) -> None:
    """Raise `UserError` that names the first few problems, unless there are none."""
    if found:
        raise UserError(listed(where, found, "add, replace or remove these files"))


def write_panoramas(path: Path, rows: Sequence[Row]) -> None:
    """Write a list with its header row, atomically."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS[:len(rows[0])], *rows])
    write_text(path, text.getvalue())
