# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Small sets of pictures and depth for dcnf, in memory and in files; its settings, and a tiny trunk."""
from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from mindspore import nn, ops

from src.config import Settings, load_settings
from src.datasets.mindrecord import write_records
from src.datasets.nyu_labelled import NyuLabelled
from src.datasets.pair_sets import PairSet
from src.datasets.record_sets import pair_row
from src.datasets.synthetic.__main__ import main as synthetic
from src.dcnf.data_loader import superpixel_row
from src.method import Method, build_method
from tests.dcnf.test_superpixels import mosaic
from tests.samples import save

HEIGHT, WIDTH = 48, 64
ROOM = 24  # for superpixels
SMALL = ("--image_height", HEIGHT, "--image_width", WIDTH, "--num_superpixels", 20, "--max_superpixels", ROOM,
         "--slic_regularizer", 0.3, "--smooth_radius_px", 3, "--cg_steps", 24)
MAT = "nyu_depth_v2_labeled.mat"


def settings_of(*argv: object, command: str = "train") -> Settings:
    """dcnf's settings at small sizes under a command line."""
    return _loaded(command, tuple(map(str, (*SMALL, *argv))))


@lru_cache
def _loaded(command: str, argv: tuple[str, ...]) -> Settings:
    return load_settings(command, "", ["--method", "dcnf", *argv])


def method_of(*argv: object, command: str = "train") -> Method:
    """dcnf under these settings."""
    return build_method(settings_of(*argv, command=command))


class TinyTrunk(nn.Cell):
    """In the place of a trunk: one convolution of its stride, normalised."""

    channels = 8

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, self.channels, 8, stride=8, pad_mode="valid")
        self.norm = nn.BatchNorm2d(self.channels)

    def construct(self, image):
        return ops.relu(self.norm(self.conv(image)))


class InMemory:
    """Pictures and depth as a `PairSet` gives them."""

    def __init__(self, *pairs: tuple[np.ndarray, np.ndarray]):
        self.pairs = pairs
        self.names = tuple(f"picture{i}" for i in range(len(pairs)))

    def __len__(self) -> int:
        return len(self.pairs)

    def describe(self, index: int) -> str:
        return self.names[index]

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.pairs[index]


def scene(seed: int = 0, image_hw: tuple[int, int] = (HEIGHT, WIDTH),
          holes: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 of coloured cells, and random depth (H, W) float32 in metres with holes."""
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(0.5, 9, image_hw).astype(np.float32)
    depth_m[rng.random(image_hw) < holes] = 0
    return mosaic(image_hw, seed)[0], depth_m


def write_mat(folder: Path, train: int, test: int) -> Path:
    """Rooms as NYU's labelled file; return the file."""
    synthetic(["--layout", "nyu_mat", "--output_dir", str(folder), "--num_train", str(train), "--num_test",
               str(test), "--width", str(WIDTH), "--height", str(HEIGHT), "--workers", "1"])
    return folder / MAT


def write_record(path: Path, pairs: PairSet, settings: Settings, superpixels: bool = True) -> Path:
    """Write pairs as a record in metres, with their superpixels or without."""
    write_records(path, list(pairs.names), partial(_row, pairs, settings, superpixels))
    return path


def _row(pairs: PairSet, settings: Settings, superpixels: bool, index: int) -> dict:
    rgb, depth_m = pairs.read(index)
    return pair_row(rgb, depth_m, "m") | (superpixel_row(rgb, settings) if superpixels else {})


def write_hu(folder: Path, mat: Path) -> Path:
    """Write both parts of a labelled file in Hu's layout; return the folder that holds Train/ and Test/."""
    for part in ("train", "test"):
        pairs = NyuLabelled(mat, part)
        for index in range(len(pairs)):
            rgb, depth_m = pairs.read(index)
            if part == "train":
                save(folder / f"Train/room/{index}.jpg", rgb)
                save(folder / f"Train/room/{index}.png", np.rint(depth_m * 25.5).astype(np.uint8))
            else:
                save(folder / f"Test/{index:05d}_colors.png", rgb)
                save(folder / f"Test/{index:05d}_depth.png", np.rint(depth_m * 1000).astype(np.uint16))
    return folder
