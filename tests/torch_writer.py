# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes files as `torch.save` does, byte by byte in both of its formats, without PyTorch."""
from __future__ import annotations

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

KINDS = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage",
         "float64": "DoubleStorage"}


@contextmanager
def fake_torch() -> Iterator[types.ModuleType]:
    """Let pickle find the names that a state dict's pickle refers to."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in KINDS.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2() -> None:
        """Only its name is pickled."""

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        yield torch


class Storage:
    """Flat data that tensors share."""

    def __init__(self, data: np.ndarray):
        self.data = data


class TensorView:
    """What `torch.save` writes of a tensor: its place in a storage. Offset and strides are in elements."""

    def __init__(self, storage: Storage, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0):
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())

    @classmethod
    def of(cls, array: np.ndarray) -> TensorView:
        array = np.asarray(array, order="C")
        return cls(Storage(array.ravel()), array.shape, tuple(s // array.itemsize for s in array.strides))

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, old: bool):
        super().__init__(file, protocol=2)
        self.old = old
        self.storages: dict[int, Storage] = {}  # in order of appearance, the position is the key

    def persistent_id(self, obj: object) -> tuple | None:
        if not isinstance(obj, Storage):
            return None
        self.storages.setdefault(id(obj), obj)
        kind = getattr(sys.modules["torch"], KINDS[str(obj.data.dtype)])
        key = str(list(self.storages).index(id(obj)))
        return ("storage", kind, key, "cpu", obj.data.size, *([None] if self.old else []))


def state_dict(arrays: Mapping[str, np.ndarray | TensorView]) -> OrderedDict:
    """Return tensors as `model.state_dict()` does: with versions of the modules as an attribute."""
    state = OrderedDict((name, value if isinstance(value, TensorView) else TensorView.of(value))
                        for name, value in arrays.items())
    state._metadata = OrderedDict([("", OrderedDict(version=1))])
    return state


def write_pth(path: Path, content: object, old: bool = False) -> Path:
    """Write as `torch.save(content, path, _use_new_zipfile_serialization=not old)`."""
    with fake_torch():
        stream = io.BytesIO()
        pickler = _Pickler(stream, old)
        pickler.dump(content)
    storages = [storage.data.tobytes() for storage in pickler.storages.values()]
    if not old:
        return write_archive(path, stream.getvalue(), storages)
    system = {"protocol_version": 1001, "little_endian": True,
              "type_sizes": {"short": 2, "int": 4, "long": 4}}
    parts = [pickle.dumps(value, protocol=2) for value in (0x1950a86a20f9469cfc6c, 1001, system)]
    parts += [stream.getvalue(), pickle.dumps([str(key) for key in range(len(storages))], protocol=2)]
    for data, storage in zip(storages, pickler.storages.values()):
        parts += [struct.pack("<q", storage.data.size), data]
    path.write_bytes(b"".join(parts))
    return path


def write_archive(path: Path, pickled: bytes, storages: list[bytes], byteorder: str = "little") -> Path:
    """Write the zip file around a pickle, its members stored as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/data.pkl", pickled)
        archive.writestr(f"{path.stem}/byteorder", byteorder)
        for key, data in enumerate(storages):
            archive.writestr(f"{path.stem}/data/{key}", data)
        archive.writestr(f"{path.stem}/version", "3\n")
    return path
