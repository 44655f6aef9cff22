# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Posed sets of every layout: the same circle is read from all, and what is wrong with one is told."""
from __future__ import annotations

import numpy as np
import pytest

from src.datasets.posed import read_posed
from src.errors import UserError
from tests.panorama_files import write_seed_view, write_stanford_view, yawed
from tests.posed_files import COUNT, Z_UP, circle, ramp_mm, write_indoor, write_tum
from tests.samples import DEPTH_SAMPLES, needs_samples, save


def refusal(*args) -> str:
    with pytest.raises(UserError) as caught:
        read_posed(*args)
    return str(caught.value)


@pytest.mark.parametrize("below", ["", "seq-01", "scene/seq-01"])
def test_an_indoor_recording(tmp_path, below):
    write_indoor(tmp_path / "set" / below, circle())
    posed = read_posed(tmp_path / "set")
    recording, = posed.recordings
    assert (posed.layout, recording.name, posed.num_unposed) == ("indoor", below or "set", 0)
    np.testing.assert_allclose(recording.camera_to_world, circle())
    np.testing.assert_allclose(recording.time_s, np.arange(COUNT) / 2)
    depth_m = posed.read_depth(recording.depth_files[0])
    np.testing.assert_allclose(depth_m, np.where(ramp_mm() < 65535, ramp_mm() / 1000, 0), rtol=1e-6)


def test_recordings_in_their_order_at_another_rate_and_scale(tmp_path):
    for name in ("seq-10", "seq-2"):
        write_indoor(tmp_path / name, circle()[:2], every=1)
    posed = read_posed(tmp_path, "indoor", 500, 10)
    assert [recording.name for recording in posed.recordings] == ["seq-2", "seq-10"]
    assert posed.recordings[0].time_s.tolist() == [0, 0.1]
    assert posed.read_depth(posed.recordings[0].depth_files[0]).max() == 4


def test_frames_whose_camera_was_lost_are_left_out(tmp_path):
    write_indoor(tmp_path, circle())
    for number, word in ((15, "-inf"), (30, "nan")):
        (tmp_path / f"frame-{number:06d}.pose.txt").write_text(f"{word} " * 4 + "\n")
    posed = read_posed(tmp_path)
    assert posed.num_unposed == 2 and posed.recordings[0].time_s.tolist()[:2] == [0, 1.5]
    assert [path.name for path in posed.recordings[0].depth_files][1] == "frame-000045.depth.png"


def test_a_tum_recording(tmp_path):
    posed = read_posed(write_tum(tmp_path / "desk", circle()))
    recording, = posed.recordings
    assert (posed.layout, recording.name, posed.num_unposed, posed.fps) == ("tum", "desk", 0, None)
    expected = circle()
    expected[:, :3] = Z_UP @ expected[:, :3]
    np.testing.assert_allclose(recording.camera_to_world, expected, atol=1e-12)
    np.testing.assert_allclose(recording.time_s, 100 + np.arange(COUNT) / 2)
    assert [path.name for path in recording.depth_files] == [f"{k}.png" for k in range(COUNT)]
    assert posed.read_depth(recording.depth_files[0]).max() == 2


def test_tum_frames_take_the_nearest_pose_within_20_ms_and_none_twice(tmp_path):
    write_tum(tmp_path, circle()[:3])
    for k in range(5):
        save(tmp_path / f"{k}.png", ramp_mm())
    times_s = (99.981, 100.01, 100.3, 100.49, 101.021)
    (tmp_path / "depth.txt").write_text("\n".join(f"{time_s} {k}.png" for k, time_s in enumerate(times_s)))
    posed = read_posed(tmp_path)
    assert [path.name for path in posed.recordings[0].depth_files] == ["0.png", "3.png"]
    assert posed.recordings[0].time_s.tolist() == [100, 100.5] and posed.num_unposed == 3
    (tmp_path / "groundtruth.txt").write_text("100.005 0 0 0 0 0 0 1\n")
    assert [path.name for path in read_posed(tmp_path).recordings[0].depth_files] == ["1.png"]


def test_panoramas_of_the_seeds_tree_and_of_stanford(tmp_path):
    poses = [yawed(0.3 * k, (0.1 * k, 0, 0)) for k in range(3)]
    for k, pose in enumerate(poses):
        write_seed_view(tmp_path / "seed", f"room{k % 2}", f"{k}", pose)
        write_stanford_view(tmp_path / "stanford", f"area_5{'ab'[k % 2]}", f"{k}", pose)
    for layout, names, folder in (("seed", ["room0", "room1"], "seed"),
                                  ("stanford2d3d", ["area_5a", "area_5b"], "stanford")):
        posed = read_posed(tmp_path / folder)
        assert posed.layout == layout and [recording.name for recording in posed.recordings] == names
        np.testing.assert_allclose(posed.recordings[0].camera_to_world, [poses[0], poses[2]], atol=1e-12)
        assert posed.recordings[0].time_s is None
        depth_m = posed.read_depth(posed.recordings[1].depth_files[0])
        assert depth_m.shape == (32, 64) and depth_m.min() > 1 and depth_m.max() < 5


def test_what_is_no_posed_set_is_told(tmp_path):
    assert f"no data folder {tmp_path / 'no'}" in refusal(tmp_path / "no")
    assert "is no posed set" in refusal(tmp_path) and "groundtruth.txt (tum)" in refusal(tmp_path)
    assert "hold no frame-*.pose.txt; --layout indoor" in refusal(tmp_path, "indoor")
    assert "hold no groundtruth.txt; --layout tum" in refusal(tmp_path, "tum")
    assert "holds no panoramas" in refusal(tmp_path, "seed")
    write_seed_view(tmp_path / "flat", "room", "1", None)
    assert "has no poses; without them" in refusal(tmp_path / "flat")


def test_indoor_files_that_do_not_fit_are_told(tmp_path):
    write_indoor(tmp_path, circle())
    pose = tmp_path / "frame-000015.pose.txt"
    pose.write_text("1 0 0\n")
    assert f"{pose} is an array (1, 3)" in refusal(tmp_path)
    pose.write_text("1 0 0 0\n0 2 0 0\n0 0 1 0\n0 0 0 1\n")
    assert f"{pose} is no rigid motion" in refusal(tmp_path)
    (tmp_path / "frame-000030.depth.png").unlink()
    assert "frame-000030.pose.txt has no frame-000030.depth.png" in refusal(tmp_path)
    for path in tmp_path.glob("*.pose.txt"):
        path.write_text("nan")
    (tmp_path / "frame-x.pose.txt").touch()
    assert "frame-x.pose.txt is no frame-<number>.pose.txt" in refusal(tmp_path)
    (tmp_path / "frame-x.pose.txt").unlink()
    save(tmp_path / "frame-000030.depth.png", ramp_mm())
    assert f"none of its {COUNT} frames has a known pose" in refusal(tmp_path)


@pytest.mark.parametrize(("file", "text", "words"), [
    ("depth.txt", "100 depth/no.png", "depth.txt names depth/no.png, which is missing"),
    ("depth.txt", "100", "line 1 is not `timestamp file` (1 fields)"),
    ("depth.txt", "# none", "depth.txt holds no line"),
    ("groundtruth.txt", "# t\n\n100 0 0 0 0 0 0", "groundtruth.txt line 3 is not `timestamp tx"),
    ("groundtruth.txt", "100 0 0 0 0 0 0 one", "could not convert"),
    ("groundtruth.txt", "100 0 0 0 0 0 0 0", "no rotation"),
    ("groundtruth.txt", "100 0 nan 0 0 0 0 1", "no rotation or no place"),
    ("groundtruth.txt", "7 0 0 0 0 0 0 1", f"none of its {COUNT} frames has a known pose (tum)")])
def test_tum_files_that_do_not_fit_are_told(tmp_path, file, text, words):
    write_tum(tmp_path, circle())
    (tmp_path / file).write_text(text + "\n")
    assert words in refusal(tmp_path)


def test_a_tum_recording_without_its_list_is_told(tmp_path):
    write_tum(tmp_path, circle())
    (tmp_path / "depth.txt").unlink()
    assert f"cannot read {tmp_path / 'depth.txt'}" in refusal(tmp_path)


@needs_samples("RGBD/posed_indoor")
def test_neighbouring_real_frames_see_the_same_room():
    """Points of a frame fall onto the next one's surface: the poses lead from camera to world."""
    posed = read_posed(DEPTH_SAMPLES / "RGBD/posed_indoor")
    recording, = posed.recordings
    fx_px, cx_px, cy_px = 585.0, 320.0, 240.0
    first, second = (posed.read_depth(recording.depth_files[k]) for k in (0, 1))
    y, x = np.mgrid[8:480:16, 8:640:16]
    z = first[y, x]
    points = np.stack([(x - cx_px) / fx_px * z, (y - cy_px) / fx_px * z, z, np.ones_like(z)])[:, z > 0]
    moved = np.linalg.inv(recording.camera_to_world[1]) @ recording.camera_to_world[0] @ points
    u, v = (np.rint(fx_px * moved[k] / moved[2] + c).astype(int) for k, c in ((0, cx_px), (1, cy_px)))
    inside = (u >= 0) & (u < 640) & (v >= 0) & (v < 480)
    seen = second[v[inside], u[inside]]
    error_m = np.abs(seen - moved[2, inside])[seen > 0]
    assert len(recording) == 20 and len(error_m) > 300 and np.median(error_m) < 0.03
