# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Sets of samples kept as MindRecord: what a row holds of each kind, and the set that reads it back.

    pairs       rgb, depth                              `Pairs`, `NyuLabelled`, `LaserPairs`
    stereo      left_rgb, right_rgb, left_camera, right_camera, baseline_m, and left_depth, right_depth where
                there is ground truth
    panoramas   rgb, depth, pose where it is known, and these as second_rgb ... of pairs

A depth is kept as `depth_mm`, uint16 millimetres in a PNG, or as `depth_m`, float32 metres; the names of the
columns say which. Cameras are fx, fy, cx, cy, width and height in pixels. Rows may have further columns
(`Records.read`). DDRNet's frames are in `src.ddrnet.frame_records`; `record_rows` makes rows of files.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np

from src.config import Settings
from src.datasets.mindrecord import Records, is_record, shards_of
from src.datasets.panorama import Panorama, nearest
from src.datasets.stereo import StereoFrame
from src.errors import UserError
from src.geometry.pinhole import Intrinsics

_MM = 1000
_MAX_MM = 65535


def open_record(settings: Settings, part: str, own_list: str | None = None) -> Records | None:
    """Open the record that the settings name; None where they name files.

    Args:
        settings: `data_list` or `data_url` is a record (or one of its shards), or `data_url` a folder with
            `train.mindrecord` and `test.mindrecord`.
        part: "train" or "test".
        own_list: what a method's own setting names instead of `data_url`'s samples of this part, if it does.
    """
    given = settings.data_list or own_list
    if given:
        return Records(given) if is_record(given) else None
    record = find_record(settings.data_url, part)
    return Records(record) if record else None


def find_record(data_url: str, part: str) -> Path | None:
    """Return the record that `data_url` names, or `data_url`/<part>.mindrecord if it is there, else None."""
    if is_record(data_url):
        return Path(data_url)
    inside = Path(data_url) / f"{part}.mindrecord"
    return inside if shards_of(inside) else None


def depth_row(depth_m: np.ndarray, unit: str, view: str = "") -> dict[str, np.ndarray]:
    """Return the column of a depth map (H, W) in metres, 0 = no reading.

    Args:
        depth_m: the map.
        unit: "mm" rounds to whole millimetres, "m" keeps every bit.
        view: what the column's name begins with.

    Raises:
        UserError: a reading is beyond the 65.535 m of 16 bits.
    """
    if unit == "m":
        return {f"{view}depth_m": depth_m.astype(np.float32)}
    depth_mm = np.rint(depth_m.astype(np.float64) * _MM)
    if depth_mm.size and depth_mm.max() > _MAX_MM:
        raise UserError(f"a depth of {depth_m.max():.1f} m does not fit into 16 bits of millimetres; keep "
                        "this set in metres")
    return {f"{view}depth_mm": depth_mm.astype(np.uint16)}


def depth_of(row: Mapping[str, np.ndarray], view: str = "") -> np.ndarray:
    """Return the depth map of a row, (H, W) float32 in metres, 0 = no reading."""
    if f"{view}depth_mm" in row:
        return row[f"{view}depth_mm"].astype(np.float32) / np.float32(_MM)
    return row[f"{view}depth_m"]


def depth_column(records: Records, view: str = "") -> str:
    """Return which of the columns of a depth map the rows have.

    Raises:
        UserError: none.
    """
    names = [f"{view}depth_{unit}" for unit in ("mm", "m")]
    found = [name for name in names if name in records.columns]
    if not found:
        raise UserError(f"{records.path} has no {' and no '.join(names)}, only "
                        f"{', '.join(records.columns)}: it holds samples of another kind")
    return found[0]


def require(records: Records, *names: str) -> None:
    """Raise `UserError` where the rows lack one of these columns."""
    missing = [name for name in names if name not in records.columns]
    if missing:
        raise UserError(f"{records.path} has no {' and no '.join(missing)}, only "
                        f"{', '.join(records.columns)}: it holds samples of another kind")


class RecordPairs:
    """Pictures and depth maps of one size, as `Pairs` gives them.

    A depth map of another size than its picture (a laser's coarse grid that spans the picture) is enlarged:
    each pixel takes the reading that its centre falls on.

    Raises:
        UserError: the record holds other samples.
    """

    def __init__(self, records: Records):
        self.records = records
        self.names = records.names
        require(records, "rgb")
        self._columns = ("rgb", depth_column(records))

    def __len__(self) -> int:
        return len(self.records)

    def describe(self, index: int) -> str:
        """Return record and name of a sample."""
        return self.records.describe(index)

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture (H, W, 3) uint8 and the depth (H, W) float32 in metres, 0 = no reading."""
        row = self.records.read(index, self._columns)
        height, width = row["rgb"].shape[:2]
        return row["rgb"], nearest(depth_of(row), width, height)


def pair_row(rgb: np.ndarray, depth_m: np.ndarray, unit: str) -> dict[str, np.ndarray]:
    """Return the row of a picture (H, W, 3) uint8 and its depth."""
    return {"rgb": rgb, **depth_row(depth_m, unit)}


class RecordStereo:
    """Rectified pairs: a `StereoSet`.

    Args:
        records: the rows.
        with_truth: without it depth maps are not read, and have no reading.

    Raises:
        UserError: the record holds other samples, or none with the truth that is wanted.
    """

    def __init__(self, records: Records, with_truth: bool = True):
        self.records = records
        self.names = records.names
        self.with_truth = with_truth
        self._columns = ["left_rgb", "right_rgb", "left_camera", "right_camera", "baseline_m"]
        require(records, *self._columns)
        if with_truth:
            self._columns += [depth_column(records, view) for view in ("left_", "right_")]

    def __len__(self) -> int:
        return len(self.records)

    def describe(self, index: int) -> str:
        """Return record and name of a pair."""
        return self.records.describe(index)

    def read(self, index: int) -> StereoFrame:
        """Read a pair."""
        row = self.records.read(index, self._columns)
        left, right = (_camera(row[f"{view}_camera"]) for view in ("left", "right"))
        if self.with_truth:
            depths_m = [depth_of(row, view) for view in ("left_", "right_")]
        else:
            depths_m = [np.zeros((left.height_px, left.width_px), np.float32)] * 2
        return StereoFrame(row["left_rgb"], row["right_rgb"], *depths_m, left, right,
                           float(row["baseline_m"]))


def stereo_row(frame: StereoFrame, unit: str | None) -> dict[str, np.ndarray]:
    """Return the row of a rectified pair; `unit` None leaves its depth maps out."""
    depths = {} if unit is None else {**depth_row(frame.left_depth_m, unit, "left_"),
                                      **depth_row(frame.right_depth_m, unit, "right_")}
    return {"left_rgb": frame.left_rgb, "right_rgb": frame.right_rgb, **depths,
            "left_camera": np.array(astuple(frame.left_camera)),
            "right_camera": np.array(astuple(frame.right_camera)), "baseline_m": np.array(frame.baseline_m)}


def _camera(values: np.ndarray) -> Intrinsics:
    return Intrinsics(*(float(value) for value in values[:4]), *(int(value) for value in values[4:]))


class RecordPanoramas:
    """Panoramas, alone or in pairs, as `PanoramaList` gives them."""

    def __init__(self, records: Records):
        self.records = records
        self.names = records.names
        require(records, "rgb")
        self._depth = depth_column(records)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def has_pair(self) -> bool:
        """Whether each row has a second panorama of the place, with its pose."""
        return "second_rgb" in self.records.columns

    def describe(self, index: int) -> str:
        """Return record and name of a row."""
        return self.records.describe(index)

    def read(self, index: int, second: bool = False) -> Panorama:
        """Return a row's panorama, or its second one.

        Raises:
            UserError: the record has no second panoramas.
        """
        view = "second_" if second else ""
        columns = [f"{view}rgb", f"{view}{self._depth}", *([f"{view}pose"] if self.has_pair else [])]
        row = self.records.read(index, columns)
        return Panorama(row[f"{view}rgb"], depth_of(row, view), row.get(f"{view}pose"))


def panorama_row(panoramas: Sequence[Panorama], unit: str) -> dict[str, np.ndarray]:
    """Return the row of a panorama, or of two of one place."""
    row: dict[str, np.ndarray] = {}
    for view, panorama in zip(("", "second_"), panoramas):
        row |= {f"{view}rgb": panorama.rgb, **depth_row(panorama.depth_m, unit, view)}
        if panorama.camera_to_world is not None:
            row[f"{view}pose"] = panorama.camera_to_world
    return row
