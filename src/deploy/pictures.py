# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What infer.py is given: a picture, a folder, a list file or a video, and the camera that took it."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
from PIL import Image

from src.config import Settings
from src.datasets.pairs import natural_key, read_list
from src.errors import UserError
from src.geometry.pinhole import Intrinsics
from src.method import Method, Sample

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
LISTS = (".txt", ".csv", ".lst")
_EXIF_IFD, _FOCAL_35MM = 0x8769, 0xA405
_DIAGONAL_35MM = 43.2666  # of the 36 x 24 mm film that FocalLengthIn35mmFilm refers to


def is_video(path: Path) -> bool:
    """Tell a video by its name."""
    return path.suffix.lower() in VIDEOS


def find_files(method: Method, given: str) -> list[tuple[str, tuple[Path, ...]]]:
    """Return (name, files) of each sample that a picture, folder or list file names; names are unique.

    Raises:
        UserError: nothing is there, or the method needs more files a sample than pictures alone.
    """
    path = Path(given)
    needed = method.infer_files
    if path.suffix.lower() in LISTS and path.is_file():
        listed = read_list(given, len(needed), ", ".join(needed))
        rows = [tuple(path.parent / file for file in row) for row in listed]
    elif len(needed) > 1:
        raise UserError(f"{method.name} needs {' and '.join(needed)} for each sample; name them in a list "
                        "file, one sample a line")
    elif path.is_dir():
        files = (f for f in path.iterdir() if f.suffix.lower() in PICTURES and not f.name.startswith("."))
        ordered = sorted(files, key=lambda f: natural_key(f.name))
        rows = [(file,) for file in ordered if not _is_depth_map(file)]
        if not rows:
            raise UserError(f"{path} holds no pictures ({', '.join(PICTURES)})")
    elif path.is_file():
        rows = [(path,)]
    else:
        raise UserError(f"no such picture, folder, list or video: {path}")
    stems = [row[0].stem for row in rows]
    names = [stem if stems.count(stem) == 1 else f"{i:05d}_{stem}" for i, stem in enumerate(stems)]
    return list(zip(names, rows))


def _is_depth_map(path: Path) -> bool:
    """Tell the 16-bit grey PNGs that data sets keep beside their pictures."""
    return path.suffix.lower() == ".png" and path.open("rb").read(26)[24:26] == b"\x10\x00"


def read_frames(method: Method, path: Path) -> Iterator[Sample]:
    """Yield a video's frames as samples.

    Raises:
        UserError: the video cannot be opened or has no frames.
    """
    video = cv2.VideoCapture(str(path))
    number = 0
    try:
        while True:
            more, bgr = video.read()
            if not more:
                break
            yield method.prepare_frame(f"{path.stem}_{number:06d}", cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
            number += 1
    finally:
        video.release()
    if number == 0:
        raise UserError(f"cannot read any frame of {path}; is it a video that OpenCV can decode?")


def video_rate(path: Path) -> float:
    """Return a video's frames a second (25 where it does not say)."""
    video = cv2.VideoCapture(str(path))
    rate = video.get(cv2.CAP_PROP_FPS)
    video.release()
    return rate if rate > 0 else 25.0


def camera_of(settings: Settings, sample: Sample, picture: Path | None) -> Intrinsics | None:
    """Return the camera from `--fov_deg`, `--fx_px ...`, the data or EXIF; None where none tells."""
    s, (height, width) = settings, sample.image_hw
    if s.fov_deg is not None and (s.fx_px is not None or s.fy_px is not None):
        raise UserError("--fov_deg and --fx_px or --fy_px say the same thing twice; give one of them")
    if s.fy_px is not None and s.fx_px is None:
        raise UserError("--fy_px needs --fx_px beside it")
    fx_px = s.fx_px if s.fov_deg is None else Intrinsics.from_fov(s.fov_deg, width, height).fx_px
    if fx_px is None and sample.camera is not None:
        return sample.camera
    if fx_px is None and picture is not None:
        fx_px = _exif_focal_px(picture, sample.image_hw)
    if fx_px is None:
        return None
    return Intrinsics(fx_px, s.fy_px or fx_px, width / 2 if s.cx_px is None else s.cx_px,
                      height / 2 if s.cy_px is None else s.cy_px, width, height)


def _exif_focal_px(picture: Path, image_hw: tuple[int, int]) -> float | None:
    """Return the focal length in pixels from EXIF's FocalLengthIn35mmFilm, by the diagonals."""
    try:
        with Image.open(picture) as image:
            focal_mm = image.getexif().get_ifd(_EXIF_IFD).get(_FOCAL_35MM)
    except (OSError, SyntaxError, ValueError):
        return None
    if not focal_mm:
        return None
    diagonal_px = (image_hw[0] ** 2 + image_hw[1] ** 2) ** 0.5
    return float(focal_mm) / _DIAGONAL_35MM * diagonal_px
