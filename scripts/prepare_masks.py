# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's preparation of own recordings: fill the holes of raw depth maps, mask the foreground."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from src.datasets.depth_mask import fill_holes, foreground_mask  # noqa: E402 - no installed package
from src.datasets.image_files import Header, read_depth, read_header  # noqa: E402
from src.errors import CommandParser, UserError, run_command  # noqa: E402
from src.files import atomic_path  # noqa: E402

_RAW, _REFERENCE = "depth_map", "high_quality_depth"

_ABOUT = """\
Fill the holes of raw depth maps and mask the foreground, as DDRNet's data set was made. In each group

  <group>/depth_map/<frame>.png            raw depth, 16-bit PNG, mm, 0 = no reading
  <group>/high_quality_depth/<frame>.png   its reference (fused) depth, the same format and size

become

  <group>/depth_filled/<frame>.png         raw depth with narrow holes filled (closing with a 12x12 square)
  <group>/mask/<frame>.png                 8-bit: 255 where filled and reference have depth, else 0

Earlier files of these names are replaced; nothing is written before all frames have been found in order."""
_EXAMPLES = """\
examples:
  python scripts/prepare_masks.py DDRNet                   every <date>/<group> of a data set
  python scripts/prepare_masks.py DDRNet/20170907          every <group> of a date
  python scripts/prepare_masks.py recordings/desk --test   one group that has no reference"""


def _groups(folder: Path) -> list[Path]:
    """Return the groups: `folder` itself, else its subfolders one or two levels down that hold raw depth."""
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}")
    for pattern in ("", "*/", "*/*/"):
        found = sorted(raw.parent for raw in folder.glob(f"{pattern}{_RAW}") if raw.is_dir())
        if found:
            return found
    raise UserError(f"{folder} holds no {_RAW}/ nor <group>/{_RAW}/; give a group, or a folder of groups")


def _checked(path: Path) -> Header:
    try:
        header = read_header(path)
    except UserError as error:
        raise UserError(f"{path} is {error}") from None
    if (header.format, header.color, header.bits) != ("PNG", "grey", 16):
        raise UserError(f"{path} is {header}; depth is a 16-bit grey PNG in mm")
    return header


def _frames(group: Path, has_reference: bool) -> list[Path]:
    """Return the raw files of a group, checked as far as headers tell, each with its reference."""
    raw_files = sorted((group / _RAW).glob("*.png"))
    if not raw_files:
        raise UserError(f"{group / _RAW} holds no .png")
    if has_reference:
        _check_paired(group, {file.name for file in raw_files})
    for raw in raw_files:
        size_wh = _checked(raw).size_wh
        reference = group / _REFERENCE / raw.name
        if has_reference and _checked(reference).size_wh != size_wh:
            raise UserError(f"{reference} differs in size from {raw}")
    return raw_files


def _check_paired(group: Path, raw_names: set[str]) -> None:
    names = {file.name for file in (group / _REFERENCE).glob("*.png")}
    for single, there, partner, hint in (
            (raw_names - names, _RAW, _REFERENCE, "; --test does without references"),
            (names - raw_names, _REFERENCE, _RAW, "")):
        if single:
            raise UserError(f"{group / there / min(single)} has no file of its name in {group / partner} "
                            f"({len(single)} such files){hint}")


def _read_mm(path: Path) -> np.ndarray:
    return read_depth(path, units_per_m=1.0).astype(np.uint16)  # float32 holds 16 bits exactly


def _write(path: Path, values: np.ndarray) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(values).save(temporary)


def prepare(raw: Path, has_reference: bool, remove_dots: bool) -> None:
    """Write depth_filled/ and mask/ of one frame beside its raw file's folder."""
    group = raw.parent.parent
    raw_mm = _read_mm(raw)
    filled_mm = fill_holes(raw_mm)
    if has_reference:
        mask = foreground_mask(filled_mm, _read_mm(group / _REFERENCE / raw.name), remove_dots)
    else:
        mask = foreground_mask(raw_mm, raw_mm)
    _write(group / "depth_filled" / raw.name, filled_mm)
    _write(group / "mask" / raw.name, mask)


def main(argv: list[str]) -> None:
    """Parse the arguments, check all frames, then prepare them."""
    parser = CommandParser("python scripts/prepare_masks.py", _ABOUT, _EXAMPLES)
    parser.add_argument("folder", type=Path, help="a group, a folder of groups, or the data set")
    parser.add_argument("--test", action="store_true",
                        help="there is no reference: the mask is where the raw depth has a reading")
    parser.add_argument("--remove_dots", action="store_true",
                        help="leave parts of the reference that hold no 5x5 square out of the mask (the "
                             "published masks have them)")
    args = parser.parse_args(argv)
    if args.test and args.remove_dots:
        raise UserError("--remove_dots is about the reference, which --test does without; give one of them")
    groups = _groups(args.folder)
    frames = [frame for group in groups for frame in _frames(group, not args.test)]
    with tqdm(frames, unit="frame", disable=None) as progress:
        for raw in progress:
            prepare(raw, not args.test, args.remove_dots)
    print(f"{len(frames)} frames: depth_filled/ and mask/ written in {len(groups)} groups of {args.folder}")


if __name__ == "__main__":
    sys.exit(run_command(main))
