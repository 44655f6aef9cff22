# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pairs of picture and depth file: Hu's NYU layout and the user's own list file, checked when opened."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.datasets.image_files import check_header, read_depth, read_rgb
from src.errors import UserError, listed

TRAIN_UNITS_PER_M = 255.0 / 10.0  # 8-bit PNG: z = value / 255 * 10 m
TEST_UNITS_PER_M = 1000.0  # 16-bit PNG: millimetres


@dataclass(frozen=True)
class Pairs:
    """Aligned picture and depth files; `names` are unique and name the outputs of a sample.

    Attributes:
        root: folder that the relative paths start from.
        names, rgb_files, depth_files: one entry a sample, as arrays of text (small for 50,688 pairs).
        units_per_m: scale of the depth files.
    """

    root: Path
    names: np.ndarray
    rgb_files: np.ndarray
    depth_files: np.ndarray
    units_per_m: float

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture (H, W, 3) uint8 and the depth (H, W) float32 in metres, 0 = no reading.

        Raises:
            UserError: a file is damaged, or the two differ in size.
        """
        rgb_path, depth_path = self.root / self.rgb_files[index], self.root / self.depth_files[index]
        rgb, depth_m = read_rgb(rgb_path), read_depth(depth_path, self.units_per_m)
        if rgb.shape[:2] != depth_m.shape:
            raise UserError(f"{rgb_path} is {rgb.shape[1]}x{rgb.shape[0]} but {depth_path} is "
                            f"{depth_m.shape[1]}x{depth_m.shape[0]}; a pair has one size")
        return rgb, depth_m

    def describe(self, index: int) -> str:
        """Return both files of a sample."""
        return f"{self.rgb_files[index]} {self.depth_files[index]}"


def natural_key(text: str) -> tuple[list, str]:
    """Sort key that orders 2.jpg before 10.jpg; no two names tie, so the order is one on every rank."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)], text


def _report(folder: Path, problems: list[str]) -> None:
    if problems:
        raise UserError(listed(folder, problems, "add, replace or remove these files"))


def _checked(root: Path, rows: list[tuple[str, str, str]], units_per_m: float, problems: list[str]) -> Pairs:
    for _, rgb, depth in rows:
        for file, is_depth in ((rgb, False), (depth, True)):
            wrong = check_header(root / file, is_depth)
            if wrong:
                problems.append(f"{file} is {wrong}")
    _report(root, problems)
    columns = np.array(rows) if rows else np.empty((0, 3), dtype="U1")
    return Pairs(root, columns[:, 0], columns[:, 1], columns[:, 2], units_per_m)


def _matched(files: Iterable[str], is_rgb: Callable[[str], bool], depth_of: Callable[[str], str],
             name_of: Callable[[str], str], problems: list[str]) -> list[tuple[str, str, str]]:
    """Pair every picture with its depth file; files without their partner become problems."""
    present = set(files)
    rows, used = [], set()
    for rgb in sorted(filter(is_rgb, present), key=natural_key):
        depth = depth_of(rgb)
        used |= {rgb, depth}
        if depth in present:
            rows.append((name_of(rgb), rgb, depth))
        else:
            problems.append(f"{rgb} has no {depth}")
    problems += [f"{file} has no picture" for file in sorted(present - used, key=natural_key)
                 if file.endswith(".png")]
    return rows


def _folder(data_url: str, part: str, what: str) -> Path:
    """Return `data_url/part`, or `data_url` itself where that is already the part's folder."""
    root = Path(data_url)
    if not root.is_dir():
        raise UserError(f"no data folder {root}; give --data_url, {what}")
    return root / part if (root / part).is_dir() else root


def nyu_train(data_url: str) -> Pairs:
    """Open `data_url`/Train/<scene>/<n>.jpg + <n>.png (8-bit, z = value / 255 * 10 m).

    Raises:
        UserError: the folder is missing or empty, or files are unpaired or unreadable (named).
    """
    root = _folder(data_url, "Train", "the folder that holds Train/ and Test/ in Hu's NYU layout")
    files = [f"{scene.name}/{file.name}" for scene in sorted(root.iterdir()) if scene.is_dir()
             for file in scene.iterdir() if file.suffix in (".jpg", ".png")]
    problems: list[str] = []
    rows = _matched(files, lambda f: f.endswith(".jpg"), lambda f: f[:-4] + ".png",
                    lambda f: f[:-4].replace("/", "_"), problems)
    if not rows and not problems:
        raise UserError(f"{root} holds no training pairs <scene>/<n>.jpg + <n>.png; is --data_url right?")
    return _checked(root, rows, TRAIN_UNITS_PER_M, problems)


def nyu_test(data_url: str) -> Pairs:
    """Open `data_url`/Test/%05d_colors.png + %05d_depth.png (16-bit, millimetres); `data_url` may be Test
    itself.

    Raises:
        UserError: the folder is missing or empty, or files are unpaired or unreadable (named).
    """
    root = _folder(data_url, "Test", "the folder that holds Test/ in Hu's NYU layout, or Test itself")
    files = [file.name for file in root.iterdir() if file.name.endswith(("_colors.png", "_depth.png"))]
    problems: list[str] = []
    rows = _matched(files, lambda f: f.endswith("_colors.png"), lambda f: f.replace("_colors", "_depth"),
                    lambda f: f.replace("_colors.png", ""), problems)
    if not rows and not problems:
        raise UserError(f"{root} holds no test pairs <n>_colors.png + <n>_depth.png; is --data_url right?")
    return _checked(root, rows, TEST_UNITS_PER_M, problems)


def read_list(path: str, columns: int, what: str, fewest: int | None = None) -> list[tuple[str, ...]]:
    """Read a list file: one sample a line, its files separated by blanks, tabs or commas; # starts a comment.

    Paths with blanks go in a line that is separated by tabs or commas.

    Args:
        path: the list.
        columns: number of files a line.
        what: the files are, for messages.
        fewest: of them a line may leave out the last ones down to so many (none by default).

    Raises:
        UserError: the file is missing, empty, or a line (named by its number) has another number of files.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"cannot read the list {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"cannot read the list {path}: it is no text in UTF-8") from None
    rows, needed = [], f"{columns}" if fewest in (None, columns) else f"{fewest} to {columns}"
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        separator = next((mark for mark in "\t," if mark in line), None)
        fields = tuple(part.strip() for part in line.split(separator) if part.strip())
        if not (fewest or columns) <= len(fields) <= columns:
            raise UserError(f"{path} line {number} names {len(fields)} files; "
                            f"each line needs {needed}: {what}")
        rows.append(fields)
    if not rows:
        raise UserError(f"{path} names no samples; each line needs {needed} files: {what}")
    return rows


def listed_pairs(path: str, units_per_m: float) -> Pairs:
    """Open the pairs of a list file, relative to its folder.

    Raises:
        UserError: as `read_list`, or files are unreadable (named).
    """
    rows = read_list(path, 2, "the picture and its depth map")
    named = [(f"{i:05d}_{Path(rgb).stem}", rgb, depth) for i, (rgb, depth) in enumerate(rows)]
    return _checked(Path(path).parent, named, units_per_m, [])
