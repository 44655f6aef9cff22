# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Reads the tensors of PyTorch's state dicts (.safetensors, .pth) without PyTorch.

A .pth file is a pickle, which could run any code. Here it may hold tensors and dictionaries only: whatever
else it names is refused, not imported.
"""
from __future__ import annotations

import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from safetensors.numpy import load_file

from src.errors import UserError

_DTYPES = ("float32", "float16", "int64")
_STORAGES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8"}
# What the files of PyTorch before 1.6 begin with, before five pickles and the storages.
_OLD_MAGIC = pickle.dumps(0x1950a86a20f9469cfc6c, protocol=2)


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Read the tensors of a state dict: float32, float16 or int64 arrays by name.

    Args:
        path: what safetensors wrote (`.safetensors`), or `torch.save(model.state_dict())` in the format of
            PyTorch 1.6 and later or the one before.

    Raises:
        UserError: the file is missing, damaged, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    read = load_file if path.suffix == ".safetensors" else _read_pth
    try:
        tensors = read(path)
    except UserError as error:
        raise UserError(f"{path} {error}") from None
    except Exception as error:  # damaged files, pickles above all, can raise anything
        raise UserError(f"{path} is no readable state dict ({type(error).__name__}: {error})") from None
    for name, tensor in tensors.items():
        if str(tensor.dtype) not in _DTYPES:
            raise UserError(f"{path}: {name} is {tensor.dtype}; give one of {', '.join(_DTYPES)}")
    return tensors


class _Storage(NamedTuple):
    dtype: str
    key: str
    count: int


class _View(NamedTuple):
    """A tensor as the pickle describes it: the arguments of `torch._utils._rebuild_tensor_v2`."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: object
    metadata: object = None


_ALLOWED = {("collections", "OrderedDict"): OrderedDict, ("torch._utils", "_rebuild_tensor_v2"): _View,
            **{("torch", name): dtype for name, dtype in _STORAGES.items()}}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise UserError(f"holds {module}.{name}, which is no tensor of {', '.join(_DTYPES)}; "
                            "save model.state_dict()") from None

    def persistent_load(self, pid: tuple) -> _Storage:
        _, dtype, key, _, count = pid[:5]  # the fourth is the device; old files have a sixth, None
        if any(pid[5:]) or dtype not in _STORAGES.values():
            raise UserError("holds storages of another kind; load and save it with a newer PyTorch")
        return _Storage(dtype, key, count)


def _read_pth(path: Path) -> dict[str, np.ndarray]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return _read_zip(archive)
    with path.open("rb") as file:
        if file.read(len(_OLD_MAGIC)) == _OLD_MAGIC:
            return _read_old(file)
    raise UserError("is neither a zip file nor a pickle of PyTorch (its first versions wrote tar files: load "
                    "and save such a file with a newer one)")


def _read_zip(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Read the format of PyTorch 1.6 and later: <root>/data.pkl and <root>/data/<key> for each storage."""
    roots = [name.removesuffix("data.pkl") for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise UserError("is a zip file without data.pkl, not one of PyTorch's")
    root, = roots
    if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
        raise UserError("was written by a big-endian machine; save it on another")
    with archive.open(f"{root}data.pkl") as file:
        views = _views(_Unpickler(file).load())
    return _arrays(views, lambda storage: archive.read(f"{root}data/{storage.key}"))


def _read_old(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the format before PyTorch 1.6 after its magic number: pickles, then count and data of storages."""
    for _ in ("protocol", "system"):
        _Unpickler(file).load()
    views = _views(_Unpickler(file).load())
    storages = {view.storage.key: view.storage for view in views.values()}
    data = {}
    for key in _Unpickler(file).load():
        count, = struct.unpack("<q", file.read(8))
        data[key] = file.read(count * np.dtype(storages[key].dtype).itemsize)
    return _arrays(views, lambda storage: data[storage.key])


def _views(state: object) -> dict[str, _View]:
    if not isinstance(state, dict) or not state:
        raise UserError("holds no state dict; save model.state_dict()")
    for name, value in state.items():
        if not isinstance(value, _View) or not isinstance(value.storage, _Storage):
            raise UserError(f"is no state dict of tensors: {name!r} is {type(value).__name__}; save "
                            "model.state_dict()")
    return state


def _arrays(views: dict[str, _View], data_of: Callable[[_Storage], bytes]) -> dict[str, np.ndarray]:
    """Return tensors as read-only arrays; NumPy refuses those that reach beyond their storage."""
    arrays = {}
    for name, view in views.items():
        dtype, data = np.dtype(view.storage.dtype), data_of(view.storage)
        if len(data) != view.storage.count * dtype.itemsize:
            raise UserError(f"is damaged: {name} has {len(data)} bytes of {view.storage.count} {dtype}")
        strides = tuple(step * dtype.itemsize for step in view.strides)
        arrays[name] = np.ndarray(view.shape, dtype, data, view.offset * dtype.itemsize, strides)
    return arrays
