# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""NYU Depth v2's labelled file (Silberman et al., ECCV 2012), filled with synthetic rooms.

    nyu_depth_v2_labeled.mat    MATLAB 7.3, so HDF5 with 512 bytes before it; MATLAB's axes in reverse order:
        images     (N, 3, 640, 480) uint8     RGB
        depths     (N, 640, 480) single       z in metres, without holes
        rawDepths  (N, 640, 480) single       z in metres, 0 = no reading
        testNdxs   (1, M) double              numbers of the test frames, from 1 (in the data set: splits.mat)

Every test frame is of a room of its own, the training rooms give four frames each; they draw from separate
random streams. Test frames come first.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from src.datasets.synthetic.camera import Pinhole
from src.datasets.synthetic.layout_nyu import CAMERA, FRAMES_A_SCENE, picture, random_scene
from src.datasets.synthetic.settings import Settings
from src.files import atomic_path

FILE = "nyu_depth_v2_labeled.mat"
_USER_BLOCK = 512  # bytes, with MATLAB's header of 128
_STREAM = {"train": 0, "test": 1}


@dataclass(frozen=True)
class FileJob:
    """The whole file; `files` names it once a frame."""

    settings: Settings
    files: tuple[tuple[str], ...]

    def run(self, output_dir: Path) -> None:
        """Draw all rooms and write the file; the result depends on the job alone."""
        s = self.settings
        camera = CAMERA.resized(s.width, s.height)
        count = len(self.files)
        with atomic_path(output_dir / FILE) as temporary:
            with h5py.File(temporary, "w", userblock_size=_USER_BLOCK) as file:
                shape = (count, s.width, s.height)
                images = _variable(file, "images", (count, 3, s.width, s.height), "uint8")
                depths = _variable(file, "depths", shape, "single")
                raw_depths = _variable(file, "rawDepths", shape, "single")
                _variable(file, "testNdxs", (1, s.num_test), "double")[:] = np.arange(1, s.num_test + 1)
                for frame, (rng, scene, pose) in enumerate(_views(s, camera)):
                    rgb, z_m, raw_m = picture(rng, scene, camera, pose, s.holes)
                    images[frame] = rgb.transpose(2, 1, 0)
                    depths[frame], raw_depths[frame] = z_m.T, raw_m.T
            with temporary.open("r+b") as stream:
                text = b"MATLAB 7.3 MAT-file, synthetic".ljust(116) + bytes(8)
                stream.write(text + b"\x00\x02IM")  # version 0x0200, little endian


def jobs(settings: Settings) -> list[FileJob]:
    """Return the file's job."""
    return [FileJob(settings, ((FILE,),) * (settings.num_train + settings.num_test))]


def _views(settings: Settings, camera: Pinhole):
    """Yield generator, scene and pose of each frame, test frames first."""
    parts = (("test", settings.num_test, 1), ("train", settings.num_train, FRAMES_A_SCENE))
    for split, count, a_scene in parts:
        for index, first in enumerate(range(0, count, a_scene)):
            rng = np.random.default_rng([settings.seed, _STREAM[split], index])
            scene, poses = random_scene(rng, camera, min(a_scene, count - first))
            for pose in poses:
                yield rng, scene, pose


def _variable(file: h5py.File, name: str, shape: tuple[int, ...], matlab_class: str) -> h5py.Dataset:
    dtype = {"single": np.float32, "double": np.float64, "uint8": np.uint8}[matlab_class]
    values = file.create_dataset(name, shape, dtype)
    values.attrs["MATLAB_class"] = np.bytes_(matlab_class)
    return values
