# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Files are whole or absent, and commands end with the exit code and the one line that users rely on."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from src.errors import UserError, run_command
from src.files import atomic_path, write_json, write_text


def test_a_file_appears_whole_and_alone(tmp_path):
    path = tmp_path / "new/folder/a.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        assert temporary.parent == path.parent and temporary.suffix == ".txt"
        assert not path.exists()
        temporary.write_text("whole \u00e9", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "whole \u00e9"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_file(tmp_path, interruption):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(interruption), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise interruption
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file/a.txt", tmp_path / "file/b/a.txt"):
        with pytest.raises(UserError, match=f"cannot write {path}: .*check the folder"):
            write_text(path, "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot write .*folder"):
        write_text(tmp_path / "folder", "text")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}


def test_a_full_disk_is_told(tmp_path):
    reason = "a.bin: No space left on device; check the folder and the free space"
    with pytest.raises(UserError, match=reason), atomic_path(tmp_path / "a.bin") as temporary:
        temporary.write_bytes(b"0")
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"0")
    assert list(tmp_path.iterdir()) == []


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"delta1": 0.5, "n": [1, 2]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"delta1": 0.5, "n": [1, 2]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"delta1": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text())["delta1"] == 0.5


def raising(error: BaseException):
    def main(argv):
        raise error
    return main


def test_a_users_mistake_ends_with_one_line_and_code_2(capsys):
    assert run_command(raising(UserError("no file a.png;\n  give\tanother")), []) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "error: no file a.png; give another\n")


def test_other_ends(capsys):
    assert run_command(raising(KeyboardInterrupt()), []) == 130
    assert run_command(lambda argv: None, []) == 0
    assert run_command(lambda argv: len(argv), ["a", "b", "c"]) == 3
    with pytest.raises(ZeroDivisionError):  # a bug keeps its traceback
        run_command(lambda argv: 1 // 0, [])
