# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""NYU's labelled file: the official split, MATLAB's axes, and files that are damaged or others."""
from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from src.datasets.nyu_labelled import FRAMES, NyuLabelled, official_test_frames
from src.datasets.synthetic.__main__ import main as synthetic
from src.errors import UserError
from tests.samples import DEPTH_SAMPLES, needs_samples

HEIGHT, WIDTH = 4, 5


def write(path: Path, count: int, test: list[int] | None, **others: np.ndarray) -> dict[str, np.ndarray]:
    """Write a file as MATLAB's save -v7.3 does; return the variables with MATLAB's axes."""
    rng = np.random.default_rng(count)
    matlab = {"images": rng.integers(0, 256, (HEIGHT, WIDTH, 3, count), np.uint8),
              "depths": rng.uniform(0.7, 9.9, (HEIGHT, WIDTH, count)).astype(np.float32),
              "rawDepths": rng.uniform(0, 9.9, (HEIGHT, WIDTH, count)).astype(np.float32), **others}
    if test is not None:
        matlab["testNdxs"] = np.array(test, float)[:, None]
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in matlab.items():
            file[name] = values.T  # MATLAB is column-major, HDF5 row-major
    return matlab


def refusal(*args: object) -> str:
    with pytest.raises(UserError) as error:
        NyuLabelled(*args)
    return str(error.value)


def test_the_official_split():
    frames = official_test_frames()
    assert len(frames) == 654 and len(set(frames.tolist())) == 654
    assert frames[:4].tolist() == [0, 1, 8, 13] and frames[-1] == FRAMES - 1 == 1448
    assert (np.diff(frames) > 0).all()


@needs_samples("NYU/labelled_test_indices.txt")
def test_the_official_split_is_the_published_one():
    published = np.loadtxt(DEPTH_SAMPLES / "NYU/labelled_test_indices.txt", int)
    np.testing.assert_array_equal(official_test_frames(), published)


def test_a_file_of_1449_frames_is_split_officially(tmp_path):
    path = tmp_path / "nyu_depth_v2_labeled.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("images", (FRAMES, 3, WIDTH, HEIGHT), np.uint8, chunks=(1, 3, WIDTH, HEIGHT))
        depths = file.create_dataset("depths", (FRAMES, WIDTH, HEIGHT), np.float32, chunks=(1, WIDTH, HEIGHT))
        depths[5], depths[13] = 5, 13
    train, test = NyuLabelled(path, "train"), NyuLabelled(path, "test")
    assert (len(train), len(test)) == (795, 654)
    assert not set(train.names) & set(test.names)
    assert train.read(train.names.index("00005"))[1].max() == 5
    assert test.read(test.names.index("00013"))[1].max() == 13


def test_pictures_and_depth_have_their_axes_back(tmp_path):
    path = tmp_path / "a.mat"
    matlab = write(path, 5, [2, 5])
    matlab_depth = {"depths": False, "rawDepths": True}
    for name, raw in matlab_depth.items():
        for part, frames in (("test", [1, 4]), ("train", [0, 2, 3])):
            pairs = NyuLabelled(path, part, raw)
            assert pairs.names == tuple(f"{frame:05d}" for frame in frames)
            for i, frame in enumerate(frames):
                rgb, depth_m = pairs.read(i)
                assert rgb.dtype == np.uint8 and depth_m.dtype == np.float32
                assert rgb.flags.c_contiguous and depth_m.flags.c_contiguous
                np.testing.assert_array_equal(rgb, matlab["images"][..., frame])
                np.testing.assert_array_equal(depth_m, matlab[name][..., frame])
    assert NyuLabelled(path, "test").describe(1) == f"{path} frame 4"


def test_what_is_no_depth_is_no_reading(tmp_path):
    depths = np.full((HEIGHT, WIDTH, 1), 2.5, np.float32)
    depths[0, :4, 0] = np.nan, np.inf, -1, 0
    write(tmp_path / "a.mat", 1, [1], depths=depths)
    depth_m = NyuLabelled(tmp_path / "a.mat", "test").read(0)[1]
    assert depth_m[0].tolist() == [0, 0, 0, 0, 2.5] and (depth_m[1:] == 2.5).all()


def test_threads_and_copies_read_alike(tmp_path):
    write(tmp_path / "a.mat", 40, [])
    pairs = NyuLabelled(tmp_path / "a.mat", "train")
    alone = [pairs.read(i) for i in range(40)]
    copy = pickle.loads(pickle.dumps(pairs))
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(copy.read, range(40)))
    for one, other in zip(alone, together):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_other_files_are_refused(tmp_path):
    assert refusal(tmp_path / "no.mat", "test") == f"no such file: {tmp_path / 'no.mat'}"
    text = tmp_path / "text.mat"
    text.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(2000))
    assert f"cannot read {text} as a MATLAB 7.3 file" in refusal(text, "test")
    write(tmp_path / "b.mat", 3, None)
    assert "has 3 frames, not the 1449 of the official split" in refusal(tmp_path / "b.mat", "test")
    write(tmp_path / "c.mat", 3, [4])
    assert "names frames beyond its 3" in refusal(tmp_path / "c.mat", "test")
    write(tmp_path / "d.mat", 3, [0])
    assert "they count from 1" in refusal(tmp_path / "d.mat", "test")
    write(tmp_path / "e.mat", 3, [1], depths=np.zeros((HEIGHT, WIDTH + 1, 3), np.float32))
    assert "not uint8 (N, 3, W, H) and float (N, W, H)" in refusal(tmp_path / "e.mat", "test")
    with h5py.File(tmp_path / "f.mat", "w") as file:
        file["images"] = np.zeros((1, 3, WIDTH, HEIGHT), np.uint8)
    assert "has no rawDepths: it is not nyu_depth_v2_labeled.mat" in refusal(tmp_path / "f.mat", "test", True)


def test_a_file_that_was_cut_off_is_refused(tmp_path):
    write(tmp_path / "a.mat", 200, [1])
    data = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "b.mat").write_bytes(data[:len(data) // 2])
    assert "download it again" in refusal(tmp_path / "b.mat", "test")


def test_the_synthetic_file_is_of_the_published_kind(tmp_path):
    argv = ["--layout", "nyu_mat", "--width", "64", "--height", "48", "--workers", "1", "--seed", "3",
            "--num_train", "5", "--num_test", "2"]
    for name in "ab":
        assert synthetic([*argv, "--output_dir", str(tmp_path / name)]) == 0
    path = tmp_path / "a/nyu_depth_v2_labeled.mat"
    assert path.read_bytes() == (tmp_path / "b/nyu_depth_v2_labeled.mat").read_bytes()
    assert path.read_bytes()[:19] == b"MATLAB 7.3 MAT-file" and path.read_bytes()[124:128] == b"\x00\x02IM"
    with h5py.File(path) as file:
        assert file.userblock_size == 512
        kinds = {name: (file[name].shape, file[name].attrs["MATLAB_class"]) for name in file}
    assert kinds == {"images": ((7, 3, 64, 48), b"uint8"), "depths": ((7, 64, 48), b"single"),
                     "rawDepths": ((7, 64, 48), b"single"), "testNdxs": ((1, 2), b"double")}
    for part, count in (("train", 5), ("test", 2)):
        filled, raw = NyuLabelled(path, part), NyuLabelled(path, part, raw_depth=True)
        assert len(filled) == count
        for i in range(count):
            (rgb, depth_m), raw_m = filled.read(i), raw.read(i)[1]
            assert rgb.shape == (48, 64, 3) and rgb.std() > 5
            assert 0.5 <= depth_m.min() < depth_m.max() <= 10
            assert 0 < (raw_m == 0).mean() < 0.5
            np.testing.assert_array_equal(raw_m[raw_m > 0], depth_m[raw_m > 0])
