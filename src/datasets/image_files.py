# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures and depth maps: each file becomes RGB bytes or float32 metres, or a `UserError`."""
from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

from src.errors import UserError
from src.files import atomic_path

# A picture of more pixels is refused: a small file can claim a size that fills the memory.
Image.MAX_IMAGE_PIXELS = 100_000_000
_PNG_MAX = 65535
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_DEPTH_MODES = ("L", "I;16", "I;16B", "I")
_JPEG_START = b"\xff\xd8"
_PNG_COLORS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}
_JPEG_COLORS = {"L": "grey", "RGB": "RGB", "CMYK": "CMYK"}
_QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


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


def luma(rgb: np.ndarray) -> np.ndarray:
    """Return the grey values (H, W) float32 in [0, 1] of a picture (H, W, 3) uint8 (BT.601 weights)."""
    return rgb.astype(np.float32) @ (LUMA / np.float32(255))


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


def _first_bytes(path: str | Path) -> bytes:
    """Return as much as a PNG's header needs; a `UserError` ends a sentence that begins `<path> is`."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            head = file.read(26)
    except FileNotFoundError:
        raise UserError("missing") from None
    except OSError as error:
        raise UserError(f"unreadable ({error.strerror})") from None
    if not head:
        raise UserError("empty")
    return head


def _is_png(head: bytes) -> bool:
    return head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) == 26


def check_header(path: str | Path, depth: bool) -> str | None:
    """Say what is wrong with a JPEG, PNG or `.npy` as far as its first bytes tell, or None.

    Cheap enough (one small read) to try every file of a set of 100,000 before a training starts.

    Args:
        path: the file.
        depth: whether it must be a single-channel PNG or a `.npy`.
    """
    try:
        head = _first_bytes(path)
    except UserError as error:
        return str(error)
    if depth and str(path).endswith(".npy"):
        return None if head[:6] == b"\x93NUMPY" else "not a NumPy array"
    if _is_png(head):
        bits, color = head[24:26]
        found = f"colour type {color}, {bits} bit"
        return f"not a single-channel depth PNG ({found})" if depth and color else None
    if head[:2] == _JPEG_START and not depth:
        return None
    return "not a PNG" if depth else "neither JPEG nor PNG"


def open_npy(path: str | Path) -> np.ndarray:
    """Open a `.npy` without reading its values.

    Raises:
        UserError: what is wrong with the file; ends a sentence that begins `<path> is`.
    """
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise UserError("no NumPy array, or cut off") from None
    if not isinstance(values, np.ndarray):
        raise UserError("no NumPy array, or cut off")
    return values


class Header(NamedTuple):
    """What a picture is, as far as its header tells.

    Attributes:
        format: "PNG" or "JPEG".
        color: "grey", "RGB", "palette", "grey with alpha", "RGB with alpha" or "CMYK".
        bits: of a channel.
        size_wh: width and height in pixels as `read_rgb` returns it (a JPEG turned by its EXIF orientation).
    """

    format: str
    color: str
    bits: int
    size_wh: tuple[int, int]

    def __str__(self) -> str:
        return f"{'an' if self.bits == 8 else 'a'} {self.bits}-bit {self.color} {self.format}"


def read_header(path: str | Path) -> Header:
    """Read a PNG's header with one small read, a JPEG's with Pillow; no pixel is decoded.

    Raises:
        UserError: what the file is instead; "missing", "empty" ... end a sentence that begins `<path> is`.
    """
    head = _first_bytes(path)
    if _is_png(head):
        width_px, height_px, bits, color = struct.unpack(">IIBB", head[16:26])
        return Header("PNG", _PNG_COLORS.get(color, f"colour type {color}"), bits, (width_px, height_px))
    if head[:2] != _JPEG_START:
        raise UserError("neither JPEG nor PNG")
    try:
        with Image.open(path) as picture:
            width_px, height_px = picture.size
            turned = picture.getexif().get(ExifTags.Base.Orientation) in _QUARTER_TURNS
            size_wh = (height_px, width_px) if turned else (width_px, height_px)
            return Header("JPEG", _JPEG_COLORS.get(picture.mode, picture.mode), 8, size_wh)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise UserError("a JPEG with a damaged header") from None


def write_depth_png(path: str | Path, depth_m: np.ndarray, units_per_m: float) -> None:
    """Write depth (H, W) in metres as a 16-bit PNG, atomically; beyond its range it says so and clips."""
    units = depth_m * units_per_m
    beyond = int((units > _PNG_MAX).sum())
    if beyond:
        print(f"{Path(path).name}: {beyond} pixels lie beyond {_PNG_MAX / units_per_m:g} m and are written "
              "as that; give a smaller --png_scale")
    with atomic_path(path) as temporary:
        Image.fromarray(np.minimum(np.rint(units), _PNG_MAX).astype(np.uint16)).save(temporary)
