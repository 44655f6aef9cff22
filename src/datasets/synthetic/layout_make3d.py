# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The files of Make3D's laser and picture set 1 (Saxena et al., PAMI 2009), filled with synthetic streets.

    Train400Img/img-<id>.jpg   Train400Depth/depth_sph_corr-<id>.mat
    Test134/img-<id>.jpg       Test134Depth/Gridlaserdata/depth_sph_corr-<id>.mat

Position3DGrid, double (55, 305, 4): for each cell of a grid over the whole picture the place of the surface
in metres, upwards and to the right of the camera and along its axis, and its distance. What is out of the
scanner's reach, as the sky, has its largest distance. Pictures are upright, 1704 x 2272 in the data set. A
street gives two pictures; train and test draw from separate random streams.
"""
from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from src.datasets.synthetic.camera import Pinhole, Pose
from src.datasets.synthetic.render import render, trace
from src.datasets.synthetic.scene import Scene
from src.datasets.synthetic.sensor import photograph
from src.datasets.synthetic.settings import Settings
from src.datasets.synthetic.streets import drive, street
from src.files import write_bytes

# The camera of the data set's own software.
CAMERA = Pinhole(fx_px=2407.33, fy_px=2400.21, cx_px=833.72, cy_px=1110.71, width=1704, height=2272)
GRID_WH = (305, 55)
REACH_M = 81.9
_LOST_SHARE = 0.01
_FRAMES_A_STREET = 2
_FOLDERS = {"train": ("Train400Img", "Train400Depth"), "test": ("Test134", "Test134Depth/Gridlaserdata")}
_STREAM = {"train": 0, "test": 1}
_JPEG_QUALITY = 95
_MAT_TEXT = b"MATLAB 5.0 MAT-file, synthetic"


@dataclass(frozen=True)
class StreetJob:
    """One street and its frames: `files` holds (picture, laser map) paths relative to the output folder."""

    settings: Settings
    split: str
    index: int
    files: tuple[tuple[str, str], ...]

    def run(self, output_dir: Path) -> None:
        """Draw the street and write its frames; the result depends on the job alone."""
        s = self.settings
        camera = CAMERA.resized(s.width, s.height)
        rng = np.random.default_rng([s.seed, _STREAM[self.split], self.index])
        scene, poses = street(rng), drive(rng, len(self.files))
        for pose, (rgb_file, mat_file) in zip(poses, self.files):
            rays = camera.rays(pose)
            rgb = photograph(rng, render(scene, rays).radiance.reshape(3, *rays.shape))
            _, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]),
                                   [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
            write_bytes(output_dir / rgb_file, data.tobytes())
            grid = laser_grid(scene, camera, pose)
            if s.holes:
                grid[rng.random(GRID_WH[::-1]) < _LOST_SHARE, 3] = REACH_M
            write_bytes(output_dir / mat_file, mat_bytes("Position3DGrid", grid))


def jobs(settings: Settings) -> list[StreetJob]:
    """Return the streets of a data set in the order of their files."""
    streets = []
    for split, count in (("train", settings.num_train), ("test", settings.num_test)):
        pictures, maps = _FOLDERS[split]
        for index, first in enumerate(range(0, count, _FRAMES_A_STREET)):
            ids = [f"street{index:04d}-p-{15 + 31 * k:03d}t000"
                   for k in range(min(_FRAMES_A_STREET, count - first))]
            files = tuple((f"{pictures}/img-{name}.jpg", f"{maps}/depth_sph_corr-{name}.mat") for name in ids)
            streets.append(StreetJob(settings, split, index, files))
    return streets


def laser_grid(scene: Scene, camera: Pinhole, pose: Pose) -> np.ndarray:
    """Return Position3DGrid (55, 305, 4) float64 in metres: what the middle of each cell shows."""
    rays = camera.resized(*GRID_WH).rays(pose)
    hits = trace(scene, rays.origin_m, rays.directions)
    distance_m = np.minimum(hits.distance_m.astype(np.float64), REACH_M)
    right, down, ahead = pose.rotation.T @ (rays.directions.astype(np.float64) * distance_m)
    return np.stack([-down, right, ahead, distance_m], axis=-1).reshape(*rays.shape, 4)


def mat_bytes(name: str, values: np.ndarray) -> bytes:
    """Return a MATLAB file (version 7: compressed) with one variable, the same bytes for the same values."""
    file = io.BytesIO()
    savemat(file, {name: values}, do_compression=True)
    data = file.getvalue()
    return _MAT_TEXT.ljust(116) + data[116:]  # instead of SciPy's text, which has the date
