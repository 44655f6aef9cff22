# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Small panoramas of a box room, in memory and in the layouts of the data sets; panodepth's settings."""
from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from src.config import Settings, load_settings
from src.datasets.panorama import Panorama, Row
from src.datasets.synthetic import layout_panorama
from src.datasets.synthetic.generate import generate
from src.datasets.synthetic.settings import PanoramaSettings
from src.method import Method, build_method

WIDTH, HEIGHT = 64, 32
# The room reaches so far to either side of the world's origin, in metres.
HALF_M = np.array([3.0, 1.4, 2.0])


def settings_of(*argv: object, command: str = "train") -> Settings:
    """panodepth's settings under a command line."""
    return _loaded(command, tuple(map(str, argv)))


@lru_cache
def _loaded(command: str, argv: tuple[str, ...]) -> Settings:
    return load_settings(command, "", ["--method", "panodepth", *argv])


def method_of(*argv: object, command: str = "train") -> Method:
    """panodepth under the settings of a command line."""
    return build_method(settings_of(*argv, command=command))


class InMemory:
    """Rows of one or two panoramas as `PanoramaList` gives them."""

    def __init__(self, *rows: tuple[Panorama, ...]):
        self.rows = rows
        self.names = tuple(f"row{i}" for i in range(len(rows)))

    def __len__(self) -> int:
        return len(self.rows)

    def describe(self, index: int) -> str:
        return self.names[index]

    def read(self, index: int, second: bool = False) -> Panorama:
        return self.rows[index][second]


def rays(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    theta = 2 * np.pi * (np.arange(width) + 0.5) / width - np.pi
    phi = (np.pi / 2 - np.pi * (np.arange(height) + 0.5) / height)[:, None]
    return np.stack(np.broadcast_arrays(np.cos(phi) * np.sin(theta), -np.sin(phi),
                                        np.cos(phi) * np.cos(theta)), axis=-1)


def yawed(yaw_rad: float, position_m: tuple[float, float, float]) -> np.ndarray:
    """A level camera's pose (4, 4) in the room, y down."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]], position_m
    return pose


def box_depth_m(pose: np.ndarray, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Distance along the rays (H, W) to the walls of the box."""
    directions = rays(width, height) @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        return ((np.sign(directions) * HALF_M - pose[:3, 3]) / directions).min(axis=-1)


def write_picture(path: Path, width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def write_depth(path: Path, depth_m: np.ndarray, units_per_m: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".exr":
        os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
        assert cv2.imwrite(str(path), depth_m.astype(np.float32))
    elif path.suffix == ".npy":
        np.save(path, depth_m * units_per_m)
    else:
        Image.fromarray(np.rint(depth_m * units_per_m).astype(np.uint16)).save(path)


def write_pose(path: Path, pose: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        inverse = np.linalg.inv(pose)[:3]
        path.write_text(json.dumps({"camera_rt_matrix": inverse.tolist(),
                                    "camera_location": pose[:3, 3].tolist(), "room": "office_1"}))
    else:
        np.savetxt(path, pose)


def write_seed_view(root: Path, place: str, name: str, pose: np.ndarray | None,
                    sizes: tuple[str, ...] = ("images",), depth_suffix: str = "png") -> None:
    """One panorama of the source's tree; without `pose` it has none."""
    for size in sizes:
        write_picture(root / place / "pan" / size / f"{name}.jpg", seed=sum(map(ord, place + name)))
    known = np.eye(4) if pose is None else pose
    write_depth(root / place / "depth" / f"{name}.{depth_suffix}", box_depth_m(known), 1000)
    if pose is not None:
        write_pose(root / place / "pose" / f"{name}.txt", pose)


def write_stanford_view(root: Path, area: str, name: str, pose: np.ndarray) -> None:
    pano, stem = root / area / "pano", f"camera_{name}_office_1_frame_equirectangular_domain"
    write_picture(pano / "rgb" / f"{stem}_rgb.png")
    write_depth(pano / "depth" / f"{stem}_depth.png", box_depth_m(pose), 512)
    write_pose(pano / "pose" / f"{stem}_pose.json", pose)


def seed_row(place: str, name: str) -> Row:
    """The files that `write_seed_view` has written, as a list names them."""
    return (f"{place}/pan/images/{name}.jpg", f"{place}/depth/{name}.png", f"{place}/pose/{name}.txt")


def write_rooms(folder: Path, train: int, test: int, height: int = HEIGHT) -> Path:
    """Synthetic rooms of four panoramas each, the last training room for validation; return the folder."""
    settings = PanoramaSettings("panorama", train, test, width=2 * height, height=height)
    generate(folder, settings, layout_panorama.jobs(settings), workers=1)
    return folder
