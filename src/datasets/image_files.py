# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Reading pictures and depth maps: each file becomes RGB bytes or float32 metres, or a `UserError`."""
from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from src.errors import UserError

# A picture of more pixels is refused: a small file can claim a size that fills the memory.
Image.MAX_IMAGE_PIXELS = 100_000_000
_DEPTH_MODES = ("L", "I;16", "I;16B", "I")


def _open(path: str | Path) -> Image.Image:
    try:
        return Image.open(path)
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (OSError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot read {path} as a picture ({error}); replace or remove it") from None


def _decode(picture: Image.Image, path: str | Path) -> np.ndarray:
    try:
        return np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot decode {path} ({error}); "
                        "the file is damaged, replace or remove it") from None


def read_rgb(path: str | Path) -> np.ndarray:
    """Read a picture as (H, W, 3) uint8 RGB, turned as its EXIF orientation says.

    Raises:
        UserError: the file is missing, no picture, truncated or too large.
    """
    with _open(path) as picture:
        try:
            upright = ImageOps.exif_transpose(picture)
            return _decode(upright if upright.mode == "RGB" else upright.convert("RGB"), path)
        except (OSError, SyntaxError, ValueError) as error:
            raise UserError(f"cannot decode {path} ({error}); "
                            "the file is damaged, replace or remove it") from None


def read_depth(path: str | Path, units_per_m: float) -> np.ndarray:
    """Read a depth map as (H, W) float32 metres, 0 = no reading.

    Args:
        path: an 8- or 16-bit single-channel PNG, or a `.npy` of any real type.
        units_per_m: what the file's numbers are divided by (1000 for millimetres; 1 for a `.npy` in metres).

    Raises:
        UserError: the file is missing, damaged or of another kind.
    """
    values = _read_npy(path) if str(path).endswith(".npy") else _read_depth_picture(path)
    depth_m = values.astype(np.float32) / np.float32(units_per_m)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(0))


def _read_depth_picture(path: str | Path) -> np.ndarray:
    with _open(path) as picture:
        if picture.mode not in _DEPTH_MODES:
            raise UserError(f"{path} is a {picture.mode} picture; a depth map has one channel of 8 or 16 bit")
        return _decode(picture, path)


def _read_npy(path: str | Path) -> np.ndarray:
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read {path} as a NumPy array ({error})") from None
    values = np.squeeze(values)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise UserError(f"{path} holds {values.dtype} {values.shape}; a depth map is a real array (H, W)")
    return values


def check_header(path: str | Path, depth: bool) -> str | None:
    """Say what is wrong with a JPEG, PNG or `.npy` as far as its first bytes tell, or None.

    Cheap enough (one small read) to try every file of a set of 100,000 before a training starts.

    Args:
        path: the file.
        depth: whether it must be a single-channel PNG or a `.npy`.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(26)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror})"
    if not head:
        return "empty"
    if depth and str(path).endswith(".npy"):
        return None if head[:6] == b"\x93NUMPY" else "not a NumPy array"
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) == 26:
        bits, color = struct.unpack(">BB", head[24:26])
        found = f"colour type {color}, {bits} bit"
        return f"not a single-channel depth PNG ({found})" if depth and color else None
    if head[:2] == b"\xff\xd8" and not depth:
        return None
    return "not a PNG" if depth else "neither JPEG nor PNG"
