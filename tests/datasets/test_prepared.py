# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Preprocessed folders: sizes, metric depth, what is kept, left out and refused."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from src.datasets.prepared import Plan, Prepared, prepare
from src.errors import UserError

AS_THEY_ARE = Plan(None, None, "mm")


class Source:
    """Ten samples of 40x30; the fifth is damaged, if asked for."""

    names = tuple(f"op{i}-p-{15 + i}t000" for i in range(10))

    def __init__(self, damaged: bool = False, far_m: float = 9.0):
        self.damaged = damaged
        self.far_m = far_m
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 10

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        self.asked.append(index)
        if self.damaged and index == 4:
            raise UserError("op4.jpg is damaged")
        rng = np.random.default_rng(index)
        depth_m = rng.uniform(0.5, self.far_m, (30, 40)).astype(np.float32)
        depth_m[:3] = 0
        return rng.integers(0, 256, (30, 40, 3), np.uint8), depth_m


def files_of(folder: Path, index: int, suffix: str = ".png") -> tuple[np.ndarray, np.ndarray]:
    name = Source.names[index]
    depth = folder / f"{name}-depth{suffix}"
    return (np.asarray(Image.open(folder / f"{name}-image.png")),
            np.load(depth) if suffix == ".npy" else np.asarray(Image.open(depth)))


def refusal(call, *args: object, **options: object) -> str:
    with pytest.raises(UserError) as error:
        call(*args, **options)
    return str(error.value)


@pytest.mark.parametrize("workers", [1, 2])
def test_depth_is_kept_in_millimetres(tmp_path, workers):
    assert prepare(Source(), tmp_path / "train", AS_THEY_ARE, workers) == (10, [])
    for index in range(10):
        rgb, depth_m = Source().read(index)
        own_rgb, depth_mm = files_of(tmp_path / "train", index)
        np.testing.assert_array_equal(own_rgb, rgb)
        assert depth_mm.dtype == np.uint16
        np.testing.assert_array_equal(depth_mm, np.rint(depth_m.astype(np.float64) * 1000))
    assert len(list((tmp_path / "train").iterdir())) == 21


def test_depth_is_kept_in_float32_metres(tmp_path):
    prepare(Source(far_m=81.9), tmp_path, Plan(None, None, "m"))
    depth_m = files_of(tmp_path, 3, ".npy")[1]
    assert depth_m.dtype == np.float32
    np.testing.assert_array_equal(depth_m, Source(far_m=81.9).read(3)[1])


def test_sizes(tmp_path):
    """Pictures shrink by area and grow linearly; of depth only readings are left, never mixtures."""
    prepare(Source(), tmp_path / "a", Plan((20, 10), (8, 6), "mm", 0, 2))
    prepare(Source(), tmp_path / "b", Plan((80, 60), (80, 60), "mm", 0, 2))
    rgb, depth_m = Source().read(1)
    depth_mm = np.rint(depth_m * 1000)
    small, small_mm = files_of(tmp_path / "a", 1)
    np.testing.assert_array_equal(small, cv2.resize(rgb, (20, 10), interpolation=cv2.INTER_AREA))
    np.testing.assert_array_equal(small_mm, depth_mm[2::5, 2::5])
    large, large_mm = files_of(tmp_path / "b", 1)
    np.testing.assert_array_equal(large, cv2.resize(rgb, (80, 60), interpolation=cv2.INTER_LINEAR))
    np.testing.assert_array_equal(large_mm, depth_mm.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(("first", "end", "chosen"), [(0, None, range(10)), (3, None, range(3, 10)),
                                                      (2, 5, range(2, 5)), (8, 99, range(8, 10))])
def test_a_range_of_samples(tmp_path, first, end, chosen):
    assert prepare(Source(), tmp_path, Plan(None, None, "mm", first, end)) == (len(chosen), [])
    assert Prepared(tmp_path).names == tuple(sorted(Source.names[i] for i in chosen))


def test_a_range_of_nothing_is_refused(tmp_path):
    text = refusal(prepare, Source(), tmp_path / "a", Plan(None, None, "mm", 10, 20))
    assert text == ("samples 10 to 20 (START, LIMIT) are none of a part that has 10; training and test set "
                    "are cut alike")
    assert not (tmp_path / "a").exists()


def test_what_is_there_is_kept(tmp_path):
    prepare(Source(), tmp_path, AS_THEY_ARE)
    (tmp_path / f"{Source.names[7]}-depth.png").unlink()
    record = json.loads((tmp_path / "preprocess.json").read_text())
    assert record["complete"]
    (tmp_path / "preprocess.json").write_text(json.dumps({**record, "complete": False}))
    assert "is incomplete; run preprocess again" in refusal(Prepared, tmp_path)
    source = Source()
    assert prepare(source, tmp_path, AS_THEY_ARE) == (10, [])
    assert source.asked == [7] and len(Prepared(tmp_path)) == 10


def test_other_settings_need_force(tmp_path):
    prepare(Source(), tmp_path, AS_THEY_ARE)
    (tmp_path / "mine.txt").write_text("mine")
    text = refusal(prepare, Source(), tmp_path, Plan((20, 15), None, "mm", 1))
    assert "was made with image_wh None instead of [20, 15], first 0 instead of 1; --force" in text
    assert len(Prepared(tmp_path)) == 10
    assert prepare(Source(), tmp_path, Plan((20, 15), None, "m", 1), force=True) == (9, [])
    assert len(Prepared(tmp_path)) == 9 and not list(tmp_path.glob("*-depth.png"))
    assert (tmp_path / "mine.txt").exists()


def test_files_of_another_program_need_force(tmp_path):
    (tmp_path / "a-image.png").write_bytes(b"")
    assert "--force (make: FORCE=1) makes it anew" in refusal(prepare, Source(), tmp_path, AS_THEY_ARE)
    assert prepare(Source(), tmp_path, AS_THEY_ARE, force=True)[0] == 10


def test_damaged_samples_are_told_and_left_out(tmp_path):
    told = [f"{Source.names[4]}: op4.jpg is damaged"]
    assert prepare(Source(damaged=True), tmp_path, AS_THEY_ARE) == (9, told)
    assert len(Prepared(tmp_path)) == 9 and Source.names[4] not in Prepared(tmp_path).names
    assert "no sample can be read; op4-p-19t000: op4.jpg is damaged" in refusal(
        prepare, Source(damaged=True), tmp_path / "b", Plan(None, None, "mm", 4, 5))
    count, problems = prepare(Source(far_m=65.57), tmp_path / "c", AS_THEY_ARE)
    assert count == 10 - len(problems) and 0 < len(problems) < 10
    assert all("does not fit into 16 bits" in problem for problem in problems)


def test_rows_are_the_files_bytes(tmp_path):
    for unit, suffix in (("mm", "png"), ("m", "npy")):
        folder = tmp_path / unit
        prepare(Source(), folder, Plan(None, None, unit))
        samples = Prepared(folder)
        assert samples.names == tuple(sorted(Source.names))
        row = samples.row(3)
        stem = folder / samples.names[3]
        assert row == {"rgb": Path(f"{stem}-image.png").read_bytes(),
                       f"depth_{unit}": Path(f"{stem}-depth.{suffix}").read_bytes()}
        further = samples.row(3, lambda rgb: {"mean": rgb.mean((0, 1))})
        np.testing.assert_array_equal(further["mean"], Source().read(3)[0].mean((0, 1)))


def test_other_folders_are_refused(tmp_path):
    assert "holds no preprocessed data; run preprocess first" in refusal(Prepared, tmp_path / "no")
    (tmp_path / "preprocess.json").write_text("[]")
    assert "holds no preprocessed data" in refusal(Prepared, tmp_path)
    prepare(Source(), tmp_path / "a", AS_THEY_ARE)
    (tmp_path / "a" / f"{Source.names[2]}-image.png").unlink()
    assert "is incomplete; run preprocess again" in refusal(Prepared, tmp_path / "a")
