# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What infer.py writes for each sample: metres, 16-bit PNG, colour and normal maps, point cloud, video."""
from __future__ import annotations

from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from src.config import Settings
from src.datasets.image_files import write_depth_png
from src.errors import UserError
from src.files import atomic_path
from src.geometry.pinhole import Intrinsics
from src.geometry.point_cloud import write_ply
from src.method import Method, Sample
from src.visualize import colorize_depth, depth_bar, normal_map, robust_limits, save_picture


def color_limits(depth_m: np.ndarray, seen: np.ndarray, settings: Settings) -> tuple[float, float]:
    """Return the ends of the colour scale in metres: the settings' or the map's robust ones.

    Raises:
        UserError: the lower end is not below the upper one.
    """
    low, high = robust_limits(depth_m, seen)
    high = high if high > low else low + 1.0  # a flat map
    low = low if settings.min_depth_m is None else settings.min_depth_m
    high = high if settings.far_depth_m is None else settings.far_depth_m
    if not low < high:
        raise UserError(f"--min_depth_m {low:g} must be below --far_depth_m {high:g}")
    return low, high


def color_picture(depth_m: np.ndarray, seen: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the colour map (H, W + bar, 3) with its scale in metres, see `color_limits`."""
    low, high = color_limits(depth_m, seen, settings)
    return np.hstack([colorize_depth(depth_m, seen, low, high), depth_bar(depth_m.shape[0], low, high)])


def write_outputs(method: Method, sample: Sample, stem: str, depth_m: np.ndarray, seen: np.ndarray,
                  camera: Intrinsics | None) -> dict:
    """Write the files that `--save` names for one full-size map; return what index.json says of them.

    Args:
        method: gives points, normals and the settings.
        sample: with the picture that the map belongs to.
        stem: what the files' names begin with.
        depth_m: (H, W) metres.
        seen: (H, W) bool, where the network has looked; elsewhere files hold 0, which means no reading.
        camera: of the picture.

    Raises:
        UserError: a normal map or point cloud is asked for and no camera is known.
    """
    s = method.settings
    folder = Path(s.output_dir)
    depth_m = np.where(seen, depth_m, 0).astype(np.float32)
    entry = {"files": [], "seen_share": float(seen.mean())}
    if camera is None and method.needs_camera and {"normal", "ply"} & set(s.save):
        raise UserError(f"{sample.name}: a normal map or point cloud needs the camera, and the picture's "
                        "EXIF has no focal length; give --fx_px or --fov_deg")
    writers = {"npy": _write_npy, "png": _write_png, "color": _write_color, "normal": _write_normals,
               "ply": _write_points}
    for kind in s.save:
        entry["files"].append(writers[kind](folder / stem, method, sample, depth_m, seen, camera).name)
    if camera is not None:
        entry["camera"] = {name: getattr(camera, name) for name in ("fx_px", "fy_px", "cx_px", "cy_px")}
    return entry


def _write_npy(stem, method, sample, depth_m, seen, camera) -> Path:
    path = stem.with_name(f"{stem.name}.npy")
    with atomic_path(path) as temporary:
        np.save(temporary, depth_m)
    return path


def _write_png(stem, method, sample, depth_m, seen, camera) -> Path:
    path = stem.with_name(f"{stem.name}_depth.png")
    write_depth_png(path, depth_m, method.settings.png_scale)
    return path


def _write_color(stem, method, sample, depth_m, seen, camera) -> Path:
    path = stem.with_name(f"{stem.name}_color.png")
    save_picture(path, color_picture(depth_m, seen, method.settings))
    return path


def _write_normals(stem, method, sample, depth_m, seen, camera) -> Path:
    path = stem.with_name(f"{stem.name}_normal.png")
    save_picture(path, normal_map(*method.normals(depth_m, seen, camera)))
    return path


def _write_points(stem, method, sample, depth_m, seen, camera) -> Path:
    """Write the point cloud without holes and without the flying pixels of depth edges."""
    path = stem.with_name(f"{stem.name}.ply")
    kept = seen & (depth_m > 0) & ~method.edges(depth_m, method.settings.edge_threshold)
    write_ply(path, method.points(depth_m, camera)[kept], sample.rgb[kept])
    return path


class VideoWriter:
    """Writes colour maps as an .mp4, whole or not at all.

    Args:
        path: the file.
        rate: frames a second.
    """

    def __init__(self, path: Path, rate: float):
        self._target = atomic_path(path)
        self._path = path
        self._rate = rate
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> VideoWriter:
        self._temporary = self._target.__enter__()
        return self

    def add(self, rgb: np.ndarray) -> None:
        """Append a picture (H, W, 3) uint8; all of one size. The file's is even: odd edges are repeated."""
        rgb = np.pad(rgb, ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge")
        if self._writer is None:
            height, width = rgb.shape[:2]
            self._writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter_fourcc(*"mp4v"), self._rate,
                                           (width, height))
            if not self._writer.isOpened():
                raise UserError(f"cannot write the video {self._path}; is the folder writable?")
        self._writer.write(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._writer is not None:
            self._writer.release()
        self._target.__exit__(kind, error, trace)
