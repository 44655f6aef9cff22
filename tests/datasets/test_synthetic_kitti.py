# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The synthetic streets as KITTI raw data: files, calibration, stereo geometry and scans."""
from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import pytest

from src.datasets.kitti.frame_lists import read_frame_list
from src.datasets.kitti.raw import open_frames
from src.datasets.synthetic import __main__ as command
from src.datasets.synthetic.kitti_rig import DATES, rig
from src.datasets.synthetic.layout_kitti import view
from src.datasets.synthetic.sensor import photograph, photographs
from src.datasets.synthetic.streets import drive, street
from src.errors import run_command

WIDTH, HEIGHT = 416, 128
FIRST = "2011_09_26/2011_09_26_drive_0001_sync"
SECOND = "2011_09_28/2011_09_28_drive_0002_sync"
TEST = "2011_09_26/2011_09_26_drive_5001_sync"


def make(folder, *extra):
    """Run the command on small pictures and return its exit code."""
    own = ("--layout", "kitti", "--output_dir", str(folder), "--workers", "1")
    return run_command(command.main, [*own, "--width", str(WIDTH), "--height", str(HEIGHT), *extra])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two training drives, of four frames and one, and a test drive of two."""
    folder = tmp_path_factory.mktemp("synthetic") / "kitti"
    assert make(folder, "--num_train", "5", "--num_test", "2", "--seed", "4") == 0
    return folder


def numbers(path):
    """The numbers of each line of a calibration file, by key."""
    entries = dict(line.split(": ", 1) for line in path.read_text().splitlines())
    return {key: np.array(text.split(), float) for key, text in entries.items() if key != "calib_time"}


def calibration(data, folder):
    """P_rect_02, P_rect_03 (3, 4), and (4, 4) from the scanner to rectified camera 0."""
    date = data / folder.split("/")[0]
    cameras, velo = numbers(date / "calib_cam_to_cam.txt"), numbers(date / "calib_velo_to_cam.txt")
    rectify, to_camera_0 = np.eye(4), np.eye(4)
    rectify[:3, :3] = cameras["R_rect_00"].reshape(3, 3)
    to_camera_0[:3] = np.column_stack([velo["R"].reshape(3, 3), velo["T"]])
    return cameras["P_rect_02"].reshape(3, 4), cameras["P_rect_03"].reshape(3, 4), rectify @ to_camera_0


def frame(data, folder, number):
    """Views (H, W, 3) float, depths (H, W) in metres and scan (N, 4) of one frame."""
    base, stem = data / folder, f"{number:010d}"
    views = [cv2.imread(str(base / f"image_0{k}/data/{stem}.png")).astype(np.float32) for k in (2, 3)]
    truth = base / "proj_depth/groundtruth"
    depths = [cv2.imread(str(truth / f"image_0{k}/{stem}.png"), cv2.IMREAD_UNCHANGED) / 256 for k in (2, 3)]
    return views, depths, np.fromfile(base / f"velodyne_points/data/{stem}.bin", np.float32).reshape(-1, 4)


def from_right(right, z_m, p_left, p_right):
    """The right view's values where the left view's points are seen, by P_rect; -1000 outside."""
    row, column = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    seen = z_m * np.stack([column, row, np.ones_like(row)])
    points = np.tensordot(np.linalg.inv(p_left[:, :3]), seen - p_left[:, 3, None, None], 1)
    u, v, w = np.tensordot(p_right[:, :3], points, 1) + p_right[:, 3, None, None]
    w = np.where(w > 0, w, 1)
    return cv2.remap(right.astype(np.float32), (u / w).astype(np.float32), (v / w).astype(np.float32),
                     cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(-1000,) * 4)


def test_files_follow_the_layout(data):
    frames = {FIRST: 4, SECOND: 1, TEST: 2}
    kinds = ("image_02/data/{}.png", "image_03/data/{}.png", "velodyne_points/data/{}.bin",
             "proj_depth/groundtruth/image_02/{}.png", "proj_depth/groundtruth/image_03/{}.png")
    expected = {f"{folder}/{kind.format(f'{n:010d}')}" for folder, count in frames.items()
                for n in range(count) for kind in kinds}
    expected |= {f"{date}/calib_{name}.txt" for date in DATES for name in ("cam_to_cam", "velo_to_cam")}
    expected |= {"train.txt", "test.txt", "synthetic.json"}
    assert {str(f.relative_to(data)) for f in data.rglob("*") if f.is_file()} == expected
    train = [f"{FIRST} {n:010d} l" for n in range(4)] + [f"{SECOND} {0:010d} l"]
    assert (data / "train.txt").read_text().splitlines() == train
    assert (data / "test.txt").read_text().splitlines() == [f"{TEST} {n:010d} l" for n in range(2)]
    for folder in frames:
        views, depths, points = frame(data, folder, 0)
        assert {picture.shape for picture in views} == {(HEIGHT, WIDTH, 3)}
        assert {z_m.shape for z_m in depths} == {(HEIGHT, WIDTH)}
        assert 25_000 < len(points) <= 64 * 900
    stored = data / FIRST / f"proj_depth/groundtruth/image_02/{0:010d}.png"
    assert cv2.imread(str(stored), cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_calibration_files_are_complete_and_consistent(data):
    focals = set()
    for date in DATES:
        cameras = numbers(data / date / "calib_cam_to_cam.txt")
        sizes = {"S": 2, "K": 9, "D": 5, "R": 9, "T": 3, "S_rect": 2, "R_rect": 9, "P_rect": 12}
        assert {key: values.size for key, values in cameras.items()} == {
            "corner_dist": 1, **{f"{key}_{k:02d}": size for key, size in sizes.items() for k in range(4)}}
        projections = [cameras[f"P_rect_{k:02d}"].reshape(3, 4) for k in range(4)]
        for k, projection in enumerate(projections):
            rotation, rectify = (cameras[f"{key}_{k:02d}"].reshape(3, 3) for key in ("R", "R_rect"))
            np.testing.assert_allclose(rectify @ rectify.T, np.eye(3), atol=1e-11)
            # Both ways from camera 0 to rectified camera k agree.
            offset = np.linalg.solve(projection[:, :3], projection[:, 3])
            np.testing.assert_allclose(rectify @ rotation, cameras["R_rect_00"].reshape(3, 3), atol=1e-11)
            np.testing.assert_allclose(rectify @ cameras[f"T_{k:02d}"], offset, atol=1e-11)
            np.testing.assert_array_equal(projection[:, :3], projections[0][:, :3])
            assert cameras[f"S_rect_{k:02d}"].tolist() == [WIDTH, HEIGHT]
        left, right = (np.linalg.solve(p[:, :3], p[:, 3]) for p in projections[2:])
        baseline_m, *across = left - right
        assert 0.5 < baseline_m < 0.56
        np.testing.assert_allclose(across, 0, atol=1e-11)
        assert np.abs(left).min() > 1e-5  # the colour pair lies off camera 0 in all directions
        velo = numbers(data / date / "calib_velo_to_cam.txt")
        counts = {"R": 9, "T": 3, "delta_f": 2, "delta_c": 2}
        assert {key: values.size for key, values in velo.items()} == counts
        turn = velo["R"].reshape(3, 3)
        assert np.linalg.det(turn) == pytest.approx(1)
        assert 0.002 < np.abs(turn - [[0, -1, 0], [0, 0, -1], [1, 0, 0]]).max() < 0.1
        # KITTI's centres lie at integers: the principal point of this size, half a pixel less.
        own = rig(date, WIDTH, HEIGHT).camera
        np.testing.assert_allclose(projections[2][[0, 1, 0, 1], [0, 1, 2, 2]],
                                   [own.fx_px, own.fy_px, own.cx_px - 0.5, own.cy_px - 0.5], rtol=1e-11)
        focals.add(own.fx_px / own.width)
    assert len(focals) == len(DATES)
    full = rig(DATES[0], 1242, 375).camera
    assert (full.fx_px, full.cx_px, full.cy_px) == (721.5377, 610.0593, 173.354)


@pytest.mark.parametrize("folder", [FIRST, SECOND, TEST])
def test_the_right_view_shows_the_same_points(data, folder):
    (left, right), (z_m, z_right_m), _ = frame(data, folder, 0)
    p_left, p_right, _ = calibration(data, folder)
    there_m = from_right(z_right_m, z_m, p_left, p_right)
    both = (z_m > 0) & (np.abs(there_m - z_m) < 0.02 * z_m)
    assert both.sum() > 0.85 * (z_m > 0).sum()
    exact = np.abs(there_m - z_m)[both] / z_m[both]
    assert np.quantile(exact, 0.5) < 2e-3
    error = {scale: np.abs(from_right(right, scale * z_m, p_left, p_right) - left)[both].mean()
             for scale in (0.9, 0.96, 1, 1.04, 1.1)}
    assert min(error, key=error.get) == 1
    assert error[1] < 5  # of 255; noise alone makes half of it
    assert min(error[0.9], error[1.1]) > 1.2 * error[1]  # a pixel or two at this size
    # One exposure for the pair: what both see is equally bright.
    assert abs(from_right(right, z_m, p_left, p_right)[both].mean() - left[both].mean()) < 0.6


@pytest.mark.parametrize("folder", [FIRST, SECOND, TEST])
def test_scans_fall_onto_the_exact_depth(data, folder):
    _, depths, points = frame(data, folder, 0)
    *projections, to_rectified = calibration(data, folder)
    xyz = np.column_stack([points[:, :3], np.ones(len(points))]).astype(np.float64) @ to_rectified.T
    for projection, z_m in zip(projections, depths):
        u, v, w = projection @ xyz.T
        ahead = w > 1
        column, row = np.rint(u[ahead] / w[ahead]).astype(int), np.rint(v[ahead] / w[ahead]).astype(int)
        inside = (column >= 1) & (column < WIDTH - 1) & (row >= 1) & (row < HEIGHT - 1)
        column, row, depth_m = column[inside], row[inside], w[ahead][inside]
        # Pixels without depth jump nearby; on slanted surfaces depth differs within the pixel.
        around = np.stack([z_m[row + i, column + j] for i in (-1, 0, 1) for j in (-1, 0, 1)])
        flat = (around.min(axis=0) > 0) & (np.ptp(around, axis=0) < 0.01 * depth_m)
        assert flat.sum() > 200
        error_m = (depth_m - z_m[row, column])[flat]
        assert abs(np.median(error_m)) < 0.01
        assert 0.012 < 1.4826 * np.median(np.abs(error_m)) < 0.04  # 2 cm, and slant
        outside = (depth_m < around.min(axis=0) - 0.1) | (depth_m > around.max(axis=0) + 0.1)
        assert outside[around.min(axis=0) > 0].mean() < 0.05  # what the scanner sees and the camera does not


def test_scans_look_like_a_velodynes(data, tmp_path):
    _, _, points = frame(data, FIRST, 1)
    x, y, z, reflectance = points.T.astype(np.float64)
    range_m = np.linalg.norm(points[:, :3].astype(np.float64), axis=1)
    elevation_deg = np.round(np.degrees(np.arcsin(z / range_m)), 3)
    assert 55 < np.unique(elevation_deg).size <= 64
    assert elevation_deg.min() == pytest.approx(-24.33, abs=1e-2)
    assert np.histogram(np.arctan2(y, x), 12, (-np.pi, np.pi))[0].min() > 500
    assert range_m.max() < 80.2
    assert (reflectance.min() >= 0) & (reflectance.max() <= 1) & (reflectance.std() > 0.05)
    below = z[(np.hypot(x, y) < 8) & (np.abs(y) < 2) & (x > 0)]
    assert 1.5 < -np.median(below) < 2.0  # the road, seen from 8 cm above the cameras
    assert make(tmp_path / "whole", "--num_train", "1", "--num_test", "0", "--seed", "4", "--holes", "0") == 0
    counts = [len(frame(folder, FIRST, 0)[2]) for folder in (data, tmp_path / "whole")]
    assert counts[0] / counts[1] == pytest.approx(0.95, abs=0.01)


def test_streets_differ_and_keep_the_depth_range():
    darkest, depths = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        own = rig(DATES[seed % 2], 104, 32)
        scene, left = street(rng), drive(rng, 4)[3]
        radiance, z_m = view(scene, own.camera, own.right(left) if seed < 3 else left)
        known = z_m > 0
        assert z_m[known].min() > 3
        assert 20 < z_m.max() <= 80
        assert 0.5 < known.mean() < 1
        assert not known[0].all()  # sky
        assert known[-1].all()  # road
        darkest.append(np.quantile(radiance, 0.05))
        depths.append(z_m)
    apart = [np.abs(a - b).mean() for i, a in enumerate(depths) for b in depths[:i]]
    assert min(apart) > 1.5
    assert min(darkest) > 0.001


def test_drives_go_forward():
    for seed in range(20):
        poses = drive(np.random.default_rng(seed), 4)
        places = np.stack([pose.position_m for pose in poses])
        assert np.all((np.diff(places[:, 0]) >= 0.4) & (np.diff(places[:, 0]) <= 1.2))
        assert np.abs(places[:, 1]).max() <= 0.1
        assert np.all((places[:, 2] > 1.47) & (places[:, 2] < 1.83))
        assert min(pose.forward[0] for pose in poses) > np.cos(np.radians(3.5))


def test_the_pair_shares_its_exposure_but_not_its_noise():
    radiance = np.full((3, 60, 80), 0.3, np.float32) * np.float32([[[1.0]], [[0.7]], [[0.4]]])
    left, right = photographs(np.random.default_rng(1), [radiance, radiance])
    difference = left.astype(float) - right
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.2
    assert difference.std() > 0.5
    np.testing.assert_array_equal(left, photograph(np.random.default_rng(1), radiance))
    darker = photographs(np.random.default_rng(1), [radiance, radiance / 2])
    assert darker[0].mean() > left.mean() > darker[1].mean()  # one gain, for the mean of both


def hashes(folder, below=""):
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
            for f in sorted((folder / below).rglob("*")) if f.is_file()}


def test_same_seed_same_files_and_tests_do_not_depend_on_trainings(data, tmp_path):
    assert make(tmp_path / "tests", "--num_train", "0", "--num_test", "2", "--seed", "4") == 0
    again = hashes(tmp_path / "tests", TEST)
    assert len(again) == 2 * 5
    assert again == hashes(data, TEST)
    assert not (tmp_path / "tests" / "train.txt").exists()
    assert make(tmp_path / "other", "--num_train", "0", "--num_test", "1", "--seed", "5") == 0
    assert not set(hashes(tmp_path / "other", TEST).values()) & set(again.values())
    assert not set(hashes(data, FIRST).values()) & set(again.values())


def test_a_second_call_completes_what_is_missing(data, capsys):
    before = hashes(data)
    (data / DATES[1] / "calib_velo_to_cam.txt").unlink()
    numbers_given = ("--num_train", "5", "--num_test", "2", "--seed", "4")
    assert make(data, *numbers_given) == 0
    assert "wrote 1 frames" in capsys.readouterr().out
    assert make(data, *numbers_given) == 0
    assert "already complete" in capsys.readouterr().out
    assert hashes(data) == before
    record = json.loads((data / "synthetic.json").read_text())
    assert (record["layout"], record["width"], record["height"]) == ("kitti", WIDTH, HEIGHT)


def test_each_layout_has_a_size_of_its_own(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "generate", lambda _, settings, *rest: asked.append(settings) or 0)
    for layout in command.LAYOUTS:
        assert command.main(["--layout", layout, "--output_dir", str(tmp_path)]) == 0
    assert command.main(["--layout", "kitti", "--output_dir", str(tmp_path), "--width", "640"]) == 0
    sizes = [(settings.layout, settings.width, settings.height) for settings in asked]
    assert sizes == [("nyu", 640, 480), ("ddrnet", 640, 480), ("kitti", 1242, 375), ("panorama", 512, 256),
                     ("make3d", 426, 568), ("nyu_mat", 640, 480), ("kitti", 640, 375)]


def test_more_drives_than_numbers_are_refused(tmp_path, capsys):
    assert make(tmp_path / "many", "--num_train", "20000") == 2
    assert capsys.readouterr().err.count("--num_train") == 1
    assert not (tmp_path / "many").exists()


def test_the_reader_of_kitti_reads_them(data):
    listed = read_frame_list(data / "train.txt")
    assert len(listed) == 5
    exact, scanned = (open_frames(data, truth, listed) for truth in ("png", "velodyne"))
    for index, folder in ((0, FIRST), (4, SECOND)):
        views, depths, points = frame(data, folder, 0)
        read, sparse = exact.read(index), scanned.read(index)
        np.testing.assert_array_equal(read.left_rgb[..., ::-1], views[0])
        np.testing.assert_array_equal(read.right_rgb[..., ::-1], views[1])
        own = rig(folder.split("/")[0], WIDTH, HEIGHT)
        assert read.baseline_m == pytest.approx(own.baseline_m, abs=1e-9)
        for name in ("fx_px", "fy_px", "cx_px", "cy_px"):
            for camera in (read.left_camera, read.right_camera):
                assert getattr(camera, name) == pytest.approx(getattr(own.camera, name))
        for z_m, stored, measured in ((read.left_depth_m, depths[0], sparse.left_depth_m),
                                      (read.right_depth_m, depths[1], sparse.right_depth_m)):
            np.testing.assert_array_equal(z_m, stored)
            hit = (measured > 0) & (z_m > 0)
            assert hit.sum() > 0.95 * (measured > 0).sum() > 1000
            assert np.median(np.abs(measured - z_m)[hit] / z_m[hit]) < 0.01
