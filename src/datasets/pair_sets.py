# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Where pictures with depth come from: a list, a MindRecord, NYU's labelled file, Hu's NYU layout."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from src.config import Settings
from src.datasets.pairs import listed_pairs, nyu_test, nyu_train
from src.datasets.record_sets import RecordPairs, open_record

NYU_LABELLED = "nyu_depth_v2_labeled.mat"


class PairSet(Protocol):
    """Pictures with depth of one size, read when asked for; may be used by several threads."""

    names: Sequence[str]

    def __len__(self) -> int:
        """Return the number of pairs."""

    def describe(self, index: int) -> str:
        """Return where a pair comes from."""

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture (H, W, 3) uint8 and the depth (H, W) float32 in metres, 0 = no reading."""


def open_pairs(settings: Settings, part: str) -> PairSet:
    """Open the training or the test set that `data_list` or `data_url` names.

    Args:
        settings: `data_list` is a list file or a record; `data_url` a record, a folder with
            `train.mindrecord` and `test.mindrecord`, nyu_depth_v2_labeled.mat or its folder, or Hu's NYU
            layout.
        part: "train" or "test".

    Raises:
        UserError: there are no data, or they are damaged.
    """
    s = settings
    records = open_record(s, part)
    if records:
        return RecordPairs(records)
    if s.data_list:
        return listed_pairs(s.data_list, s.depth_scale)
    labelled = _labelled_file(Path(s.data_url))
    if labelled:
        from src.datasets.nyu_labelled import NyuLabelled  # HDF5 is not needed elsewhere

        return NyuLabelled(labelled, part)
    return nyu_train(s.data_url) if part == "train" else nyu_test(s.data_url)


def _labelled_file(data_url: Path) -> Path | None:
    inside = data_url / NYU_LABELLED
    if inside.is_file():
        return inside
    return data_url if data_url.suffix == ".mat" and not data_url.is_dir() else None
