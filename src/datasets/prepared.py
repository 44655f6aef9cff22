# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A data set's pictures and depth maps as files of one size, metric depth kept; what `preprocess` writes.

    <folder>/<name>-image.png    8-bit RGB
    <folder>/<name>-depth.png    16-bit millimetres, 0 = no reading      or
    <folder>/<name>-depth.npy    float32 metres, 0 = no reading
    <folder>/preprocess.json     how they were made, and whether all of them are there

Sizes of a picture and of its depth map may differ; both show the same view.
"""
from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from src.datasets.mindrecord import Row
from src.datasets.panorama import nearest
from src.datasets.parallel import in_order
from src.datasets.record_columns import decode, encode
from src.datasets.record_sets import depth_row
from src.errors import UserError
from src.files import write_bytes, write_json

RECORD = "preprocess.json"
_SUFFIX = {"mm": ".png", "m": ".npy"}


@dataclass(frozen=True)
class Plan:
    """What `prepare` makes of a part of a set; two plans that are equal give equal files.

    Attributes:
        image_wh: size of the pictures in pixels, None as they are.
        depth_wh: size of the depth maps, None as they are.
        unit: of the depth files, "mm" or "m".
        first, end: number of the first sample and of that after the last, None for all.
    """

    image_wh: tuple[int, int] | None
    depth_wh: tuple[int, int] | None
    unit: str
    first: int = 0
    end: int | None = None

    def chosen(self, source: Any) -> range:
        """Return the numbers of the samples of a part.

        Raises:
            UserError: there are none.
        """
        found = range(len(source))[self.first:self.end]
        if not found:
            end = "the end" if self.end is None else self.end
            raise UserError(f"samples {self.first} to {end} (START, LIMIT) are none of a part that has "
                            f"{len(source)}; training and test set are cut alike")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return it in JSON types."""
        image_wh, depth_wh = (size and list(size) for size in (self.image_wh, self.depth_wh))
        return {"image_wh": image_wh, "depth_wh": depth_wh, "unit": self.unit, "first": self.first,
                "end": self.end}


def prepare(source: Any, folder: Path, plan: Plan, workers: int = 1,
            force: bool = False) -> tuple[int, list[str]]:
    """Write a part of a data set with a progress bar; files that are there already are kept.

    Args:
        source: has `names`, `len()` and `read(index) -> (rgb, depth_m)`, and can be pickled.
        folder: for the files.
        plan: sizes, unit and range.
        workers: processes.
        force: begin anew where the folder holds files of another plan.

    Returns:
        the number of samples that are there now, and what is wrong with those that were left out.

    Raises:
        UserError: the range is empty, the folder holds other files, or no sample can be read.
    """
    chosen = plan.chosen(source)
    _claim(folder, plan, force)
    work = partial(_prepare_one, source, folder, plan, chosen)
    results = tqdm(in_order(work, len(chosen), workers), folder.name, len(chosen), unit="sample",
                   disable=None)
    problems = [problem for problem in results if problem]
    if len(problems) == len(chosen):
        raise UserError(f"{folder}: no sample can be read; {problems[0]}")
    write_json(folder / RECORD, {**plan.as_dict(), "complete": True})
    return len(chosen) - len(problems), problems


def _claim(folder: Path, plan: Plan, force: bool) -> None:
    """Note the plan in a new or empty folder; accept one of the same plan; empty others where forced."""
    files = [file for pattern in ("*-image.png", "*-depth.png", "*-depth.npy")
             for file in folder.glob(pattern)]
    if force:
        for file in files:
            file.unlink()
    elif files:
        found = _read_record(folder)
        other = [f"{key} {found.get(key)} instead of {value}" for key, value in plan.as_dict().items()
                 if found.get(key) != value]
        if other:
            raise UserError(f"{folder} was made with {', '.join(other)}; --force (make: FORCE=1) makes it "
                            "anew")
    write_json(folder / RECORD, {**plan.as_dict(), "complete": False})


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _prepare_one(source: Any, folder: Path, plan: Plan, chosen: range, index: int) -> str | None:
    """Write both files of a sample; return what is wrong with it, or None."""
    name = source.names[chosen[index]]
    image_file, depth_file = folder / f"{name}-image.png", folder / f"{name}-depth{_SUFFIX[plan.unit]}"
    if image_file.is_file() and depth_file.is_file():
        return None
    try:
        rgb, depth_m = source.read(chosen[index])
        if plan.depth_wh:
            depth_m = nearest(depth_m, *plan.depth_wh)
        (values,) = depth_row(depth_m, plan.unit).values()
    except UserError as error:
        return f"{name}: {error}"
    write_bytes(image_file, encode(_resized(rgb, plan.image_wh)))
    if plan.unit == "mm":
        write_bytes(depth_file, encode(values))
    else:
        data = io.BytesIO()
        np.save(data, values)
        write_bytes(depth_file, data.getvalue())
    return None


def _resized(rgb: np.ndarray, size_wh: tuple[int, int] | None) -> np.ndarray:
    if size_wh is None or size_wh == rgb.shape[1::-1]:
        return rgb
    shrinks = size_wh[0] < rgb.shape[1] or size_wh[1] < rgb.shape[0]
    return cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


class Prepared:
    """The samples of a folder that `prepare` has completed.

    Attributes:
        names: sorted.
        plan: what it was made by, as text.

    Raises:
        UserError: the folder is missing, empty or incomplete.
    """

    def __init__(self, folder: Path):
        record = _read_record(folder)
        if record.get("unit") not in _SUFFIX:
            raise UserError(f"{folder} holds no preprocessed data; run preprocess first")
        self.folder, self.unit = folder, record["unit"]
        self.plan = json.dumps(record, sort_keys=True)
        ending = f"-depth{_SUFFIX[self.unit]}"
        found = {file.name for file in folder.iterdir()}
        self.names = tuple(sorted(name[:-len(ending)] for name in found if name.endswith(ending)))
        missing = [name for name in self.names if f"{name}-image.png" not in found]
        if not record.get("complete") or missing or not self.names:
            raise UserError(f"{folder} is incomplete; run preprocess again with the same settings")

    def __len__(self) -> int:
        return len(self.names)

    def row(self, index: int, further: Callable[[np.ndarray], Row] | None = None) -> Row:
        """Return a sample as the row of a record: the files' own bytes.

        Args:
            index: of the sample.
            further: gives further columns for the picture (H, W, 3) uint8.
        """
        file = self.folder / f"{self.names[index]}-image.png"
        depth_file = file.with_name(f"{self.names[index]}-depth{_SUFFIX[self.unit]}")
        image, depth = file.read_bytes(), depth_file.read_bytes()
        rgb = decode(image, str(file), as_rgb=True)
        decode(depth, str(depth_file))  # a damaged file is found now, not when a training reads it
        more = further(rgb) if further else {}
        return {"rgb": image, f"depth_{self.unit}": depth, **more}
