# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The exploration of posed sets: its pictures, its numbers, its refusals."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.explore_poses import main
from src.datasets.posed import read_posed
from src.datasets.posed_statistics import sample_depth, summary
from src.errors import run_command
from tests.posed_files import LOOKING_DOWN, circle, write_indoor
from tests.samples import DEPTH_SAMPLES, needs_samples, save

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "explore_poses.py"
PICTURES = {"depth.png", "distances.png", "orientation.png", "paths.png", "speed.png"}


def refusal(capsys, *argv: object) -> str:
    assert run_command(main, [str(arg) for arg in argv]) == 2
    text, = capsys.readouterr().err.splitlines()
    assert text.startswith("error: ")
    return text


def test_many_recordings_are_drawn(tmp_path, capsys):
    for k in range(8):
        write_indoor(tmp_path / "set" / f"seq-{k}", circle()[:1 + k])
    (tmp_path / "set/seq-7/frame-000000.pose.txt").write_text("nan\n")
    main([str(tmp_path / "set"), "--output_dir", str(tmp_path / "out"), "--up=z", "--fps", "60"])
    out, err = capsys.readouterr()
    assert "indoor: 35 frames, 8 recording(s), 1 more without a pose" in out and "up is z" in out
    assert not err  # no bar where nobody looks
    assert {path.name for path in (tmp_path / "out").iterdir()} == PICTURES | {"summary.json"}
    posed = read_posed(tmp_path / "set", fps=60)
    numbers = json.loads((tmp_path / "out/summary.json").read_text())
    assert numbers == summary(posed, sample_depth(posed, 200), "z")
    for name in PICTURES:
        pixels = np.asarray(Image.open(tmp_path / "out" / name).convert("L"))
        assert min(pixels.shape) > 400 and pixels.std() > 10


def test_mistakes_are_told_in_a_line(tmp_path, capsys, monkeypatch):
    folder = write_indoor(tmp_path / "set", circle()[:2])
    assert "required: FOLDER" in refusal(capsys)
    assert "no data folder" in refusal(capsys, tmp_path / "no")
    for argv, words in ((("--limit", "0"), "'0' is not possible"), (("--limit", "1.5"), "'1.5' is not"),
                        (("--depth_scale", "inf"), "'inf' is not"), (("--fps", "x"), "'x' is not possible"),
                        (("--layout", "kitti"), "invalid choice: 'kitti'"), (("--up", "w"), "invalid choice"),
                        (("--lay", "tum"), "unrecognized arguments"), (("--layout", "tum"), "groundtruth")):
        assert words in refusal(capsys, folder, *argv)
    (tmp_path / "file").touch()
    assert "cannot write" in refusal(capsys, folder, "--output_dir", tmp_path / "file")
    (folder / "frame-000000.depth.png").write_bytes(b"no picture")
    assert "cannot read" in refusal(capsys, folder)
    for path in folder.glob("*.depth.png"):
        save(path, np.zeros((4, 6), np.uint16))
    assert "2 depth maps that were looked at have no reading" in refusal(capsys, folder)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install -r requirements-dev.txt" in refusal(capsys, folder)


@pytest.mark.parametrize("poses", [circle()[:1], LOOKING_DOWN])
def test_what_a_set_lacks_is_not_drawn(tmp_path, poses):
    main([str(write_indoor(tmp_path / "set", poses)), "--output_dir", str(tmp_path / "out"), "--up=-y"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == PICTURES | {"summary.json"}


def test_the_command_from_another_folder(tmp_path):
    write_indoor(tmp_path / "set", circle())
    done = subprocess.run([sys.executable, SCRIPT, "set"], cwd=tmp_path, text=True, check=False,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "output/explore").iterdir()} == PICTURES | {"summary.json"}
    assert "output/explore/depth.png" in done.stdout


@needs_samples("RGBD/posed_indoor")
def test_real_frames(tmp_path):
    main([str(DEPTH_SAMPLES / "RGBD/posed_indoor"), "--output_dir", str(tmp_path), "--limit", "4"])
    numbers = json.loads((tmp_path / "summary.json").read_text())
    assert (numbers["layout"], numbers["frames"], numbers["depth"]["maps"]) == ("indoor", 20, 4)
    # A person walks through a room with a Kinect: 0.5 to 5 m of depth, no faster than a metre a second.
    assert numbers["depth"]["min_m"] > 0.5 and numbers["depth"]["max_m"] < 5
    assert numbers["orientation"]["up"] == "-y" and numbers["motion"]["speed_mps"]["max"] < 1
