# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Opening a CSV index: headers, paths, names, and every bad row named."""
from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.datasets.csv_index import read_index
from src.errors import UserError
from tests.samples import DEPTH_SAMPLES, needs_samples, save

THREE = ("raw depth", "reference depth", "colour")
FOUR, FIVE = (*THREE, "mask"), (*THREE, "mask", "albedo")
DEPTH = np.full((4, 6), 1300, np.uint16)
GREY, RGB = np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3), np.uint8)
VALUES = dict(zip(FIVE, (DEPTH, DEPTH, RGB, GREY, RGB)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two groups with frames of the same names, in folders named as the columns."""
    for group in ("g1", "g2"):
        for frame in ("f1", "f2"):
            for column, values in VALUES.items():
                save(tmp_path / group / column / f"{frame}.png", values)
    return tmp_path


def frame(group: str, name: str, columns=FOUR) -> str:
    return ",".join(f"{group}/{column}/{name}.png" for column in columns)


def written(root: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = root / "train.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def refusal(path: Path, columns=FOUR) -> str:
    with pytest.raises(UserError) as caught:
        read_index(path, columns)
    text = str(caught.value)
    assert text.count("\n") == 0 and str(path) in text
    return text


@pytest.mark.parametrize("columns", [THREE, FOUR, FIVE, ("raw depth", "colour")])
def test_rows_are_the_columns_asked_for(root, columns, monkeypatch):
    path = written(root, frame("g1", "f1", columns), frame("g1", "f2", columns))
    monkeypatch.chdir(root / "g1")
    index = read_index(path, columns)
    assert len(index) == 2 and index.root == root and index.names == ("f1", "f2")
    assert index.rows[1] == tuple(f"g1/{column}/f2.png" for column in columns)
    assert all(file.is_file() for file in index.paths(1))
    assert index.describe(0) == " ".join(index.rows[0])


@pytest.mark.parametrize("lines", [
    ["raw,reference,colour,mask", "{row}"], ["", "raw,reference,colour,mask", "", "{row}", ",,, ", ""],
    ["# made by hand, of two rooms", "{row}", "#{row}", " # g9/f9.png,,"],
    ["\ufeff{row}"], ["{row}\r"], ["only a title", "{row}"],
    ['"g1/raw depth/f1.png", g1/reference depth/f1.png ,"g1/colour/f1.png",g1/mask/f1.png']])
def test_an_index_may_look_like_this(root, lines):
    path = written(root, *(line.format(row=frame("g1", "f1")) for line in lines))
    assert read_index(path, FOUR).rows == (tuple(frame("g1", "f1").split(",")),)


def test_files_without_suffix_are_no_header(root):
    for column in FOUR:
        (root / f"g1/{column}/f1.png").rename(root / column)
    assert len(read_index(written(root, ",".join(FOUR)), FOUR)) == 1


def test_absolute_paths_and_other_alphabets(root, tmp_path_factory):
    away = tmp_path_factory.mktemp("away") / "\u6df1\u5ea6, 1.jpg"
    save(away, RGB)
    raw, reference, _, mask = frame("g1", "f1").split(",")
    index = read_index(written(root, f'{raw},{reference},"{away}",{mask}'), FOUR)
    assert index.paths(0)[2] == away


def test_names_are_unique(root):
    path = written(root, *(frame(group, name) for group in ("g1", "g2") for name in ("f1", "f2")))
    assert read_index(path, FOUR).names == ("00000_f1", "00001_f2", "00002_f1", "00003_f2")
    for name, stem in (("00001_f1", "f1"), ("f2", "f2")):
        (root / f"g2/reference depth/{stem}.png").rename(root / f"g2/reference depth/{name}.png")
    path = written(root, f"g1/raw depth/f1.png,g2/reference depth/00001_f1.png,{frame('g1', 'f1', FOUR[2:])}",
                   frame("g1", "f1"), frame("g1", "f1"))
    names = read_index(path, FOUR).names
    assert len(set(names)) == 3 and names[0].endswith("00001_f1")


@pytest.mark.parametrize(("given", "asked"), [(THREE, FOUR), (FIVE, FOUR), (FOUR, THREE), (FOUR, FIVE)])
def test_another_number_of_columns_is_refused(root, given, asked):
    path = written(root, "", frame("g1", "f1", asked), frame("g1", "f2", given))
    text = refusal(path, asked)
    assert f"row 3 has {len(given)} columns; {len(asked)} are expected: {', '.join(asked)}" in text
    assert "--has_mask" in text and "--has_abd" in text


@pytest.mark.parametrize(("column", "values", "suffix", "words"), [
    ("raw depth", GREY, "png", "an 8-bit grey PNG, not a 16-bit grey PNG (mm)"),
    ("reference depth", RGB, "png", "an 8-bit RGB PNG, not a 16-bit grey PNG"),
    ("raw depth", GREY, "jpg", "an 8-bit grey JPEG, not a 16-bit grey PNG"),
    ("mask", DEPTH, "png", "a 16-bit grey PNG, not an 8-bit grey or RGB picture"),
    ("mask", GREY > 0, "png", "a 1-bit grey PNG, not"),
    ("albedo", np.zeros((4, 6, 4), np.uint8), "png", "an 8-bit RGB with alpha PNG, not"),
    ("colour", np.zeros((6, 4, 3), np.uint8), "png", "4x6 but the row's raw depth is 6x4"),
    ("colour", np.zeros((6, 4, 3), np.uint8), "jpg", "4x6 but the row's raw depth is 6x4"),
    ("mask", np.zeros((4, 5), np.uint8), "png", "5x4 but the row's raw depth is 6x4")])
def test_files_that_do_not_fit_are_named(root, column, values, suffix, words):
    save(root / f"bad.{suffix}", values)
    good = frame("g1", "f1", FIVE)
    path = written(root, good, good.replace(f"g1/{column}/f1.png", f"bad.{suffix}"))
    assert f"row 2: {column} bad.{suffix} is {words}" in refusal(path, FIVE)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("column", ["colour", "mask", "albedo"])
def test_other_files_that_fit(root, column, suffix):
    good = frame("g1", "f1", FIVE)
    for values in (GREY, RGB):
        save(root / f"other.{suffix}", values)
        path = written(root, good.replace(f"g1/{column}/f1.png", f"other.{suffix}"))
        assert len(read_index(path, FIVE)) == 1


def test_few_bad_rows_are_named_and_the_others_counted(root):
    (root / "empty.png").touch()
    (root / "text.png").write_text("no picture at all, but long enough to be one")
    missing, blank = frame("g3", "f1"), frame("g1", "f1").replace("g1/mask/f1.png", "")
    empty, text = (frame("g1", "f1").replace("g1/colour/f1.png", bad) for bad in ("empty.png", "text.png"))
    two = refusal(written(root, "raw,reference,colour,mask", missing, frame("g1", "f1"), "", blank))
    assert "row 2: raw depth g3/raw depth/f1.png is missing; row 5: mask is blank; correct the index" in two
    assert f"relative paths start at {root}" in two
    many = refusal(written(root, empty, text, missing, missing, missing))
    assert "row 1: colour empty.png is empty; row 2: colour text.png is neither JPEG nor PNG; row 3:" in many
    assert "row 4" not in many and " and 2 more; " in many


@pytest.mark.parametrize("lines", [[], ["", " "], ["raw,reference,colour,mask"]])
def test_an_index_without_frames_is_refused(root, lines):
    assert "names no files; each row needs 4: raw depth, " in refusal(written(root, *lines))


def test_an_index_that_cannot_be_read_is_refused(root):
    assert "no index" in refusal(root / "absent.csv")
    assert "cannot read the index" in refusal(root / "g1")
    assert "cannot read the index" in refusal(written(root, "gr\u00f6\u00dfe.png", encoding="latin-1"))
    endless = refusal(written(root, '"' + "x" * 200_000))
    # MindSpore, where another test imports it, lifts the csv module's limit.
    assert "cannot read the index" in endless or "names no files" in endless


def test_large_sets_open_in_seconds(root):
    path = written(root, *[frame("g1", "f1"), frame("g2", "f2")] * 2500)
    start = time.perf_counter()
    assert len(read_index(path, FOUR)) == 5000
    assert time.perf_counter() - start < 5


@needs_samples("DDRNet")
def test_the_real_index_opens():
    folder = DEPTH_SAMPLES / "DDRNet"
    for name in ("train.csv", "test.csv"):
        index = read_index(folder / name, FOUR)
        assert len(index) >= 2 and all(name.startswith("frame_") for name in index.names)
        assert all(Image.open(file).size == (640, 480) for file in index.paths(0))
