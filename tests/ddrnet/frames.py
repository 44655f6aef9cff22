# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Frames in memory of the exact scene, and what samples made of them show."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from src.datasets.csv_index import Index
from src.ddrnet.data_loader import TrainSamples
from src.ddrnet.frame import Frame
from src.geometry.pinhole import Intrinsics
from tests.ddrnet_files import SCENE, depth_of, kinect, rays_of, settings_of

WIDTH, HEIGHT, SIDE = 160, 120, 48
CAMERA = kinect(WIDTH, HEIGHT)
LOW_M, UP_M = 0.5, 3.0
MIRRORED = tuple(surface.mirrored() for surface in SCENE)


def exact_frame(scene=SCENE, **changed) -> Frame:
    """A frame without noise whose grey value is a pixel's column and whose albedo is its row, as shares."""
    z_m = depth_of(CAMERA, scene).astype(np.float32)
    x = (np.arange(WIDTH, dtype=np.float32) + np.float32(0.5)) / WIDTH
    y = (np.arange(HEIGHT, dtype=np.float32) + np.float32(0.5)) / HEIGHT
    frame = Frame(z_m, z_m, np.tile(x, (HEIGHT, 1)), np.ones(z_m.shape, bool),
                  np.tile(y[:, None], (1, WIDTH)), CAMERA)
    return replace(frame, **changed)


def noisy_frame(seed=1) -> Frame:
    rng = np.random.default_rng(seed)
    z_m = depth_of(CAMERA)
    raw_m = (z_m + rng.uniform(-0.002, 0.002, z_m.shape)).astype(np.float32)
    raw_m[rng.random(z_m.shape) < 0.1] = 0
    reference_m = z_m.astype(np.float32)
    reference_m[rng.random(z_m.shape) < 0.1] = 0
    return exact_frame(raw_m=raw_m, reference_m=reference_m)


class InMemory:
    """Frames that need no files, for `TrainSamples`."""

    def __init__(self, frames, *argv):
        self.frames = frames
        self.settings = settings_of("--image_size", SIDE, "--has_abd", "true", *argv)
        self.index = Index(None, tuple((f"frame{i}.png",) for i in range(len(frames))), ())
        self.reads = []

    def __len__(self):
        return len(self.frames)

    def read(self, number):
        self.reads.append(number)
        return self.frames[number], None


def sample_of(frame, seed=0, *argv):
    """One training sample of a frame under the settings of a command line."""
    return TrainSamples(InMemory([frame], *argv)).read(0, np.random.default_rng(seed))


def camera_in(sample) -> Intrinsics:
    side = sample["raw"].shape[-1]
    return Intrinsics(*map(float, sample["camera"]), side, side)


def points_in(sample) -> np.ndarray:
    return rays_of(camera_in(sample)) * sample["reference_m"][0][..., None].astype(np.float64)


def metres(raw: np.ndarray) -> np.ndarray:
    """What the networks see of the raw depth, in float64 metres, 0 for no reading."""
    return np.where(raw > -1, (raw.astype(np.float64) + 1) / 2 * (UP_M - LOW_M) + LOW_M, 0)


def random_field(rng, low, high, shape=(HEIGHT, WIDTH)):
    return rng.uniform(low, high, shape).astype(np.float32)
