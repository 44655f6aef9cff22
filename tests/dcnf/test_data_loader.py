# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""dcnf's samples: columns counted pixel by pixel, mirroring, colours, what is random, stored superpixels."""
from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.datasets.loader import TrainLoader
from src.datasets.mindrecord import Records
from src.datasets.record_sets import RecordPairs
from src.dcnf.data_loader import DividedPairs, EvalSamples, TrainSamples, divide, network_inputs, sample_of
from src.errors import UserError
from tests.dcnf.test_superpixels import edges_by_loop, mosaic
from tests.dcnf_files import HEIGHT, ROOM, WIDTH, InMemory, scene, settings_of, write_record

PLAIN = ("--rand_flip", "false", "--color_range", 0)  # no augmentation
GRID = ("--superpixels", "grid", "--block_px", 16, "--max_edge_px", 64)  # 3 x 4 blocks of 48 x 64
PATCHES = ("--unary", "patches", "--reduced", "true", "--box_px", 32)
LARGE_HW = (96, 128)  # a picture twice as large as the network sees it


def samples_of(pairs: InMemory, *argv: object, joint: bool = True, dropout_units: int = 0) -> TrainSamples:
    settings = settings_of(*argv)
    return TrainSamples(DividedPairs(pairs, settings), settings, joint, dropout_units)


def read_one(seed: int, *argv: object, pairs: InMemory | None = None, **kinds) -> dict[str, np.ndarray]:
    """Columns of a scene under the settings of a command line."""
    return samples_of(pairs or InMemory(scene()), *argv, **kinds).read(0, np.random.default_rng(seed))


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


# --- columns ----------------------------------------------------------------------------------------------

IMAGE = {"image": (3, HEIGHT, WIDTH), "pool": (ROOM, HEIGHT * WIDTH // 64)}
TRUTH = {"log_depth": (ROOM,), "valid": (ROOM,)}


@pytest.mark.parametrize(("argv", "unary"), [
    ((), IMAGE), (GRID, IMAGE), (("--max_edge_px", 40), IMAGE), (PATCHES, {"patches": (ROOM, 3, 100, 100)})])
def test_columns_are_contiguous_float32_of_fixed_sizes(argv, unary):
    pairs = {"similarity": (3, ROOM, ROOM)}
    for picture in (scene(), scene(image_hw=LARGE_HW), scene(image_hw=(61, 45))):
        for joint, units, more in ((True, 0, pairs), (False, 0, {}), (False, 9, {"keep": (ROOM, 9)})):
            columns = read_one(3, *argv, pairs=InMemory(picture), joint=joint, dropout_units=units)
            expected = {**unary, **TRUTH, **more}
            assert {name: column.shape for name, column in columns.items()} == expected
            assert all(column.dtype == np.float32 and column.flags.c_contiguous
                       for column in columns.values())


@pytest.mark.parametrize("argv", [(), GRID, ("--max_edge_px", 64)])
@pytest.mark.parametrize("image_hw", [(HEIGHT, WIDTH), LARGE_HW])
def test_truth_is_the_mean_log_depth_of_each_superpixel(argv, image_hw):
    """Also of superpixels of a smaller picture than the depth map's."""
    rgb, depth_m = scene(image_hw=image_hw, holes=0.72)
    columns = read_one(0, *PLAIN, *argv, "--min_truth_share", 0.28, pairs=InMemory((rgb, depth_m)))
    labels = divide(rgb, settings_of(*argv)).labels
    readings: dict[int, list[float]] = {}
    for row, column in np.ndindex(image_hw):
        at = labels[row * labels.shape[0] // image_hw[0], column * labels.shape[1] // image_hw[1]]
        readings.setdefault(int(at), []).append(depth_m[row, column])
    known = 0
    for label in range(ROOM):
        found = [value for value in readings.get(label, []) if value > 0]
        enough = len(found) > 0 and len(found) >= 0.28 * len(readings[label])
        known += enough
        assert columns["valid"][label] == enough
        expected = np.mean(np.log(np.array(found, float))) if enough else 0
        assert columns["log_depth"][label] == pytest.approx(expected, abs=1e-6)
    assert 0 < known < len(readings)


@pytest.mark.parametrize("image_hw", [(HEIGHT, WIDTH), LARGE_HW, (61, 45)])
def test_pool_counts_the_pixels_of_a_superpixel_in_each_cell(image_hw):
    rgb, depth_m = scene(image_hw=image_hw)
    pool = read_one(0, *PLAIN, pairs=InMemory((rgb, depth_m)))["pool"]
    labels = divide(rgb, settings_of()).labels
    counts = np.zeros((ROOM, 6, 8))
    for row, column in np.ndindex(image_hw):
        counts[labels[row, column], int((row + 0.5) * 6 / image_hw[0]),
               int((column + 0.5) * 8 / image_hw[1])] += 1
    number = int(labels.max()) + 1
    assert 8 < number <= ROOM
    areas = counts.sum((1, 2), keepdims=True)
    np.testing.assert_allclose(pool.reshape(counts.shape), counts / np.maximum(areas, 1), atol=1e-7)
    np.testing.assert_allclose(pool[:number].sum(1), 1, atol=1e-6)
    assert not pool[number:].any()


def test_similarity_is_of_neighbours_alone():
    rgb, depth_m = scene()
    found = read_one(0, *PLAIN)["similarity"]
    touching = np.zeros((ROOM, ROOM), bool)
    for first, second in edges_by_loop(divide(rgb, settings_of()).labels):
        touching[first, second] = touching[second, first] = True
    for matrix in found:
        np.testing.assert_array_equal(matrix, matrix.T)
        assert not matrix[~touching].any()
        assert 0 <= matrix.min() < matrix[touching].max() <= 1
    assert all(matrix[touching].std() > 0.01 for matrix in found[1:]) and found[0].any()
    plain = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    alike = read_one(0, *PLAIN, *GRID, "--similarities", "colour,histogram", pairs=InMemory((plain, depth_m)))
    expected = np.zeros((ROOM, ROOM))
    for block in range(12):
        for other in (block + 1, block + 4):
            if other < 12 and (other != block + 1 or other % 4):
                expected[block, other] = expected[other, block] = 1
    np.testing.assert_allclose(alike["similarity"], [expected, expected], atol=1e-6)


def test_similarities_are_in_the_order_of_the_setting():
    texture, histogram, colour = read_one(0, *PLAIN)["similarity"]
    chosen = read_one(0, *PLAIN, "--similarities", "colour,texture")["similarity"]
    np.testing.assert_array_equal(chosen, [colour, texture])
    (single,) = read_one(0, *PLAIN, "--similarities", "histogram")["similarity"]
    np.testing.assert_array_equal(single, histogram)


def test_pictures_come_as_the_network_sees_them():
    (rgb, depth_m), blocks = scene(image_hw=LARGE_HW), (HEIGHT, 2, WIDTH, 2, 3)
    columns = read_one(0, *PLAIN, pairs=InMemory((rgb, depth_m)))
    expected = rgb.reshape(blocks).mean((1, 3)) / 255
    np.testing.assert_allclose(np.moveaxis(columns["image"], 0, -1), expected, atol=0.51 / 255)
    small, _ = scene()
    np.testing.assert_allclose(read_one(0, *PLAIN)["image"], np.moveaxis(small, -1, 0) / 255, atol=1e-7)


def test_patches_surround_the_blocks():
    rgb, _ = scene()
    patches = read_one(0, *PLAIN, *GRID, *PATCHES, "--box_px", 100)["patches"]
    padded = np.pad(rgb, ((42, 42), (42, 42), (0, 0))) / 255
    for block in range(12):
        top, left = 16 * (block // 4), 16 * (block % 4)
        np.testing.assert_allclose(np.moveaxis(patches[block], 0, -1),
                                   padded[top:top + 100, left:left + 100], atol=1e-7)
    assert not patches[12:].any()


@pytest.mark.parametrize("share", [0.0, 0.25, 0.6])
def test_units_that_stay_make_up_for_dropped_ones(share):
    keep = read_one(0, "--dropout", share, dropout_units=400)["keep"]
    assert keep.shape == (ROOM, 400)
    np.testing.assert_allclose(np.unique(keep), [0, 1 / (1 - share)][share == 0:], rtol=1e-6)
    assert keep.mean() == pytest.approx(1, abs=0.03)
    assert share == 0 or len(np.unique(keep, axis=0)) == ROOM  # each superpixel drops its own


# --- what is random ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [(), ("--max_edge_px", 64), (*GRID, *PATCHES)])
def test_half_of_the_samples_are_mirrored_in_everything_that_has_a_side(argv):
    pairs, flips = InMemory(scene(image_hw=LARGE_HW)), []
    if "--unary" in argv:
        pairs = InMemory(scene())
    plain = read_one(0, *PLAIN, *argv, pairs=pairs)
    mirrored = dict(plain)
    for name in plain.keys() & {"image", "patches"}:
        mirrored[name] = plain[name][..., ::-1]
    if "pool" in plain:
        mirrored["pool"] = plain["pool"].reshape(ROOM, 6, 8)[:, :, ::-1].reshape(ROOM, 48)
    for seed in range(40):
        columns = read_one(seed, "--color_range", 0, *argv, pairs=pairs)
        seen = "pool" if "pool" in plain else "patches"
        flips.append(not np.array_equal(columns[seen], plain[seen]))
        assert columns.keys() == plain.keys()
        for name, expected in (mirrored if flips[-1] else plain).items():
            np.testing.assert_allclose(columns[name], expected, atol=1e-6, err_msg=name)
    assert 10 < sum(flips) < 30


def test_the_truth_of_a_mirrored_picture_is_that_of_its_own_superpixels():
    """Depth is mirrored along with the labels: superpixels keep their numbers and their depth."""
    rgb, _ = scene()
    columns_m = np.linspace(1, 8, WIDTH, dtype=np.float32) * np.ones((HEIGHT, 1), np.float32)
    found = [read_one(seed, "--color_range", 0, pairs=InMemory((rgb, columns_m))) for seed in range(12)]
    images = {columns["image"].tobytes() for columns in found}
    assert len(images) == 2
    for columns in found[1:]:
        np.testing.assert_allclose(columns["log_depth"], found[0]["log_depth"], rtol=1e-6)


@pytest.mark.parametrize("argv", [(), (*GRID, *PATCHES)])
def test_colours_change_by_a_factor_a_channel(argv):
    plain = np.broadcast_to(np.array((50, 100, 150), np.uint8), (HEIGHT, WIDTH, 3))
    pairs, factors, seen = InMemory((plain, scene()[1])), [], 5  # a block in the middle, all in the picture
    for seed in range(40):
        columns = read_one(seed, "--color_range", 0.25, *argv, "--box_px", 16, pairs=pairs)
        pixels = columns["image"] if not argv else columns["patches"][seen]
        found = pixels / (np.array((50, 100, 150)).reshape(3, 1, 1) / 255)
        factors.append(found.mean((1, 2)))
        np.testing.assert_allclose(found, np.broadcast_to(factors[-1].reshape(3, 1, 1), found.shape),
                                   rtol=1e-4)
    factors = np.array(factors)
    assert 0.75 <= factors.min() < 0.79 and 1.21 < factors.max() <= 1.2501
    assert np.abs(np.corrcoef(factors.T) - np.eye(3)).max() < 0.6
    white = InMemory((np.full((HEIGHT, WIDTH, 3), 255, np.uint8), scene()[1]))
    assert read_one(0, "--color_range", 0.9, pairs=white)["image"].max() <= 1


def test_colours_change_neither_superpixels_nor_similarity():
    first, second = (read_one(seed, "--rand_flip", "false", "--color_range", 0.5) for seed in (0, 1))
    assert not np.array_equal(first["image"], second["image"])
    for name in ("pool", "similarity", "log_depth", "valid"):
        np.testing.assert_array_equal(first[name], second[name])


def test_batches_depend_on_seed_and_epoch_alone():
    def batches(workers: int, seed: int = 5) -> list[dict[str, np.ndarray]]:
        samples = samples_of(InMemory(*(scene(number) for number in range(4))), dropout_units=5)
        return [batch.columns for batch in TrainLoader(samples, 2, seed, workers).batches(0, 4)]

    alone, together = batches(1), batches(3)
    for first, second in zip(alone, together, strict=True):
        assert len(first) == 6
        assert_same(first, second)
    assert not np.array_equal(alone[0]["keep"], alone[2]["keep"])  # another epoch
    assert not np.array_equal(alone[0]["keep"], batches(1, 6)[0]["keep"])


# --- stored superpixels -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs() -> InMemory:
    return InMemory(*(scene(number) for number in range(3)))


@pytest.fixture(scope="module", params=["slic", "grid"])
def stored(request, tmp_path_factory, pairs) -> tuple[Path, tuple]:
    """A record of pairs with their superpixels, and the settings that these were made with."""
    argv = (*(GRID if request.param == "grid" else ()), "--max_edge_px", 60)
    path = tmp_path_factory.mktemp("record") / "train.mindrecord"
    return write_record(path, pairs, settings_of(*argv)), argv


def read_record(path: Path, *argv: object) -> DividedPairs:
    return DividedPairs(RecordPairs(Records(path)), settings_of(*argv))


def test_stored_superpixels_give_the_columns_of_computed_ones(stored, pairs, monkeypatch):
    path, argv = stored
    for more in ((), ("--image_height", 32, "--similarities", "colour"), PATCHES):
        settings = settings_of(*argv, *more)
        expected = [TrainSamples(DividedPairs(pairs, settings), settings, True, 0).read(
            index, np.random.default_rng(index)) for index in range(3)]
        with monkeypatch.context() as patch:
            patch.setattr("src.dcnf.data_loader.divide", None)  # nothing is computed
            samples = TrainSamples(DividedPairs(RecordPairs(Records(path)), settings), settings, True, 0)
            for index, columns in enumerate(expected):
                assert_same(samples.read(index, np.random.default_rng(index)), columns)


def test_records_without_superpixels_are_divided_when_they_are_read(tmp_path, pairs):
    settings = settings_of()
    path = write_record(tmp_path / "train.mindrecord", pairs, settings, superpixels=False)
    assert "labels" not in Records(path).columns
    found = TrainSamples(read_record(path), settings, True, 0).read(1, np.random.default_rng(0))
    assert_same(found, read_one(0, pairs=InMemory(pairs.read(1))))


@pytest.mark.parametrize(("name", "value"), [("num_superpixels", 21), ("slic_regularizer", 0.31),
                                             ("block_px", 17), ("max_edge_px", 61),
                                             ("superpixels", None)])
def test_superpixels_of_other_settings_are_refused(stored, name, value):
    path, argv = stored
    kind = "grid" if "grid" in argv else "slic"
    if name in {"slic": ("block_px",), "grid": ("num_superpixels", "slic_regularizer")}[kind]:
        assert len(read_record(path, *argv, f"--{name}", value)) == 3  # without a say here
        return
    value = value or ("slic" if kind == "grid" else "grid")
    with pytest.raises(UserError) as caught:
        read_record(path, *argv, f"--{name}", value)
    text, made = str(caught.value), settings_of(*argv)
    before, after = text.split(", and ")
    assert before.startswith(f"{path} holds superpixels made with ") and "\n" not in text
    assert f"--{name} {made[name]}" in before and f"--{name} {value}" in after
    assert after.endswith(" are wanted; give those settings, or convert it again")


# --- evaluation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("argv", "divided_hw"), [((), LARGE_HW), (("--max_edge_px", 64), (48, 64))])
def test_evaluation_is_at_the_size_of_the_truth(argv, divided_hw):
    rgb, depth_m = scene(image_hw=LARGE_HW)
    settings = settings_of(*argv, command="eval")
    samples = EvalSamples(DividedPairs(InMemory(scene(1), (rgb, depth_m)), settings), settings)
    assert len(samples) == 2
    found, picture = samples[1], divide(rgb, settings)
    assert found.name == "picture1" and found.image_hw == LARGE_HW
    np.testing.assert_array_equal(found.rgb, rgb)
    np.testing.assert_array_equal(found.truth_m, depth_m)
    assert_same(found.extras, {"labels": picture.labels, "picture": picture.rgb})
    assert found.extras["labels"].dtype == np.uint16 and found.extras["labels"].shape == divided_hw
    assert found.extras["picture"].dtype == np.uint8
    assert_same(found.inputs, network_inputs(picture, settings))
    assert set(found.inputs) == {"image", "pool", "similarity"}
    if divided_hw == LARGE_HW:
        np.testing.assert_array_equal(found.extras["picture"], rgb)
    else:
        blocks = rgb.reshape(48, 2, 64, 2, 3).mean((1, 3))
        np.testing.assert_allclose(found.extras["picture"], blocks, atol=0.51)


def test_samples_from_records_are_those_of_pictures(stored, pairs):
    path, argv = stored
    settings = settings_of(*argv)
    for index in range(3):
        found = EvalSamples(read_record(path, *argv), settings)[index]
        expected = sample_of(found.name, divide(pairs.read(index)[0], settings), *pairs.read(index)[:1],
                             settings, pairs.read(index)[1])
        for field in dataclasses.fields(found):
            one, other = getattr(found, field.name), getattr(expected, field.name)
            if isinstance(one, dict):
                assert_same(one, other)
            else:
                np.testing.assert_array_equal(one, other)


# --- mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("argv", "image_hw", "words"), [
    (("--superpixels", "grid", "--block_px", 8), (HEIGHT, WIDTH),
     "a picture has 48 superpixels and --max_superpixels is 24; give more, or larger superpixels"),
    (("--max_superpixels", 21), (2, 300), "a picture of 300 x 2 is too narrow for at most 21 superpixels; "
     "give more --max_superpixels")])
def test_pictures_with_too_many_superpixels_are_refused(argv, image_hw, words):
    with pytest.raises(UserError) as caught:
        read_one(0, *argv, pairs=InMemory((mosaic(image_hw)[0], np.ones(image_hw, np.float32))))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_stored_superpixels_need_their_room(stored):
    path, argv = stored
    numbers = [1 + int(read_record(path, *argv).read(index)[0].labels.max()) for index in range(3)]
    for room in (max(numbers), max(numbers) - 1):
        settings = settings_of(*argv, "--max_superpixels", room)
        samples = TrainSamples(read_record(path, *argv), settings, True, 0)
        for index, number in enumerate(numbers):
            if number > room:
                with pytest.raises(UserError, match=f"has {number} superpixels and --max_superpixels is"):
                    samples.read(index, np.random.default_rng(0))
            else:
                assert samples.read(index, np.random.default_rng(0))["pool"].shape[0] == room


def test_small_pictures_are_enlarged_for_the_network():
    rgb, depth_m = scene(image_hw=(24, 32))
    columns = read_one(0, *PLAIN, pairs=InMemory((rgb, depth_m)))
    expected = cv2.resize(rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) / 255
    np.testing.assert_allclose(np.moveaxis(columns["image"], 0, -1), expected, atol=1e-6)
