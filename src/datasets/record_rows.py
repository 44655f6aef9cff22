# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Samples that are kept as files, or as a file of another program, as the rows of a record.

A row gives what the files give, bit by bit. Pictures keep their files' bytes (a JPEG would be ten times as
large as a PNG); all files are decoded once, so that a damaged one is found now.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from src.datasets.kitti.raw import StereoFrames
from src.datasets.mindrecord import Records, Row
from src.datasets.pairs import Pairs
from src.datasets.panorama import PanoramaList
from src.datasets.record_sets import pair_row, panorama_row, stereo_row
from src.datasets.stereo_list import ListedStereo
from src.errors import UserError

_MM = 1000.0


class Rows(NamedTuple):
    """What a record is made of.

    Attributes:
        names: of the rows, unique.
        row: gives the columns of a row by its number; can be pickled.
    """

    names: Sequence[str]
    row: Callable[[int], Row]


def rows_of(samples: Any, row: Callable[..., Row], **arguments: Any) -> Rows:
    """Return the rows of a set that has `names`: `row(samples, index, **arguments)`."""
    return Rows(tuple(map(str, samples.names)), partial(row, samples, **arguments))


def of_files(samples: Any) -> Any:
    """Return the set.

    Raises:
        UserError: it is read from a record.
    """
    records = getattr(samples, "records", None)
    if isinstance(records, Records):
        raise UserError(f"{records.path} is a record already; name the files that it was made of")
    return samples


def exact_unit(files: Iterable[str], units_per_m: float) -> str:
    """Return the unit that keeps every bit of depth files: "mm" for PNGs of millimetres, else "m"."""
    return "mm" if units_per_m == _MM and all(file.endswith(".png") for file in files) else "m"


def pair_rows(pairs: Any, further: Callable[[np.ndarray], Row] | None = None) -> Rows:
    """Return the rows of a `PairSet`.

    Args:
        pairs: of files, or NYU's labelled file.
        further: gives further columns for a picture (H, W, 3) uint8; can be pickled.
    """
    unit = exact_unit(pairs.depth_files, pairs.units_per_m) if isinstance(pairs, Pairs) else "m"
    return rows_of(of_files(pairs), _pair, unit=unit, further=further)


def _pair(pairs: Any, index: int, unit: str, further: Callable[[np.ndarray], Row] | None) -> Row:
    rgb, depth_m = pairs.read(index)
    row = {**pair_row(rgb, depth_m, unit), **(further(rgb) if further else {})}
    if isinstance(pairs, Pairs):
        row["rgb"] = (pairs.root / pairs.rgb_files[index]).read_bytes()
    return row


def stereo_rows(frames: StereoFrames | ListedStereo, with_truth: bool) -> Rows:
    """Return the rows of rectified pairs; `with_truth` says whether they have depth maps."""
    return rows_of(of_files(frames), _stereo, unit="m" if with_truth else None)


def _stereo(frames: StereoFrames | ListedStereo, index: int, unit: str | None) -> Row:
    left, right = ((frames.root / file).read_bytes() for file in frames.files[index][:2])
    return {**stereo_row(frames.read(index), unit), "left_rgb": left, "right_rgb": right}


def panorama_rows(panoramas: PanoramaList) -> Rows:
    """Return the rows of a list of panoramas, or of pairs of them."""
    depth_files = (file for row in of_files(panoramas).rows for file in row[1::3])
    return rows_of(panoramas, _panorama, unit=exact_unit(depth_files, panoramas.units_per_m))


def _panorama(panoramas: PanoramaList, index: int, unit: str) -> Row:
    views = [panoramas.read(index, bool(second)) for second in range(1 + panoramas.has_pair)]
    pictures = ((panoramas.root / file).read_bytes() for file in panoramas.rows[index][::3])
    return {**panorama_row(views, unit), **dict(zip(("rgb", "second_rgb"), pictures))}
