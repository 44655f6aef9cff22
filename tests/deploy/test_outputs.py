# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The files that infer.py writes for one map."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from src.deploy.outputs import VideoWriter, color_picture, write_outputs
from src.errors import UserError
from src.geometry.pinhole import Intrinsics
from src.method import Sample
from src.visualize import INVALID_RGB
from tests.nyu_files import method_of, settings_of

HEIGHT, WIDTH = 30, 40
CAMERA = Intrinsics(40.0, 40.0, 20.0, 15.0, WIDTH, HEIGHT)
SEEN = np.zeros((HEIGHT, WIDTH), bool)
SEEN[5:25] = True
SAMPLE = Sample("s", {}, np.full((HEIGHT, WIDTH, 3), (10, 20, 30), np.uint8))


def plane() -> np.ndarray:
    """A wall that recedes to the right: z = 2 / (1 - x / 2) m along the ray x = (u + 0.5 - cx) / fx."""
    x = (np.arange(WIDTH) + 0.5 - 20) / 40
    return np.tile((2 / (1 - x / 2)).astype(np.float32), (HEIGHT, 1))


def written(folder: Path, *argv: object, depth_m=None, camera=None) -> dict:
    method = method_of("--output_dir", folder, *argv)
    return write_outputs(method, SAMPLE, "s", plane() if depth_m is None else depth_m, SEEN, camera)


def read_ply(path: Path) -> np.ndarray:
    header, body = path.read_bytes().split(b"end_header\n")
    vertices = np.frombuffer(body, [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    assert f"element vertex {len(vertices)}\n".encode() in header
    return vertices


def test_metres_are_kept_and_what_was_not_seen_is_no_reading(tmp_path):
    entry = written(tmp_path, "--save", "npy,png")
    depth_m = np.load(tmp_path / "s.npy")
    assert depth_m.dtype == np.float32
    np.testing.assert_array_equal(depth_m, np.where(SEEN, plane(), 0))
    with Image.open(tmp_path / "s_depth.png") as image:
        assert image.mode == "I;16"
        np.testing.assert_allclose(np.asarray(image) / 1000, depth_m, atol=0.5e-3 + 1e-6)
    assert entry == {"files": ["s.npy", "s_depth.png"], "seen_share": pytest.approx(20 / 30)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.npy", "s_depth.png"]


def test_depth_beyond_the_pngs_range_is_counted_and_written_as_its_end(tmp_path, capsys):
    depth_m = plane()
    depth_m[10, :3] = 65.536, 70, 1e6
    written(tmp_path, "--save", "png", depth_m=depth_m)
    assert "s_depth.png: 3 pixels lie beyond 65.535 m" in capsys.readouterr().out
    units = cv2.imread(str(tmp_path / "s_depth.png"), cv2.IMREAD_UNCHANGED)
    assert list(units[10, :3]) == [65535] * 3
    written(tmp_path, "--save", "png", "--png_scale", 256)
    assert capsys.readouterr().out == ""
    units = cv2.imread(str(tmp_path / "s_depth.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(units / 256, np.where(SEEN, plane(), 0), atol=0.5 / 256 + 1e-6)


def test_a_point_cloud_is_the_wall_in_the_pictures_colours(tmp_path):
    entry = written(tmp_path, "--save", "ply", camera=CAMERA)
    vertices = read_ply(tmp_path / "s.ply")
    assert len(vertices) == SEEN.sum()
    x, y, z = vertices["xyz"].T
    np.testing.assert_allclose(z - x / 2, 2, rtol=1e-5)  # the plane z - x / 2 = 2 m
    assert y.min() == pytest.approx(np.min(plane()[5] * (5.5 - 15) / 40), rel=1e-5)
    assert (vertices["rgb"] == (10, 20, 30)).all()
    assert entry["camera"] == {"fx_px": 40, "fy_px": 40, "cx_px": 20, "cy_px": 15}


def test_point_clouds_leave_flying_pixels_and_holes_out(tmp_path):
    depth_m = np.full((HEIGHT, WIDTH), 2, np.float32)
    depth_m[:, 20:] = 4
    depth_m[15, 5] = 0
    written(tmp_path, "--save", "ply", depth_m=depth_m, camera=CAMERA)
    assert len(read_ply(tmp_path / "s.ply")) == SEEN.sum() - 2 * 20 - 1  # both sides of the edge, the hole
    written(tmp_path, "--save", "ply", "--edge_threshold", 2, depth_m=depth_m, camera=CAMERA)
    assert len(read_ply(tmp_path / "s.ply")) == SEEN.sum() - 1


def test_the_normal_map_is_the_walls(tmp_path):
    written(tmp_path, "--save", "normal", camera=CAMERA)
    rgb = np.asarray(Image.open(tmp_path / "s_normal.png"))
    normal = np.array([0.5, 0, -1]) / np.sqrt(1.25)
    inside = rgb[6:24, 1:-1].astype(int)
    np.testing.assert_allclose(inside, np.broadcast_to((normal + 1) / 2 * 255, inside.shape), atol=1)
    assert (rgb[~SEEN] == INVALID_RGB).all()


@pytest.mark.parametrize("kind", ["normal", "ply"])
def test_nothing_metric_without_a_camera(tmp_path, kind):
    with pytest.raises(UserError, match="s: a normal map or point cloud needs the camera.*--fov_deg"):
        written(tmp_path, "--save", f"npy,{kind}")
    assert not list(tmp_path.iterdir())


def test_the_colour_scale_is_the_settings(tmp_path):
    entry = written(tmp_path, "--save", "color")
    assert entry["files"] == ["s_color.png"]
    rgb = np.asarray(Image.open(tmp_path / "s_color.png"))
    assert rgb.shape[0] == HEIGHT and rgb.shape[1] > WIDTH
    assert (rgb[:, :WIDTH][~SEEN] == INVALID_RGB).all()
    near = color_picture(plane(), SEEN, settings_of("--min_depth_m", 0, "--far_depth_m", 100))
    assert np.ptp(near[10, :WIDTH].astype(int), axis=0).max() < 10  # 1.6 to 2.7 m of 100
    with pytest.raises(UserError, match="--min_depth_m 5 must be below --far_depth_m 3"):
        color_picture(plane(), SEEN, settings_of("--min_depth_m", 5, "--far_depth_m", 3))


def test_a_flat_map_has_a_colour(tmp_path):
    """An untrained net's map: no limits were given, so none are to blame."""
    rgb = color_picture(np.full((HEIGHT, WIDTH), 2, np.float32), SEEN, settings_of())
    assert len(np.unique(rgb[:, :WIDTH][SEEN], axis=0)) == 1
    color_picture(plane(), ~np.ones_like(SEEN), settings_of())  # and so has one that is all holes


def frames_of(path: Path) -> list[np.ndarray]:
    video, frames = cv2.VideoCapture(str(path)), []
    while True:
        more, bgr = video.read()
        if not more:
            return frames
        frames.append(bgr[..., ::-1])


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 65)])
def test_videos_keep_number_size_and_colours_of_their_frames(tmp_path, height, width):
    """MPEG-4 has even sizes: an odd picture gains a pixel (OpenCV alone would cut one off)."""
    with VideoWriter(tmp_path / "v.mp4", 10) as video:
        for level in (40, 130, 220):
            video.add(np.full((height, width, 3), (level, 90, 20), np.uint8))
    frames = frames_of(tmp_path / "v.mp4")
    assert [frame.shape for frame in frames] == [(48, 64 if width == 64 else 66, 3)] * 3
    for level, frame in zip((40, 130, 220), frames):
        np.testing.assert_allclose(frame.mean((0, 1)), (level, 90, 20), atol=8)


def test_an_interrupted_video_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), VideoWriter(tmp_path / "v.mp4", 10) as video:
        video.add(np.zeros((48, 64, 3), np.uint8))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
