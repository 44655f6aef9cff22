# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The files of KITTI raw data (Geiger et al., IJRR 2013), synced and rectified, with synthetic streets.

    train.txt, test.txt                                 one frame a line: <date>/<drive> <frame> l
    <date>/calib_cam_to_cam.txt, calib_velo_to_cam.txt  cameras 00 to 03; pixel centres at integers
    <date>/<drive>/image_02/data/<frame>.png            left view, RGB      image_03: right view
    <date>/<drive>/velodyne_points/data/<frame>.bin     (N, 4) float32: x ahead, y left, z up, reflectance
    <date>/<drive>/proj_depth/groundtruth/image_02/<frame>.png   exact depth, 16 bits, z * 256 m; image_03 too

<drive> is <date>_drive_<nnnn>_sync, <frame> has ten digits. Depth has a value at every pixel from 3 to 80 m,
and is 0 in the sky and beyond. A drive is four frames of a street of its own; drives 1 to 5000 are for
training, later ones for tests, and both take turns with the dates. Train and test draw from separate random
streams.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from src.datasets.synthetic.camera import Pinhole, Pose, z_depth_m
from src.datasets.synthetic.kitti_rig import DATES, calib_cam_to_cam, calib_velo_to_cam, rig
from src.datasets.synthetic.lidar import scan
from src.datasets.synthetic.render import render
from src.datasets.synthetic.scene import Scene
from src.datasets.synthetic.sensor import photographs
from src.datasets.synthetic.settings import Settings
from src.datasets.synthetic.streets import drive, street
from src.errors import UserError
from src.files import write_bytes, write_text

FARTHEST_M = 80.0
FRAMES_A_DRIVE = 4
_STREAM = {"train": 0, "test": 1}
_FIRST_DRIVE = {"train": 1, "test": 5001}
_MOST_DRIVES = 4999
_DEPTH_STEPS_A_METRE = 256
_PICTURES = ("image_02/data", "image_03/data", "proj_depth/groundtruth/image_02",
             "proj_depth/groundtruth/image_03")


@dataclass(frozen=True)
class DriveJob:
    """One street to draw and its frames: `files` holds paths relative to the output folder.

    A frame's first five files are left view, right view, left depth, right depth and scan. The split's list,
    which its first drive writes, and a date's calibration count as the first frame's.
    """

    settings: Settings
    split: str
    index: int
    files: tuple[tuple[str, ...], ...]

    def run(self, output_dir: Path) -> None:
        """Draw the street and write its frames; the result depends on the job alone."""
        date = _date(self.index)
        own = rig(date, self.settings.width, self.settings.height)
        rng = np.random.default_rng([self.settings.seed, _STREAM[self.split], self.index])
        scene, poses = street(rng), drive(rng, len(self.files))
        for left, files in zip(poses, self.files):
            radiance, depths = zip(*(view(scene, own.camera, pose) for pose in (left, own.right(left))))
            rgb = photographs(rng, list(radiance))
            points = scan(rng, scene, own.scanner(left), self.settings.holes)
            pictures = [pair[..., ::-1] for pair in rgb] + [encode_depth(z_m) for z_m in depths]
            for name, pixels in zip(files, pictures):
                write_bytes(output_dir / name, _png(pixels))
            write_bytes(output_dir / files[4], points.tobytes())
        if self.index < len(DATES):
            for name, text in zip(_calibration_files(date), (calib_cam_to_cam(own), calib_velo_to_cam(own))):
                write_text(output_dir / name, text)
        if self.index == 0:
            write_text(output_dir / f"{self.split}.txt", _list(self.settings, self.split))


def jobs(settings: Settings) -> list[DriveJob]:
    """Return the drives of a data set in the order of their files.

    Raises:
        UserError: there are more frames than drives can be numbered for.
    """
    drives = []
    for split in _STREAM:
        counts = _frame_counts(settings, split)
        if len(counts) > _MOST_DRIVES:
            raise UserError(f"--num_{split} is too large for the kitti layout; give "
                            f"{_MOST_DRIVES * FRAMES_A_DRIVE} frames or fewer")
        for index, count in enumerate(counts):
            files = [_frame_files(split, index, frame) for frame in range(count)]
            if index < len(DATES):
                files[0] += _calibration_files(_date(index))
            if index == 0:
                files[0] += (f"{split}.txt",)
            drives.append(DriveJob(settings, split, index, tuple(files)))
    return drives


def view(scene: Scene, camera: Pinhole, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Return the radiance (3, H, W) and the depth (H, W) in metres of one view, 0 where there is none."""
    rays = camera.rays(pose)
    seen = render(scene, rays)
    z_m = z_depth_m(seen.hits.distance_m, rays, pose)
    z_m[seen.glows | (z_m > FARTHEST_M)] = 0
    return seen.radiance.reshape(3, *rays.shape), z_m.reshape(rays.shape)


def encode_depth(z_m: np.ndarray) -> np.ndarray:
    """Turn metres into KITTI's 16 bits: metres * 256."""
    return np.rint(z_m * np.float32(_DEPTH_STEPS_A_METRE)).astype(np.uint16)


def _date(index: int) -> str:
    return DATES[index % len(DATES)]


def _frame_counts(settings: Settings, split: str) -> list[int]:
    """Return the number of frames of each drive."""
    count = settings.num_train if split == "train" else settings.num_test
    return [min(FRAMES_A_DRIVE, count - first) for first in range(0, count, FRAMES_A_DRIVE)]


def _drive_folder(split: str, index: int) -> str:
    date = _date(index)
    return f"{date}/{date}_drive_{_FIRST_DRIVE[split] + index:04d}_sync"


def _frame_files(split: str, index: int, frame: int) -> tuple[str, ...]:
    folder, name = _drive_folder(split, index), f"{frame:010d}"
    pictures = (f"{folder}/{kind}/{name}.png" for kind in _PICTURES)
    return (*pictures, f"{folder}/velodyne_points/data/{name}.bin")


def _calibration_files(date: str) -> tuple[str, str]:
    return f"{date}/calib_cam_to_cam.txt", f"{date}/calib_velo_to_cam.txt"


def _list(settings: Settings, split: str) -> str:
    return "".join(f"{_drive_folder(split, index)} {frame:010d} l\n"
                   for index, count in enumerate(_frame_counts(settings, split)) for frame in range(count))


def _png(pixels: np.ndarray) -> bytes:
    _, data = cv2.imencode(".png", np.ascontiguousarray(pixels), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()
