# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The mask tool: what it writes where, and what it refuses before it writes anything."""
from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.prepare_masks import main
from src.datasets.depth_mask import fill_holes, foreground_mask
from src.datasets.image_files import read_header
from src.errors import run_command
from tests.samples import DEPTH_SAMPLES, needs_samples, save

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "prepare_masks.py"
GROUP = DEPTH_SAMPLES / "DDRNet/20170907/group1"


def depth(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random((50, 60)) < 0.03, rng.integers(1, 65536, (50, 60)), 0).astype(np.uint16)


def add_frame(group: Path, name: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    raw, reference = depth(seed), np.where(depth(seed + 100) > 0, 0, 1300).astype(np.uint16)
    save(group / "depth_map" / name, raw)
    save(group / "high_quality_depth" / name, reference)
    return raw, reference


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def written(folder: Path) -> list[str]:
    """Return what lies in the folders that the tool makes, as <group>/<folder>/<file>."""
    return sorted(str(file.relative_to(folder)) for name in ("depth_filled", "mask")
                  for file in folder.rglob(f"{name}/*"))


def refusal(capsys, *argv: object) -> str:
    assert run_command(main, [str(arg) for arg in argv]) == 2
    *progress, text = capsys.readouterr().err.splitlines()
    assert text.startswith("error: ") and all("frame/s" in line for line in progress if line)
    return text


@pytest.mark.parametrize("chosen", [".", "g1"])
def test_groups_are_prepared(tmp_path, capsys, chosen):
    frames = {(group, name): add_frame(tmp_path / group, name, seed) for seed, (group, name) in enumerate(
        [("g1", "f1.png"), ("g1", "f2.png"), ("g 2", "f1.png")])}
    (tmp_path / "notes").mkdir()
    for _ in range(2):  # calling again changes nothing
        main([str(tmp_path / chosen)])
        expected = {key: value for key, value in frames.items() if chosen in (".", key[0])}
        assert written(tmp_path) == sorted(f"{group}/{made}/{name}" for group, name in expected
                                           for made in ("depth_filled", "mask"))
        for (group, name), (raw, reference) in expected.items():
            filled, mask = (pixels(tmp_path / group / made / name) for made in ("depth_filled", "mask"))
            np.testing.assert_array_equal(filled, fill_holes(raw))
            np.testing.assert_array_equal(mask, foreground_mask(fill_holes(raw), reference))
            assert (str(read_header(tmp_path / group / "depth_filled" / name)) == "a 16-bit grey PNG"
                    and mask.dtype == np.uint8)
    out = capsys.readouterr()
    assert f"{len(expected)} frames: depth_filled/ and mask/ written" in out.out
    assert not out.err  # no bar where nobody looks


def test_a_data_set_of_dates_is_prepared(tmp_path):
    for group in ("20170907/group1", "20170908/group1"):
        add_frame(tmp_path / group, "f.png")
    main([str(tmp_path)])
    assert len(written(tmp_path)) == 4


def test_without_reference_the_mask_is_where_raw_depth_is(tmp_path):
    raw = depth(0)
    save(tmp_path / "depth_map/f.png", raw)
    main([str(tmp_path), "--test"])
    np.testing.assert_array_equal(pixels(tmp_path / "mask/f.png"), 255 * (raw > 0))
    np.testing.assert_array_equal(pixels(tmp_path / "depth_filled/f.png"), fill_holes(raw))


def test_dots_are_removed_where_asked(tmp_path):
    raw, reference = add_frame(tmp_path, "f.png")
    main([str(tmp_path), "--remove_dots"])
    expected = foreground_mask(fill_holes(raw), reference, remove_dots=True)
    np.testing.assert_array_equal(pixels(tmp_path / "mask/f.png"), expected)
    assert 0 < np.count_nonzero(expected) < np.count_nonzero(foreground_mask(fill_holes(raw), reference))


def test_folders_that_do_not_fit_are_refused(tmp_path, capsys):
    assert f"no such folder: {tmp_path / 'no'}" in refusal(capsys, tmp_path / "no")
    assert "holds no depth_map/ nor <group>/depth_map/" in refusal(capsys, tmp_path)
    (tmp_path / "depth_map").mkdir()
    assert f"{tmp_path / 'depth_map'} holds no .png" in refusal(capsys, tmp_path)


def test_unpaired_files_are_refused(tmp_path, capsys):
    for name in ("f1.png", "f2.png", "f3.png"):
        add_frame(tmp_path / "g", name)
    (tmp_path / "g/depth_map/f3.png").unlink()
    assert "high_quality_depth/f3.png has no file of its name in" in refusal(capsys, tmp_path)
    for name in ("f1.png", "f2.png"):
        (tmp_path / "g/high_quality_depth" / name).unlink()
    text = refusal(capsys, tmp_path)
    assert "depth_map/f1.png has no file of its name in" in text and "(2 such files); --test does" in text
    assert written(tmp_path) == []


@pytest.mark.parametrize(("values", "words"), [
    (np.zeros((50, 60), np.uint8), "is an 8-bit grey PNG; depth is a 16-bit grey PNG in mm"),
    (np.zeros((50, 60, 3), np.uint8), "is an 8-bit RGB PNG; depth is"),
    (np.zeros((60, 50), np.uint16), "differs in size from")])
@pytest.mark.parametrize("folder", ["depth_map", "high_quality_depth"])
def test_files_that_do_not_fit_are_refused_before_any_is_written(tmp_path, capsys, folder, values, words):
    for name in ("f1.png", "f2.png"):
        add_frame(tmp_path, name)
    save(tmp_path / folder / "f2.png", values)
    text = refusal(capsys, tmp_path)
    assert "f2.png" in text and words in text
    assert written(tmp_path) == []


def test_damaged_files_are_named(tmp_path, capsys):
    add_frame(tmp_path, "f.png")
    raw = tmp_path / "depth_map/f.png"
    data = raw.read_bytes()
    for damaged, words in ((b"", "is empty"), (b"text" * 10, "is neither JPEG nor PNG"),
                           (data[:len(data) // 2], "cannot decode")):
        raw.write_bytes(damaged)
        text = refusal(capsys, tmp_path)
        assert str(raw) in text and words in text
    assert written(tmp_path) == []


@pytest.mark.parametrize(("argv", "words"), [
    ([], "required: folder"), ([".", "--tset"], "unrecognized arguments: --tset"),
    ([".", "--test", "--remove_dots"], "--remove_dots is about the reference")])
def test_wrong_arguments_are_refused(capsys, argv, words):
    assert words in refusal(capsys, *argv)


def test_the_command_from_another_folder(tmp_path):
    def run(argument: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, SCRIPT, argument], cwd=tmp_path, text=True, check=False,
                              capture_output=True)
    add_frame(tmp_path / "g", "f.png")
    done = run("g")
    assert done.returncode == 0, done.stderr
    assert written(tmp_path) == ["g/depth_filled/f.png", "g/mask/f.png"]
    told = run("--help").stdout
    assert "examples:" in told and "16-bit PNG, mm" in told and "--remove_dots" in told
    done = run("no")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "error: no such folder: no\n")


@needs_samples("DDRNet")
def test_published_files_are_reproduced(tmp_path):
    name = "frame_000001.png"
    for folder in ("depth_map", "high_quality_depth"):
        (tmp_path / folder).mkdir()
        shutil.copy(GROUP / folder / name, tmp_path / folder / name)
    main([str(tmp_path)])
    for folder in ("depth_filled", "mask"):
        np.testing.assert_array_equal(pixels(tmp_path / folder / name), pixels(GROUP / folder / name))
