# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Exact stereo pairs in memory, tiny streets on disk in every layout, and a tiny net for mergedepth."""
from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from mindspore import nn, ops

from src.config import Settings, load_settings
from src.datasets.stereo import StereoFrame
from src.datasets.synthetic import layout_kitti
from src.datasets.synthetic.generate import generate
from src.datasets.synthetic.settings import Settings as SceneSettings
from src.geometry.pinhole import Intrinsics
from src.mergedepth.data_loader import TrainSamples
from src.method import Method, build_method
from tests.geometry.stereo_scene import LEFT, RIGHT, View
from tests.samples import save

CAMERAS = {"left": "image_02", "right": "image_03"}
SMALL = ("--image_height", 64, "--image_width", 96)
TINY = (*SMALL, "--encoder_width", 0.0625, "--upsampling", "unpool")  # a 256th of the published weights
PLAIN = ("--rand_flip", "false", "--grayscale", 0, "--noise", 0)  # no augmentation


def settings_of(*argv: object, command: str = "train") -> Settings:
    """Return the settings that a command line gives."""
    return _loaded(command, tuple(map(str, argv)))


@lru_cache
def _loaded(command: str, argv: tuple[str, ...]) -> Settings:
    return load_settings(command, "", ["--method", "mergedepth", *argv])


def method_of(*argv: object, command: str = "train") -> Method:
    """Return mergedepth under the settings of a command line."""
    return build_method(settings_of(*argv, command=command))


class TinyNet(nn.Cell):
    """In the place of a `MergeNet`: a strided convolution, normalised as there, and a head."""

    def __init__(self, fullscale: bool = False, *_, **__):
        super().__init__()
        self.encoder = nn.SequentialCell(nn.Conv2d(3, 8, 4, 1 if fullscale else 2), nn.BatchNorm2d(8))
        self.head = nn.Conv2d(8, 1, 3)

    def construct(self, image):
        return ops.sigmoid(self.head(ops.relu(self.encoder(image))))


class InMemory:
    """Frames as `StereoFrames` gives them."""

    def __init__(self, *frames: StereoFrame):
        self.frames = frames
        self.names = tuple(f"frame{i}" for i in range(len(frames)))

    def __len__(self) -> int:
        return len(self.frames)

    def describe(self, index: int) -> str:
        return self.names[index]

    def read(self, index: int) -> StereoFrame:
        return self.frames[index]


def camera_of(view: View) -> Intrinsics:
    """Return the camera of a view of the ray-cast scene."""
    return Intrinsics(view.focal_px, view.focal_px, view.cx_px, view.cy_px, view.width_px, view.height_px)


def exact_frame(left: View = LEFT, right: View = RIGHT) -> StereoFrame:
    """Return a wall and a board as both views see them, with exact depth at every pixel."""
    seen = [view.picture() for view in (left, right)]
    rgb = [np.rint(image * 255).astype(np.uint8).transpose(1, 2, 0) for _, image, _ in seen]
    depths_m = [depth_m.astype(np.float32) for depth_m, _, _ in seen]
    return StereoFrame(*rgb, *depths_m, camera_of(left), camera_of(right), float(right.centre_m[0]))


def read_one(frame: StereoFrame, seed: int, *argv: object, noise: float = 0.0) -> dict[str, np.ndarray]:
    """Return the columns of a frame under the settings of a command line; `seed` decides what is random."""
    return TrainSamples(InMemory(frame), settings_of(*argv), noise).read(0, np.random.default_rng(seed))


def write_streets(folder: Path, train: int, test: int, wh: tuple[int, int] = (96, 64)) -> Path:
    """Write synthetic streets in KITTI raw's layout, four frames a drive; return the folder."""
    settings = SceneSettings("kitti", train, test, width=wh[0], height=wh[1])
    generate(folder, settings, layout_kitti.jobs(settings), workers=1)
    return folder


def frames_of(raw: Path, split: str) -> list[tuple[str, str]]:
    """Return (<date>/<drive>, frame) of the frames that train.txt or test.txt lists."""
    return [tuple(line.split()[:2]) for line in (raw / f"{split}.txt").read_text().splitlines()]


def read_exact_m(raw: Path, drive: str, frame: str, view: str) -> np.ndarray:
    """Return the exact depth (H, W) float64 in metres of a street, 0 where there is none."""
    path = raw / drive / "proj_depth/groundtruth" / CAMERAS[view] / f"{frame}.png"
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED) / 256


def write_seed_layout(folder: Path, raw: Path, suffix: str = ".jpg") -> Path:
    """Write the same streets as left_imgs, right_imgs, left_gt, right_gt (exact depth, .npy)."""
    for split in ("train", "test"):
        for drive, frame in frames_of(raw, split):
            date, name = drive.split("/")
            for view, camera in CAMERAS.items():
                rgb = cv2.imread(str(raw / drive / camera / "data" / f"{frame}.png"))[..., ::-1]
                save(folder / f"{view}_imgs" / name / f"{frame}{suffix}", np.ascontiguousarray(rgb))
                depth = folder / f"{view}_gt" / name / f"{frame}.npy"
                depth.parent.mkdir(parents=True, exist_ok=True)
                np.save(depth, read_exact_m(raw, drive, frame, view))
            (folder / date).mkdir(exist_ok=True)
            for file in (raw / date).glob("calib_*.txt"):
                shutil.copy(file, folder / date)
        shutil.copy(raw / f"{split}.txt", folder)
    return folder


def write_own_list(path: Path, raw: Path, split: str) -> Path:
    """List the pictures and the exact depth maps (256 units a metre) of streets as own data."""
    rows = [[raw / drive / kind.format(camera) / f"{frame}.png"
             for kind in ("{}/data", "proj_depth/groundtruth/{}") for camera in CAMERAS.values()]
            for drive, frame in frames_of(raw, split)]
    path.write_text("".join(", ".join(map(str, row)) + "\n" for row in rows))
    return path
