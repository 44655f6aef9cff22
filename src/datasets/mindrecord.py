# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Data sets as MindRecord: one row a sample, in shards, read at random by any number of threads.

MindSpore's own writer makes the files, so `mindspore.dataset.MindDataset` opens them too. Its readers either
go through a file in order or copy a row through Python lists (6 to 8 ms for half a megabyte, one thread at a
time); here a row's place comes from the shard's index, an SQLite file, and its bytes from one `pread`, which
takes 0.04 ms, needs no lock and no MindSpore.

The layout that is relied on, version 3.0: a file begins with the length of its header (8 bytes, little
endian) and the header (JSON), then pages of `page_size` follow from `header_size` on. In <file>.db the table
INDEXES has for each row the number of its page (PAGE_ID_BLOB) and its bytes there (PAGE_OFFSET_BLOB,
PAGE_OFFSET_BLOB_END). A row is 8 bytes (its length) and, for each of the header's `blob_fields`, 8 bytes (the
field's length, big endian) and the field; the latter 8 bytes are missing where there is one field only.
"""
from __future__ import annotations

import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from src.datasets.parallel import in_order
from src.datasets.record_columns import decode, encode
from src.errors import UserError

SUFFIX = ".mindrecord"
PAGE_BYTES = 1 << 25
"""The largest row; MindRecord's default."""

_HEADER_BYTES = 1 << 20  # room for the places of thousands of pages
_LARGEST_HEADER = 1 << 27  # that MindRecord allows
_VERSION = "3.0"
_LENGTH = 8
_RGB = re.compile(r"(.*_)?rgb")
_QUERY = "SELECT index_0, name_0, PAGE_ID_BLOB, PAGE_OFFSET_BLOB, PAGE_OFFSET_BLOB_END FROM INDEXES"

Row = Mapping[str, np.ndarray | bytes]


def is_record(path: str | Path) -> bool:
    """Tell whether a path is that of a MindRecord, or of one of its shards, by its name."""
    return re.search(re.escape(SUFFIX) + r"\d*$", str(path)) is not None


def shards_of(path: str | Path) -> list[Path]:
    """Return the files of a record that are there, its first shard first; `path` is its name or a shard's."""
    path = Path(path)
    base = re.sub(r"\d+$", "", path.name)
    pattern = re.compile(re.escape(base) + r"(\d*)")
    files = path.parent.iterdir() if path.parent.is_dir() else ()
    found = [file for file in files if pattern.fullmatch(file.name)]
    return sorted(found, key=lambda file: int(pattern.fullmatch(file.name)[1] or 0))


class Records:
    """An open record; rows are in the order in which they were written.

    Args:
        path: `x.mindrecord`, whether it is one file or x.mindrecord0, x.mindrecord1 ...; or one of these.

    Attributes:
        names: of the rows, unique.
        columns: what each row has.

    Raises:
        UserError: the record is missing, incomplete, cut off or of another program.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        shards = shards_of(path)
        if not shards:
            raise UserError(f"no record {path}; `python scripts/datasets.py convert` makes one")
        header = _read_header(shards[0])
        if sorted(header["shard_addresses"]) != sorted(shard.name for shard in shards):
            raise UserError(f"{path} consists of {', '.join(header['shard_addresses'])}, but there are "
                            f"{', '.join(shard.name for shard in shards)}; convert the data again")
        self.columns = tuple(header["schema"][0]["blob_fields"])
        rows = sorted((*row, shard) for shard, file in enumerate(shards) for row in _read_index(file))
        if [row[0] for row in rows] != list(range(len(rows))):
            raise UserError(f"{path} has no rows, or some are missing; convert the data again")
        self.names = tuple(row[1] for row in rows)
        self._places = np.array([row[2:] for row in rows], np.int64)  # first byte, length, shard
        self._files = [file.open("rb", buffering=0) for file in shards]

    def __len__(self) -> int:
        return len(self.names)

    def describe(self, index: int) -> str:
        """Return record and name of a row."""
        return f"{self.path} {self.names[index]}"

    def read(self, index: int, columns: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Return the columns of a row (all by default) as they were written, pictures as uint8 RGB.

        Raises:
            UserError: the record has no such column, or is damaged there.
        """
        found = self._split(index)
        wanted = found if columns is None else columns
        missing = [name for name in wanted if name not in found]
        if missing:
            raise UserError(f"{self.path} has no {' and no '.join(missing)}, only {', '.join(self.columns)}; "
                            "convert the data again for this")
        return {name: decode(found[name], f"{name} of {self.describe(index)}", bool(_RGB.fullmatch(name)))
                for name in wanted}

    def _split(self, index: int) -> dict[str, bytes]:
        first, length, shard = (int(value) for value in self._places[index])
        data = os.pread(self._files[shard].fileno(), length, first)
        if len(self.columns) == 1:
            return {self.columns[0]: data[_LENGTH:]}
        found, at = {}, _LENGTH
        for name in self.columns:
            end = at + _LENGTH + int.from_bytes(data[at:at + _LENGTH], "big")
            found[name] = data[at + _LENGTH:end]
            at = end
        if at != length or len(data) != length:
            raise UserError(f"{self.describe(index)} is cut off; convert the data again")
        return found


def _read_header(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(_LENGTH), "little")
            header = json.loads(stream.read(min(length, _LARGEST_HEADER)))
        version, schema = header["version"], header["schema"][0]
        fields = schema["schema"]
        ours = version == _VERSION and {"index", "name"} <= set(fields) and bool(schema["blob_fields"])
        ours = ours and all(fields[name] == {"type": "bytes"} for name in schema["blob_fields"])
        ours = ours and all(isinstance(header[name], int) for name in ("header_size", "page_size"))
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError):
        raise UserError(f"{file} is no MindRecord, or cut off; convert the data again") from None
    if not ours:
        raise UserError(f"{file} (MindRecord {version}) was not written by this package; "
                        "`python scripts/datasets.py convert` makes records that it reads")
    return header


def _read_index(file: Path) -> Iterator[tuple[int, str, int, int]]:
    """Yield number, name, first byte and length of each row of a shard."""
    header, size = _read_header(file), file.stat().st_size
    database = file.with_name(f"{file.name}.db")
    uri = f"{database.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as index:
            rows = index.execute(_QUERY).fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {database} ({error}); a record needs it beside each of its "
                        "files") from None
    for number, name, page, start, end in rows:
        first = header["header_size"] + header["page_size"] * page + start
        length = end - start
        if first + length > size:
            raise UserError(f"{file} is cut off; convert the data again")
        yield number, name, first, length


def write_records(path: str | Path, names: Sequence[str], row: Callable[[int], Row], shards: int = 1,
                  workers: int = 1, force: bool = False) -> None:
    """Write a record with a progress bar; it is complete or absent.

    Args:
        path: ends in `.mindrecord`; several shards are called `x.mindrecord0` and so on.
        names: of the rows, unique.
        row: gives a row's columns by its number, the same columns for every row; runs in the workers, so it
            can be pickled. Arrays and the bytes of JPEG, PNG and NumPy files are possible; columns called
            `rgb` or `<view>_rgb` are pictures.
        shards: files, at most one a row.
        workers: processes that read and encode rows.
        force: replace a record that is there.

    Raises:
        UserError: the record exists, there are no rows, a row is too large or has other columns, or the
            folder cannot be written.
    """
    path = Path(path)
    existing = shards_of(path)
    if existing and not force:
        raise UserError(f"{existing[0]} exists; --force (make: FORCE=1) replaces it")
    if not names or len(set(names)) < len(names):
        raise UserError(f"{path}: there are no samples, or two of one name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            _write(Path(folder) / path.name, names, row, min(shards, len(names)), workers)
            for file in existing:
                file.unlink()
                file.with_name(f"{file.name}.db").unlink(missing_ok=True)
            for file in sorted(Path(folder).iterdir()):
                file.chmod(0o644)  # MindSpore's writer lets nobody else read them
                file.replace(path.parent / file.name)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; check the folder and the free "
                        "space") from error


def _write(path: Path, names: Sequence[str], row: Callable[[int], Row], shards: int, workers: int) -> None:
    from mindspore.mindrecord import FileWriter  # takes two seconds, and readers need none of it

    writer = FileWriter(str(path), shard_num=shards)
    writer.set_header_size(_HEADER_BYTES)
    columns: set[str] = set()
    rows = in_order(partial(_encoded, row), len(names), workers)
    for index, data in enumerate(tqdm(rows, path.name, len(names), unit="row", disable=None)):
        if not columns:
            columns = set(data)
            fields = {"index": "int64", "name": "string", **dict.fromkeys(sorted(columns), "bytes")}
            writer.add_schema({name: {"type": kind} for name, kind in fields.items()}, "depth estimation")
            writer.add_index(["index", "name"])
        if set(data) != columns:
            raise UserError(f"{names[index]} has the columns {', '.join(sorted(data))}, the rows before it "
                            f"{', '.join(sorted(columns))}")
        size = sum(len(values) + _LENGTH for values in data.values()) + _LENGTH
        if size > PAGE_BYTES:
            raise UserError(f"{names[index]} has {size / 2**20:.0f} MB, a row holds "
                            f"{PAGE_BYTES / 2**20:.0f}; make the pictures smaller")
        writer.write_raw_data([{"index": index, "name": names[index], **data}])
    writer.commit()


def _encoded(row: Callable[[int], Row], index: int) -> dict[str, bytes]:
    return {name: encode(values) for name, values in row(index).items()}
