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


@dataclass(frozen=True)
class PanoramaSettings(Settings):
    """What a set of panoramas is made from.

    Attributes:
        depth_scale: units a metre of the depth files.
        tilt_deg: up to so much each camera leans.
        pan_sizes: whether pan/high and pan/low are written.

    Raises:
        UserError: a number is out of range.
    """

    depth_scale: int = 1000
    tilt_deg: float = 0.0
    pan_sizes: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.width != 2 * self.height:
            raise UserError(f"--width {self.width} --height {self.height} is no panorama; give a width of "
                            "twice the height")
        if not 100 <= self.depth_scale <= 4000:
            raise UserError(f"--depth_scale {self.depth_scale} is not possible; give 100 (coarser hides the "
                            "floor's slope) to 4000 (beyond, a hall does not fit into 16 bits)")
        if not 0 <= self.tilt_deg <= 45:
            raise UserError(f"--tilt_deg {self.tilt_deg:g} is impossible; give 0 to 45")
