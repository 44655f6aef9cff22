# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What a synthetic data set is made from; equal settings give equal files."""
from __future__ import annotations

from dataclasses import dataclass

from src.errors import UserError


@dataclass(frozen=True)
class Settings:
    """The arguments of a generator call that decide its files.

    Raises:
        UserError: a number is out of range.
    """

    layout: str
    num_train: int
    num_test: int
    seed: int = 1
    holes: bool = True
    width: int = 640
    height: int = 480

    def __post_init__(self):
        if min(self.num_train, self.num_test) < 0 or self.num_train + self.num_test == 0:
            raise UserError(f"--num_train {self.num_train} and --num_test {self.num_test} make no data set; "
                            "give numbers of frames, 0 or more, at least one in all")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed} is negative; give 0 or more")
        if min(self.width, self.height) < 32:
            size = f"--width {self.width} --height {self.height}"
            raise UserError(f"{size} is too small; give 32 pixels or more")
