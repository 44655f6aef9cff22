# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A user's way from a fresh checkout to trainings from records. Slow; skipped without a package index."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src.datasets.make3d import open_make3d
from src.datasets.mindrecord import Records
from src.datasets.nyu_labelled import NyuLabelled
from src.datasets.record_sets import depth_of

REPOSITORY = Path(__file__).resolve().parents[2]
SETS = {"make3d1": ("make3d", 6, 4, "213", "284"), "nyu": ("nyu_mat", 6, 4, "320", "240")}
pytestmark = pytest.mark.slow


def run(folder: Path, *argv: object) -> str:
    """Run a command in a folder as a user types it; return what it prints."""
    environment = {**os.environ, "MAKEFLAGS": ""}  # of a make around the tests
    done = subprocess.run([str(arg) for arg in argv], cwd=folder, env=environment, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """The files of the repository, with an environment of their own that `make install` has made."""
    folder = tmp_path_factory.mktemp("user") / "depth estimation"
    pinned = re.search(r"^tqdm==[\d.]+", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)[0]
    asked = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest",
                            folder.parent, pinned], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip("no package index can be reached")
    left_out = shutil.ignore_patterns(".*", "output", "data", "Model", "build")
    shutil.copytree(REPOSITORY, folder, ignore=left_out)
    run(folder, "make", "install")
    return folder


@pytest.fixture(scope="module")
def data(checkout) -> Path:
    """Both sets in the published formats, then as `make preprocess convert` leaves them."""
    for name, (layout, train, test, width, height) in SETS.items():
        run(checkout, ".venv/bin/python", "-m", "src.datasets.synthetic", "--layout", layout, "--output_dir",
            f"data/{name}/unpacked", "--num_train", train, "--num_test", test, "--width", width, "--height",
            height)
    printed = run(checkout, "make", "preprocess", "convert", *SETS)
    for name in SETS:
        assert f"{name}: 6 train and 4 test samples in data/{name}/*.mindrecord" in printed
    return checkout / "data"


def test_every_reading_is_kept(data):
    """In whole millimetres of NYU's, bit by bit of the laser's."""
    for part in ("train", "test"):
        frames = NyuLabelled(data / "nyu/unpacked/nyu_depth_v2_labeled.mat", part)
        records = Records(data / f"nyu/{part}.mindrecord")
        assert records.names == frames.names
        for i in range(len(frames)):
            rgb, depth_m = frames.read(i)
            row = records.read(i)
            np.testing.assert_array_equal(row["rgb"], rgb)
            np.testing.assert_array_equal(row["depth_mm"], np.rint(depth_m.astype(np.float64) * 1000))
        laser = open_make3d(data / "make3d1/unpacked", "make3d1", part)
        records = Records(data / f"make3d1/{part}.mindrecord")
        for i, name in enumerate(laser.names):
            np.testing.assert_array_equal(depth_of(records.read(records.names.index(name))), laser.read(i)[1])


@pytest.mark.parametrize(("name", "argv", "stages", "protocols"), [
    ("nyu", ("--method", "dcnf"), ("unary", "joint"), ["nyu_eigen"]),
    ("make3d1", ("--method", "dcnf", "--protocol", "make3d_c1,make3d_c2"), ("unary", "joint"),
     ["make3d_c1", "make3d_c2"]),
    ("nyu", ("--method", "depthnet", "--preset", "cpu"), ("coarse", "fine"), ["modelzoo", "nyu_eigen"])])
def test_methods_train_and_evaluate_from_the_records(checkout, data, tmp_path, name, argv, stages, protocols):
    common = (*argv, "--data_url", f"data/{name}", "--train_url", tmp_path)
    trained = run(checkout, ".venv/bin/python", "train.py", *common, "--max_steps", 1, "--batch_size", 2,
                  "--eval_limit", 1, "--picture_every", 0)
    assert all(f"{stage}, step: 0 loss: " in trained.replace(" net", "") for stage in stages)
    evaluated = run(checkout, ".venv/bin/python", "eval.py", *common)
    assert "4 images" in evaluated
    assert all(f"\n{protocol}: " in evaluated for protocol in protocols)
