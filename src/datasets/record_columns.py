# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""How arrays are kept as bytes: pictures as PNG (or the JPEG they came as), others as NumPy files."""
from __future__ import annotations

import io
import tokenize
import zipfile
import zlib

import cv2
import numpy as np
from PIL import Image, ImageOps

from src.errors import UserError

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_SMALL = 4096  # bytes up to which compression is not worth a try
_NAME = "values"


def encode(values: np.ndarray | bytes) -> bytes:
    """Return an array as bytes that `decode` turns back into the same array; a file's bytes stay as they are.

    Pictures (H, W, 3) uint8 RGB and maps (H, W) uint8 or uint16 become PNG; others NumPy files, compressed
    where that halves them (labels, sparse maps).
    """
    if isinstance(values, bytes):
        return values
    values = np.asarray(values)
    is_map = values.ndim == 2 and values.dtype in (np.uint8, np.uint16)
    if values.size and (is_map or (values.ndim == 3 and values.shape[2] == 3 and values.dtype == np.uint8)):
        pixels = values if is_map else values[..., ::-1]
        _, data = cv2.imencode(".png", np.ascontiguousarray(pixels), [cv2.IMWRITE_PNG_COMPRESSION, 3])
        return data.tobytes()
    plain = io.BytesIO()
    np.save(plain, values, allow_pickle=False)
    if values.nbytes <= _SMALL:
        return plain.getvalue()
    packed = io.BytesIO()
    np.savez_compressed(packed, **{_NAME: values})
    return (packed if 2 * packed.tell() < plain.tell() else plain).getvalue()


def decode(data: bytes, where: str, as_rgb: bool = False) -> np.ndarray:
    """Return the array that `encode` was given, or the pixels of a JPEG or PNG, turned as its EXIF says.

    Args:
        data: of one column.
        where: the data come from, for messages.
        as_rgb: they are a picture, which becomes (H, W, 3) uint8 RGB whatever JPEG or PNG it is.

    Raises:
        UserError: the data are damaged.
    """
    try:
        if data.startswith(_NPY):
            return np.load(io.BytesIO(data), allow_pickle=False)
        if data.startswith(_ZIP):
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return arrays[_NAME]
        with Image.open(io.BytesIO(data)) as picture:
            upright = ImageOps.exif_transpose(picture)
            return np.asarray(upright.convert("RGB") if as_rgb and upright.mode != "RGB" else upright)
    except (OSError, SyntaxError, ValueError, KeyError, tokenize.TokenError, zlib.error, zipfile.BadZipFile,
            Image.DecompressionBombError) as error:
        raise UserError(f"cannot decode {where} ({type(error).__name__}): it is damaged; make it anew, with "
                        "--force (make: FORCE=1) where a command made it") from None
