# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Small panoramas of a box room, written in the layouts of the data sets."""
from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 64, 32
# The room reaches so far to either side of the world's origin, in metres.
HALF_M = np.array([3.0, 1.4, 2.0])


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
