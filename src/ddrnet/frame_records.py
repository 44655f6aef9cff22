# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's frames kept as a record.

    rgb, raw_depth, reference_depth     picture and depth maps
    mask                                uint8, not 0 in the foreground, where the index names masks
    albedo_rgb                          the albedo picture, where it names these

Depth maps are kept as `src.datasets.record_sets` says.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.config import Settings
from src.datasets.image_files import luma
from src.datasets.mindrecord import Records, Row
from src.datasets.record_sets import depth_column, depth_of, depth_row, require
from src.ddrnet.frame import Frame, depth_camera
from src.ddrnet.units import MM

if TYPE_CHECKING:
    from src.ddrnet.data_loader import Frames


class RecordFrames:
    """The frames of a record, as `Frames` gives those of an index.

    Args:
        records: the rows.
        settings: `has_mask`, `has_abd`, the camera.

    Raises:
        UserError: the record holds other samples, or no masks or albedo where the settings say so.
    """

    def __init__(self, records: Records, settings: Settings):
        self.records = self.index = records
        self.settings = settings
        self._columns = ["rgb", *(("mask",) if settings.has_mask else ()),
                         *(("albedo_rgb",) if settings.has_abd else ())]
        require(records, *self._columns)
        self._columns += [depth_column(records, view) for view in ("raw_", "reference_")]

    def __len__(self) -> int:
        return len(self.index)

    def read(self, number: int) -> tuple[Frame, np.ndarray]:
        """Return a frame and its colour picture (H, W, 3) uint8."""
        row, s = self.index.read(number, self._columns), self.settings
        rgb = row["rgb"]
        height, width = rgb.shape[:2]
        mask = row["mask"] > 0 if s.has_mask else np.ones((height, width), bool)
        albedo = luma(row["albedo_rgb"]) if s.has_abd else None
        return Frame(depth_of(row, "raw_"), depth_of(row, "reference_"), luma(rgb), mask, albedo,
                     depth_camera(s, width, height)), rgb


def frame_row(frames: Frames, number: int) -> Row:
    """Return the row of an index's frame; depth PNGs of another scale than mm are kept in metres."""
    frame, _ = frames.read(number)
    unit = "mm" if frames.units_per_m == MM else "m"
    files = frames.files(number)
    columns = {"rgb": files["colour"].read_bytes(), **depth_row(frame.raw_m, unit, "raw_"),
               **depth_row(frame.reference_m, unit, "reference_")}
    if "mask" in files:
        columns["mask"] = frame.mask.astype(np.uint8)
    if "albedo" in files:
        columns["albedo_rgb"] = files["albedo"].read_bytes()
    return columns
