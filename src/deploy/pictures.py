# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What infer.py is given: a picture, a folder, a list file or a video, and the camera that took it."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
from PIL import Image

from src.config import Settings
from src.datasets.csv_index import names_files
from src.datasets.pairs import natural_key, read_list
from src.errors import UserError, listed
from src.geometry.pinhole import Intrinsics
from src.graph import Graph
from src.method import Method, Sample

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
LISTS = (".txt", ".csv", ".lst")
_EXIF_IFD, _FOCAL_35MM = 0x8769, 0xA405
_DIAGONAL_35MM = 43.2666  # of the 36 x 24 mm film that FocalLengthIn35mmFilm refers to


def is_video(path: Path) -> bool:
    """Tell a video by its name."""
    return path.suffix.lower() in VIDEOS


def find_files(method: Method, graph: Graph, given: str) -> list[tuple[str, dict[str, Path]]]:
    """Return (name, files by their kind) of each sample that a user names; names are unique.

    Args:
        method: whose samples they are.
        graph: the part of its graph that says which files are needed.
        given: a list file, also one to train on; a picture, or a folder of them; where a sample consists of
            several files `A,B`, the files of one sample, or folders whose files are paired by their names
            without ending. What names whole samples also serves a part that needs less.

    Raises:
        UserError: nothing is there, or other than the part needs.
    """
    kinds = method.files_of(graph)
    path = Path(given)
    if path.suffix.lower() in LISTS and path.is_file():
        rows = _listed_rows(method, kinds, path)
    else:
        rows = _rows(_by_kind(method, kinds, _places(method, given)), given)
    stems = [next(iter(row.values())).stem for row in rows]
    count = Counter(stems)
    names = [stem if count[stem] == 1 else f"{i:05d}_{stem}" for i, stem in enumerate(stems)]
    return list(zip(names, rows))


def _listed_rows(method: Method, kinds: tuple[str, ...], path: Path) -> list[dict[str, Path]]:
    """Return the files that are needed of each line, which names these, a whole sample, or its truth too."""
    own = method.read_list(path)
    if own is not None:
        return [{kind: path.parent / row[kind] for kind in kinds} for row in own]
    orders = {len(order): order for order in (method.list_columns, method.infer_files, kinds)}
    possible = "; or ".join(", ".join(orders[count]) for count in sorted(orders))
    found = read_list(str(path), max(orders), possible, fewest=min(orders))
    rows = []
    for row in found if names_files(found[0], path.parent) else found[1:]:
        if len(row) not in orders:
            raise UserError(f"{path}: the line of {row[0]} names {len(row)} files; each line needs "
                            f"{possible}")
        named = dict(zip(orders[len(row)], row))
        rows.append({kind: path.parent / named[kind] for kind in kinds})
    return rows


def _places(method: Method, given: str) -> list[Path]:
    """Return the path, or the paths of `A,B`, that a user names."""
    paths = [Path(given)]
    if len(method.infer_files) > 1 and not paths[0].exists():
        paths = [Path(part.strip()) for part in given.split(",") if part.strip()]
    missing = next((path for path in paths if not path.exists()), None)
    if missing:
        raise UserError(f"no such picture, folder, list or video: {missing}")
    return paths


def _by_kind(method: Method, kinds: tuple[str, ...], paths: Sequence[Path]) -> dict[str, Path]:
    """Name the paths: they are what is needed, or a whole sample, of which the rest is left out."""
    if len(paths) not in (len(kinds), len(method.infer_files)):
        places = ",".join(kind.upper().replace(" ", "_") for kind in kinds)
        raise UserError(f"{_needs(method, kinds)}: give {places} (files, or folders with equal names), or a "
                        f"list file, one sample a line{_single_models(method)}")
    named = dict(zip(kinds if len(paths) == len(kinds) else method.infer_files, paths))
    return {kind: named[kind] for kind in kinds}


def _needs(method: Method, kinds: tuple[str, ...]) -> str:
    return f"{method.name} needs {' and '.join(kinds)} for each sample"


def _single_models(method: Method) -> str:
    """Name the models whose own depth needs one file a sample."""
    graph = method.graph
    files = {model.file for model in graph.models for result in graph.results_of((model.name,))
             if len(method.files_of(graph.upto((result,)))) == 1}
    return f"; {' or '.join(sorted(files))} as MODEL needs one alone" if files else ""


def _rows(places: Mapping[str, Path], given: str) -> list[dict[str, Path]]:
    """Return the files of each sample by their kind, from one sample's files or a folder for each kind."""
    are_folders = [path.is_dir() for path in places.values()]
    if not any(are_folders):
        return [dict(places)]
    if not all(are_folders):
        raise UserError(f"{given} mixes files and folders; give the files of one sample, or folders alone")
    if len(places) > 1:
        return _paired(places)
    ((kind, folder),) = places.items()
    return [{kind: file} for file in _pictures_in(folder, with_depth=False)]


def _pictures_in(folder: Path, with_depth: bool) -> list[Path]:
    """Return a folder's pictures in natural order, with or without the depth maps beside them."""
    files = (f for f in folder.iterdir() if f.suffix.lower() in PICTURES and not f.name.startswith("."))
    ordered = sorted(files, key=lambda f: natural_key(f.name))
    found = [file for file in ordered if with_depth or not _is_depth_map(file)]
    if not found:
        raise UserError(f"{folder} holds no pictures ({', '.join(PICTURES)})")
    return found


def _paired(folders: Mapping[str, Path]) -> list[dict[str, Path]]:
    """Pair the files of a folder for each kind by their stems."""
    files = {kind: _by_stem(folder) for kind, folder in folders.items()}
    stems = sorted(set().union(*files.values()), key=natural_key)
    unpaired = [f"{folder} has no {stem}" for stem in stems for kind, folder in folders.items()
                if stem not in files[kind]]
    if unpaired:
        raise UserError(listed("files are paired by their names", unpaired,
                               "add or remove these, or name the samples in a list file"))
    return [{kind: files[kind][stem] for kind in folders} for stem in stems]


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in _pictures_in(folder, with_depth=True):
        if file.stem in found:
            raise UserError(f"files are paired by their names, but {folder} has both {found[file.stem].name} "
                            f"and {file.name}; remove one, or name the samples in a list file")
        found[file.stem] = file
    return found


def _is_depth_map(path: Path) -> bool:
    """Tell the 16-bit grey PNGs that data sets keep beside their pictures."""
    return path.suffix.lower() == ".png" and path.open("rb").read(26)[24:26] == b"\x10\x00"


def frame_kind(method: Method, graph: Graph) -> str:
    """Return which of a method's files a video's frames are to a part of its graph.

    Raises:
        UserError: it needs more than one file a sample.
    """
    kinds = method.files_of(graph)
    if len(kinds) > 1:
        raise UserError(f"{_needs(method, kinds)}, a video has frames only{_single_models(method)}")
    return kinds[0]


def read_frames(method: Method, kind: str, path: Path) -> Iterator[Sample]:
    """Yield a video's frames as samples, see `frame_kind`.

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
            rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            yield method.prepare_frame(f"{path.stem}_{number:06d}", {kind: rgb})
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
