# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What infer.py finds, and the camera that took it."""
from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from src.deploy.pictures import camera_of, find_files, is_video, read_frames, video_rate
from src.errors import UserError
from src.geometry.pinhole import Intrinsics
from src.method import Sample
from tests.nyu_files import method_of, settings_of

_EXIF_IFD, _FOCAL_35MM = 0x8769, 0xA405


def picture(path: Path, width: int = 16, height: int = 12, focal_35mm: int | None = None) -> Path:
    exif = Image.Exif()
    if focal_35mm is not None:
        exif.get_ifd(_EXIF_IFD)[_FOCAL_35MM] = focal_35mm
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path, exif=exif)
    return path


def photo(height: int, width: int, camera: Intrinsics | None = None) -> Sample:
    return Sample("photo", {}, np.zeros((height, width, 3), np.uint8), camera=camera)


def found(folder: Path, given: Path) -> list[tuple[str, str]]:
    return [(name, files["picture"].relative_to(folder).as_posix()) for name, files in found_by(given)]


def found_by(given: Path) -> list[tuple[str, dict[str, Path]]]:
    method = method_of()
    return find_files(method, method.graph, str(given))


def test_a_folder_in_natural_order_without_what_is_no_picture(tmp_path):
    for name in ("10.jpg", "2.jpg", "1.PNG", ".hidden.jpg", "b.webp"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    assert found(tmp_path, tmp_path) == [("1", "1.PNG"), ("2", "2.jpg"), ("10", "10.jpg"), ("b", "b.webp")]


def test_equal_stems_get_their_number_in_front(tmp_path):
    for name in ("a.jpg", "a.png", "c.jpg"):
        picture(tmp_path / name)
    assert found(tmp_path, tmp_path) == [("00000_a", "a.jpg"), ("00001_a", "a.png"), ("c", "c.jpg")]


def test_a_list_is_relative_to_itself_and_keeps_its_order(tmp_path):
    rows = tmp_path / "list.txt"
    rows.write_text("# comment\nx/b.jpg\ny/b.jpg\n\na.jpg\n")
    assert found(tmp_path, rows) == [("00000_b", "x/b.jpg"), ("00001_b", "y/b.jpg"), ("a", "a.jpg")]


def test_a_header_is_no_sample(tmp_path):
    (tmp_path / "list.csv").write_text("colour,true depth\na.jpg,a.png\n")
    assert found(tmp_path, tmp_path / "list.csv") == [("a", "a.jpg")]


def test_a_list_to_train_on_serves_inference(tmp_path):
    """Its depth maps are neither read nor looked for."""
    rows = tmp_path / "pairs.csv"
    rows.write_text("x/a.jpg,x/a.png\nb.jpg\n")
    assert found(tmp_path, rows) == [("a", "x/a.jpg"), ("b", "b.jpg")]
    rows.write_text("x/a.jpg,x/a.png,x/more.png\n")
    with pytest.raises(UserError, match="names 3 files; each line needs 1 to 2: picture; or picture, true d"):
        found_by(rows)


def test_one_picture(tmp_path):
    assert found(tmp_path, picture(tmp_path / "shot.jpeg")) == [("shot", "shot.jpeg")]


def test_nothing_to_find_is_said(tmp_path):
    with pytest.raises(UserError, match="holds no pictures"):
        found_by(tmp_path)
    with pytest.raises(UserError, match="no such picture, folder, list or video: .*gone.jpg"):
        found_by(tmp_path / "gone.jpg")


def test_cameras_by_field_of_view_and_focal_length():
    camera = camera_of(settings_of("--fov_deg", 90), photo(480, 640), None)
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == pytest.approx((320, 320, 320, 240))
    camera = camera_of(settings_of("--fx_px", 500), photo(480, 640), None)
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (500, 500, 320, 240)
    given = ("--fx_px", 500, "--fy_px", 510, "--cx_px", 0, "--cy_px", 7)
    camera = camera_of(settings_of(*given), photo(480, 640), None)
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (500, 510, 0, 7)
    assert camera_of(settings_of(), photo(480, 640), None) is None


@pytest.mark.parametrize(("width", "height"), [(3600, 2400), (2400, 3600)])
def test_exif_focal_length_of_full_frame(tmp_path, width, height):
    """A 50 mm lens on 36x24 mm film: 50 / 36 of the longer side, whichever way it was held."""
    path = picture(tmp_path / "photo.jpg", width // 10, height // 10, focal_35mm=50)
    camera = camera_of(settings_of(), photo(height, width), path)
    assert camera.fx_px == pytest.approx(3600 * 50 / 36, rel=1e-4)
    assert (camera.cx_px, camera.cy_px) == (width / 2, height / 2)


def test_given_cameras_win_over_exif(tmp_path):
    path = picture(tmp_path / "photo.jpg", focal_35mm=50)
    assert camera_of(settings_of("--fx_px", 77), photo(12, 16), path).fx_px == 77
    camera = camera_of(settings_of("--fov_deg", 60), photo(12, 16), path)
    assert camera.fx_px == pytest.approx(8 / math.tan(math.pi / 6))


def test_pictures_without_a_focal_length_have_no_camera(tmp_path):
    assert camera_of(settings_of(), photo(12, 16), picture(tmp_path / "a.jpg")) is None
    assert camera_of(settings_of(), photo(12, 16), picture(tmp_path / "b.jpg", focal_35mm=0)) is None
    assert camera_of(settings_of(), photo(12, 16), picture(tmp_path / "c.png")) is None


def test_videos_become_samples_frame_by_frame(tmp_path):
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 12.5, (64, 48))
    for level in (0, 120, 240):
        writer.write(np.full((48, 64, 3), (level, 0, 0), np.uint8))  # blue in OpenCV's order
    writer.release()
    frames = list(read_frames(method_of(), "picture", path))
    assert [frame.name for frame in frames] == ["clip_000000", "clip_000001", "clip_000002"]
    for level, frame in zip((0, 120, 240), frames):
        assert frame.rgb.shape == (48, 64, 3)
        np.testing.assert_allclose(frame.rgb.mean((0, 1)), (0, 0, level), atol=12)
        assert frame.inputs["image"].shape == (3, 228, 304)
    assert video_rate(path) == pytest.approx(12.5)
    assert is_video(path) and is_video(Path("X.MOV")) and not is_video(Path("x.jpg"))


def test_files_that_only_look_like_videos_are_refused(tmp_path, capfd):
    (tmp_path / "clip.mp4").write_bytes(b"not a video")
    with pytest.raises(UserError, match="cannot read any frame of .*clip.mp4"):
        list(read_frames(method_of(), "picture", tmp_path / "clip.mp4"))


def test_the_data_s_own_camera_goes_before_exif_and_after_the_settings(tmp_path):
    path = picture(tmp_path / "a.jpg", focal_35mm=50)
    known = Intrinsics(9, 9, 8, 6, 16, 12)
    assert camera_of(settings_of(), photo(12, 16, known), path) == known
    assert camera_of(settings_of("--fx_px", 77), photo(12, 16, known), path).fx_px == 77
