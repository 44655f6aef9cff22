# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""`make download|preprocess|convert DATASET...` and the command behind it, on synthetic sets."""
from __future__ import annotations

import contextlib
import functools
import os
import pty
import re
import shutil
import subprocess
import sys
import tarfile
import termios
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from scripts import datasets as command
from src.config import load_settings
from src.datasets.catalogue import DATA_SETS
from src.datasets.download import Remote
from src.datasets.make3d import open_make3d
from src.datasets.mindrecord import Records, shards_of
from src.datasets.nyu_labelled import NyuLabelled
from src.datasets.pair_sets import open_pairs
from src.datasets.synthetic.__main__ import main as synthetic
from src.dcnf.data_loader import DividedPairs, divide
from src.errors import UserError, run_command

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A DATA_DIR with both synthetic sets, unpacked."""
    root = tmp_path_factory.mktemp("sets") / "my data"
    for layout, name, size in (("make3d", "make3d1", ("96", "128")), ("nyu_mat", "nyu", ("64", "48"))):
        synthetic(["--layout", layout, "--output_dir", str(root / name / "unpacked"), "--num_train", "3",
                   "--num_test", "2", "--width", size[0], "--height", size[1], "--workers", "1"])
    return root


@pytest.fixture
def data_dir(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path / "my data")
    return tmp_path / "my data"


def run(*argv: object) -> int:
    return run_command(command.main, [str(arg) for arg in argv])


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    capsys.readouterr()
    assert run(*argv) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


def make(tmp_path: Path, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the Makefile with this interpreter as its virtual environment."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    if not (venv / "bin/python").exists():
        (venv / "bin/python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (venv / "bin/python").chmod(0o755)
    (venv / ".runtime").touch()
    return run_make("-s", *argv, f"VENV={venv}", **environment)


def run_make(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in the repository, without what a make around the tests would tell it."""
    return subprocess.run(["make", *argv], cwd=REPOSITORY, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "MAKEFLAGS": "", **environment}, check=False)


def test_a_terminal_sees_progress(data_dir):
    reader, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    done = subprocess.Popen([sys.executable, "scripts/datasets.py", "preprocess", "make3d1", "--data_dir",
                             str(data_dir)], cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError), os.fdopen(reader, "rb", buffering=0) as screen:  # EIO where it ends
        while piece := screen.read(4096):
            shown += piece
    assert done.wait() == 0 and b"100%" in shown and b"3/3" in shown


def test_make_preprocess_convert(data_dir, tmp_path):
    """What the issue asks for: two verbs, two sets, and every millimetre is kept."""
    done = make(tmp_path, "preprocess", "convert", "make3d1", "nyu", DATA_DIR=str(data_dir))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"make3d1: 3 train samples and 2 test samples in {data_dir}/make3d1",
        f"nyu: 3 train samples and 2 test samples in {data_dir}/nyu",
        f"make3d1: 3 train and 2 test samples in {data_dir}/make3d1/*.mindrecord; "
        f"train with --data_url {data_dir}/make3d1",
        f"nyu: 3 train and 2 test samples in {data_dir}/nyu/*.mindrecord; "
        f"train with --data_url {data_dir}/nyu"]
    assert "%|" not in done.stderr  # a log is no place for progress bars
    for part, count in (("train", 3), ("test", 2)):
        source = NyuLabelled(data_dir / "nyu/unpacked/nyu_depth_v2_labeled.mat", part)
        settings = load_settings("train", "", ["--data_url", str(data_dir / "nyu")])
        pairs = open_pairs(settings, part)
        assert list(pairs.names) == list(source.names) and len(pairs) == count
        for i in range(count):
            (rgb, depth_m), (own_rgb, own_m) = source.read(i), pairs.read(i)
            np.testing.assert_array_equal(own_rgb, rgb)
            np.testing.assert_array_equal(np.rint(own_m * 1000), np.rint(depth_m.astype(np.float64) * 1000))
            np.testing.assert_allclose(own_m, depth_m, atol=0.000501)
        laser = open_make3d(data_dir / "make3d1/unpacked", "make3d1", part)
        records = Records(data_dir / f"make3d1/{part}.mindrecord")
        assert sorted(records.names) == sorted(laser.names)
        for i, name in enumerate(laser.names):
            row = records.read(records.names.index(name))
            assert row["rgb"].shape == (640, 480, 3)
            np.testing.assert_array_equal(row["depth_m"], laser.read(i)[1])


def test_make_passes_on_what_the_seed_knows(data_dir, tmp_path):
    sizes = {"WIDTH": "32", "HEIGHT": "24", "DWIDTH": "16", "DHEIGHT": "12", "START": "1", "LIMIT": "2"}
    given = [f"{key}={value}" for key, value in sizes.items()]
    done = make(tmp_path, "preprocess", "make3d1", "nyu", *given, f"DATA_DIR={data_dir}")
    assert done.returncode == 0, done.stderr
    assert "nyu: 1 train samples and 1 test samples" in done.stdout
    for name in ("nyu", "make3d1"):
        assert len(list((data_dir / name / "train").glob("*-image.png"))) == 1
    sizes = {**sizes, "LIMIT": "3", "DATA_DIR": str(data_dir)}
    again = make(tmp_path, "preprocess", "nyu", **sizes)
    assert again.returncode == 2
    assert "was made with end 2 instead of 3; --force (make: FORCE=1)" in again.stderr
    forced = make(tmp_path, "preprocess", "nyu", FORCE="1", **sizes)
    assert forced.returncode == 0 and "nyu: 2 train samples and 1 test samples" in forced.stdout


def test_makes_plan():
    """What make would run; no environment is made."""
    def plan(*argv: str) -> list[str]:
        lines = run_make("-n", *argv).stdout.replace("\\\n", " ").splitlines()
        return [" ".join(line.split()) for line in lines if "scripts/datasets.py" in line]

    base = ".venv/bin/python scripts/datasets.py"
    assert plan("download", "make3d1", "make3d2", "nyu") == [
        f'{base} download make3d1 make3d2 nyu --data_dir "data" --start "0"']
    assert plan("-j4", "convert", "preprocess", "nyu", "FORCE=1", "LIMIT=5", "START=2", "DATA_DIR=/d")[0] == (
        f'{base} convert nyu --data_dir "/d" --start "2" --limit "5" --force')
    assert plan("preprocess", "nyu", "FORCE=0", "WIDTH=8", "HEIGHT=6") == [
        f'{base} preprocess nyu --data_dir "data" --start "0" --width "8" --height "6"']
    assert plan("convert", "nyu", "SUPERPIXELS=grid") == [
        f'{base} convert nyu --data_dir "data" --start "0" --superpixels "grid"']
    installs = run_make("-n", "install", "VENV=no/venv")
    assert "pip install" in installs.stdout and "-r requirements.txt" in installs.stdout


def test_make_refuses_what_it_does_not_know(tmp_path):
    unknown = make(tmp_path, "download", "nyuu")
    assert unknown.returncode == 2 and "no data set nyuu; name one or more of nyu" in unknown.stderr
    alone = make(tmp_path, "nyu")
    assert alone.returncode == 2 and "make download nyu, preprocess nyu or convert nyu" in alone.stderr
    nothing = make(tmp_path, "preprocess")
    assert nothing.returncode == 2 and "preprocess what?; name one or more of nyu" in nothing.stderr
    assert "make3d2: Make3D laser and picture" in make(tmp_path, "datasets").stdout


@pytest.fixture
def served(made, tmp_path, monkeypatch) -> Iterator[str]:
    """The URL of a server with the archives of make3d1 and the file of nyu."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "server"
    root.mkdir()
    shutil.copy(made / "nyu/unpacked/nyu_depth_v2_labeled.mat", root)
    for file, folder, inside in (("Train400Img.tar.gz", "Train400Img", "."),
                                 ("Train400Depth.tgz", "Train400Depth", "Train400Depth"),
                                 ("Test134.tar.gz", "Test134", "Test134"),
                                 ("Test134Depth.tar.gz", "Test134Depth/Gridlaserdata", "Gridlaserdata")):
        with tarfile.open(root / file, "w:gz") as tar:
            tar.add(made / "make3d1/unpacked" / folder, inside)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(root))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_download_to_records(served, tmp_path, monkeypatch, capsys):
    """All three verbs from the web on; the real names of the files, another server."""
    for name in ("nyu", "make3d1"):
        files = tuple(Remote(f"{served}/{remote.name}") for remote in DATA_SETS[name].files)
        monkeypatch.setitem(DATA_SETS, name, replace(DATA_SETS[name], files=files))
    for verb in ("download", "preprocess", "convert"):
        assert run(verb, "make3d1", "nyu", "--data_dir", tmp_path / "d", "--workers", 1, "--shards", 1) == 0
    out = capsys.readouterr().out
    assert f"make3d1: 4 files in {tmp_path / 'd/make3d1/raw'}; terms of use: http://make3d" in out
    for name in ("nyu", "make3d1"):
        assert len(Records(tmp_path / "d" / name / "train.mindrecord")) == 3
        assert len(Records(tmp_path / "d" / name / "test.mindrecord")) == 2
    (tmp_path / "server/Test134.tar.gz").unlink()
    assert run("download", "make3d1", "--data_dir", tmp_path / "d") == 0  # all is there
    text = refused(capsys, "download", "make3d1", "--data_dir", tmp_path / "d", "--force")
    assert "the server answers 404" in text


def test_damaged_samples_and_files_without_partner_are_told(data_dir, capsys):
    unpacked = data_dir / "make3d1/unpacked"
    broken, single = sorted((unpacked / "Train400Img").iterdir())[:2]
    broken.write_bytes(broken.read_bytes()[:500])
    single.unlink()
    assert run("preprocess", "make3d1", "--data_dir", data_dir, "--workers", 1) == 0
    out, err = capsys.readouterr()
    assert "make3d1: 1 train samples (2 left out) and 2 test samples" in out
    assert re.search(rf"left out: .*cannot (read|decode) {broken}", err)
    assert re.search(r"left out: Train400Depth/depth_sph_corr-.*\.mat has no partner", err)


@pytest.fixture
def prepared(data_dir) -> Path:
    """A DATA_DIR with nyu preprocessed."""
    assert run("preprocess", "nyu", "--data_dir", data_dir, "--workers", 1) == 0
    return data_dir


def divided(data_dir: Path, *argv: object) -> DividedPairs:
    """The test set as dcnf reads it under the settings of a command line."""
    settings = load_settings("train", "", ["--method", "dcnf", "--data_url", str(data_dir / "nyu"),
                                           *map(str, argv)])
    return DividedPairs(open_pairs(settings, "test"), settings)


@pytest.mark.parametrize("argv", [(), ("--preset", "cpu"), ("--preset", "seed"),
                                  ("--superpixels", "grid", "--block_px", 12),
                                  ("--num_superpixels", 30, "--slic_regularizer", 0.5, "--max_edge_px", 48)])
def test_superpixels_are_stored_as_training_wants_them(prepared, monkeypatch, argv):
    """The same settings, given to convert and to train.py, and nothing is divided when it is read."""
    settings = divided(prepared, "--data_url", source(prepared), *argv).settings
    unstored = [divide(rgb, settings) for rgb in pictures(prepared)]
    assert run("convert", "nyu", "--data_dir", prepared, "--workers", 1, "--shards", 2, *argv) == 0
    pairs = divided(prepared, *argv)
    monkeypatch.setattr("src.dcnf.data_loader.divide", None)
    for i, expected in enumerate(unstored):
        for values, found in zip(expected, pairs.read(i)[0], strict=True):
            assert values.dtype == found.dtype
            np.testing.assert_array_equal(found, values)
    with pytest.raises(UserError, match="holds superpixels made with .* convert it again"):
        divided(prepared, *argv, "--max_edge_px", 33)


def source(data_dir: Path) -> Path:
    return data_dir / "nyu/unpacked/nyu_depth_v2_labeled.mat"


def pictures(data_dir: Path) -> list[np.ndarray]:
    frames = NyuLabelled(source(data_dir), "test")
    return [frames.read(i)[0] for i in range(len(frames))]


def test_records_without_superpixels_are_divided_when_read(prepared, capsys):
    assert run("convert", "nyu", "--data_dir", prepared, "--workers", 1, "--superpixels", "none") == 0
    assert Records(prepared / "nyu/test.mindrecord").columns == ("depth_mm", "rgb")
    pairs = divided(prepared)
    expected = divide(pictures(prepared)[1], pairs.settings)
    np.testing.assert_array_equal(pairs.read(1)[0].labels, expected.labels)


def test_superpixels_that_are_not_possible_are_refused(prepared, capsys):
    def told(*argv: object) -> str:
        return refused(capsys, "convert", "nyu", "--data_dir", prepared, *argv)

    assert "invalid choice: 'hexagons'" in told("--superpixels", "hexagons")
    assert "--num_superpixels 'many' is not possible: give a whole" in told("--num_superpixels", "many")
    assert "--num_superpixels 900 must not be above --max_superpixels 800" in told("--num_superpixels", 900)
    assert "--preset tpu is not known to dcnf" in told("--preset", "tpu")
    assert not shards_of(prepared / "nyu/train.mindrecord")


def test_mistakes_are_told(data_dir, tmp_path, capsys):
    assert "no data set nyo; name one or more" in refused(capsys, "convert", "nyo")
    assert "run preprocess first" in refused(capsys, "convert", "nyu", "--data_dir", data_dir)
    text = refused(capsys, "preprocess", "nyu", "--data_dir", tmp_path / "empty")
    assert "no nyu_depth_v2_labeled.mat in" in text and "run download first" in text
    assert "unpack the archive" in refused(capsys, "preprocess", "make3d2", "--data_dir", tmp_path / "empty")
    text = refused(capsys, "preprocess", "nyu", "--data_dir", data_dir, "--width", 32)
    assert "--width and --height (make: WIDTH and HEIGHT) go together" in text
    assert "'0' is no whole number from 1 on" in refused(capsys, "preprocess", "nyu", "--width", 0)
    assert "samples 5 to the end (START, LIMIT) are none of a part that has 3" in refused(
        capsys, "preprocess", "nyu", "--data_dir", data_dir, "--start", 5)
    assert run("preprocess", "nyu", "--data_dir", data_dir, "--workers", 1) == 0
    assert run("convert", "nyu", "--data_dir", data_dir, "--workers", 1) == 0
    assert "exists; --force (make: FORCE=1)" in refused(capsys, "convert", "nyu", "--data_dir", data_dir)
    before = sorted((data_dir / "nyu").rglob("*.png"))
    text = refused(capsys, "preprocess", "nyu", "--data_dir", data_dir, "--start", 2, "--force")  # 3 and 2
    assert "none of a part that has 2" in text and sorted((data_dir / "nyu").rglob("*.png")) == before
    assert run("convert", "nyu", "--data_dir", data_dir, "--workers", 1, "--force") == 0


def test_damaged_and_mixed_files_are_not_converted(data_dir, capsys):
    assert run("preprocess", "nyu", "--data_dir", data_dir, "--workers", 1) == 0
    plan = data_dir / "nyu/test/preprocess.json"
    kept = plan.read_text()
    plan.write_text(kept.replace('"first": 0', '"first": 1'))
    assert "were made with other sizes or ranges" in refused(capsys, "convert", "nyu", "--data_dir", data_dir)
    plan.write_text(kept)
    damaged = next((data_dir / "nyu/train").glob("*-depth.png"))
    damaged.write_bytes(b"x")
    line = refused(capsys, "convert", "nyu", "--data_dir", data_dir, "--superpixels", "none")
    assert f"cannot decode {damaged}" in line and "FORCE=1" in line and "object at" not in line
    assert not shards_of(data_dir / "nyu/train.mindrecord")
