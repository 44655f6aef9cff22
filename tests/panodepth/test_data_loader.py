# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's samples: pairs against exactly ray-cast rooms, turns, mirroring, colours, sizes, lists."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.datasets.loader import TrainLoader
from src.datasets.panorama import Panorama, write_panoramas
from src.errors import UserError
from src.geometry.sphere import project, sample
from src.panodepth.data_loader import EvalSamples, TrainSamples, network_image, open_panoramas
from tests.geometry import panorama_scene
from tests.geometry.panorama_scene import pixel_directions, rotation
from tests.panorama_files import (
    HEIGHT,
    WIDTH,
    InMemory,
    box_depth_m,
    seed_row,
    settings_of,
    write_depth,
    write_picture,
    write_seed_view,
    yawed,
)

SMALL = ("--image_height", 64, "--image_width", 128)
PLAIN = ("--rand_roll", "false", "--rand_flip", "false", "--color_range", 0)  # no augmentation
# Two tilted cameras; the pillar hides a part of the room from each.
VIEWS = (panorama_scene.Panorama((-1.2, -0.1, 0.9), rotation(15, 10, -5), pillar=True),
         panorama_scene.Panorama((2.3, 0.2, -0.4), rotation(-60, -8, 12), pillar=True))
HERE, THERE = yawed(0.4, (0.5, 0.1, -0.3)), yawed(-0.2, (-0.4, 0.0, 0.2))


def pictured(view: panorama_scene.Panorama, height: int = 64) -> Panorama:
    """What a camera of the exact room sees."""
    depth_m, image = view.picture(height, 2 * height)
    rgb = np.rint(np.moveaxis(image, 0, -1) * 255).astype(np.uint8)
    return Panorama(rgb, depth_m.astype(np.float32), view.pose())


@pytest.fixture(scope="module")
def pair() -> tuple[Panorama, Panorama]:
    return pictured(VIEWS[0]), pictured(VIEWS[1])


def colored(*colors: tuple[int, int, int]) -> tuple[Panorama, ...]:
    """Panoramas of one colour each."""
    return tuple(Panorama(np.broadcast_to(np.array(color, np.uint8), (64, 128, 3)),
                          np.ones((64, 128), np.float32), np.eye(4)) for color in colors)


def read_one(row: tuple[Panorama, ...], seed: int, *argv: object) -> dict[str, np.ndarray]:
    """Columns of a panorama or a pair under the settings of a command line."""
    samples = TrainSamples(InMemory(row), settings_of(*SMALL, *argv), pairs=len(row) > 1)
    return samples.read(0, np.random.default_rng(seed))


# --- pairs ------------------------------------------------------------------------------------------------


def visible_share(here: panorama_scene.Panorama, there: panorama_scene.Panorama) -> float:
    """Share of the pixels of one view whose points nothing hides from the other, by rays from there."""
    vectors = pixel_directions(64, 128)
    points = vectors * here.trace(vectors)[0][..., None] @ here.turn.T + here.centre_m
    way = points - there.centre_m
    distance_m = np.linalg.norm(way, axis=-1)
    return float(np.mean(there.trace(way / distance_m[..., None] @ there.turn)[0] > 0.999999 * distance_m))


def compared(columns: dict[str, np.ndarray], sides: tuple[str, str], pose: np.ndarray) -> tuple:
    """Distance of each pixel's point from the other view by the depth seen there, and the colours' error."""
    here, there = sides
    depth_m, other_m = columns[f"{here}depth_m"][0], columns[f"{there}depth_m"][0]
    points = pixel_directions(*depth_m.shape) * depth_m[..., None] @ pose[:3, :3].T + pose[:3, 3]
    places = project(points, *other_m.shape)
    colors = sample(np.moveaxis(columns[f"{there}image"], 0, -1), *places)
    off = np.abs(colors - np.moveaxis(columns[f"{here}image"], 0, -1)).mean(-1)
    return np.linalg.norm(points, axis=-1) * sample(1 / other_m, *places), off


@pytest.mark.parametrize("seed", range(6))
def test_the_pose_column_leads_to_the_other_view_whatever_was_drawn(pair, seed):
    columns = read_one(pair, seed)
    pose = columns["pose"].astype(np.float64)
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6)
    assert np.linalg.det(pose) == pytest.approx(1, abs=1e-6)  # also of mirrored views
    for sides, way, views in ((("", "other_"), pose, VIEWS),
                              (("other_", ""), np.linalg.inv(pose), VIEWS[::-1])):
        ratio, off = compared(columns, sides, way)
        same = np.abs(ratio - 1) < 0.05
        expected = visible_share(*views)  # but for a pixel's width along the pillar's outline
        assert 0.8 < expected < 0.95 and expected - 0.03 < same.mean() < expected
        assert np.mean(ratio < 0.95) < 0.005  # nothing lies behind what is seen
        assert off[same].mean() < 0.035 < 0.12 < off[ratio > 1.1].mean()


def test_the_plain_pose_fits_plain_views_alone(pair):
    plain = read_one(pair, 0, *PLAIN)
    relative = np.linalg.inv(VIEWS[1].pose()) @ VIEWS[0].pose()
    np.testing.assert_allclose(plain["pose"], relative, atol=1e-6)
    for panorama, side in zip(pair, ("", "other_")):
        np.testing.assert_array_equal(plain[f"{side}depth_m"][0], panorama.depth_m)
        np.testing.assert_allclose(plain[f"{side}image"], np.moveaxis(panorama.rgb, -1, 0) / 255, atol=1e-7)
    for argv in (("--rand_roll", "false"), ("--rand_flip", "false")):
        moved = [read_one(pair, seed, *argv) for seed in range(6)]
        shares = [np.mean(np.abs(compared(one, ("", "other_"), relative)[0] - 1) < 0.03) for one in moved]
        assert min(shares) < 0.5


# --- turns, mirroring, colours ----------------------------------------------------------------------------


def test_views_are_rolled_by_numbers_of_their_own(pair):
    """Any number of columns, depth, mask and picture by the same."""
    argv, found = ("--rand_flip", "false", "--color_range", 0, "--output_max_m", 3.0), []
    plain = read_one(pair, 0, *PLAIN, *argv[4:])
    assert 0.1 < plain["valid"].mean() < 0.9
    for seed in range(60):
        columns, rolls = read_one(pair, seed, *argv), []
        for side in ("", "other_"):
            depth_m = plain[f"{side}depth_m"]
            rolls += [k for k in range(128) if np.array_equal(np.roll(depth_m, k, axis=-1),
                                                              columns[f"{side}depth_m"])]
            for name in ("image", "valid"):
                rolled = np.roll(plain[side + name], rolls[-1], axis=-1)
                np.testing.assert_array_equal(columns[side + name], rolled)
        found.append(rolls)
    found = np.array(found)
    assert found.shape == (60, 2) and np.mean(found[:, 0] == found[:, 1]) < 0.1
    assert np.all(np.bincount(found.ravel() // 16, minlength=8) >= 4)


def test_half_of_the_samples_are_mirrored_both_views_or_neither(pair):
    argv, flips = ("--rand_roll", "false", "--color_range", 0), []
    plain = read_one(pair, 0, *PLAIN)
    for seed in range(60):
        columns = read_one(pair, seed, *argv)
        flips.append(not np.array_equal(columns["depth_m"], plain["depth_m"]))
        way = -1 if flips[-1] else 1
        for name in set(plain) - {"pose"}:
            np.testing.assert_array_equal(columns[name], plain[name][..., ::way])
    assert 18 < sum(flips) < 42


def test_colours_change_by_the_same_factors_in_both_views():
    row, factors = colored((50, 100, 150), (120, 60, 90)), []
    for seed in range(40):
        columns = read_one(row, seed, "--color_range", 0.25)
        found = [columns[f"{side}image"].mean((1, 2)) * 255 / panorama.rgb[0, 0]
                 for side, panorama in zip(("", "other_"), row)]
        np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
        factors.append(found[0])
    factors = np.array(factors)
    assert 0.75 <= factors.min() < 0.79 and 1.21 < factors.max() <= 1.25
    assert np.abs(np.corrcoef(factors.T) - np.eye(3)).max() < 0.6  # each channel has its own
    assert read_one(colored((255, 255, 255)), 0, "--color_range", 0.9)["image"].max() <= 1


# --- columns ----------------------------------------------------------------------------------------------


def test_columns_are_contiguous_float32_of_the_networks_size(pair):
    shapes = {"image": (3, 64, 128), "depth_m": (1, 64, 128), "valid": (1, 64, 128)}
    both = shapes | {f"other_{name}": shape for name, shape in shapes.items()} | {"pose": (4, 4)}
    for seed in range(4):
        for row, expected in ((pair[:1], shapes), (pair, both)):
            columns = read_one(row, seed)
            assert {name: column.shape for name, column in columns.items()} == expected
            assert all(column.dtype == np.float32 and column.flags.c_contiguous
                       for column in columns.values())
            assert 0 <= columns["image"].min() < columns["image"].max() <= 1


def test_only_readings_up_to_the_largest_depth_are_valid(pair):
    depth_m = np.full((64, 128), 2, np.float32)
    depth_m[0, :4] = 0, 5, 5.001, 300
    columns = read_one((Panorama(pair[0].rgb, depth_m, None),), 0, *PLAIN, "--output_max_m", 5)
    expected = np.ones((64, 128))
    expected[0, [0, 2, 3]] = 0
    np.testing.assert_array_equal(columns["valid"][0], expected)
    np.testing.assert_array_equal(columns["depth_m"][0], depth_m)


def test_pictures_shrink_by_area_and_depth_is_never_blended(pair):
    sizes = ("--image_height", 32, "--image_width", 64)
    columns = read_one(pair[:1], 0, *PLAIN, *sizes)
    blocks = pair[0].rgb.reshape(32, 2, 64, 2, 3).mean((1, 3)) / 255
    np.testing.assert_allclose(np.moveaxis(columns["image"], 0, -1), blocks, atol=0.51 / 255)
    assert columns["depth_m"].shape == (1, 32, 64)
    assert set(columns["depth_m"].ravel()) <= set(pair[0].depth_m.ravel())
    exact_m = VIEWS[0].trace(pixel_directions(32, 64))[0]
    assert np.median(np.abs(columns["depth_m"][0] - exact_m) / exact_m) < 0.03
    np.testing.assert_array_equal(network_image(pair[0].rgb, settings_of(*sizes)),
                                  np.moveaxis(columns["image"], 0, -1))


@pytest.mark.parametrize("size", [(63, 128), (64, 126), (128, 64), (64, 64)])
def test_pictures_that_are_no_panoramas_are_refused(size):
    with pytest.raises(UserError, match=f"the picture is {size[1]}x{size[0]}, but a panorama is twice as"):
        network_image(np.zeros((*size, 3), np.uint8), settings_of(*SMALL))


# --- files ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A box room with three panoramas, and all kinds of lists of it."""
    folder = tmp_path_factory.mktemp("panoramas")
    for name, pose in (("a", HERE), ("b", THERE), ("c", yawed(2.0, (0.1, -0.2, 0.9)))):
        write_seed_view(folder, "room", name, pose)
    a, b, c = (seed_row("room", name) for name in "abc")
    for name, rows in (("train", [a, b, c]), ("train_pairs", [a + b, b + c]), ("test", [c]), ("valid", [b])):
        write_panoramas(folder / f"{name}.csv", rows)
    return folder


def settings_in(root: Path, *argv: object):
    return settings_of("--data_url", root, "--image_height", HEIGHT, "--image_width", WIDTH, *argv)


def test_poses_of_files_lead_to_the_other_view(root):
    """In an empty box every wall is seen from everywhere."""
    samples = TrainSamples(open_panoramas(settings_in(root), "train", pairs=True), settings_in(root), True)
    assert len(samples) == 2
    assert samples.describe(1) == " ".join(seed_row("room", "b") + seed_row("room", "c"))
    for index in range(2):
        for seed in range(4):
            columns = samples.read(index, np.random.default_rng(seed))
            ratio, _ = compared(columns, ("", "other_"), columns["pose"].astype(np.float64))
            assert np.mean(np.abs(ratio - 1) < 0.04) > 0.98


def test_batches_depend_on_seed_and_epoch_alone(root):
    def batches(workers: int, seed: int = 5) -> list[dict[str, np.ndarray]]:
        settings = settings_in(root)
        samples = TrainSamples(open_panoramas(settings, "train", pairs=True), settings, pairs=True)
        return [batch.columns for batch in TrainLoader(samples, 2, seed, workers).batches(2, 6)]

    alone, together = batches(1), batches(3)
    for first, second in zip(alone, together, strict=True):
        assert len(first) == 7
        for name, column in first.items():
            np.testing.assert_array_equal(column, second[name])
    assert not np.array_equal(alone[0]["image"], alone[1]["image"])  # another epoch
    assert not np.array_equal(alone[0]["image"], batches(1, 6)[0]["image"])


def test_lists_by_default_and_given_ones(root, tmp_path):
    names = {part: open_panoramas(settings_in(root), *args).names
             for part, args in {"train": ("train",), "test": ("test",), "pairs": ("train", True)}.items()}
    assert names == {"train": ("a", "b", "c"), "test": ("c",), "pairs": ("a", "b")}
    for option in ("--train_list", "--data_list"):
        given = settings_in(tmp_path, option, root / "valid.csv")
        assert open_panoramas(given, "train").names == ("b",)
    given = settings_in(tmp_path, "--test_list", root / "train.csv")
    assert open_panoramas(given, "test").names == names["train"]
    pairs = open_panoramas(settings_in(tmp_path, "--train_path", root / "train_pairs.csv"), "train", True)
    assert pairs.names == names["pairs"]
    halved = settings_in(root, "--depth_scale", 2000)
    np.testing.assert_allclose(open_panoramas(halved, "test").read(0).depth_m,
                               open_panoramas(settings_in(root), "test").read(0).depth_m / 2)


@pytest.mark.parametrize(("part", "pairs", "argv", "words"), [
    ("train", False, ("--data_url", "{tmp}"), "{tmp}/train.csv does not exist: name the list with "
     "--train_list; `python scripts/generate_csv.py {tmp} --layout seed --output_dir {tmp}`"),
    ("train", True, ("--data_url", "{tmp}"), "{tmp}/train_pairs.csv does not exist: name the list "
     "with --train_list; `python scripts/generate_csv.py {tmp} --layout seed --output_dir {tmp} --pairs`"),
    ("test", False, ("--data_url", "{tmp}"), "name the list with --test_list"),
    ("train", False, ("--train_list", "{tmp}/no.csv"), "{tmp}/no.csv"),
    ("train", True, ("--train_list", "{root}/train.csv"), "{root}/train.csv names single panoramas"),
    ("train", True, ("--data_list", "{root}/test.csv"), "{root}/test.csv names single panoramas")])
def test_lists_that_cannot_serve_are_named(root, tmp_path, part, pairs, argv, words):
    places = {"tmp": tmp_path, "root": root}
    settings = settings_of(*(str(arg).format(**places) for arg in argv))
    with pytest.raises(UserError) as caught:
        open_panoramas(settings, part, pairs)
    assert words.format(**places) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("picture_height", [32, 64, 16])
def test_evaluation_is_at_the_size_of_the_truth(tmp_path, picture_height):
    write_picture(tmp_path / "a.png", 2 * picture_height, picture_height)
    truth_m = box_depth_m(HERE)
    truth_m[3:9, 5:20] = 0
    write_depth(tmp_path / "a_depth.png", truth_m, 1000)
    write_panoramas(tmp_path / "test.csv", [("a.png", "a_depth.png")])
    settings = settings_of("--data_url", tmp_path, "--image_height", 64, "--image_width", 128)
    samples = EvalSamples(open_panoramas(settings, "test"), settings)
    rgb = np.asarray(Image.open(tmp_path / "a.png"))
    assert len(samples) == 1
    found = samples[0]
    assert found.name == "a" and found.image_hw == (HEIGHT, WIDTH) == found.rgb.shape[:2]
    assert found.truth_m.dtype == np.float32
    np.testing.assert_array_equal(found.truth_m, (np.rint(truth_m * 1000) / 1000).astype(np.float32))
    assert found.inputs["image"].shape == (3, 64, 128)  # of the file's picture, not of the smaller one
    np.testing.assert_array_equal(np.moveaxis(found.inputs["image"], 0, -1), network_image(rgb, settings))
    if picture_height == 64:
        blocks = rgb.reshape(32, 2, 64, 2, 3).mean((1, 3))
        np.testing.assert_allclose(found.rgb, blocks, atol=0.51)
