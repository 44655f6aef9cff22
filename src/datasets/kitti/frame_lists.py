# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Names of KITTI raw frames, and the lists of them that papers publish (Eigen's split and its relatives)."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from src.errors import UserError

DATE = re.compile(r"\d{4}_\d\d_\d\d")
DRIVE = re.compile(rf"{DATE.pattern}_drive_\d{{4}}_sync")
FRAME = re.compile(r"\d{10}")
_NUMBERED = re.compile(rf"(?P<date>{DATE.pattern})/(?P<drive>{DRIVE.pattern}) (?P<frame>\d{{1,10}}) [lr]")
_PICTURE = (rf"(?P<date>{DATE.pattern})/(?P<drive>{DRIVE.pattern})/image_{{camera}}/data/"
            rf"(?P<frame>{FRAME.pattern})\.(png|jpe?g)")
_LEFT, _RIGHT = (re.compile(_PICTURE.replace("{camera}", camera)) for camera in ("02", "03"))
_FORMS = ("'<date>/<drive> <frame> l' or '<date>/<drive>/image_02/data/<frame>.png "
          "<date>/<drive>/image_03/data/<frame>.png'")


class FrameId(NamedTuple):
    """A frame of KITTI raw.

    Attributes:
        drive: such as 2011_09_26_drive_0048_sync.
        frame: its number as the files are named, ten digits.
    """

    drive: str
    frame: str

    @property
    def date(self) -> str:
        """The recording date, which has one calibration."""
        return self.drive[:len("2011_09_26")]

    @property
    def name(self) -> str:
        """A name that no other frame has."""
        return f"{self.drive}_{self.frame}"


def _named(match: re.Match[str] | None) -> FrameId | None:
    """Return the frame that a match names, unless there is none or its drive lies in the wrong date."""
    if not match:
        return None
    frame = FrameId(match["drive"], match["frame"].zfill(10))
    return frame if match["date"] == frame.date else None


def _frame_of(line: str) -> FrameId | None:
    first, _, second = line.partition(" ")
    left, right = _named(_LEFT.fullmatch(first)), _named(_RIGHT.fullmatch(second))
    return left if left == right and left else _named(_NUMBERED.fullmatch(line))


def read_frame_list(path: str | Path) -> tuple[FrameId, ...]:
    """Read a list with a stereo frame a line, in the list's order; blank lines and # comments are skipped.

    A line is "<date>/<drive> <number> l" (or r) or names both pictures, image_02 first; whether it says .png
    or .jpg does not matter. A frame that is listed twice, as lists of single views have it (l and r), counts
    once.

    Raises:
        UserError: the file is missing, unreadable or names no frame, or a line (named by its number) has
            another form or names pictures of two frames.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the frame list {path}: {error}") from None
    frames = {}
    for number, line in enumerate(lines, 1):
        text = " ".join(line.split())
        if not text or text.startswith("#"):
            continue
        frame = _frame_of(text)
        if not frame:
            raise UserError(f"{path} line {number}: {text!r} names no stereo frame; write {_FORMS}")
        frames[frame] = None  # a dict keeps the order
    if not frames:
        raise UserError(f"{path} names no frames; each line needs {_FORMS}")
    return tuple(frames)
