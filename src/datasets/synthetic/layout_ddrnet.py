# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The files of DDRNet (Yan et al., ECCV 2018): a Kinect's depth beside a better one, filled with still lifes.

    <split>.csv, <split>_albedo.csv             one frame a line: raw, reference, colour, mask[, albedo]
    <split>/scene_<nnnn>/<kind>/frame_<nnnnnn>.png
        depth_map           16 bits, mm         raw: noise, steps, holes; sees parts of the background
        high_quality_depth  16 bits, mm         exact depth of the objects, 0 elsewhere
        depth_filled        16 bits, mm         raw, small holes closed
        color_map           8-bit RGB           linear light: albedo * irradiance, and noise
        mask                8 bits, 0 or 255    filled and reference both have depth
        albedo              8-bit grey          the objects' luma * 255, 0 elsewhere
    <split>/scene_<nnnn>/light.json             each frame's light, the camera

Splits are "train" and "test". The camera is that of the source's recordings. Objects lie 0.7 to 2.4 m away.
Training scenes give four frames each, with other views and lights; every test frame is of a scene of its
own. Train and test draw from separate random streams.
"""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from src.datasets.depth_mask import fill_holes, foreground_mask
from src.datasets.image_files import LUMA
from src.datasets.synthetic.lighting import irradiance, random_light, shading_normals
from src.datasets.synthetic.objects import Object, cast
from src.datasets.synthetic.sensor import expose_linear, kinect_depth, kinect_dropouts
from src.datasets.synthetic.settings import Settings
from src.datasets.synthetic.still_life import random_colour, random_views
from src.datasets.synthetic.textures import bricks, carpet, plain, planks, stripes, tiles, wood
from src.files import write_bytes, write_text
from src.geometry.pinhole import Intrinsics

# The source's own calibration for 640 x 480, with +0.5 on cx and cy for pixel centres at + 0.5.
CAMERA = Intrinsics(fx_px=536.628, fy_px=536.606, cx_px=311.091, cy_px=235.259, width_px=640, height_px=480)
FRAMES_A_SCENE = 4
KINDS = ("depth_map", "high_quality_depth", "color_map", "mask", "albedo", "depth_filled")
_STREAM = {"train": 0, "test": 1}
_TEXTURES = (plain, planks, bricks, tiles, stripes, carpet, wood)


@dataclass(frozen=True)
class SceneJob:
    """One scene to draw and its frames: `files` holds paths relative to the output folder.

    A frame's first six files are those of `KINDS`; the scene's light and the split's indices, which the
    split's first scene writes, count as the first frame's.
    """

    settings: Settings
    split: str
    index: int
    files: tuple[tuple[str, ...], ...]

    def run(self, output_dir: Path) -> None:
        """Draw the scene and write its frames; the result depends on the job alone."""
        camera = CAMERA.resized(self.settings.width, self.settings.height)
        rng = np.random.default_rng([self.settings.seed, _STREAM[self.split], self.index])
        scene = random_scene(rng, camera, len(self.files))
        lights = {}
        for objects, files in zip(scene.views, self.files):
            pictures, light = frame(rng, objects, scene.wall, camera, self.settings.holes)
            for kind, name in zip(KINDS, files):
                write_bytes(output_dir / name, _png(pictures[kind]))
            lights[Path(files[0]).stem] = light.tolist()
        record = {"camera": asdict(camera), "light": lights}
        write_text(output_dir / _light_file(self.split, self.index), json.dumps(record, indent=1) + "\n")
        if self.index == 0:
            _write_indices(output_dir, self.settings, self.split)


@dataclass(frozen=True)
class Wall:
    """The background: a plane and its colours; `seen` (H, W) bool is where the depth camera reads it."""

    z_m: np.ndarray
    radiance: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True)
class StillLife:
    """The objects of each view, in the camera frame, and the wall behind."""

    views: list[list[Object]]
    wall: Wall


def jobs(settings: Settings) -> list[SceneJob]:
    """Return the scenes of a data set in the order of their files."""
    scenes = []
    for split in _STREAM:
        for index, stems in enumerate(_scenes(settings, split)):
            files = [_frame_files(split, index, stem) for stem in stems]
            files[0] += (_light_file(split, index),)
            if index == 0:
                files[0] += (f"{split}.csv", f"{split}_albedo.csv")
            scenes.append(SceneJob(settings, split, index, tuple(files)))
    return scenes


def random_scene(rng: np.random.Generator, camera: Intrinsics, num_views: int) -> StillLife:
    """Draw a still life and `num_views` views of it."""
    views = random_views(rng, camera, num_views)
    size = (camera.width_px, camera.height_px)
    x, y, _ = np.moveaxis(camera.rays(), -1, 0)
    # The inverse depth of a plane is linear in the picture: 2.6 m at least, behind all objects.
    z_m = rng.uniform(3.1, 4.2) / (1 + rng.uniform(-0.15, 0.15) * x + rng.uniform(-0.15, 0.15) * y)
    texture = _TEXTURES[rng.integers(len(_TEXTURES))]
    pattern = texture(rng, *(random_colour(rng).astype(np.float32) for _ in range(2)))
    radiance = cv2.resize(pattern.rgb, size, interpolation=cv2.INTER_AREA) / 255 * rng.uniform(0.2, 0.8)
    clouds = cv2.resize(rng.random((6, 8)), size, interpolation=cv2.INTER_CUBIC)
    seen = clouds > rng.choice([0.3, 0.6, 2.0])  # most of the wall, less of it, nothing
    return StillLife(views, Wall(z_m, radiance, seen))


def frame(rng: np.random.Generator, objects: list[Object], wall: Wall, camera: Intrinsics,
          holes: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return a frame's pictures by `KINDS`, (H, W) or (H, W, 3) as they are stored, and its light (9,)."""
    view = cast(objects, camera)
    foreground = view.surface >= 0
    normal = shading_normals(np.where(foreground, view.z_m, 0), camera)
    light = random_light(rng, normal[foreground])
    shaded = view.albedo * irradiance(light, normal)[..., None]
    rgb = expose_linear(rng, np.where(foreground[..., None], shaded, wall.radiance))

    luma = view.albedo @ LUMA
    rays = camera.rays()
    facing = -(normal * rays).sum(axis=-1) / np.linalg.norm(rays, axis=-1)
    facing = np.where(foreground, facing, 1)
    z_m = np.where(foreground, view.z_m, wall.z_m)
    raw = kinect_depth(rng, z_m, view.surface, facing)
    if holes:
        brightness = np.where(foreground, luma, 1)
        unread = kinect_dropouts(rng, z_m, facing, brightness, foreground) | ~(foreground | wall.seen)
        raw[unread] = 0
    reference = np.where(foreground, np.rint(1000 * z_m), 0).astype(np.uint16)
    filled = fill_holes(raw)
    albedo = np.rint(255 * luma).astype(np.uint8)
    pictures = (raw, reference, rgb, foreground_mask(filled, reference), albedo, filled)
    return dict(zip(KINDS, pictures)), light


def _scenes(settings: Settings, split: str) -> list[list[str]]:
    """Return the names of each scene's frames."""
    count, most = (settings.num_train, FRAMES_A_SCENE) if split == "train" else (settings.num_test, 1)
    return [[f"frame_{n:06d}" for n in range(min(most, count - first))] for first in range(0, count, most)]


def _frame_files(split: str, index: int, stem: str) -> tuple[str, ...]:
    return tuple(f"{split}/scene_{index:04d}/{kind}/{stem}.png" for kind in KINDS)


def _light_file(split: str, index: int) -> str:
    return f"{split}/scene_{index:04d}/light.json"


def _write_indices(output_dir: Path, settings: Settings, split: str) -> None:
    frames = [_frame_files(split, index, stem)
              for index, stems in enumerate(_scenes(settings, split)) for stem in stems]
    for name, columns in ((f"{split}.csv", 4), (f"{split}_albedo.csv", 5)):
        write_text(output_dir / name, "".join(",".join(files[:columns]) + "\n" for files in frames))


def _png(pixels: np.ndarray) -> bytes:
    stored = pixels[..., ::-1] if pixels.ndim == 3 else pixels  # OpenCV takes BGR
    _, data = cv2.imencode(".png", np.ascontiguousarray(stored), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()
