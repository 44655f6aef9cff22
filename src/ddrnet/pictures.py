# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What TensorBoard shows of a frame: depth, normals and shading of all its maps, one under the other."""
from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from mindspore import Tensor

from src.config import Settings
from src.datasets.image_files import luma
from src.ddrnet.frame import EDGE_JUMP
from src.ddrnet.shading import shade, solve_light
from src.geometry.pinhole import back_project, normals
from src.method import Sample
from src.visualize import colorize_depth, depth_bar, grid, normal_map, robust_limits

_WIDTH_PX = 240


def cascade_panel(sample: Sample, maps: Mapping[str, np.ndarray], settings: Settings) -> np.ndarray:
    """Return a picture (h, w, 3) uint8: a column a map, with rows for depth, normals and shading.

    The shading is that of each map's normals under the light that explains the picture best with the
    reference's normals; the picture itself stands beside it.

    Args:
        sample: with picture, truth, camera and the extra "mask".
        maps: full-size maps (H, W) in metres by title, "reference" among them.
        settings: of the method.
    """
    mask = sample.extras["mask"]
    low, high = robust_limits(sample.truth_m, mask)
    grey = luma(sample.rgb)
    found = {title: normals(back_project(depth_m, sample.camera), mask & (depth_m > 0),
                            EDGE_JUMP if title == "reference" else np.inf)
             for title, depth_m in maps.items()}
    light = _light(*found["reference"], grey, settings.shading_ridge)
    picture = _small(sample.rgb)
    columns = [[("picture", picture), ("depth scale", depth_bar(picture.shape[0], low, high)),
                ("grey, masked", _small(_grey(grey * mask)))]]
    for title, depth_m in maps.items():
        normal, exists = found[title]
        shaded = shade(_planes(normal), 1.0, light).asnumpy()[0, 0]
        columns.append([(title, _small(colorize_depth(depth_m, mask & (depth_m > 0), low, high))),
                        ("normals", _small(normal_map(normal, exists))),
                        ("shading", _small(_grey(shaded * exists)))])
    return grid(columns)


def _light(normal: np.ndarray, exists: np.ndarray, grey: np.ndarray, ridge: float) -> Tensor:
    one = np.ones((1, 1, *grey.shape), np.float32)
    return solve_light(_planes(normal), Tensor(one), Tensor(grey[None, None].astype(np.float32)),
                       Tensor(exists[None, None].astype(np.float32)), ridge)


def _planes(normal: np.ndarray) -> Tensor:
    return Tensor(np.ascontiguousarray(normal.transpose(2, 0, 1)[None], np.float32))


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def _small(rgb: np.ndarray) -> np.ndarray:
    size = (_WIDTH_PX, max(1, round(rgb.shape[0] * _WIDTH_PX / rgb.shape[1])))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
