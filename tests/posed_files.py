# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Small posed sets: level cameras on a circle that look outwards, in a world with y down or z up."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from tests.samples import save

RADIUS_M, COUNT = 2.0, 12
STEP_DEG = 360 / COUNT
CHORD_M = 2 * RADIUS_M * np.sin(np.radians(STEP_DEG / 2))
# From a world with y down to one with z up: x stays, z (ahead) becomes y.
Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
# One camera whose z looks along the world's y.
LOOKING_DOWN = np.array([[[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]])


def circle() -> np.ndarray:
    """Poses (COUNT, 4, 4) in a world with y down; the first looks along z, the next to the right."""
    poses = np.tile(np.eye(4), (COUNT, 1, 1))
    turns_deg = STEP_DEG * np.arange(COUNT)[:, None]
    poses[:, :3, :3] = Rotation.from_euler("y", turns_deg, degrees=True).as_matrix()
    poses[:, :3, 3] = RADIUS_M * poses[:, :3, 2]
    return poses


def ramp_mm() -> np.ndarray:
    """A map (10, 20): 100 readings of 1010, 1020 ... 2000 mm, the rest without, as 0 or 65535."""
    values = np.zeros(200, np.uint16)
    values[:100] = 1010 + 10 * np.arange(100)
    values[150:] = 65535
    return values.reshape(10, 20)


def write_indoor(home: Path, poses: np.ndarray, every: int = 15) -> Path:
    for k, pose in enumerate(poses):
        stem = home / f"frame-{every * k:06d}"
        save(stem.with_name(f"{stem.name}.depth.png"), ramp_mm())
        np.savetxt(stem.with_name(f"{stem.name}.pose.txt"), pose)
    return home


def write_tum(home: Path, poses: np.ndarray, late_s: float = 0.004) -> Path:
    """Poses each half second from 100 s on, in a world with z up; depth `late_s` later, listed backwards."""
    truth, depth = ["# ground truth trajectory"], []
    for k, pose in enumerate(poses):
        time_s, x_y_z_w = 100 + k / 2, Rotation.from_matrix(Z_UP @ pose[:3, :3]).as_quat()
        truth.append(" ".join(map(repr, map(float, (time_s, *(Z_UP @ pose[:3, 3]), *(-2 * x_y_z_w))))))
        depth.insert(0, f"{time_s + late_s:.6f} depth/{k}.png")
        save(home / f"depth/{k}.png", 5 * ramp_mm() * (ramp_mm() < 65535))
    (home / "groundtruth.txt").write_text("\n".join(truth) + "\n")
    (home / "depth.txt").write_text("\n".join(("# depth maps", *depth)) + "\n")
    return home
