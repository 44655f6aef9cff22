# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of depth: colour maps with a scale in metres, normal maps, error maps, panels.

All pictures are uint8 RGB, (H, W, 3). Pixels without a reading are grey, a colour that no map contains.
"""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from src.errors import UserError
from src.files import atomic_path

DEPTH_COLORS = cv2.COLORMAP_VIRIDIS  # even steps of lightness, readable without colour vision; near is dark
ERROR_COLORS = cv2.COLORMAP_INFERNO  # no error is black
INVALID_RGB = (128, 128, 128)

_TITLE_PX = 22  # height of the line above a picture
_GAP_PX = 6
_BAR_PX = 14  # width of the coloured part of a bar
_TICKS = 5
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def robust_limits(depth_m: np.ndarray, valid: np.ndarray) -> tuple[float, float]:
    """Return the 2nd and 98th percentile of the valid depths in metres, (0, 1) where there is none."""
    if not valid.any():
        return 0.0, 1.0
    low, high = np.percentile(depth_m[valid], (2, 98))
    return float(low), float(high)


def colorize_depth(depth_m: np.ndarray, valid: np.ndarray, min_m: float, max_m: float) -> np.ndarray:
    """Return a depth map (H, W) in colours from `min_m` to `max_m`, grey where `valid` (H, W) is False."""
    return _colorize(depth_m, valid, min_m, max_m, DEPTH_COLORS)


def error_map(pred_m: np.ndarray, truth_m: np.ndarray, valid: np.ndarray, max_rel: float = 0.5) -> np.ndarray:
    """Return |pred - truth| / truth (H, W) in colours from 0 to `max_rel`, grey where `valid` is False."""
    relative = np.zeros(truth_m.shape)
    np.divide(np.abs(pred_m - truth_m), truth_m, out=relative, where=valid)
    return _colorize(relative, valid, 0.0, max_rel, ERROR_COLORS)


def normal_map(normals: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return unit normals (H, W, 3) as colours (x, y, z + 1) / 2, grey where `valid` (H, W) is False."""
    unit = np.where(valid[..., None], normals, 0)
    rgb = np.rint((np.clip(unit, -1, 1) + 1) / 2 * 255).astype(np.uint8)
    rgb[~valid] = INVALID_RGB
    return rgb


def depth_bar(height_px: int, min_m: float, max_m: float) -> np.ndarray:
    """Return the scale of `colorize_depth`, labelled in metres, near at the bottom."""
    labels = [f"{value:.3g} m" for value in np.linspace(min_m, max_m, _TICKS)]
    return _bar(height_px, labels, DEPTH_COLORS)


def error_bar(height_px: int, max_rel: float = 0.5) -> np.ndarray:
    """Return the scale of `error_map`, labelled in percent."""
    labels = [f"{100 * value:.3g} %" for value in np.linspace(0, max_rel, _TICKS)]
    return _bar(height_px, labels, ERROR_COLORS)


def panel(rgb: np.ndarray, truth_m: np.ndarray, pred_m: np.ndarray, valid: np.ndarray, max_rel: float = 0.5,
          height_px: int = 240) -> np.ndarray:
    """Return image | truth | prediction | relative error, each titled, with the scales of depth and error.

    Args:
        rgb: (h, w, 3) uint8; its shape sets that of every picture.
        truth_m: (H, W) metres, of any size.
        pred_m: (H, W) metres, finite; drawn everywhere, on the limits of the truth (its own without one).
        valid: (H, W) bool, where the truth is a reading.
        max_rel: relative error at the end of the scale.
        height_px: height of each picture.
    """
    shown = np.isfinite(pred_m)
    low, high = robust_limits(truth_m, valid) if valid.any() else robust_limits(pred_m, shown)
    size = (max(1, round(rgb.shape[1] * height_px / rgb.shape[0])), height_px)
    pictures = [
        ("image", cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)),
        ("truth", colorize_depth(truth_m, valid, low, high)),
        ("prediction", colorize_depth(pred_m, shown, low, high)),
        ("", depth_bar(height_px, low, high)),
        ("relative error", error_map(pred_m, truth_m, valid & shown, max_rel)),
        ("", error_bar(height_px, max_rel)),
    ]
    columns = []
    for title, picture in pictures:
        # Nearest: a reading must not be blended with the grey of a hole.
        scaled = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST_EXACT) if title else picture
        columns.append(_titled(scaled, title))
    return np.concatenate(columns, axis=1)


def grid(columns: Sequence[Sequence[tuple[str, np.ndarray]]]) -> np.ndarray:
    """Return titled pictures in columns; a row is as high and a column as wide as its largest picture.

    Args:
        columns: (title, picture (h, w, 3) uint8) from top to bottom, equally many in each column.
    """
    titled = [[_titled(picture, title) for title, picture in column] for column in columns]
    heights = [max(picture.shape[0] for picture in row) for row in zip(*titled)]
    widths = [max(picture.shape[1] for picture in column) for column in titled]
    return np.hstack([np.vstack([_extended(picture, height, width)
                                 for picture, height in zip(column, heights)])
                      for column, width in zip(titled, widths)])


def save_picture(path: str | Path, rgb: np.ndarray) -> None:
    """Write a picture atomically in the format of its suffix; `UserError` where Pillow knows none."""
    with atomic_path(path) as temporary:
        try:
            Image.fromarray(rgb).save(temporary)
        except ValueError:
            raise UserError(f"cannot write {path}: no picture format ends in {Path(path).suffix!r}, "
                            "use .png or .jpg") from None


def _colorize(values: np.ndarray, valid: np.ndarray, low: float, high: float, color_map: int) -> np.ndarray:
    span = high - low if high > low else 1.0
    scaled = np.clip((np.where(valid, values, low) - low) / span, 0, 1)
    rgb = _apply(np.rint(scaled * 255).astype(np.uint8), color_map)
    rgb[~valid] = INVALID_RGB
    return rgb


def _apply(levels: np.ndarray, color_map: int) -> np.ndarray:
    """Return uint8 levels (H, W) in colours; OpenCV's maps are BGR."""
    return cv2.cvtColor(cv2.applyColorMap(levels, color_map), cv2.COLOR_BGR2RGB)


def _bar(height_px: int, labels: list[str], color_map: int) -> np.ndarray:
    """Return a vertical scale with `labels` at even distances, the first at the bottom."""
    ramp = np.rint(np.linspace(255, 0, height_px)).astype(np.uint8)
    bar = np.full((height_px, _BAR_PX + 66, 3), 255, np.uint8)
    bar[:, :_BAR_PX] = _apply(np.repeat(ramp[:, None], _BAR_PX, axis=1), color_map)
    for label, row in zip(labels, np.linspace(height_px - 1, 0, len(labels))):
        baseline = int(np.clip(row + 4, 10, height_px - 2))
        cv2.putText(bar, label, (_BAR_PX + 4, baseline), _FONT, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return bar


def _extended(picture: np.ndarray, height_px: int, width_px: int) -> np.ndarray:
    """Return the picture with white to its right and below."""
    below, right = height_px - picture.shape[0], width_px - picture.shape[1]
    return cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def _titled(picture: np.ndarray, title: str) -> np.ndarray:
    """Return the picture with a line of text above it and a white gap to its right."""
    framed = cv2.copyMakeBorder(picture, _TITLE_PX, 0, 0, _GAP_PX, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    return cv2.putText(framed, title, (2, _TITLE_PX - 7), _FONT, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
