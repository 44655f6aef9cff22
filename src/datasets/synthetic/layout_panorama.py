# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Posed panoramas of synthetic rooms in the tree of the panodepth source, one folder a room.

    train.csv, valid.csv, test.csv      image,depth,pose (a header row; relative paths)
    *_pairs.csv                         image,depth,pose,image2,depth2,pose2: two panoramas of one room
    <uuid>/pan/images/<nnnn>.jpg        equirectangular RGB, twice as wide as high
    <uuid>/pan/high, low/<nnnn>.jpg     the same at twice and half the size        (where asked for)
    <uuid>/depth/<nnnn>.png             16 bits, distance along the ray * units a metre, 0 = no reading
    <uuid>/pose/<nnnn>.txt              4 x 4, camera to world
    <uuid>/obj/<uuid>.obj               the room's mesh, in the world of the poses

The source's README names the folders and no more: the files in them are our choice. A camera's x points
right, y down, z to the middle of its picture; the world's y points down too, and a level camera that looks
along z has the identity for its rotation. A room gives four panoramas; the last tenth of the training rooms
is for validation. Train and test draw from separate random streams.
"""
from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from src.datasets.synthetic.camera import Panorama, Pose
from src.datasets.synthetic.interiors import posed_interior
from src.datasets.synthetic.mesh import obj_text
from src.datasets.synthetic.render import View, render
from src.datasets.synthetic.sensor import kinect_holes, panorama_photographs
from src.datasets.synthetic.settings import PanoramaSettings
from src.files import write_bytes, write_text

VIEWS_A_ROOM = 4
# From the scene's world (z up) to that of the files (y down): a rotation.
TO_FILE = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
_STREAM = {"train": 0, "test": 1}
_VALID_SHARE = 0.1
_TRIPOD_DEG = (0.0, 12.0)
_JPEG_QUALITY = 95
_NAMES = uuid.UUID("5d2b7c1e-0f6a-4f43-9a35-6c1f0a8be2d4")


@dataclass(frozen=True)
class RoomJob:
    """One room to draw and its panoramas: `files` holds paths relative to the output folder.

    A panorama's first files are image, depth and pose, then pan/high and pan/low where there are any. The
    room's mesh and the split's lists, which its first room writes, count as the first panorama's.
    """

    settings: PanoramaSettings
    split: str
    index: int
    files: tuple[tuple[str, ...], ...]

    def run(self, output_dir: Path) -> None:
        """Draw the room and write its panoramas; the result depends on the job alone."""
        s = self.settings
        camera = Panorama(s.width, s.height)
        rng = np.random.default_rng([s.seed, _STREAM[self.split], self.index])
        scene, poses = posed_interior(rng, len(self.files), s.tilt_deg)
        views = [render(scene, camera.rays(pose)) for pose in poses]
        for pose, view, (_, depth_file, pose_file, *_) in zip(poses, views, self.files):
            write_bytes(output_dir / depth_file, _encoded(".png", stored_depth(rng, view, s)))
            write_text(output_dir / pose_file, _matrix_text(camera_to_world(pose)))
        radiance = [view.radiance.reshape(3, s.height, s.width) for view in views]
        if s.pan_sizes:
            high = Panorama(2 * s.width, 2 * s.height)
            radiance += [render(scene, high.rays(pose)).radiance.reshape(3, high.height, high.width)
                         for pose in poses]
        pictures = panorama_photographs(rng, radiance)
        for n, (image_file, _, _, *more) in enumerate(self.files):
            write_bytes(output_dir / image_file, _encoded(".jpg", pictures[n][..., ::-1]))
            if s.pan_sizes:
                low = cv2.resize(pictures[n], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
                for name, picture in zip(more, (pictures[n + len(poses)], low)):
                    write_bytes(output_dir / name, _encoded(".jpg", picture[..., ::-1]))
        about = f"{_room_name(s, self.split, self.index)}, metres, y down"
        write_text(output_dir / _mesh_file(s, self.split, self.index), obj_text(scene, TO_FILE, about))
        if self.index == 0:
            for name, text in _lists(s, self.split).items():
                write_text(output_dir / name, text)


def jobs(settings: PanoramaSettings) -> list[RoomJob]:
    """Return the rooms of a data set in the order of their files."""
    rooms = []
    for split in _STREAM:
        for index, files in enumerate(_rooms(settings, split)):
            own = (_mesh_file(settings, split, index), *(_lists(settings, split) if index == 0 else ()))
            rooms.append(RoomJob(settings, split, index, (files[0] + own, *files[1:])))
    return rooms


def camera_to_world(pose: Pose) -> np.ndarray:
    """Return the (4, 4) float64 pose of the files, whose world has y down."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = TO_FILE @ pose.rotation, TO_FILE @ pose.position_m
    return matrix


def stored_depth(rng: np.random.Generator, view: View, settings: PanoramaSettings) -> np.ndarray:
    """Return the distance along the rays (H, W) in the file's units, uint16; 0 in holes and at the tripod."""
    shape = (settings.height, settings.width)
    distance_m = view.hits.distance_m.reshape(shape)
    units = np.rint(distance_m * np.float32(settings.depth_scale)).astype(np.uint16)
    if settings.holes:
        unread = kinect_holes(rng, distance_m, view.facing.reshape(shape), view.glows.reshape(shape))
        units[unread] = 0
        tripod_rows = round(settings.height * rng.uniform(*_TRIPOD_DEG) / 180)
        units[settings.height - tripod_rows:] = 0
    return units


def _rooms(settings: PanoramaSettings, split: str) -> list[list[tuple[str, ...]]]:
    """Return the files of each room's panoramas."""
    count = settings.num_train if split == "train" else settings.num_test
    return [[_view_files(settings, split, index, n) for n in range(min(VIEWS_A_ROOM, count - first))]
            for index, first in enumerate(range(0, count, VIEWS_A_ROOM))]


def _room_name(settings: PanoramaSettings, split: str, index: int) -> str:
    return str(uuid.uuid5(_NAMES, f"{settings.seed} {split} {index}"))


def _view_files(settings: PanoramaSettings, split: str, index: int, view: int) -> tuple[str, ...]:
    room = _room_name(settings, split, index)
    pictures = [f"{room}/pan/{size}/{view:04d}.jpg" for size in ("images", "high", "low")]
    files = (pictures[0], f"{room}/depth/{view:04d}.png", f"{room}/pose/{view:04d}.txt")
    return (*files, *pictures[1:]) if settings.pan_sizes else files


def _mesh_file(settings: PanoramaSettings, split: str, index: int) -> str:
    room = _room_name(settings, split, index)
    return f"{room}/obj/{room}.obj"


def _lists(settings: PanoramaSettings, split: str) -> dict[str, str]:
    """Return the lists of a split, by file name; none is empty."""
    rooms = _rooms(settings, split)
    kept = len(rooms)
    if split == "train" and len(rooms) > 1:
        kept -= max(1, round(_VALID_SHARE * len(rooms)))
    lists = {}
    for name, part in ((split, rooms[:kept]), ("valid", rooms[kept:])):
        singles = [view[:3] for room in part for view in room]
        pairs = [first[:3] + second[:3] for room in part if len(room) > 1
                 for first, second in zip(room, room[1:] + room[:1])]
        for file, columns, rows in ((f"{name}.csv", "image,depth,pose", singles),
                                    (f"{name}_pairs.csv", "image,depth,pose,image2,depth2,pose2", pairs)):
            if rows:
                lists[file] = "\n".join([columns, *map(",".join, rows)]) + "\n"
    return lists


def _matrix_text(matrix: np.ndarray) -> str:
    return "".join(" ".join(f"{value:.12f}" for value in row) + "\n" for row in matrix)


def _encoded(suffix: str, pixels: np.ndarray) -> bytes:
    options = {".jpg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY], ".png": [cv2.IMWRITE_PNG_COMPRESSION, 1]}
    _, data = cv2.imencode(suffix, np.ascontiguousarray(pixels), options[suffix])
    return data.tobytes()
