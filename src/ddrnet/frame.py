# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""One frame of a depth camera: what is read of it, and crops, flips and shifts that its camera follows."""
from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from src.config import Settings
from src.datasets.image_files import luma, read_depth, read_rgb
from src.ddrnet.units import MM
from src.errors import UserError
from src.geometry.pinhole import Intrinsics

# Neighbours that differ by more of their depth belong to different surfaces: 26 mm at 1.3 m, where pixels are
# 2.4 mm apart.
EDGE_JUMP = 0.02
_ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class Frame:
    """One frame; all arrays (H, W).

    Attributes:
        raw_m, reference_m: metres as read, 0 = no reading; the reference is 0 everywhere in inference.
        grey: float32 in [0, 1].
        mask: bool, the foreground; everything where the data have no masks.
        albedo: float32 in [0, 1]; None where the data have none.
        camera: of this size.
    """

    raw_m: np.ndarray
    reference_m: np.ndarray
    grey: np.ndarray
    mask: np.ndarray
    albedo: np.ndarray | None
    camera: Intrinsics

    def window(self, x0: int, y0: int, width: int, height: int) -> Frame:
        """Return a part of the frame, without readings and mask where it reaches beyond the frame."""
        def cut(values: np.ndarray) -> np.ndarray:
            rows, columns = values.shape
            inside = values[max(y0, 0):y0 + height, max(x0, 0):x0 + width]
            above, left = max(-y0, 0), max(-x0, 0)
            border = ((above, height - above - inside.shape[0]), (left, width - left - inside.shape[1]))
            return np.pad(inside, border)

        return self._each(cut, self.camera.cropped(x0, y0, width, height))

    def flipped(self) -> Frame:
        """Return the mirrored frame."""
        return self._each(lambda values: np.ascontiguousarray(values[:, ::-1]), self.camera.flipped())

    def resized(self, width: int, height: int) -> Frame:
        """Return the frame at another size; raw depth and mask are never blended, the reference never with
        holes.
        """
        def nearest(values: np.ndarray) -> np.ndarray:
            return cv2.resize(values, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)

        def linear(values: np.ndarray) -> np.ndarray:
            return cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)

        whole = linear((self.reference_m > 0).astype(np.float32)) > 1 - 1e-6
        return Frame(nearest(self.raw_m), np.where(whole, linear(self.reference_m), np.float32(0)),
                     linear(self.grey), nearest(self.mask.astype(np.uint8)) > 0,
                     None if self.albedo is None else linear(self.albedo), self.camera.resized(width, height))

    def _each(self, change, camera: Intrinsics) -> Frame:
        albedo = None if self.albedo is None else change(self.albedo)
        return Frame(change(self.raw_m), change(self.reference_m), change(self.grey), change(self.mask),
                     albedo, camera)


def depth_camera(settings: Settings, width: int, height: int) -> Intrinsics:
    """Return the depth camera (`depth_fx_px` ... at `depth_width` x `depth_height`) for frames of a size.

    Width and height scale it each by itself; a note says so where the aspect changes.
    """
    s = settings
    if abs(width * s.depth_height / (height * s.depth_width) - 1) > _ASPECT_TOLERANCE:
        _note_aspect(width, height, s.depth_width, s.depth_height)
    calibrated = Intrinsics(s.depth_fx_px, s.depth_fy_px, s.depth_cx_px, s.depth_cy_px, s.depth_width,
                            s.depth_height)
    return calibrated.resized(width, height)


@lru_cache  # once for all frames of a size
def _note_aspect(width: int, height: int, calibrated_width: int, calibrated_height: int) -> None:
    print(f"frames are {width}x{height}, the depth camera is calibrated at {calibrated_width}x"
          f"{calibrated_height}: it is stretched to fit, and normals are of that camera; say yours with "
          "--depth_width, --depth_height, --depth_fx_px, --depth_fy_px, --depth_cx_px and --depth_cy_px",
          file=sys.stderr)


def within(depth_m: np.ndarray, settings: Settings) -> np.ndarray:
    """Return depth without the readings outside [low_thres, up_thres]: what lies there is no surface.

    (The source moves them onto the thresholds, which makes walls of them.)
    """
    inside = (depth_m >= settings.low_thres / MM) & (depth_m <= settings.up_thres / MM)
    return np.where(inside, depth_m, np.float32(0))


def read_frame(files: Mapping[str, Path], rgb: np.ndarray, settings: Settings, units_per_m: float) -> Frame:
    """Read a frame.

    Args:
        files: "raw depth", and what there is of "reference depth", "mask" and "albedo".
        rgb: the colour picture (H, W, 3) uint8.
        settings: the camera.
        units_per_m: scale of the depth files.

    Raises:
        UserError: a file is damaged, or they differ in size.
    """
    height, width = rgb.shape[:2]

    def depth(name: str) -> np.ndarray:
        return sized(name, read_depth(files[name], units_per_m))

    def channel(name: str) -> np.ndarray:
        return sized(name, luma(read_rgb(files[name])))

    def sized(name: str, values: np.ndarray) -> np.ndarray:
        if values.shape != (height, width):
            raise UserError(f"{files[name]} is {values.shape[1]}x{values.shape[0]} but its colour picture is "
                            f"{width}x{height}; a frame has one size")
        return values

    shape = (height, width)
    reference_m = depth("reference depth") if "reference depth" in files else np.zeros(shape, np.float32)
    mask = channel("mask") > 0.5 if "mask" in files else np.ones(shape, bool)
    return Frame(depth("raw depth"), reference_m, luma(rgb), mask,
                 channel("albedo") if "albedo" in files else None, depth_camera(settings, width, height))


def shifted(crop: Frame, settings: Settings, share: float) -> Frame:
    """Move all readings nearer or farther by the same distance; the foreground stays within the range.

    The focal lengths grow with the distance, so that a pixel spans as many millimetres as before and slopes,
    hence the shading, stay those of the picture (exactly so at the median depth, on the optical axis).
    Background that leaves the range counts as no reading.

    Args:
        crop: within the range.
        settings: `low_thres`, `up_thres`.
        share: in [0, 1], from the largest move nearer to the largest move farther.
    """
    maps = (crop.raw_m, crop.reference_m)
    readings = np.concatenate([depth_m[crop.mask & (depth_m > 0)] for depth_m in maps])
    if readings.size == 0:
        return crop
    low, up = settings.low_thres / MM - readings.min(), settings.up_thres / MM - readings.max()
    shift = np.float32(low + share * (up - low))
    middle = float(np.median(readings))
    growth = (middle + float(shift)) / middle
    camera = replace(crop.camera, fx_px=crop.camera.fx_px * growth, fy_px=crop.camera.fy_px * growth)

    def move(depth_m: np.ndarray) -> np.ndarray:
        moved = np.where(depth_m > 0, depth_m + shift, np.float32(0))
        return np.where(crop.mask, moved, within(moved, settings))  # rounding may not cost the foreground

    return replace(crop, raw_m=move(crop.raw_m), reference_m=move(crop.reference_m), camera=camera)
