# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The data sets that `scripts/datasets.py` knows: their files on the web, and how they are read.

Sizes and checksums: NYU's are those that several independent users of the file state; Make3D's archives have
no published ones, so their gzip checksums have to do, which are verified when they are unpacked.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.datasets.download import Remote
from src.datasets.pair_sets import NYU_LABELLED
from src.errors import UserError

_STANFORD = "https://cs.stanford.edu/people/asaxena/learningdepth/Data"
_CORNELL = "https://www.cs.cornell.edu/~asaxena/learningdepth"


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        about: what it is, in a line.
        page: of the data set on the web, with its terms of use.
        files: to download.
        image_wh: size that `preprocess` gives its pictures by default, None as they are.
        unit: of the depth files: "m" where readings may be beyond 65 m.
        open: gives the set of a part, "train" or "test", in the folder of the data set.
    """

    about: str
    page: str
    files: tuple[Remote, ...]
    image_wh: tuple[int, int] | None
    unit: str
    open: Callable[[Path, str], Any]


def _nyu(folder: Path, part: str) -> Any:
    from src.datasets.nyu_labelled import NyuLabelled

    places = [folder / inside / NYU_LABELLED for inside in ("unpacked", "raw", ".")]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise UserError(f"no {NYU_LABELLED} in {folder}/raw; run download first, or put it there")
    return NyuLabelled(path, part)


def _make3d(name: str) -> Callable[[Path, str], Any]:
    def opened(folder: Path, part: str) -> Any:
        from src.datasets.make3d import open_make3d

        return open_make3d(folder / "unpacked", name, part)

    return opened


DATA_SETS = {
    "nyu": DataSet(
        "NYU Depth v2, 1,449 labelled indoor frames, 795 for training and 654 for tests; 2.8 GB",
        "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html",
        (Remote(f"https://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/{NYU_LABELLED}", 2972037809,
                "2d724b0c0ab358aa1ce5df855e5bd14a2279ab7202efe22f32a30d612dcb86aa"),),
        None, "mm", _nyu),
    "make3d1": DataSet(
        "Make3D laser and picture, set 1, 400 + 134 outdoor pairs; 0.9 GB",
        "http://make3d.cs.cornell.edu/data.html",
        (Remote("https://cs.stanford.edu/group/reconstruction3d/Train400Img.tar.gz"),
         Remote("https://cs.stanford.edu/group/reconstruction3d/Train400Depth.tgz"),
         Remote(f"{_CORNELL}/Test134.tar.gz"), Remote(f"{_CORNELL}/Test134Depth.tar.gz")),
        (480, 640), "m", _make3d("make3d1")),
    "make3d2": DataSet(
        "Make3D laser and picture, set 2, training on Dataset3 and tests on Dataset2; 0.9 GB",
        "http://make3d.cs.cornell.edu/data.html",
        (Remote(f"{_CORNELL}/Data/Dataset3_Images.tar.gz"), Remote(f"{_STANFORD}/Dataset3_Depths.tar.gz"),
         Remote(f"{_STANFORD}/Dataset2_Images.tar.gz"), Remote(f"{_CORNELL}/Data/Dataset2_Depths.tar.gz")),
        (480, 640), "m", _make3d("make3d2")),
}
