# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The tool for KITTI's ground truth: what it writes where, that it goes on, and what it refuses."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.prepare_kitti_gt import main
from src.datasets.image_files import read_header
from src.datasets.kitti.raw import open_frames
from src.errors import run_command
from tests.kitti_files import DATE, DRIVE, projected, write_frame
from tests.samples import DEPTH_SAMPLES, needs_samples

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "prepare_kitti_gt.py"
SECOND, OTHER = "2011_09_26_drive_0051_sync", "2011_09_28_drive_0001_sync"
FRAMES = ((DRIVE, "0000000000"), (DRIVE, "0000000007"), (SECOND, "0000000000"), (OTHER, "0000000003"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, (drive, frame) in enumerate(FRAMES):
        write_frame(tmp_path, frame, drive, seed=seed)
    return tmp_path


def maps(root: Path, kind: str, drive: str, frame: str) -> list[tuple[Path, np.ndarray]]:
    """Return the files that a frame must have, with their values."""
    if kind == "png":
        folder = root / drive[:10] / drive / "proj_depth/groundtruth"
        files = [folder / f"image_{camera}" / f"{frame}.png" for camera in ("02", "03")]
    else:
        files = [root / f"{side}_gt" / drive / f"{frame}.npy" for side in ("left", "right")]
    scan = np.fromfile(root / drive[:10] / drive / "velodyne_points/data" / f"{frame}.bin",
                       np.float32).reshape(-1, 4)
    return list(zip(files, (projected(scan, camera) for camera in ("02", "03"))))


def made(root: Path) -> set[Path]:
    """Return every file that is no input."""
    return {file for file in root.rglob("*")
            if file.is_file() and file.parent.name != "data" and not file.name.startswith("calib")}


def run(*argv: object) -> None:
    main([str(arg) for arg in (*argv, "--workers", 1)])


def refusal(capsys, *argv: object) -> str:
    assert run_command(main, [str(arg) for arg in argv]) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
    return text


@pytest.mark.parametrize("kind", ["png", "npy"])
@pytest.mark.parametrize(("part", "chosen"), [
    (".", FRAMES), (DATE, FRAMES[:3]), (f"{DATE}/{DRIVE}", FRAMES[:2])])
def test_ground_truth_is_written_for_root_date_and_drive(root, capsys, kind, part, chosen):
    run(root / part, "--format", kind)
    expected = dict(pair for drive, frame in chosen for pair in maps(root, kind, drive, frame))
    assert made(root) == set(expected)
    for file, depth_m in expected.items():
        if kind == "png":
            assert str(read_header(file)) == "a 16-bit grey PNG"
            np.testing.assert_allclose(np.asarray(Image.open(file)) / 256, depth_m, atol=0.5 / 256 + 1e-6)
        else:
            assert np.load(file).dtype == np.float32
            np.testing.assert_allclose(np.load(file), depth_m, rtol=1e-6)
    out = capsys.readouterr()
    assert f"{len(chosen)} frames written below {root}, 0 were there" in out.out


@pytest.mark.parametrize("kind", ["png", "npy"])
def test_what_is_written_is_read_as_the_projection(root, kind):
    run(root, "--format", kind)
    on_the_fly, from_files = open_frames(root, "velodyne"), open_frames(root, kind)
    for i in range(len(FRAMES)):
        expected, found = on_the_fly.read(i), from_files.read(i)
        for name in ("left_depth_m", "right_depth_m"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name),
                                       atol=0.5 / 256 if kind == "png" else 0)


def test_a_stopped_run_goes_on(root, capsys):
    run(root, "--format", "png")
    (kept, _), (lost, _) = maps(root, "png", *FRAMES[0])[0], maps(root, "png", *FRAMES[1])[1]
    whole = kept.read_bytes()
    kept.write_bytes(b"kept")
    lost.unlink()
    left_over = lost.with_name(f".{lost.stem}.1.part.png")  # of a run that was killed
    left_over.write_bytes(b"half")
    run(root, "--format", "png")
    assert "1 frames written" in capsys.readouterr().out and lost.exists() and kept.read_bytes() == b"kept"
    run(root, "--format", "png")
    out = capsys.readouterr()
    assert f"0 frames written below {root}, 4 were there" in out.out and not out.err
    run(root, "--format", "png", "--overwrite")
    assert "4 frames written" in capsys.readouterr().out and kept.read_bytes() == whole
    left_over.unlink()
    assert len(made(root)) == 2 * len(FRAMES)


def test_maps_can_go_elsewhere(root, tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    run(root / DATE / DRIVE, "--format", "npy", "--output_dir", data)
    assert made(root) == set()
    assert {file.relative_to(data) for file in made(data)} == {
        file.relative_to(root) for frame in FRAMES[:2] for file, _ in maps(root, "npy", *frame)}


def test_folders_that_do_not_fit_are_refused(root, capsys):
    assert f"no data folder {root / 'no'}" in refusal(capsys, root / "no", "--format", "png")
    assert "holds no drives" in refusal(capsys, root / DATE / DRIVE / "image_02", "--format", "png")
    scans = root / DATE / SECOND / "velodyne_points/data"
    next(scans.iterdir()).unlink()
    assert f"{scans} holds no scans" in refusal(capsys, root, "--format", "png")
    assert made(root) == set()


def test_damaged_inputs_are_refused_before_any_map_is_written(root, capsys):
    scan = root / OTHER[:10] / OTHER / "velodyne_points/data/0000000003.bin"
    whole = scan.read_bytes()
    for damaged, words in ((whole[:-1], "is no whole number of points"), (b"", "is empty")):
        scan.write_bytes(damaged)
        assert f"{scan} {words}" in refusal(capsys, root, "--format", "npy")
    scan.write_bytes(whole)
    (root / OTHER[:10] / "calib_velo_to_cam.txt").write_text("R: 1 0 0\n")
    assert "calib_velo_to_cam.txt: entry R holds '1 0 0'" in refusal(capsys, root, "--format", "npy")
    assert made(root) == set()


@pytest.mark.parametrize(("argv", "words"), [
    ([], "required: folder, --format"), (["."], "required: --format"),
    ([".", "--format", "exr"], "invalid choice: 'exr'"),
    ([".", "--format", "png", "--workers", "0"], "'0' is no count of processes"),
    ([".", "--format", "png", "--workers", "two"], "'two' is no count of processes"),
    ([".", "--format", "png", "--over"], "unrecognized arguments: --over")])
def test_wrong_arguments_are_refused(capsys, argv, words):
    assert words in refusal(capsys, *argv)


def test_the_command_in_parallel_from_another_folder(root):
    def command(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, SCRIPT, *argv], cwd=root / DATE, text=True, check=False,
                              capture_output=True)
    done = command(DRIVE, "--format", "npy", "--workers", "2")
    assert done.returncode == 0, done.stderr
    for frame in FRAMES[:2]:
        for file, depth_m in maps(root, "npy", *frame):
            np.testing.assert_allclose(np.load(file), depth_m, rtol=1e-6)
    assert "examples:" in command("--help").stdout
    done = command("no", "--format", "png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no data folder no;") and done.stderr.count("\n") == 1


def test_what_stops_a_worker_ends_the_run_with_one_line(root, capsys):
    blocked = root / DATE / DRIVE / "proj_depth"
    blocked.write_text("a file where a folder must be")
    assert run_command(main, [str(root), "--format", "png", "--workers", "2"]) == 2
    *_, text = capsys.readouterr().err.strip().splitlines()
    assert text.startswith(f"error: cannot write {blocked}/groundtruth/image_02/0000000000.png: ")


@needs_samples("KITTI")
def test_the_real_scans(tmp_path):
    folder = DEPTH_SAMPLES / "KITTI/2011_09_26/2011_09_26_drive_0048_sync"
    run(folder, "--format", "png", "--output_dir", tmp_path)
    files = sorted(tmp_path.rglob("*.png"))
    assert len(files) == 6
    expected = open_frames(folder, "velodyne").read(0)
    for file, depth_m in zip((files[0], files[3]), (expected.left_depth_m, expected.right_depth_m)):
        units = np.asarray(Image.open(file))
        np.testing.assert_allclose(units / 256, depth_m, atol=0.5 / 256)
        assert np.array_equal(units > 0, depth_m > 0) and 0.03 < np.mean(units > 0) < 0.05
