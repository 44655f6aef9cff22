# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The files of NYU Depth v2 as Hu et al. (WACV 2019) distribute them, filled with synthetic rooms.

    Train/<scene>_out/<n>.jpg   RGB           <n>.png   8 bits, z = value / 255 * 10 m (1..255; 0 no reading)
    Test/<nnnnn>_colors.png     RGB           <nnnnn>_depth.png   16 bits, z in mm (0 no reading)

Depth is z along the optical axis, 0.5 to 10 m. Training scenes give four frames each; every test frame is
of a scene of its own. Train and test draw from separate random streams, so test rooms, colours and textures
are new.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from src.datasets.synthetic.camera import Pinhole, Pose, z_depth_m
from src.datasets.synthetic.render import render
from src.datasets.synthetic.rooms import corridor, room
from src.datasets.synthetic.scene import Scene
from src.datasets.synthetic.sensor import kinect_holes, photograph
from src.datasets.synthetic.settings import Settings
from src.datasets.synthetic.views import random_views
from src.files import write_bytes

# The colour camera of the data set's own calibration, for 640 x 480.
CAMERA = Pinhole(fx_px=518.86, fy_px=519.47, cx_px=325.58, cy_px=253.74, width=640, height=480)
NEAREST_M, FARTHEST_M = 0.5, 10.0
FRAMES_A_SCENE = 4
_CORRIDOR_SHARE = 0.25
_STREAM = {"Train": 0, "Test": 1}
_JPEG_QUALITY = 95


@dataclass(frozen=True)
class SceneJob:
    """One scene to draw and its frames: `files` holds (colour, depth) paths relative to the output folder."""

    settings: Settings
    split: str
    index: int
    files: tuple[tuple[str, str], ...]

    def run(self, output_dir: Path) -> None:
        """Draw the scene and write its frames; the result depends on the job alone."""
        camera = CAMERA.resized(self.settings.width, self.settings.height)
        rng = np.random.default_rng([self.settings.seed, _STREAM[self.split], self.index])
        scene, poses = random_scene(rng, camera, len(self.files))
        for pose, (colour_file, depth_file) in zip(poses, self.files):
            rgb, _, z_m = picture(rng, scene, camera, pose, self.settings.holes)
            write_bytes(output_dir / colour_file, _encode(colour_file, rgb[..., ::-1]))
            encode = encode_train_depth if self.split == "Train" else encode_test_depth
            write_bytes(output_dir / depth_file, _encode(depth_file, encode(z_m)))


def jobs(settings: Settings) -> list[SceneJob]:
    """Return the scenes of a data set in the order of their files."""
    scenes = []
    for index, first in enumerate(range(0, settings.num_train, FRAMES_A_SCENE)):
        count = min(FRAMES_A_SCENE, settings.num_train - first)
        stems = [f"Train/scene_{index:04d}_out/{n + 1}" for n in range(count)]
        scenes.append(SceneJob(settings, "Train", index, tuple((f"{s}.jpg", f"{s}.png") for s in stems)))
    for index in range(settings.num_test):
        files = ((f"Test/{index:05d}_colors.png", f"Test/{index:05d}_depth.png"),)
        scenes.append(SceneJob(settings, "Test", index, files))
    return scenes


def random_scene(rng: np.random.Generator, camera: Pinhole, num_views: int) -> tuple[Scene, list[Pose]]:
    """Draw rooms and corridors until one can be seen from `num_views` places within the depth range."""
    while True:
        scene = corridor(rng) if rng.random() < _CORRIDOR_SHARE else room(rng)
        poses = random_views(rng, scene, camera, num_views, NEAREST_M, FARTHEST_M)
        if poses:
            return scene, poses


def picture(rng: np.random.Generator, scene: Scene, camera: Pinhole, pose: Pose,
            holes: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the photograph (H, W, 3) uint8 RGB, z and z with a Kinect's holes, (H, W) float32 metres."""
    rays = camera.rays(pose)
    view = render(scene, rays)
    z_m = z_depth_m(view.hits.distance_m, rays, pose).reshape(rays.shape)
    rgb = photograph(rng, view.radiance.reshape(3, *rays.shape))
    unread = (z_m < NEAREST_M) | (z_m > FARTHEST_M)
    if holes:
        unread |= kinect_holes(rng, z_m, view.facing.reshape(rays.shape), view.glows.reshape(rays.shape))
    return rgb, np.clip(z_m, NEAREST_M, FARTHEST_M), np.where(unread, np.float32(0), z_m)


def encode_train_depth(z_m: np.ndarray) -> np.ndarray:
    """Turn metres into the training maps' 8 bits: value / 255 * 10 m."""
    return np.rint(z_m * np.float32(255 / FARTHEST_M)).astype(np.uint8)


def encode_test_depth(z_m: np.ndarray) -> np.ndarray:
    """Turn metres into the test maps' 16 bits: millimetres."""
    return np.rint(z_m * np.float32(1000)).astype(np.uint16)


def _encode(name: str, pixels: np.ndarray) -> bytes:
    jpeg = name.endswith(".jpg")
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if jpeg else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    _, data = cv2.imencode(Path(name).suffix, np.ascontiguousarray(pixels), options)
    return data.tobytes()
