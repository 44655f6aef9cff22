# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Records against MindSpore's own readers; what they hold, threads, and files that are damaged or foreign."""
from __future__ import annotations

import io
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mindspore.dataset as ds
import numpy as np
import pytest
from mindspore.mindrecord import FileReader, FileWriter
from PIL import Image

from src.datasets import mindrecord as module
from src.datasets.image_files import read_rgb
from src.datasets.mindrecord import Records, is_record, shards_of, write_records
from src.datasets.record_columns import decode, encode
from src.errors import UserError
from tests.record_rows import NAMES, row


def refusal(call, *args: object, **options: object) -> str:
    with pytest.raises(UserError) as error:
        call(*args, **options)
    return str(error.value)


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rec [1]") / "x.mindrecord"
    write_records(path, NAMES, row, shards=3)
    return path


def assert_rows_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype, name
        np.testing.assert_array_equal(found[name], values, name)


def test_rows_come_back_as_they_were(record):
    records = Records(record)
    assert records.names == NAMES and len(records) == len(NAMES)
    assert set(records.columns) == set(row(0))
    for index in range(len(NAMES)):
        assert_rows_equal(records.read(index), row(index))
    assert list(records.read(4, ["depth_mm"])) == ["depth_mm"]
    assert records.describe(2) == f"{record} 深度"
    assert "has no normals, only depth_m" in refusal(records.read, 0, ["normals", "rgb"])


def test_mindspores_readers_find_the_same_bytes(record):
    """FileReader and MindDataset are the format's own; both load all shards of any one."""
    records = Records(record)
    reader = FileReader(f"{record}0")
    own = {int(found["index"]): found for found in reader.get_next()}
    reader.close()
    dataset = ds.MindDataset(f"{record}0", columns_list=["index", "rgb", "labels"], shuffle=False)
    found = list(dataset.create_dict_iterator(num_epochs=1, output_numpy=True))
    rows = {int(columns["index"]): columns for columns in found}
    assert sorted(own) == sorted(rows) == list(range(len(NAMES)))
    for index, name in enumerate(NAMES):
        assert own[index]["name"] == name
        raw = records._split(index)
        assert {column: bytes(own[index][column]) for column in records.columns} == raw
        assert rows[index]["rgb"].tobytes() == raw["rgb"] and rows[index]["labels"].tobytes() == raw["labels"]
        np.testing.assert_array_equal(read_rgb(io.BytesIO(raw["rgb"])), row(index)["rgb"])


def test_threads_read_alike(record):
    records = Records(record)
    order = np.random.default_rng(0).integers(0, len(NAMES), 200)
    with ThreadPoolExecutor(8) as pool:
        for index, found in zip(order, pool.map(records.read, map(int, order))):
            assert_rows_equal(found, row(int(index)))


@pytest.mark.parametrize(("shards", "count"), [(1, 8), (5, 3)])
def test_any_number_of_shards_and_workers(tmp_path, shards, count):
    path = tmp_path / "new" / "y.mindrecord"
    write_records(path, NAMES[:count], row, shards=shards, workers=2)
    files = min(shards, count)
    assert len(shards_of(path)) == files and len(list(path.parent.iterdir())) == 2 * files
    for name in (path, shards_of(path)[-1]):
        records = Records(name)
        for index in range(count):
            assert_rows_equal(records.read(index), row(index))


def test_a_single_column(tmp_path):
    path = tmp_path / "y.mindrecord"
    write_records(path, ["a", "b"], lambda index: {"rgb": row(index)["rgb"]})
    records = Records(path)
    for index in range(2):
        np.testing.assert_array_equal(records.read(index)["rgb"], row(index)["rgb"])


def test_a_records_name():
    assert all(map(is_record, ("a.mindrecord", "/b/c.mindrecord12", Path("d.mindrecord0"))))
    assert not any(map(is_record, ("a.mindrecord.db", "mindrecord", "a.mindrecords", "data/nyu", "a.txt")))


def test_files_keep_their_bytes():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(rgb).save(file, "JPEG", exif=exif)
    data = file.getvalue()
    assert encode(data) is data
    np.testing.assert_array_equal(decode(data, "", as_rgb=True), read_rgb(io.BytesIO(data)))
    assert decode(data, "", as_rgb=True).shape == (30, 40, 3)
    grey = encode(rgb[..., 0])
    assert decode(grey, "").shape == (40, 30) and decode(grey, "", as_rgb=True).shape == (40, 30, 3)


@pytest.mark.parametrize("values", [
    np.zeros((0, 3), np.uint8), np.zeros((0, 0, 3), np.uint8), np.ones((7, 7, 3)), np.array(3), np.ones(9000),
    np.zeros((3, 70, 70), np.float32), np.full((2, 2), np.nan, np.float32), np.ones((4, 4, 4), np.uint8),
    np.asfortranarray(np.arange(12, dtype=np.uint16).reshape(3, 4)), np.arange(99, dtype=np.uint8)[::3]])
def test_arrays_of_any_shape(values):
    found = decode(encode(values), "")
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


def test_sparse_arrays_are_small():
    sparse = np.zeros((3, 700, 700), np.float32)
    sparse[:, np.arange(699), np.arange(1, 700)] = np.random.default_rng(0).random(699)
    assert len(encode(sparse)) < sparse.nbytes / 100
    noise = np.random.default_rng(0).random((100, 100), np.float32)
    assert encode(noise)[:6] == b"\x93NUMPY"  # compression would gain little


@pytest.mark.parametrize("values", [row(3)["rgb"], row(3)["depth_m"], row(3)["labels"]])
def test_damaged_columns_are_named(values):
    data = encode(values)
    for damaged in (data[:len(data) // 2], b"", b"text", data[:12]):
        assert "cannot decode this row" in refusal(decode, damaged, "this row")


def test_a_record_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "y.mindrecord"
    write_records(path, NAMES[:3], row, shards=3)
    assert "exists; --force (make: FORCE=1) replaces it" in refusal(write_records, path, NAMES, row)
    write_records(path, NAMES[:2], row, shards=1, force=True)
    assert Records(path).names == NAMES[:2]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["y.mindrecord", "y.mindrecord.db"]


def test_a_failed_record_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "y.mindrecord"
    write_records(path, NAMES[:2], row)
    before = path.read_bytes()

    def fails(index: int) -> dict[str, np.ndarray]:
        if index == 2:
            raise UserError("a bad file")
        return row(index)

    assert refusal(write_records, path, NAMES[:4], fails, force=True) == "a bad file"
    text = refusal(write_records, path, ["a", "b"], lambda index: {f"c{index}": np.ones(3)}, force=True)
    assert text == "b has the columns c1, the rows before it c0"
    monkeypatch.setattr(module, "PAGE_BYTES", 1000)
    assert "00000 has 0 MB, a row holds" in refusal(write_records, path, NAMES[:2], row, force=True)
    assert "no samples, or two of one name" in refusal(write_records, path, ["a", "a"], row, force=True)
    assert "no samples" in refusal(write_records, path, [], row, force=True)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 2
    (tmp_path / "file").write_bytes(b"")
    assert "cannot write" in refusal(write_records, tmp_path / "file" / "z.mindrecord", ["a"], row)


@pytest.fixture
def small(tmp_path) -> Path:
    path = tmp_path / "z.mindrecord"
    write_records(path, NAMES[:6], row, shards=2)
    return path


def test_incomplete_records_are_refused(small):
    first, second = shards_of(small)
    database = first.with_name(f"{first.name}.db")
    assert f"no record {small}x; `python scripts" in refusal(Records, f"{small}x")
    second.rename(small.with_name("moved"))
    assert "consists of z.mindrecord0, z.mindrecord1, but there are z.mindrecord0;" in refusal(Records, small)
    small.with_name("moved").rename(second)
    assert len(Records(small)) == 6
    index = database.read_bytes()
    database.unlink()
    assert f"cannot read {database}" in refusal(Records, small)
    database.write_bytes(b"no database" * 99)
    assert f"cannot read {database}" in refusal(Records, small)
    database.write_bytes(index)
    for shard in (first, second):
        with sqlite3.connect(f"{shard}.db") as changed:
            changed.execute("DELETE FROM INDEXES WHERE index_0 = 2")
    assert "some are missing" in refusal(Records, small)


def last_row(small: Path) -> tuple[Records, int, int]:
    """Return the record, the last row of its first file, and where that row ends."""
    records = Records(small)
    first, length, shard = records._places.T
    index = int(np.argmax(np.where(shard == 0, first, -1)))
    return records, index, int(first[index] + length[index])


def test_records_that_were_cut_off_are_refused(small):
    file, end = shards_of(small)[0], last_row(small)[2]
    data = file.read_bytes()
    file.write_bytes(data[:end - 1])
    assert f"{file} is cut off" in refusal(Records, small)
    for damaged in (data[:500], b"", b"text of no record"):
        file.write_bytes(damaged)
        assert f"{file} is no MindRecord, or cut off" in refusal(Records, small)


def test_a_row_that_changed_is_refused(small):
    records, index, end = last_row(small)
    file = shards_of(small)[0]
    data = file.read_bytes()
    with file.open("r+b") as stream:
        stream.truncate(end - 1)
    assert f"{records.describe(index)} is cut off" in refusal(records.read, index)
    file.write_bytes(data[:end - 100] + bytes(100) + data[end:])
    assert f"of {records.describe(index)}" in refusal(records.read, index)


def test_foreign_records_are_refused(tmp_path):
    path = tmp_path / "w.mindrecord"
    writer = FileWriter(str(path))
    writer.add_schema({"label": {"type": "int32"}, "data": {"type": "bytes"}})
    writer.write_raw_data([{"label": 1, "data": b"abc"}])
    writer.commit()
    assert f"{path} (MindRecord 3.0) was not written by this package" in refusal(Records, path)
