# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Opening the NYU layout and list files: order, scale, and every bad file or line named."""
from __future__ import annotations

import numpy as np
import pytest

from src.datasets.pairs import listed_pairs, natural_key, nyu_test, nyu_train, read_list
from src.errors import UserError
from tests.samples import DEPTH_SAMPLES, needs_samples, save, write_nyu

RGB = np.zeros((4, 6, 3), np.uint8)
DEPTH_8 = np.full((4, 6), 51, np.uint8)
DEPTH_16 = np.full((4, 6), 2500, np.uint16)


def refusal(function, *arguments, **options) -> str:
    with pytest.raises(UserError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def train_pair(root, stem):
    save(root / f"Train/{stem}.jpg", RGB)
    save(root / f"Train/{stem}.png", DEPTH_8)


def test_numbers_sort_as_numbers():
    names = ["10.jpg", "2.jpg", "1.jpg", "02.jpg", "a10b2", "a10b10", "a9", "\u00b2.jpg", "img"]
    in_order = ["1.jpg", "02.jpg", "2.jpg", "10.jpg", "a9", "a10b2", "a10b10", "img", "\u00b2.jpg"]
    assert sorted(names, key=natural_key) == in_order
    backwards = names[::-1]  # as another process may list the folder
    assert sorted(backwards, key=natural_key) == in_order


def test_training_pairs(tmp_path):
    for stem in ("b_out/1", "a_out/10", "a_out/2", "a_out/1"):
        train_pair(tmp_path, stem)
    (tmp_path / "Train/a_out/notes.txt").write_text("ignored")
    pairs = nyu_train(str(tmp_path))
    assert pairs.rgb_files.tolist() == ["a_out/1.jpg", "a_out/2.jpg", "a_out/10.jpg", "b_out/1.jpg"]
    assert len(set(pairs.names)) == len(pairs) == 4
    rgb, depth_m = pairs.read(3)
    assert rgb.shape == (4, 6, 3) and np.all(depth_m == 2.0)  # 51 / 255 * 10 m
    assert pairs.describe(3) == "b_out/1.jpg b_out/1.png"
    assert nyu_train(str(tmp_path / "Train")).rgb_files.tolist() == pairs.rgb_files.tolist()


def test_test_pairs(tmp_path):
    for number in (10, 2):
        save(tmp_path / f"Test/{number:05d}_colors.png", RGB)
        save(tmp_path / f"Test/{number:05d}_depth.png", DEPTH_16)
    pairs = nyu_test(str(tmp_path / "Test"))
    assert pairs.names.tolist() == nyu_test(str(tmp_path)).names.tolist() == ["00002", "00010"]
    assert np.all(pairs.read(0)[1] == 2.5)


def test_missing_partners_are_named(tmp_path):
    write_nyu(tmp_path, 4, 3)
    (tmp_path / "Train/room_0/2.png").unlink()
    (tmp_path / "Train/room_1/1.jpg").unlink()
    text = refusal(nyu_train, str(tmp_path))
    assert "room_0/2.jpg has no room_0/2.png; room_1/1.png has no picture;" in text
    (tmp_path / "Test/00001_depth.png").unlink()
    (tmp_path / "Test/00002_colors.png").unlink()
    text = refusal(nyu_test, str(tmp_path))
    assert "00001_colors.png has no 00001_depth.png; 00002_depth.png has no picture;" in text


def test_unreadable_files_are_named_when_the_set_is_opened(tmp_path):
    write_nyu(tmp_path, 12, 1)
    (tmp_path / "Train/room_0/1.jpg").write_bytes(b"")
    (tmp_path / "Train/room_0/2.png").write_text("text")
    save(tmp_path / "Train/room_1/3.png", RGB)
    text = refusal(nyu_train, str(tmp_path))
    assert "room_0/1.jpg is empty; room_0/2.png is not a PNG; room_1/3.png is not a single-channel" in text
    for i in range(2, 6):
        (tmp_path / f"Train/room_1/{i}.jpg").write_bytes(b"")
    assert " and 4 more; add, replace or remove these files" in refusal(nyu_train, str(tmp_path))
    save(tmp_path / "Test/00000_depth.png", RGB)
    assert "00000_depth.png is not a single-channel depth PNG" in refusal(nyu_test, str(tmp_path))


def test_files_that_break_further_in_are_named_when_they_are_read(tmp_path):
    write_nyu(tmp_path, 2, 0)
    cut = tmp_path / "Train/room_0/1.jpg"
    cut.write_bytes(cut.read_bytes()[:400])
    save(tmp_path / "Train/room_1/1.png", DEPTH_8)
    pairs = nyu_train(str(tmp_path))
    assert str(cut) in refusal(pairs.read, 0)
    text = refusal(pairs.read, 1)
    assert "room_1/1.jpg is 80x60 but" in text and "room_1/1.png is 6x4; a pair has one size" in text


def test_folders_without_data_are_named(tmp_path):
    assert f"no data folder {tmp_path / 'no'}; give --data_url" in refusal(nyu_train, str(tmp_path / "no"))
    assert f"no data folder {tmp_path / 'no'}; give --data_url" in refusal(nyu_test, str(tmp_path / "no"))
    assert f"{tmp_path} holds no training pairs" in refusal(nyu_train, str(tmp_path))
    assert f"{tmp_path} holds no test pairs" in refusal(nyu_test, str(tmp_path))


def written(folder, text, encoding="utf-8"):
    path = folder / "list.txt"
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.mark.parametrize("text", [
    "a.png b.png\nc.png d.png\n", "a.png\tb.png\nc.png\td.png", "a.png,b.png\r\nc.png , d.png\r\n",
    "# picture, depth\n\n  a.png   b.png  \n   # more\nc.png,d.png\n", "\ufeffa.png b.png\nc.png d.png\n"])
def test_list_files_may_look_like_this(tmp_path, text):
    assert read_list(written(tmp_path, text), 2, "two files") == [("a.png", "b.png"), ("c.png", "d.png")]


@pytest.mark.parametrize("separator", ["\t", ",", ", "])
def test_list_files_name_any_path(tmp_path, separator):
    """Blanks need tabs or commas between the files; commas need tabs."""
    text = separator.join(["my room/\u00e9t\u00e9 1.png", "\u6df1\u5ea6/1.png"])
    rows = read_list(written(tmp_path, text), 2, "")
    assert rows == [("my room/\u00e9t\u00e9 1.png", "\u6df1\u5ea6/1.png")]


@pytest.mark.parametrize(("text", "words"), [
    ("a.png b.png\n\n# c\na.png\n", "line 4 names 1 files; each line needs 2: picture, depth"),
    ("a.png b.png c.png\n", "line 1 names 3 files"),
    ("my room.png b.png", "line 1 names 3 files"),
    ("# nothing\n\n", "names no samples"), ("", "names no samples")])
def test_wrong_lines_are_numbered(tmp_path, text, words):
    path = written(tmp_path, text)
    refused = refusal(read_list, path, 2, "picture, depth")
    assert path in refused and words in refused


def test_lists_that_cannot_be_read(tmp_path):
    missing = str(tmp_path / "no.txt")
    assert refusal(read_list, missing, 2, "") == f"cannot read the list {missing}: No such file or directory"
    assert refusal(read_list, str(tmp_path), 2, "") == f"cannot read the list {tmp_path}: Is a directory"
    latin = written(tmp_path, "\u00e9.png b", "latin-1")
    assert refusal(read_list, latin, 2, "") == f"cannot read the list {latin}: it is no text in UTF-8"


def test_lines_may_leave_out_the_last_files(tmp_path):
    rows = read_list(written(tmp_path, "a b\na b c\na b c d"), 4, "four files", fewest=2)
    assert [len(row) for row in rows] == [2, 3, 4]
    for text in ("a", "a b c d e"):
        refused = refusal(read_list, written(tmp_path, text), 4, "four files", fewest=2)
        assert refused.endswith("files; each line needs 2 to 4: four files")


def test_listed_pairs_are_relative_to_the_list(tmp_path, monkeypatch):
    save(tmp_path / "set/my room/\u00e9 1.png", RGB)
    save(tmp_path / "set/d/1.png", DEPTH_16)
    np.save(tmp_path / "set/d/2.npy", DEPTH_16)
    absolute = save(tmp_path / "elsewhere/3.jpg", RGB)
    path = written(tmp_path / "set", f"my room/\u00e9 1.png\td/1.png\n{absolute}\td/2.npy\n")
    monkeypatch.chdir(tmp_path / "set/d")
    pairs = listed_pairs(path, 500.0)
    assert [np.unique(pairs.read(i)[1]).tolist() for i in range(2)] == [[5.0], [5.0]]
    assert len(set(pairs.names)) == 2


def test_bad_files_of_a_list_are_named(tmp_path):
    save(tmp_path / "a.png", RGB)
    path = written(tmp_path, "a.png no.npy\nb.jpg a.png\n")
    text = refusal(listed_pairs, path, 1000.0)
    assert "no.npy is missing; b.jpg is missing; a.png is not a single-channel depth PNG" in text


@needs_samples("NYU")
def test_the_real_layout_opens():
    train, test = nyu_train(str(DEPTH_SAMPLES / "NYU")), nyu_test(str(DEPTH_SAMPLES / "NYU"))
    assert [len(train), len(test)] == [3, 3] and test.names.tolist() == ["00000", "00001", "00002"]
    for pairs in (train, test):
        for i in range(3):
            rgb, depth_m = pairs.read(i)
            assert rgb.shape == (480, 640, 3) and 0.4 < depth_m[depth_m > 0].min() < depth_m.max() <= 10
