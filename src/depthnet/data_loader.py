# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet's samples: 4:3 crop, the network's two sizes, and the augmentations of paper and ModelZoo."""
from __future__ import annotations

import cv2
import numpy as np

from src.config import Settings
from src.datasets.augment import crop_matrix, dropout, scale_colors, sharpen, to_chw, warp
from src.datasets.pair_sets import PairSet, open_pairs
from src.method import Sample

IMAGE_WH = (304, 228)
MAP_WH = (74, 55)
# The published crop of 640x480: columns 16:624, rows 12:468. Other sizes are cut to the same share of their
# middle.
CROP_SHARE = 0.95
_ASPECT = 4.0 / 3.0


def crop_box(image_hw: tuple[int, int], fit: str) -> tuple[int, int, int, int]:
    """Return left, top, width and height of the part of a picture that the network sees.

    "crop" takes 95 % of the largest 4:3 rectangle in the middle (the published crop where the picture is
    640x480), "stretch" takes 95 % of the whole picture, whatever its aspect.
    """
    height, width = image_hw
    if fit == "crop":
        width, height = min(width, height * _ASPECT), min(height, width / _ASPECT)
    w, h = max(1, round(width * CROP_SHARE)), max(1, round(height * CROP_SHARE))
    return (image_hw[1] - w) // 2, (image_hw[0] - h) // 2, w, h


def _resize(values: np.ndarray, out_wh: tuple[int, int]) -> np.ndarray:
    """Resize linearly; by area where that would skip pixels (large pictures)."""
    skips = values.shape[1] > 2 * out_wh[0] or values.shape[0] > 2 * out_wh[1]
    return cv2.resize(values, out_wh, interpolation=cv2.INTER_AREA if skips else cv2.INTER_LINEAR)


def network_image(rgb: np.ndarray, fit: str) -> np.ndarray:
    """Turn a picture (H, W, 3) uint8 into the network's input (3, 228, 304) float32 in [0, 1]."""
    x, y, w, h = crop_box(rgb.shape[:2], fit)
    return to_chw(_resize(rgb[y:y + h, x:x + w], IMAGE_WH) / np.float32(255))


def published_truth(truth_m: np.ndarray, fit: str) -> np.ndarray:
    """Return the truth as the ModelZoo counts it: the crop resized linearly to (55, 74), holes blended in."""
    x, y, w, h = crop_box(truth_m.shape, fit)
    return cv2.resize(truth_m[y:y + h, x:x + w], MAP_WH, interpolation=cv2.INTER_LINEAR)


def place_in_picture(depth_m: np.ndarray, image_hw: tuple[int, int],
                     fit: str) -> tuple[np.ndarray, np.ndarray]:
    """Enlarge a map (55, 74) to the crop and place it in the picture.

    Returns:
        depth (H, W) in metres, which repeats its edge outside the crop, and the mask (H, W) of the crop.
    """
    x, y, w, h = crop_box(image_hw, fit)
    inside = cv2.resize(depth_m, (w, h), interpolation=cv2.INTER_LINEAR)
    right, bottom = image_hw[1] - x - w, image_hw[0] - y - h
    full = cv2.copyMakeBorder(inside, y, bottom, x, right, cv2.BORDER_REPLICATE)
    seen = np.zeros(image_hw, bool)
    seen[y:y + h, x:x + w] = True
    return full, seen


class TrainSamples:
    """Augmented training samples.

    Columns: image (3, 228, 304), depth_m, valid (1, 55, 74), and keep (fc_width,) for dropout.

    Args:
        pairs: aligned pictures and depth maps.
        settings: augmentation, its ranges and `fit`.
        dropout_units: width of the layer that drops units, 0 where the stage has none.
    """

    def __init__(self, pairs: PairSet, settings: Settings, dropout_units: int):
        self.pairs = pairs
        self.settings = settings
        self.dropout_units = dropout_units

    def __len__(self) -> int:
        return len(self.pairs)

    def describe(self, index: int) -> str:
        """Return the sample's files."""
        return self.pairs.describe(index)

    def read(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the columns of one sample; what is random comes from `rng` alone."""
        s = self.settings
        rgb, depth_m = self.pairs.read(index)
        augment = s.augmentation != "none"
        flip = augment and rng.random() < 0.5
        scale, rotation_deg, shift = 1.0, 0.0, (0.0, 0.0)
        if s.augmentation == "paper":
            scale = rng.uniform(1.0, s.scale_max)
            rotation_deg = rng.uniform(-s.rotation_deg, s.rotation_deg)
            slack = (1.0 - 1.0 / scale) / 2.0  # the enlarged crop stays inside the published one
            shift = tuple(rng.uniform(-slack, slack, 2))
        rgb = _limit_size(rgb, s.fit)
        image = _view(rgb, IMAGE_WH, s.fit, scale, rotation_deg, shift, flip, nearest=False) / np.float32(255)
        enlarged = _view(depth_m, MAP_WH, s.fit, scale, rotation_deg, shift, flip, nearest=True)
        map_m = enlarged / np.float32(scale)
        columns = {"image": to_chw(self._colors(image, rng)), "depth_m": map_m[None],
                   "valid": (map_m > 0).astype(np.float32)[None]}
        if self.dropout_units:
            columns["keep"] = dropout(rng, (self.dropout_units,), s.dropout)
        return columns

    def _colors(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        s = self.settings
        if s.augmentation == "paper":
            return scale_colors(image, rng.uniform(1.0 - s.color_range, 1.0 + s.color_range, 3))
        if s.augmentation == "modelzoo":
            image = scale_colors(image, np.full(3, rng.uniform(1.0 - s.brightness_range, 1.0)))
            return sharpen(image, rng.uniform(1.0 - s.sharpness_range, 1.0 + s.sharpness_range))
        return image


def _limit_size(rgb: np.ndarray, fit: str) -> np.ndarray:
    """Shrink large pictures by area first, since the warp interpolates between neighbours only."""
    _, _, w, h = crop_box(rgb.shape[:2], fit)
    factor = 2 * max(IMAGE_WH[0] / w, IMAGE_WH[1] / h)  # leaves the crop twice the network's size
    if factor > 0.8:
        return rgb
    size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def _view(source: np.ndarray, out_wh: tuple[int, int], fit: str, scale: float, rotation_deg: float,
          shift: tuple[float, float], flip: bool, nearest: bool) -> np.ndarray:
    """Resample the augmented crop; `shift` is a share of the crop's width and height."""
    box = crop_box(source.shape[:2], fit)
    shift_px = (shift[0] * box[2], shift[1] * box[3])
    return warp(source, crop_matrix(box, out_wh, scale, rotation_deg, shift_px, flip), out_wh, nearest)


class EvalSamples:
    """Evaluation samples: the network's input beside the full-size picture and truth."""

    def __init__(self, pairs: PairSet, fit: str):
        self.pairs = pairs
        self.fit = fit

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        rgb, truth_m = self.pairs.read(index)
        return Sample(str(self.pairs.names[index]), {"image": network_image(rgb, self.fit)}, rgb, truth_m)


def open_train(settings: Settings, dropout_units: int) -> TrainSamples:
    """Open the training set that `data_list` or `data_url` names."""
    return TrainSamples(train_pairs(settings), settings, dropout_units)


def train_pairs(settings: Settings) -> PairSet:
    """Open the training pairs that `data_list` or `data_url` names."""
    return open_pairs(settings, "train")


def open_eval(settings: Settings) -> EvalSamples:
    """Open the evaluation set that `data_list` or `data_url` names."""
    return EvalSamples(open_pairs(settings, "test"), settings.fit)
