# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Sets read back from records: equal to those read from files, for pairs, stereo pairs and panoramas."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.config import load_settings
from src.datasets.loader import TrainLoader
from src.datasets.mindrecord import Records, write_records
from src.datasets.pair_sets import open_pairs
from src.datasets.pairs import nyu_test
from src.datasets.panorama import read_panoramas, write_panoramas
from src.datasets.record_rows import exact_unit, panorama_rows
from src.datasets.record_sets import (
    RecordPairs,
    RecordPanoramas,
    RecordStereo,
    depth_of,
    depth_row,
    find_record,
    pair_row,
    stereo_row,
)
from src.datasets.stereo import StereoFrame
from src.depthnet.data_loader import EvalSamples, TrainSamples
from src.errors import UserError
from src.geometry.pinhole import Intrinsics
from tests.samples import save, write_nyu


def refusal(call, *args: object) -> str:
    with pytest.raises(UserError) as error:
        call(*args)
    return str(error.value)


def settings(*argv: object):
    return load_settings("train", "", [str(arg) for arg in argv])


@pytest.fixture(scope="module")
def nyu(tmp_path_factory) -> Path:
    """A folder with Test/ and the same pairs as records, train.mindrecord and test.mindrecord."""
    root = write_nyu(tmp_path_factory.mktemp("nyu"), 0, 6)
    pairs = nyu_test(str(root))
    for part, chosen in (("test", range(6)), ("train", range(1, 5))):
        write_records(root / f"{part}.mindrecord", [str(pairs.names[i]) for i in chosen],
                      lambda index, chosen=chosen: pair_row(*pairs.read(chosen[index]), "mm"), shards=2)
    return root


def test_pairs_are_those_of_the_files(nyu):
    files, records = nyu_test(str(nyu)), RecordPairs(Records(nyu / "test.mindrecord"))
    assert len(records) == 6 and list(records.names) == files.names.tolist()
    for i in range(6):
        (rgb, depth_m), (own_rgb, own_m) = files.read(i), records.read(i)
        assert own_rgb.dtype == np.uint8 and own_m.dtype == np.float32
        np.testing.assert_array_equal(own_rgb, rgb)
        np.testing.assert_array_equal(own_m, depth_m)
    assert records.describe(1) == f"{nyu / 'test.mindrecord'} 00001"


def test_depthnet_trains_on_the_same_batches(nyu):
    s = settings("--augmentation", "paper")
    first, second = (TrainLoader(TrainSamples(pairs, s, 0), batch_size=3, seed=5, workers=3).batches(0, 5)
                     for pairs in (nyu_test(str(nyu)), RecordPairs(Records(nyu / "test.mindrecord"))))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
        for name, values in one.columns.items():
            np.testing.assert_array_equal(values, other.columns[name])


def test_depthnet_evaluates_the_same_samples(nyu):
    one, other = (EvalSamples(pairs, "crop")[2]
                  for pairs in (nyu_test(str(nyu)), RecordPairs(Records(nyu / "test.mindrecord"))))
    np.testing.assert_array_equal(one.inputs["image"], other.inputs["image"])
    np.testing.assert_array_equal(one.truth_m, other.truth_m)
    assert one.name == other.name


def test_settings_say_where_pairs_come_from(nyu, tmp_path):
    def names(part: str, *argv: object) -> list[str]:
        return [str(name) for name in open_pairs(settings(*argv), part).names]

    everything = [f"{i:05d}" for i in range(6)]
    assert names("test", "--data_url", nyu) == everything
    assert names("train", "--data_url", nyu) == everything[1:5]
    assert names("train", "--data_url", nyu / "test.mindrecord") == everything
    assert names("train", "--data_url", nyu / "test.mindrecord0") == everything
    assert names("test", "--data_list", nyu / "train.mindrecord") == everything[1:5]
    save(tmp_path / "a.png", np.zeros((4, 6, 3), np.uint8))
    save(tmp_path / "d.png", np.full((4, 6), 3000, np.uint16))
    (tmp_path / "list.txt").write_text("a.png d.png\n")
    assert names("test", "--data_list", tmp_path / "list.txt") == ["00000_a"]
    (nyu / "elsewhere").mkdir(exist_ok=True)
    write_nyu(nyu / "elsewhere", 2, 1)
    assert names("train", "--data_url", nyu / "elsewhere") == ["room_0_1", "room_1_1"]
    assert find_record(str(nyu / "elsewhere"), "train") is None
    assert "no such file" in refusal(names, "train", "--data_url", tmp_path / "nyu.mat")
    assert "no record" in refusal(names, "train", "--data_url", tmp_path / "no.mindrecord")


@pytest.mark.parametrize("unit", ["mm", "m"])
def test_depth_keeps_its_metres(unit):
    exact_m = np.arange(0, 65536, dtype=np.float64)[None] / 1000
    depth_m = exact_m.astype(np.float32)
    row = depth_row(depth_m, unit, "left_")
    assert set(row) == {f"left_depth_{unit}"}
    np.testing.assert_array_equal(depth_of(row, "left_"), depth_m)
    if unit == "mm":
        np.testing.assert_array_equal(row["left_depth_mm"], np.arange(65536)[None])
        off_m = depth_of(depth_row(depth_m[:, 1:-1] + np.float32(0.0003), unit)) - exact_m[:, 1:-1]
        assert np.abs(off_m).max() < 1e-5


def test_only_pngs_of_millimetres_are_kept_in_millimetres():
    assert exact_unit(["a.png", "b.png"], 1000.0) == "mm"
    for files, units_per_m in ((["a.png", "b.npy"], 1000.0), (["a.exr"], 1000.0), (["a.png"], 256.0)):
        assert exact_unit(files, units_per_m) == "m"


def test_depth_beyond_16_bits_is_refused():
    far_m = np.array([[65.6]], np.float32)
    assert "a depth of 65.6 m does not fit" in refusal(depth_row, far_m, "mm")
    assert depth_row(far_m, "m")["depth_m"] == far_m


def test_a_lasers_grid_is_enlarged_to_its_picture(tmp_path):
    depth_m = np.arange(1, 7, dtype=np.float32).reshape(2, 3)
    path = tmp_path / "a.mindrecord"
    write_records(path, ["a"], lambda index: pair_row(np.zeros((4, 9, 3), np.uint8), depth_m, "m"))
    np.testing.assert_array_equal(RecordPairs(Records(path)).read(0)[1], depth_m.repeat(2, 0).repeat(3, 1))


def test_stereo_pairs(tmp_path):
    rng = np.random.default_rng(0)
    frames = []
    for i in range(3):
        rgb = rng.integers(0, 256, (2, 37, 124, 3), np.uint8)
        sparse_m = np.where(rng.random((2, 37, 124)) < 0.05, rng.uniform(2, 80, (2, 37, 124)), 0)
        camera = Intrinsics(72.15377, 72.1, 60.9 + i, 17.3, 124, 37)
        frames.append(StereoFrame(*rgb, *sparse_m.astype(np.float32), camera, camera.flipped(), 0.53715))
    path = tmp_path / "kitti.mindrecord"
    write_records(path, ["a", "b", "c"], lambda index: stereo_row(frames[index], "m"))
    records = RecordStereo(Records(path))
    assert len(records) == 3 and records.names == ("a", "b", "c") and records.describe(2).endswith(" c")
    for i, frame in enumerate(frames):
        found = records.read(i)
        for name, values in frame._asdict().items():
            np.testing.assert_array_equal(getattr(found, name), values)
        assert found.left_depth_m.dtype == np.float32 and isinstance(found.right_camera, Intrinsics)
    without = RecordStereo(Records(path), with_truth=False).read(1)
    assert without.left_depth_m.shape == without.right_depth_m.shape == (37, 124)
    assert not without.left_depth_m.any() and not without.right_depth_m.any()
    np.testing.assert_array_equal(without.right_rgb, frames[1].right_rgb)
    write_records(path, ["a"], lambda index: stereo_row(frames[0], None), force=True)
    assert RecordStereo(Records(path), with_truth=False).read(0).baseline_m == 0.53715
    assert "has no left_depth_mm and no left_depth_m" in refusal(RecordStereo, Records(path))


def pose(x_m: float) -> np.ndarray:
    return np.array([[0, -1, 0, x_m], [1, 0, 0, 0.25], [0, 0, 1, 1.5], [0, 0, 0, 1.0]])


@pytest.fixture
def panoramas(tmp_path):
    """Return a function that writes two panoramas and opens a list of so many columns."""
    rng = np.random.default_rng(0)
    for i in range(2):
        save(tmp_path / f"{i}.png", rng.integers(0, 256, (16, 32, 3), np.uint8))
        save(tmp_path / f"d{i}.png", rng.integers(0, 9000, (16, 32), np.uint16))
        np.savetxt(tmp_path / f"{i}.txt", pose(i))

    def opened(columns: int):
        files = [(f"{i}.png", f"d{i}.png", f"{i}.txt") for i in range(2)]
        rows = [(files[0] + files[1])[:columns], (files[1] + files[0])[:columns]]
        write_panoramas(tmp_path / "list.csv", rows)
        return read_panoramas(tmp_path / "list.csv", 1000)

    return opened


@pytest.mark.parametrize("columns", [2, 3, 6])
def test_panoramas(panoramas, tmp_path, columns):
    listed = panoramas(columns)
    path = tmp_path / "p.mindrecord"
    write_records(path, *panorama_rows(listed))
    records = RecordPanoramas(Records(path))
    assert records.has_pair == listed.has_pair == (columns > 3)
    assert records.names == listed.names and records.describe(1).endswith(f" {listed.names[1]}")
    for i in range(2):
        for second in range(1 + records.has_pair):
            one, other = listed.read(i, bool(second)), records.read(i, bool(second))
            np.testing.assert_array_equal(one.rgb, other.rgb)
            np.testing.assert_array_equal(one.depth_m, other.depth_m)
            assert (one.camera_to_world is None) == (other.camera_to_world is None) == (columns < 6)
            if columns == 6:
                np.testing.assert_array_equal(one.camera_to_world, other.camera_to_world)
    if not records.has_pair:
        assert "has no second_rgb" in refusal(records.read, 0, True)


def test_records_of_another_kind_are_refused(nyu, tmp_path):
    path = tmp_path / "a.mindrecord"
    write_records(path, ["a"], lambda index: {"rgb": np.zeros((2, 2, 3), np.uint8), "normals": np.ones(3)})
    text = refusal(RecordPairs, Records(path))
    assert text.startswith(f"{path} has no depth_mm and no depth_m, only normals, rgb")
    assert "has no left_rgb and no right_rgb" in refusal(RecordStereo, Records(nyu / "test.mindrecord"))
    write_records(path, ["a"], lambda index: {"depth_m": np.ones((2, 2))}, force=True)
    assert "has no rgb" in refusal(RecordPairs, Records(path))
    assert "has no rgb" in refusal(RecordPanoramas, Records(path))
