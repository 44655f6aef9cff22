# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The command that draws matches: its picture, its figures, its refusals."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.draw_matches import main
from src.errors import run_command
from tests.geometry.panorama_scene import Panorama, rotation
from tests.panorama_files import write_depth, write_pose
from tests.samples import save

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "draw_matches.py"
HEIGHT, WIDTH = 64, 128
VIEWS = {"a": Panorama((-0.8, 0.2, 0.4)), "b": Panorama((0.5, 0.1, -0.9), rotation(60)),
         "c": Panorama((-0.8, 0.2, -0.4), rotation(-20))}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A list of a with b and a with c, depth in 4000 units a metre."""
    for name, view in VIEWS.items():
        depth_m, image = view.picture(HEIGHT, WIDTH)
        save(tmp_path / f"{name}.png", np.rint(np.moveaxis(image, 0, -1) * 255).astype(np.uint8))
        write_depth(tmp_path / f"{name}_depth.png", depth_m, 4000)
        write_pose(tmp_path / f"{name}.txt", view.pose())
    rows = [",".join(f"{name}.png,{name}_depth.png,{name}.txt" for name in names) for names in ("ab", "ac")]
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def refusal(capsys, *argv: object) -> str:
    assert run_command(main, [str(arg) for arg in argv]) == 2
    text, = capsys.readouterr().err.splitlines()
    assert text.startswith("error: ")
    return text


def test_a_row_is_drawn_and_measured(pairs, tmp_path, capsys):
    for index, (name, distance_m, angle_deg) in enumerate((("b", 1.84, 60), ("c", 0.8, 20))):
        picture = tmp_path / f"{name}_dense.png"
        main([str(pairs), "--index", str(index), "--output", str(picture), "--depth_scale", "4000"])
        out = capsys.readouterr().out
        assert f"a.png and {name}.png: {distance_m:.2f} m and {angle_deg:.1f}° apart" in out
        told = r"matches: (\d+) pixels, ([\d.]+)% .*\n.*: ([\d.]+) of 255 at matches, ([\d.]+) at random"
        matches, share, at_matches, at_random = map(float, re.search(told, out).groups())
        assert matches > 0.98 * HEIGHT * WIDTH and share > 98  # a convex room hides nothing
        assert at_matches < 3 and at_random > 40
        drawn = np.asarray(Image.open(picture)).astype(int)
        upper, lower = (np.asarray(Image.open(tmp_path / f"{file}.png")) for file in ("a", name))
        assert drawn.shape[0] > 2 * HEIGHT and drawn.shape[1:] == (WIDTH, 3)
        for part, original in ((drawn[:HEIGHT], upper), (drawn[-HEIGHT:], lower)):
            assert 0.2 < (part == original).all(axis=-1).mean() < 0.95  # panoramas, and lines on them


def test_panoramas_of_different_sizes_are_drawn_at_that_of_the_first(pairs, tmp_path, capsys):
    with Image.open(tmp_path / "b.png") as small:
        small.resize((4 * WIDTH, 4 * HEIGHT), Image.Resampling.BILINEAR).save(tmp_path / "b.png")
    main([str(pairs), "--output", str(tmp_path / "x.jpg"), "--depth_scale", "4000"])
    assert Image.open(tmp_path / "x.jpg").size[0] == WIDTH
    assert float(re.search(r"([\d.]+) of 255 at", capsys.readouterr().out)[1]) < 6


def test_mistakes_are_told_in_a_line(pairs, tmp_path, capsys):
    out = tmp_path / "dense.png"
    argv = (pairs, "--output", out)
    assert "required: PAIRS" in refusal(capsys)
    assert "no index" in refusal(capsys, tmp_path / "no.csv")
    assert "has 2 pairs; give --index 0 to 1" in refusal(capsys, *argv, "--index", 2)
    for flag, value in (("--index", -1), ("--index", "x"), ("--depth_scale", 0), ("--depth_scale", "nan"),
                        ("--depth_scale", "inf")):
        assert f"argument {flag}: '{value}' is not possible" in refusal(capsys, *argv, flag, value)
    assert "unrecognized" in refusal(capsys, *argv, "--ind", 1)
    assert "no picture format ends in '.dense'" in refusal(capsys, pairs, "--output", tmp_path / "x.dense")
    write_depth(tmp_path / "b_depth.png", np.zeros((HEIGHT, WIDTH)), 4000)
    assert "no pixel of a.png is seen in b.png; check the poses" in refusal(capsys, *argv)
    singles = tmp_path / "singles.csv"
    singles.write_text("a.png,a_depth.png,a.txt\n")
    assert "names single panoramas" in refusal(capsys, singles)
    (tmp_path / "b.txt").write_text("1 0 0 0\n")
    assert "the pose" in refusal(capsys, *argv)
    (tmp_path / "b.txt").unlink()
    assert "pose2 b.txt is missing" in refusal(capsys, *argv)
    assert not out.exists()


def test_the_command_itself(pairs, tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, "pairs.csv", "--depth_scale", "4000"], cwd=tmp_path,
                          text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "dense.png").is_file()
    assert done.stdout.endswith("dense.png\n")
    done = subprocess.run([sys.executable, SCRIPT, "--help"], text=True, capture_output=True, check=False)
    assert done.returncode == 0
    for flag in ("PAIRS", "--index", "--output", "--depth_scale"):
        assert flag in done.stdout
