# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Opening KITTI raw and the seed's layout: pairing by name, lists, splits, and every bad file named."""
from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.datasets.kitti.calibration import read_calibration
from src.datasets.kitti.frame_lists import FrameId, read_frame_list
from src.datasets.kitti.raw import StereoFrames, open_frames, split_by_drive
from src.datasets.kitti.velodyne import project, read_scan
from src.errors import UserError
from tests.kitti_files import DATE, DRIVE, HEIGHT, WIDTH, projected, write_calibration, write_frame
from tests.samples import DEPTH_SAMPLES, needs_samples, save

OTHER = "2011_09_28_drive_0001_sync"
FRAMES = ("0000000000", "0000000001", "0000000012")
SMALL = np.zeros((HEIGHT, WIDTH - 1, 3), np.uint8)
SCANS, DEPTHS = f"{DATE}/{DRIVE}/velodyne_points/data", f"{DATE}/{DRIVE}/proj_depth/groundtruth"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """KITTI raw with three frames of one drive and one of another date's, with all kinds of ground truth."""
    for seed, (drive, frame) in enumerate([(DRIVE, frame) for frame in FRAMES] + [(OTHER, FRAMES[1])]):
        write_frame(tmp_path, frame, drive, seed=seed)
        for side, camera, z in (("left", "image_02", 2 + seed), ("right", "image_03", 20 + seed)):
            depth_m = np.zeros((HEIGHT, WIDTH))
            depth_m[3, 5] = z
            save(tmp_path / drive[:10] / drive / "proj_depth/groundtruth" / camera / f"{frame}.png",
                 (depth_m * 256).astype(np.uint16))
            save_npy(tmp_path / f"{side}_gt" / drive / f"{frame}.npy", depth_m + 0.125 * (depth_m > 0))
    return tmp_path


@pytest.fixture
def seed_root(root: Path, tmp_path_factory) -> Path:
    """The same frames in the seed's layout, JPEG."""
    seed = tmp_path_factory.mktemp("data")
    for picture in root.glob("*/*/image_0*/data/*.png"):
        drive, camera = picture.parts[-4], picture.parts[-3]
        side = "left" if camera == "image_02" else "right"
        save(seed / f"{side}_imgs" / drive / f"{picture.stem}.jpg", np.asarray(Image.open(picture)))
    for side in ("left_gt", "right_gt"):
        shutil.copytree(root / side, seed / side)
    for date in (DATE, OTHER[:10]):
        write_calibration(seed / date)
    return seed


def save_npy(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)


def refusal(function, *arguments, **options) -> str:
    with pytest.raises(UserError) as caught:
        function(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def image(camera: str, frame: str, suffix: str = ".png", drive: str = DRIVE) -> str:
    return f"{drive[:10]}/{drive}/{camera}/data/{frame}{suffix}"


@pytest.mark.parametrize(("truth", "extra"), [("velodyne", 1), ("png", 2), ("npy", 2), ("none", 0)])
def test_frames_are_found_and_described(root, truth, extra):
    frames = open_frames(root, truth)
    assert len(frames) == 4 and frames.drives() == (DRIVE, OTHER)
    assert frames.names == (*(f"{DRIVE}_{frame}" for frame in FRAMES), f"{OTHER}_{FRAMES[1]}")
    assert frames.files[2][:2] == (image("image_02", FRAMES[2]), image("image_03", FRAMES[2]))
    for i, files in enumerate(frames.files):
        assert len(files) == 2 + extra and frames.describe(i) == " ".join(files)
        assert all((root / file).is_file() and Path(file).stem == frames.ids[i].frame for file in files)


def test_a_frame_is_read(root):
    frame = open_frames(root, "velodyne").read(1)
    calibration = read_calibration(root / DATE)
    scan = read_scan(root / SCANS / f"{FRAMES[1]}.bin")
    for rgb, camera in ((frame.left_rgb, "image_02"), (frame.right_rgb, "image_03")):
        np.testing.assert_array_equal(rgb, np.asarray(Image.open(root / image(camera, FRAMES[1]))))
    np.testing.assert_allclose(frame.left_depth_m, projected(scan, "02"), rtol=1e-6)
    np.testing.assert_allclose(frame.right_depth_m, projected(scan, "03"), rtol=1e-6)
    assert frame.left_camera == calibration.left.intrinsics
    assert frame.right_camera == calibration.right.intrinsics
    assert frame.baseline_m == calibration.baseline_m


@pytest.mark.parametrize(("truth", "left_m", "right_m"), [
    ("png", 4, 22), ("npy", 4.125, 22.125), ("none", 0, 0)])
def test_ground_truth_in_files(root, truth, left_m, right_m):
    frame = open_frames(root, truth).read(2)
    for depth_m, z in ((frame.left_depth_m, left_m), (frame.right_depth_m, right_m)):
        expected = np.zeros((HEIGHT, WIDTH), np.float32)
        expected[3, 5] = z
        assert depth_m.dtype == np.float32
        np.testing.assert_array_equal(depth_m, expected)


def test_the_seeds_layout(seed_root):
    frames = open_frames(seed_root, "npy")
    assert frames.names == (*(f"{DRIVE}_{frame}" for frame in FRAMES), f"{OTHER}_{FRAMES[1]}")
    assert frames.files[0] == tuple(f"{part}/{DRIVE}/{FRAMES[0]}.{suffix}" for part, suffix in (
        ("left_imgs", "jpg"), ("right_imgs", "jpg"), ("left_gt", "npy"), ("right_gt", "npy")))
    frame = frames.read(3)
    assert frame.left_rgb.shape == (HEIGHT, WIDTH, 3) and frame.right_depth_m[3, 5] == 23.125
    assert frame.baseline_m == pytest.approx(0.53)


@pytest.mark.parametrize(("part", "count"), [(".", 4), (DATE, 3), (OTHER[:10], 1), (f"{DATE}/{DRIVE}", 3)])
def test_a_date_or_a_drive_may_be_given(root, part, count, monkeypatch):
    for folder in (root / part, str(root / part) + "/"):
        frames = open_frames(folder, "png")
        assert len(frames) == count and frames.root == root
    monkeypatch.chdir(root / part)
    assert open_frames(".", "png").files == frames.files


def test_png_goes_before_jpeg_and_either_does(root):
    for name in ("image_02", "image_03"):
        picture = root / image(name, FRAMES[0])
        save(picture.with_suffix(".jpg"), np.asarray(Image.open(picture)))
    assert open_frames(root, "png").files[0][0].endswith(".png")
    (root / image("image_02", FRAMES[0])).unlink()
    left, right, *_ = open_frames(root, "png").files[0]
    assert left == image("image_02", FRAMES[0], ".jpg") and right == image("image_03", FRAMES[0])


@pytest.mark.parametrize(("truth", "lost"), [
    ("none", image("image_02", FRAMES[1])), ("none", image("image_03", FRAMES[0])),
    ("velodyne", f"{SCANS}/{FRAMES[1]}.bin"), ("png", f"{DEPTHS}/image_03/{FRAMES[2]}.png"),
    ("npy", f"left_gt/{DRIVE}/{FRAMES[0]}.npy")])
def test_a_missing_partner_is_named_and_shifts_nothing(root, capsys, truth, lost):
    complete = open_frames(root, truth)
    (root / lost).unlink()
    named = f"{lost} or .jpg" if "image_0" in lost and truth == "none" else lost
    assert refusal(open_frames, root, truth).startswith(f"{root}: {named} is missing; ")
    frames = open_frames(root, truth, skip_incomplete=True)
    assert f"1 of 4 frames are incomplete and left out; the first lacks {named}\n" in capsys.readouterr().out
    kept = [i for i in range(4) if complete.ids[i] != FrameId(DRIVE, Path(lost).stem)]
    assert len(kept) == 3 and frames.files == tuple(complete.files[i] for i in kept)
    assert frames.names == tuple(complete.names[i] for i in kept)


def test_few_missing_files_are_named_and_the_others_counted(root):
    shutil.rmtree(root / DATE / DRIVE / "image_03")
    (root / image("image_02", FRAMES[1], drive=OTHER)).unlink()
    text = refusal(open_frames, root, "none")
    assert text.count(" is missing") == 3 and " and 1 more; add these files" in text


def write_list(root: Path, *lines: str) -> Path:
    path = root / "frames.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_both_forms_of_lists(root):
    numbered = write_list(root, "# Eigen", f"{DATE}/{DRIVE} 12 l", "", f"{OTHER[:10]}/{OTHER}\t0000000001  r",
                          f"{DATE}/{DRIVE} 0000000000 l", f"{DATE}/{DRIVE} 12 r")
    expected = (FrameId(DRIVE, FRAMES[2]), FrameId(OTHER, FRAMES[1]), FrameId(DRIVE, FRAMES[0]))
    assert read_frame_list(numbered) == expected
    for suffix in (".png", ".jpg"):
        files = write_list(root, *(f"{image('image_02', frame, suffix, drive)} "
                                   f"{image('image_03', frame, suffix, drive)}" for drive, frame in expected))
        assert read_frame_list(files) == expected
        frames = open_frames(root, "velodyne", read_frame_list(files))
        assert frames.ids == expected and frames.files[0][0] == image("image_02", FRAMES[2])


def test_lists_read_the_seeds_layout(seed_root):
    path = write_list(seed_root, f"{OTHER[:10]}/{OTHER} 1 l", f"{DATE}/{DRIVE} 12 l")
    frames = open_frames(seed_root, "npy", read_frame_list(path))
    assert frames.names == (f"{OTHER}_{FRAMES[1]}", f"{DRIVE}_{FRAMES[2]}")


def test_listed_frames_that_are_absent_are_named(root, capsys):
    away = "2011_10_03_drive_0027_sync"
    listed = read_frame_list(write_list(root, f"{DATE}/{DRIVE} 12 l", f"{DATE}/{DRIVE} 7 l",
                                        f"2011_10_03/{away} 3 l"))
    text = refusal(open_frames, root, "png", listed)
    assert f"{image('image_02', '0000000007')} or .jpg is missing; " in text
    assert f"{image('image_02', '0000000003', drive=away)} or .jpg is missing; add" in text
    assert open_frames(root, "png", listed, skip_incomplete=True).names == (f"{DRIVE}_{FRAMES[2]}",)
    assert "2 of 3 frames are incomplete" in capsys.readouterr().out


@pytest.mark.parametrize("line", [
    "", "# nothing", f"{DATE}/{DRIVE} 12", f"{DATE}/{DRIVE} 12 x", f"{DATE}/{DRIVE} -1 l", f"{DRIVE} 12 l",
    f"2011_09_28/{DRIVE} 12 l", image("image_02", FRAMES[0]),
    f"{image('image_03', FRAMES[0])} {image('image_02', FRAMES[0])}",
    f"{image('image_02', FRAMES[0])} {image('image_03', FRAMES[1])}",
    f"{image('image_02', FRAMES[0])} {image('image_03', FRAMES[0], drive=OTHER)}"])
def test_lines_that_name_no_frame_are_refused(root, line):
    path = write_list(root, line)
    text = refusal(read_frame_list, path)
    if line.strip("# nothig"):
        assert f"{path} line 1: {line!r} names no stereo frame; write" in text
    else:
        assert f"{path} names no frames" in text


def test_lists_that_cannot_be_read_are_refused(root):
    (root / "latin.txt").write_bytes("größe".encode("latin-1"))
    for name in ("no.txt", "latin.txt", DATE):
        assert f"cannot read the frame list {root / name}" in refusal(read_frame_list, root / name)


@pytest.mark.parametrize(("truth", "file", "values", "words"), [
    ("none", image("image_02", FRAMES[1]), SMALL,
     "an 8-bit RGB PNG of 63x40 where the calibration says 64x40"),
    ("none", image("image_03", FRAMES[1]), b"", "empty"),
    ("none", image("image_03", FRAMES[1]), b"no picture, but long enough", "neither JPEG nor PNG"),
    ("velodyne", f"{SCANS}/{FRAMES[1]}.bin", bytes(17), "no whole number of points"),
    ("png", f"{DEPTHS}/image_02/{FRAMES[1]}.png", SMALL[..., 0],
     "an 8-bit grey PNG, not a 16-bit grey PNG (1/256 m)"),
    ("png", f"{DEPTHS}/image_03/{FRAMES[1]}.png", SMALL[..., 0].astype(np.uint16),
     "a 16-bit grey PNG of 63x40 where"),
    ("npy", f"left_gt/{DRIVE}/{FRAMES[1]}.npy", np.zeros((HEIGHT, WIDTH), np.uint8),
     "no array (H, W) of floats"),
    ("npy", f"right_gt/{DRIVE}/{FRAMES[1]}.npy", np.zeros((HEIGHT, WIDTH, 1)), "no array (H, W) of floats"),
    ("npy", f"right_gt/{DRIVE}/{FRAMES[1]}.npy", np.zeros((HEIGHT, 5)), "a float64 array of 5x40 where"),
    ("npy", f"right_gt/{DRIVE}/{FRAMES[1]}.npy", b"text", "no NumPy array, or cut off")])
def test_files_that_do_not_fit_are_named(root, truth, file, values, words):
    open_frames(root, truth)
    if isinstance(values, bytes):
        (root / file).write_bytes(values)
    else:
        (save_npy if file.endswith(".npy") else save)(root / file, values)
    assert f"{root}: {file} is {words}" in refusal(open_frames, root, truth)
    assert len(open_frames(root / OTHER[:10], truth)) == 1


def test_a_truncated_array_is_named(root):
    path = root / f"left_gt/{DRIVE}/{FRAMES[1]}.npy"
    path.write_bytes(path.read_bytes()[:-8])
    assert "is no NumPy array, or cut off" in refusal(open_frames, root, "npy")


def test_folders_that_do_not_fit_are_refused(root, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    assert f"no data folder {empty / 'no'}" in refusal(open_frames, empty / "no", "png")
    assert f"{empty} holds no drives" in refusal(open_frames, empty, "png")
    assert "choose from velodyne, png, npy, none" in refusal(open_frames, root, "lidar")
    drive = empty / DATE / DRIVE
    drive.mkdir(parents=True)
    assert f"{drive} holds no complete frames" in refusal(open_frames, drive, "png")
    (root / DATE / "calib_cam_to_cam.txt").unlink()
    assert f"no calibration {root / DATE / 'calib_cam_to_cam.txt'}" in refusal(open_frames, root, "png")


def test_drives_are_split_whole(root):
    for number in range(2, 9):
        shutil.copytree(root / DATE / DRIVE, root / DATE / f"{DATE}_drive_{number:04d}_sync")
    frames = open_frames(root, "velodyne")
    before = set()
    for share in (0.0, 0.2, 0.5, 0.8, 1.0):
        rest, held_out = split_by_drive(frames, share)
        assert not set(rest.drives()) & set(held_out.drives())
        assert sorted(rest.names + held_out.names) == sorted(frames.names)
        assert rest.of_drives(rest.drives()) == rest
        assert before <= set(held_out.drives())  # a larger share holds out more
        before = set(held_out.drives())
    for share, count in ((0.0, 1), (1.0, len(frames.drives()) - 1)):
        assert len(split_by_drive(frames, share)[1].drives()) == count
    alone = frames.of_drives([DRIVE])
    assert len(alone) == 3 and "single drive" in refusal(split_by_drive, alone, 0.3)


def test_a_drive_stays_on_its_side_when_others_come(tmp_path):
    drives = [f"{DATE}_drive_{number:04d}_sync" for number in range(400)]
    frames = StereoFrames(tmp_path, "none", tuple(FrameId(drive, FRAMES[0]) for drive in drives),
                          tuple(drives), (("l", "r"),) * len(drives), {})
    held_out = set(split_by_drive(frames, 0.2)[1].drives())
    assert 50 < len(held_out) < 110
    for part in (drives[:40], drives[100:300]):
        assert set(split_by_drive(frames.of_drives(part), 0.2)[1].drives()) == held_out & set(part)


def test_large_sets_open_in_seconds(root):
    folder = root / DATE / DRIVE
    for name, file in (("image_02", "png"), ("image_03", "png"), ("velodyne_points", "bin")):
        for number in range(100, 2100):
            (folder / name / "data" / f"{number:010d}.{file}").hardlink_to(
                folder / name / "data" / f"{FRAMES[0]}.{file}")
    start = time.perf_counter()
    assert len(open_frames(root, "velodyne")) == 2004
    assert time.perf_counter() - start < 3


@needs_samples("KITTI")
def test_the_real_frames():
    frames = open_frames(DEPTH_SAMPLES / "KITTI", "velodyne")
    assert frames.names == tuple(f"2011_09_26_drive_0048_sync_{i:010d}" for i in range(3))
    frame = frames.read(2)
    assert frame.left_rgb.shape == frame.right_rgb.shape == (375, 1242, 3)
    scan = read_scan(frames.root / frames.files[2][2])
    calibration = frames.calibrations["2011_09_26"]
    for depth_m, view in zip((frame.left_depth_m, frame.right_depth_m), calibration.views):
        np.testing.assert_array_equal(depth_m, project(scan, view))
        assert 2 < depth_m[depth_m > 0].min() < 5 and 60 < depth_m.max() < 90  # the scanner's reach


def test_the_sources_colour_codes_are_no_metres(seed_root):
    codes = np.zeros((HEIGHT, WIDTH))
    codes[10:12, 3:9] = [[17, 40, 71, 99, 107, 120]] * 2
    first = seed_root / f"left_gt/{DRIVE}/{FRAMES[0]}.npy"
    save_npy(first, codes)
    line = refusal(open_frames, seed_root, "npy")
    assert f"{first} holds whole numbers up to 120: colour codes" in line and "prepare_kitti_gt.py" in line
    save_npy(first, codes + 0.25 * (codes > 0))
    assert len(open_frames(seed_root, "npy")) == 4
