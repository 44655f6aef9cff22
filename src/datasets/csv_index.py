# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's CSV index: one frame a row, one file a column, checked when opened."""
from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from src.datasets.image_files import Header, read_header
from src.errors import UserError, listed


def _is_depth(header: Header) -> bool:
    return (header.format, header.color, header.bits) == ("PNG", "grey", 16)


def _is_map(header: Header) -> bool:
    return header.color in ("grey", "RGB") and header.bits == 8


# What a column's files must be, for the program and for the user.
_DEPTH = (_is_depth, "a 16-bit grey PNG (mm)")
_MAP = (_is_map, "an 8-bit grey or RGB picture")
_COLUMNS: dict[str, tuple[Callable[[Header], bool], str]] = {
    "raw depth": _DEPTH, "reference depth": _DEPTH, "colour": (lambda _: True, "a PNG or JPEG"),
    "mask": _MAP, "albedo": _MAP}


@dataclass(frozen=True)
class Index:
    """Aligned files of frames; `names` are unique and name the outputs of a sample.

    Attributes:
        root: folder that relative paths start from.
        rows: the files of each frame in the order of the columns asked for, as the index writes them.
        names: a name for each row.
    """

    root: Path
    rows: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def paths(self, index: int) -> tuple[Path, ...]:
        """Return the files of a sample in the order of the columns asked for."""
        return tuple(self.root / file for file in self.rows[index])

    def describe(self, index: int) -> str:
        """Return the files of a sample."""
        return " ".join(self.rows[index])


def read_index(path: str | Path, columns: Sequence[str], colour_format: str = "any") -> Index:
    """Open a CSV index: with or without a header row, paths relative to its folder.

    Rows that are blank or begin with # are skipped.

    Only headers of the files are read (seconds for 100,000 rows).

    Args:
        path: the CSV file.
        columns: what its columns hold, of "raw depth", "reference depth" (16-bit PNG, mm), "colour" (PNG or
            JPEG), "mask" and "albedo" (8-bit grey or RGB, PNG or JPEG).
        colour_format: "PNG" or "JPEG" where the colour pictures must be of this format (`--aux_type`), or
            "any".

    Raises:
        UserError: the index is missing or empty, a row has another number of columns, or files are missing,
            of another kind, or differ in size within a row (the first few rows are named by their line).
    """
    root = Path(path).parent
    numbered = _without_header(read_rows(path), root)
    if not numbered:
        raise UserError(f"{path} names no files; each row needs {len(columns)}: {', '.join(columns)}")
    for line, row in numbered:
        if len(row) != len(columns):
            raise UserError(f"{path} row {line} has {len(row)} columns; {len(columns)} are expected: "
                            f"{', '.join(columns)} (--has_mask and --has_abd say which there are)")
    _check_files(path, root, columns, numbered, colour_format)
    rows = tuple(row for _, row in numbered)
    return Index(root, rows, _names(rows, columns))


def check_kind(column: str, path: str | Path) -> None:
    """Raise `UserError` where a file is not what a column of this name holds."""
    try:
        header = read_header(path)
    except UserError as error:
        raise UserError(f"{column} {path} is {error}") from None
    fits, expected = _COLUMNS[column]
    if not fits(header):
        raise UserError(f"{column} {path} is {header}, not {expected}")


def read_rows(path: str | Path) -> list[tuple[int, tuple[str, ...]]]:
    """Return the rows that are neither blank nor begin with #, each with the number of its line."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            stripped = ((reader.line_num, tuple(field.strip() for field in row)) for row in reader)
            return [(line, row) for line, row in stripped if any(row) and not row[0].startswith("#")]
    except FileNotFoundError:
        raise UserError(f"no index {path}: a CSV file with a row a frame") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read the index {path}: {error}") from None


def _without_header(numbered: list[tuple[int, tuple[str, ...]]],
                    root: Path) -> list[tuple[int, tuple[str, ...]]]:
    """Drop the first row where no field of it looks like a file or is one."""
    return numbered if numbered and names_files(numbered[0][1], root) else numbered[1:]


def names_files(row: tuple[str, ...], root: Path) -> bool:
    """Tell a row of files from a header: one of its fields has a file's ending or is a file below `root`."""
    return any(re.search(r"\.\w+$", field) or (field and _is_file(root / field)) for field in row)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text too long for a name
        return False


def _check_files(path: str | Path, root: Path, columns: Sequence[str],
                 numbered: list[tuple[int, tuple[str, ...]]], colour_format: str) -> None:
    checked = ((line, _problem(root, columns, row, colour_format)) for line, row in numbered)
    problems = [f"row {line}: {wrong}" for line, wrong in checked if wrong]
    if problems:
        raise UserError(listed(path, problems, "correct the index or these files (relative paths start at "
                                               f"{root.resolve()})"))


def _problem(root: Path, columns: Sequence[str], row: tuple[str, ...], colour_format: str) -> str | None:
    """Say what is wrong with the first bad file of a row, or None."""
    first_wh = None
    for column, file in zip(columns, row):
        if not file:
            return f"{column} is blank"
        try:
            header = read_header(root / file)
        except UserError as error:
            return f"{column} {file} is {error}"
        fits, expected = _COLUMNS[column]
        if not fits(header):
            return f"{column} {file} is {header}, not {expected}"
        if column == "colour" and colour_format not in ("any", header.format):
            return f"{column} {file} is {header}, not a {colour_format} as --aux_type says"
        size_wh, first_wh = header.size_wh, first_wh or header.size_wh
        if size_wh != first_wh:
            return (f"{column} {file} is {size_wh[0]}x{size_wh[1]} but the row's {columns[0]} is "
                    f"{first_wh[0]}x{first_wh[1]}")
    return None


def _names(rows: tuple[tuple[str, ...], ...], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the stems of the reference depth (else of the colour), numbered unless all differ."""
    naming = next((columns.index(name) for name in ("reference depth", "colour") if name in columns), 0)
    stems = tuple(Path(row[naming]).stem for row in rows)
    if len(set(stems)) == len(stems):
        return stems
    return tuple(f"{i:05d}_{stem}" for i, stem in enumerate(stems))
