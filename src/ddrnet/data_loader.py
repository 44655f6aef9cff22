# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's samples: the networks' inputs, training crops that the source would accept, whole test frames."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from src.config import Settings
from src.datasets.csv_index import Index, read_index
from src.datasets.depth_mask import fill_nearest
from src.datasets.image_files import read_rgb
from src.datasets.record_rows import Rows, of_files, rows_of
from src.datasets.record_sets import open_record
from src.ddrnet.frame import EDGE_JUMP, Frame, read_frame, shifted, within
from src.ddrnet.frame_records import RecordFrames, frame_row
from src.ddrnet.units import MM, NO_READING, to_network
from src.errors import UserError
from src.geometry.pinhole import back_project, normals
from src.method import Sample

_BRIGHTNESS = 20 / 255  # the source's largest shift of the grey values
_EMPTY_SHARE = 2 / 3
_CROPS_A_FRAME, _FRAMES_A_SAMPLE = 10, 20


def network_depth(depth_m: np.ndarray, mask: np.ndarray, settings: Settings) -> np.ndarray:
    """Return what the networks see of depth without readings out of range: [-1, 1], -1 for no reading.

    With `fill_raw` everything but the readings inside the mask takes the depth of the nearest of them.
    """
    if settings.fill_raw:
        depth_m = fill_nearest(depth_m, mask & (depth_m > 0))
    value = to_network(depth_m, settings.low_thres / MM, settings.up_thres / MM)
    return np.where(depth_m > 0, value, NO_READING).astype(np.float32)


def network_grey(grey: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return what the refining net sees of the picture: [-1, 1], -1 outside the mask."""
    return (grey * mask * 2 - 1).astype(np.float32)


class Frames:
    """The frames of a CSV index.

    Args:
        index: the columns that `columns_of` names.
        settings: `has_mask`, `has_abd`, the camera.
        units_per_m: scale of the depth files.
    """

    def __init__(self, index: Index, settings: Settings, units_per_m: float):
        self.index = index
        self.names = index.names
        self.settings = settings
        self.units_per_m = units_per_m

    def __len__(self) -> int:
        return len(self.index)

    def read(self, number: int) -> tuple[Frame, np.ndarray]:
        """Return a frame and its colour picture (H, W, 3) uint8."""
        files = self.files(number)
        rgb = read_rgb(files["colour"])
        return read_frame(files, rgb, self.settings, self.units_per_m), rgb

    def files(self, number: int) -> dict[str, Path]:
        """Return a frame's files by what they hold (`columns_of`)."""
        return dict(zip(columns_of(self.settings), self.index.paths(number)))


class TrainSamples:
    """Training crops.

    Columns, all float32: raw and grey (1, S, S) in [-1, 1], reference_m, mask and surface (1, S, S), camera
    (4,), and albedo (1, S, S) where the data have it.
    """

    def __init__(self, frames: Frames | RecordFrames):
        self.frames = frames
        self.settings = frames.settings

    def __len__(self) -> int:
        return len(self.frames)

    def describe(self, index: int) -> str:
        """Return the sample's files."""
        return self.frames.index.describe(index)

    def read(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the columns of one sample; what is random comes from `rng` alone.

        Crops that `acceptable` refuses are drawn again, after ten from another frame.

        Raises:
            UserError: no crop of twenty frames is acceptable.
        """
        number = index
        for _ in range(_FRAMES_A_SAMPLE):
            frame, _ = self.frames.read(number)
            for _ in range(_CROPS_A_FRAME if self.settings.rand_crop else 1):
                crop = self._crop(frame, rng)
                if acceptable(crop, self.settings):
                    return self._columns(crop, rng)
            number = int(rng.integers(len(self)))
        s = self.settings
        nearness = (f" and differs from it by less than --diff_thres {s.diff_thres:g} mm in the mean; give a "
                    "larger one, or" if s.diff_thres else "; give")
        raise UserError(f"no crop of {self.describe(index)} and of {_FRAMES_A_SAMPLE - 1} other frames has "
                        f"enough reference within mask, --low_thres and --up_thres{nearness} a smaller "
                        f"--image_size than {s.image_size}")

    def _crop(self, frame: Frame, rng: np.random.Generator) -> Frame:
        s = self.settings
        height, width = frame.raw_m.shape
        enlarge = rng.uniform(1 / s.scale_max, s.scale_max) if s.rand_scale else 1.0
        side = max(8, round(s.image_size / enlarge))
        x0, y0 = ((_place(width, side, rng), _place(height, side, rng)) if s.rand_crop
                  else ((width - side) // 2, (height - side) // 2))
        crop = frame.window(x0, y0, side, side)
        return crop if side == s.image_size else crop.resized(s.image_size, s.image_size)

    def _columns(self, crop: Frame, rng: np.random.Generator) -> dict[str, np.ndarray]:
        s = self.settings
        if s.rand_flip and rng.random() < 0.5:
            crop = crop.flipped()
        crop = replace(crop, raw_m=within(crop.raw_m, s), reference_m=within(crop.reference_m, s))
        mask = crop.mask & (crop.reference_m > 0)  # before the shift, which moves readings only
        if s.rand_depth_shift:
            crop = shifted(crop, s, rng.random())
        grey = crop.grey
        if s.rand_brightness:
            grey = np.clip(grey + np.float32(rng.uniform(-_BRIGHTNESS, _BRIGHTNESS)), 0, 1)
        seen_m = np.where(mask, crop.reference_m, np.float32(0))
        _, surface = normals(back_project(seen_m, crop.camera), mask, EDGE_JUMP)
        camera = crop.camera
        columns = {"raw": network_depth(crop.raw_m, crop.mask, s), "grey": network_grey(grey, crop.mask),
                   "reference_m": crop.reference_m, "mask": mask, "surface": surface}
        if s.has_abd:
            columns["albedo"] = crop.albedo
        columns = {name: values.astype(np.float32)[None] for name, values in columns.items()}
        columns["camera"] = np.array([camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px], np.float32)
        return columns


def _place(size: int, side: int, rng: np.random.Generator) -> int:
    """Draw where a window of `side` begins on an axis of `size`; in the middle where it does not fit."""
    return int(rng.integers(size - side + 1)) if size > side else (size - side) // 2


def acceptable(crop: Frame, settings: Settings) -> bool:
    """Tell whether the source would train on a crop.

    Less than two thirds of it are without a reference in mask and range, and raw and reference differ by less
    than `diff_thres` mm in the mean over all pixels; differences from `up_thres` / 10 on are holes and
    silhouettes and count 0. `diff_thres` 0 accepts any difference.
    """
    difference_mm = np.abs(crop.raw_m - crop.reference_m) * MM
    difference_mm[difference_mm >= settings.up_thres / 10] = 0
    covered = np.mean(~crop.mask | (within(crop.reference_m, settings) == 0)) < _EMPTY_SHARE
    return bool(covered and (settings.diff_thres == 0 or difference_mm.mean() < settings.diff_thres))


def network_inputs(frame: Frame, settings: Settings, stride: int) -> dict[str, np.ndarray]:
    """Return the graph's inputs (1, H, W), the last row and column repeated up to multiples of `stride`."""
    height, width = frame.raw_m.shape

    def padded(values: np.ndarray) -> np.ndarray:
        return np.pad(values, ((0, -height % stride), (0, -width % stride)), mode="edge")[None]

    return {"raw": padded(network_depth(within(frame.raw_m, settings), frame.mask, settings)),
            "grey": padded(network_grey(frame.grey, frame.mask))}


class EvalSamples:
    """Whole frames for evaluation; `truth_m` is the reference within mask and range."""

    def __init__(self, frames: Frames | RecordFrames, stride: int):
        self.frames = frames
        self.stride = stride

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> Sample:
        s = self.frames.settings
        frame, rgb = self.frames.read(number)
        truth_m = np.where(frame.mask, within(frame.reference_m, s), np.float32(0))
        return Sample(self.frames.index.names[number], network_inputs(frame, s, self.stride),
                      rgb, truth_m,
                      {"raw_m": within(frame.raw_m, s), "mask": truth_m > 0}, frame.camera)


def columns_of(settings: Settings) -> tuple[str, ...]:
    """Return what the columns of an index hold."""
    return ("raw depth", "reference depth", "colour", *(("mask",) if settings.has_mask else ()),
            *(("albedo",) if settings.has_abd else ()))


def open_frames(settings: Settings, part: str) -> Frames | RecordFrames:
    """Open the frames of `data_list` (own data, `depth_scale`), else of a CSV index in millimetres.

    Args:
        settings: `data_list`, `index_file` (for training) or `test_index_file`, else <part>.csv in
            `data_url`; each may be a record instead, and `data_url` one, or a folder with <part>.mindrecord.
        part: "train" or "test".
    """
    s = settings
    index_file = s.index_file if part == "train" else s.test_index_file
    records = open_record(s, part, index_file)
    if records:
        return RecordFrames(records, s)
    if s.data_list:
        return Frames(read_index(s.data_list, columns_of(s), s.aux_type), s, s.depth_scale)
    path = index_file or Path(s.data_url) / f"{part}.csv"
    return Frames(read_index(path, columns_of(s), s.aux_type), s, MM)


def record_rows(settings: Settings, part: str) -> Rows:
    """Return the rows of a record of the frames that the settings name."""
    return rows_of(of_files(open_frames(settings, part)), frame_row)
