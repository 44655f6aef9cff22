# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Sets of depth maps whose cameras are known, in the layouts that they are published in.

    seed            <uuid>/pan/images/<n>.jpg, depth/<n>.png, pose/<n>.txt       see `panorama_sets`
    stanford2d3d    area_<k>/pano/rgb, depth, pose                               see `panorama_sets`
    indoor          frame-<n>.depth.png (mm) and frame-<n>.pose.txt (4 x 4) in a folder a recording: 7-Scenes
                    (Shotton et al., CVPR 2013), 3DMatch, BundleFusion. A pose of inf or nan: the camera was
                    lost. Numbers count a camera's frames, 30 a second
    tum             depth.txt (`timestamp file`, 5000 units a metre) and groundtruth.txt (`timestamp tx ty tz
                    qx qy qz qw`) in a folder a recording: TUM RGB-D (Sturm et al., IROS 2012). A frame's pose
                    is the one nearest in time, within 20 ms

A pose leads from the camera (x right, y down, z forward; of a panorama to its picture's middle) to the world,
in metres. A recording has a world of its own, and which way is up in it no layout tells. In depth files 0 and
65535 are no reading.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from tqdm import tqdm

from src.datasets.image_files import read_depth
from src.datasets.pairs import natural_key
from src.datasets.panorama import report
from src.datasets.panorama_files import read_distance, read_pose
from src.datasets.panorama_sets import SETS, find_views
from src.errors import UserError

INDOOR_FPS = 30.0  # of the Kinect
_PANORAMAS = ("seed", "stanford2d3d")
_UNITS_PER_M = {"indoor": 1000.0, "tum": 5000.0, **{name: SETS[name].units_per_m for name in _PANORAMAS}}
_SIGNS = {"tum": "groundtruth.txt", "indoor": "frame-*.pose.txt", "stanford2d3d": "pano/pose",
          "seed": "pan"}  # what a recording's folder holds
LAYOUTS = tuple(_SIGNS)
_NO_READING = 65535
_TUM_APART_S = 0.02  # as the benchmark's associate.py


@dataclass(frozen=True)
class Recording:
    """Cameras that share a world, in the order of their names or times.

    Attributes:
        name: its folder below the set's.
        depth_files: N paths.
        camera_to_world: (N, 4, 4) float64, metres.
        time_s: (N,) float64, growing, or None where no times are known.
    """

    name: str
    depth_files: tuple[Path, ...]
    camera_to_world: np.ndarray
    time_s: np.ndarray | None

    def __len__(self) -> int:
        return len(self.depth_files)


@dataclass(frozen=True)
class PosedSet:
    """Depth maps with their cameras.

    Attributes:
        folder: of the set.
        layout: one of `LAYOUTS`.
        recordings: one or more, none empty.
        num_unposed: frames that were left out because their pose is unknown.
        units_per_m: of the depth files.
        fps: frames a second by which frame numbers became times, or None where times are written or unknown.
    """

    folder: Path
    layout: str
    recordings: tuple[Recording, ...]
    num_unposed: int
    units_per_m: float
    fps: float | None

    @property
    def is_panoramic(self) -> bool:
        """Whether depth is the distance along the ray in equirectangular maps; else it is z of a pinhole."""
        return self.layout in _PANORAMAS

    @property
    def has_times(self) -> bool:
        """Whether the recordings know their times."""
        return not self.is_panoramic

    def read_depth(self, path: Path) -> np.ndarray:
        """Return a depth map (H, W) float32 in metres, 0 = no reading."""
        if self.is_panoramic:
            return read_distance(path, self.units_per_m)
        units = read_depth(path, 1.0)  # float32 holds 16 bits exactly
        return np.where(units == _NO_READING, 0, units / self.units_per_m).astype(np.float32)


def read_posed(folder: str | Path, layout: str = "auto", units_per_m: float | None = None,
               fps: float = INDOOR_FPS) -> PosedSet:
    """Find the frames of a set and read all poses; of the depth files only the names are looked at.

    Args:
        folder: of the set, or of one recording of an indoor or TUM set.
        layout: one of `LAYOUTS`, or "auto": by what lies in the folder.
        units_per_m: of the depth files, where it is not the layout's.
        fps: frames a second by which an indoor recording's frame numbers become times.

    Raises:
        UserError: the folder is missing or of another layout, files are missing or damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"no data folder {folder}")
    layout = _layout_of(folder) if layout == "auto" else layout
    if layout in _PANORAMAS:
        recordings, num_unposed = _read_panoramas(folder, layout), 0
    elif layout == "indoor":
        recordings, num_unposed = _read_indoor(folder, fps)
    else:
        recordings, num_unposed = _read_tum(folder)
    if not recordings:
        raise UserError(f"{folder}: none of its {num_unposed} frames has a known pose ({layout})")
    return PosedSet(folder, layout, tuple(recordings), num_unposed, units_per_m or _UNITS_PER_M[layout],
                    fps if layout == "indoor" else None)


def _layout_of(folder: Path) -> str:
    for layout, sign in _SIGNS.items():
        if _folders(folder, sign):
            return layout
    signs = ", ".join(f"{sign} ({layout})" for layout, sign in _SIGNS.items())
    raise UserError(f"{folder} is no posed set: neither it nor its folders hold {signs}; see --layout")


def _folders(folder: Path, sign: str) -> list[Path]:
    """Return `folder` if it holds a file like `sign`, else the folders that do one or two levels down."""
    for level in ("", "*/", "*/*/"):
        found = {folder / path.relative_to(folder).parents[sign.count("/")]
                 for path in folder.glob(level + sign)}
        if found:
            return sorted(found, key=lambda path: natural_key(path.as_posix()))
    return []


def _read_panoramas(folder: Path, layout: str) -> list[Recording]:
    """Return a recording for each folder at the top; panoramas are single pictures and have no times."""
    rows = [view.row for view in find_views(folder, SETS[layout])]
    if len(rows[0]) < 3:
        raise UserError(f"{folder} has no poses; without them depth alone can be explored, by "
                        f"scripts/generate_csv.py --layout {layout}")
    poses = [read_pose(folder / pose) for _, _, pose in _progress(rows)]
    recordings = []
    for name, members in groupby(zip(rows, poses), key=lambda member: Path(member[0][0]).parts[0]):
        own, matrices = zip(*members)
        files = tuple(folder / depth for _, depth, _ in own)
        recordings.append(Recording(name, files, np.stack(matrices), None))
    return recordings


def _read_indoor(folder: Path, fps: float) -> tuple[list[Recording], int]:
    recordings, num_lost = [], 0
    for home in _recordings(folder, "indoor"):
        files = sorted(home.glob("frame-*.pose.txt"), key=lambda path: natural_key(path.name))
        numbers = [path.name.removeprefix("frame-").removesuffix(".pose.txt") for path in files]
        depths = [home / f"frame-{number}.depth.png" for number in numbers]
        report(home, [f"{path.name} is no frame-<number>.pose.txt" for path, number in zip(files, numbers)
                      if not number.isdecimal()]
               + [f"{path.name} has no {depth.name}" for path, depth in zip(files, depths)
                  if not depth.is_file()])
        kept = [k for k, path in enumerate(files) if not _is_lost(path)]
        num_lost += len(files) - len(kept)
        if kept:
            poses = np.stack([read_pose(files[k]) for k in _progress(kept)])
            times_s = np.array([int(numbers[k]) for k in kept]) / fps
            recordings.append(Recording(_name(home, folder), tuple(depths[k] for k in kept), poses, times_s))
    return recordings, num_lost


def _is_lost(path: Path) -> bool:
    """Whether a pose says inf or nan; what else may be wrong with the file is told when it is read."""
    return any(word in path.read_bytes().lower() for word in (b"inf", b"nan"))


def _read_tum(folder: Path) -> tuple[list[Recording], int]:
    recordings, num_unposed = [], 0
    for home in _recordings(folder, "tum"):
        times_s, files = _read_stamped(home / "depth.txt", "timestamp file", lambda fields: fields[0])
        depths = [home / file for file in files]
        report(home, [f"depth.txt names {file}, which is missing" for file, depth in zip(files, depths)
                      if not depth.is_file()])
        pose_times_s, poses = _read_stamped(home / "groundtruth.txt", "timestamp tx ty tz qx qy qz qw",
                                            lambda fields: _matrix(*map(float, fields)))
        frames, nearest = _associated(times_s, pose_times_s)
        num_unposed += len(files) - len(frames)
        if len(frames):
            recordings.append(Recording(_name(home, folder), tuple(depths[k] for k in frames),
                                        np.stack(poses)[nearest], pose_times_s[nearest]))
    return recordings, num_unposed


def _read_stamped(path: Path, form: str, parse: Callable[[list[str]], object]) -> tuple[np.ndarray, list]:
    """Read a TUM list: its times (N,), growing, and what `parse` makes of a line's other fields."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path} ({error}); a TUM recording has one") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        time, *fields = line.split() or "#"
        if time.startswith("#"):
            continue
        try:
            if len(fields) != len(form.split()) - 1:
                raise ValueError(f"{len(fields) + 1} fields")
            rows.append((float(time), parse(fields)))
        except ValueError as error:
            raise UserError(f"{path} line {number} is not `{form}` ({error})") from None
    if not rows:
        raise UserError(f"{path} holds no line `{form}`")
    rows.sort(key=lambda row: row[0])
    return np.array([time for time, _ in rows]), [value for _, value in rows]


def _matrix(tx: float, ty: float, tz: float, x: float, y: float, z: float, w: float) -> np.ndarray:
    """Return the pose (4, 4) of a translation in metres and a quaternion of any length but 0."""
    squared = x * x + y * y + z * z + w * w
    if not (np.isfinite([tx, ty, tz, squared]).all() and squared > 0):
        raise ValueError("no rotation or no place")
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    pose = np.eye(4)
    pose[:3, :3] += 2 * (w * cross + cross @ cross) / squared
    pose[:3, 3] = tx, ty, tz
    return pose


def _associated(times_s: np.ndarray, pose_times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames that have a pose and the pose of each; none serves two frames, the earlier has it."""
    after = np.searchsorted(pose_times_s, times_s).clip(1, max(1, len(pose_times_s) - 1))
    before = after - 1
    after = after.clip(max=len(pose_times_s) - 1)
    nearer = np.abs(pose_times_s[after] - times_s) < np.abs(pose_times_s[before] - times_s)
    nearest = np.where(nearer, after, before)
    close = np.abs(pose_times_s[nearest] - times_s) <= _TUM_APART_S
    frames = np.flatnonzero(close)
    _, first = np.unique(pose_times_s[nearest[frames]], return_index=True)
    return frames[first], nearest[frames[first]]


def _recordings(folder: Path, layout: str) -> list[Path]:
    homes = _folders(folder, _SIGNS[layout])
    if not homes:
        raise UserError(f"{folder} and its folders hold no {_SIGNS[layout]}; --layout {layout} looks for it")
    return homes


def _name(home: Path, folder: Path) -> str:
    return home.resolve().name if home == folder else home.relative_to(folder).as_posix()


def _progress(items: Iterable) -> Iterable:
    return tqdm(items, unit="pose", desc="poses", disable=None)
