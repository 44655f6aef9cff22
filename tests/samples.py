# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What several tests share: where real samples are, and tiny data sets in the NYU layout."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_REPOSITORY = Path(__file__).resolve().parents[1]
DEPTH_SAMPLES = Path(os.environ.get("DEPTH_SAMPLES", _REPOSITORY.parent / "shared" / "data"))
"""Folder of real RGB-D samples; they have licences of their own, so they are no part of the project."""


def needs_samples(*parts: str) -> pytest.MarkDecorator:
    """Return the mark of a test that reads `DEPTH_SAMPLES/<part>`: skipped, saying why, without it."""
    absent = [str(DEPTH_SAMPLES / part) for part in parts if not (DEPTH_SAMPLES / part).exists()]
    return pytest.mark.skipif(bool(absent), reason=f"no real samples {', '.join(absent)} (set DEPTH_SAMPLES)")


def save(path: Path, values: np.ndarray) -> Path:
    """Write uint8 or uint16 values as the picture that the path's suffix names; make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def smooth_scene(rng: np.random.Generator, image_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture (H, W, 3) uint8 and a depth map (H, W) in 1-6 m that its colours tell."""
    y, x = np.mgrid[:image_hw[0], :image_hw[1]] / np.array(image_hw).max()
    a, b = rng.uniform(-2.0, 2.0, 2)
    depth_m = 3.5 + a * (x - 0.5) + b * (y - 0.4)
    rgb = np.stack([depth_m / 7, 1 - depth_m / 7, x], -1) * 255
    return rgb.astype(np.uint8), depth_m


def write_nyu(folder: Path, num_train: int, num_test: int, image_hw: tuple[int, int] = (60, 80),
              seed: int = 0) -> Path:
    """Write smooth scenes in Hu's NYU layout: jpg + 8-bit png (z = value / 255 * 10 m), png + 16-bit png.

    Every depth map has a block without reading.
    """
    rng = np.random.default_rng(seed)
    for i in range(num_train + num_test):
        rgb, depth_m = smooth_scene(rng, image_hw)
        depth_m[5:12, 8:20] = 0
        if i < num_train:
            stem = folder / "Train" / f"room_{i % 2}" / str(i // 2 + 1)
            save(stem.with_suffix(".jpg"), rgb)
            save(stem.with_suffix(".png"), np.rint(depth_m * 25.5).astype(np.uint8))
        else:
            stem = folder / "Test" / f"{i - num_train:05d}"
            save(stem.with_name(f"{stem.name}_colors.png"), rgb)
            save(stem.with_name(f"{stem.name}_depth.png"), np.rint(depth_m * 1000).astype(np.uint16))
    return folder
