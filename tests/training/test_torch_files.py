# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""State dicts of PyTorch: what they hold comes back, nothing in them runs, anything else is refused."""
from __future__ import annotations

import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from src.errors import UserError
from src.training.torch_files import read_state_dict
from tests.torch_writer import Storage, TensorView, fake_torch, state_dict, write_archive, write_pth

RNG = np.random.default_rng(0)
ARRAYS = {"conv.weight": RNG.normal(size=(4, 3, 2, 2)).astype(np.float32),
          "half": RNG.normal(size=(5,)).astype(np.float16), "counts": np.arange(6).reshape(2, 3),
          "scalar": np.array(7), "empty": np.zeros((0, 3), np.float32)}
BOTH = pytest.mark.parametrize("old", [False, True])


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_state_dict(path)
    text = str(caught.value)
    assert text.startswith(str(path)) and "\n" not in text
    return text


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def assert_holds(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype and found[name].shape == values.shape
        np.testing.assert_array_equal(found[name], values)


@BOTH
def test_tensors_come_back(tmp_path, old):
    found = read_state_dict(write_pth(tmp_path / "a.pth", state_dict(ARRAYS), old))
    assert_holds(found, ARRAYS)
    assert list(found) == list(ARRAYS)


def test_safetensors_come_back(tmp_path):
    save_file(ARRAYS, tmp_path / "a.safetensors")
    assert_holds(read_state_dict(tmp_path / "a.safetensors"), ARRAYS)


@BOTH
def test_views_of_a_shared_storage_come_back(tmp_path, old):
    """Transposed, in part, and with an offset, as PyTorch's strides may have them."""
    data = np.arange(24, dtype=np.float32)
    storage = Storage(data)
    views = {"whole": TensorView(storage, (4, 6), (6, 1)), "transposed": TensorView(storage, (6, 4), (1, 6)),
             "row": TensorView(storage, (6,), (1,), 12), "same": TensorView(storage, (2, 6), (0, 1), 6)}
    whole = data.reshape(4, 6)
    assert_holds(read_state_dict(write_pth(tmp_path / "a.pth", state_dict(views), old)),
                 {"whole": whole, "transposed": whole.T, "row": whole[2], "same": whole[[1, 1]]})


class Command:
    """Runs a command where its pickle is loaded as such."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@BOTH
def test_nothing_is_executed(tmp_path, old):
    touched = tmp_path / "touched"
    content = {"weight": Command(touched)}
    pickle.loads(pickle.dumps(content))
    assert touched.exists()  # it does run
    touched.unlink()
    assert "which is no tensor of float32, float16, int64; save model.state_dict()" in refusal(
        write_pth(tmp_path / "a.pth", content, old))
    assert not touched.exists()


@pytest.mark.parametrize("name", ["builtins\neval", "os\nsystem", "numpy\nndarray", "collections\nCounter",
                                  "torch\nTensor", "torch._utils\n_rebuild_parameter"])
def test_other_names_are_refused(tmp_path, name):
    pickled = f"c{name}\n)R.".encode()
    assert f"holds {name.replace(chr(10), '.')}, which" in refusal(
        write_archive(tmp_path / "a.pth", pickled, []))


@BOTH
@pytest.mark.parametrize(("content", "words"), [
    ({"state_dict": state_dict(ARRAYS), "epoch": 3}, "no state dict of tensors: 'state_dict' is OrderedDict"),
    ({**state_dict(ARRAYS), "epoch": 3}, "no state dict of tensors: 'epoch' is int; save model.state_dict()"),
    ([1, 2], "holds no state dict"), ({}, "holds no state dict"),
    (state_dict({"x": np.zeros(3)}), "holds torch.DoubleStorage, which is no tensor of float32, float16")])
def test_other_contents_are_refused(tmp_path, content, words, old):
    assert words in refusal(write_pth(tmp_path / "a.pth", content, old))


@BOTH
@pytest.mark.parametrize("view", [
    ((4, 7), (7, 1), 0), ((2,), (1,), 23), ((2,), (-1,), 0), ((2,), (1,), -1), ((2, 2), (1,), 0),
    ((-1,), (1,), 0), (("a",), (1,), 0)])
def test_views_beyond_their_storage_are_refused(tmp_path, view, old):
    views = {"x": TensorView(Storage(np.arange(24, dtype=np.float32)), *view)}
    assert "no readable state dict" in refusal(write_pth(tmp_path / "a.pth", state_dict(views), old))


def test_a_storage_of_an_invented_type_is_refused(tmp_path):
    """Such as objects: the file's bytes would be taken for addresses."""
    with fake_torch():
        pickled = pickle.dumps(("storage", "O", "0", "cpu", 1), protocol=2)[2:-1]
    assert "holds storages of another kind" in refusal(
        write_archive(tmp_path / "a.pth", pickled + b"Q.", [bytes(8)]))


@BOTH
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.98])
def test_truncated_files_are_refused(tmp_path, share, old):
    path = write_pth(tmp_path / "a.pth", state_dict(ARRAYS), old)
    data = path.read_bytes()
    path.write_bytes(data[:int(share * len(data))])
    refusal(path)


def test_storages_of_another_length_are_refused(tmp_path):
    path = write_pth(tmp_path / "a.pth", state_dict({"x": ARRAYS["half"]}))
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read("a/data.pkl")
    assert "is damaged: x has 8 bytes of 5 float16" in refusal(write_archive(path, pickled, [bytes(8)]))
    assert "no readable state dict" in refusal(write_archive(path, pickled, []))
    assert "written by a big-endian machine" in refusal(write_archive(path, pickled, [bytes(10)], "big"))


def test_other_files_are_refused(tmp_path):
    assert "no readable state dict" in refusal(written(tmp_path / "a.safetensors", b"no tensors"))
    for data in (b"", b"text" * 100, pickle.dumps({"x": 1})):
        assert "neither a zip file nor a pickle of PyTorch" in refusal(written(tmp_path / "a.pth", data))
    with tarfile.open(tmp_path / "b.pth", "w") as archive:
        archive.add(tmp_path / "a.pth", "pickle")
    assert "first versions wrote tar files" in refusal(tmp_path / "b.pth")
    np.savez(tmp_path / "c.npz", x=ARRAYS["half"])
    assert "is a zip file without data.pkl" in refusal(tmp_path / "c.npz")
    with pytest.raises(UserError, match="no such file: .*d.pth"):
        read_state_dict(tmp_path / "d.pth")


def test_safetensors_of_other_types_are_refused(tmp_path):
    save_file({"x": np.zeros(3)}, tmp_path / "a.safetensors")
    assert "x is float64; give one of float32, float16, int64" in refusal(tmp_path / "a.safetensors")
