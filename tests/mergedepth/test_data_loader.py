# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth's samples: values, colours, lists, ground truth (geometry: test_pair_geometry)."""
from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from src.datasets.kitti.calibration import read_calibration
from src.datasets.loader import TrainLoader
from src.datasets.stereo import StereoFrame
from src.errors import UserError
from src.mergedepth.data_loader import network_image
from tests.geometry.stereo_scene import LEFT
from tests.kitti_files import DATE, HEIGHT, WIDTH, projected, random_scan, write_calibration, write_frame
from tests.mergedepth_files import PLAIN, SMALL, exact_frame, method_of, read_one, settings_of
from tests.samples import save

DRIVES = tuple(f"{DATE}_drive_{number:04d}_sync" for number in (1, 2, 5, 9))
FRAMES = ("0000000003", "0000000004")
SIDES = ("left", "right")


def constant_frame(left: tuple[int, int, int], right: tuple[int, int, int]) -> StereoFrame:
    """The exact pair with pictures of one colour each."""
    height, width = LEFT.height_px, LEFT.width_px
    rgb = [np.broadcast_to(np.array(color, np.uint8), (height, width, 3)) for color in (left, right)]
    return exact_frame()._replace(left_rgb=rgb[0], right_rgb=rgb[1])


def test_flips_happen_to_half_of_the_samples_and_only_where_asked():
    frame = constant_frame((40,) * 3, (200,) * 3)
    lefts = [read_one(frame, seed, *SMALL)["left"].mean() for seed in range(100)]
    assert 30 < sum(left > 0.5 for left in lefts) < 70
    assert all(read_one(frame, seed, *SMALL, *PLAIN)["left"].mean() < 0.5 for seed in range(20))


def test_pictures_are_stretched_to_the_networks_size():
    rng = np.random.default_rng(2)
    rgb = rng.integers(0, 256, (128, 192, 3), np.uint8)
    halved = network_image(rgb, settings_of(*SMALL))
    blocks = rgb.reshape(64, 2, 96, 2, 3).mean((1, 3)) / 255
    assert halved.dtype == np.float32 and halved.shape == (64, 96, 3)
    np.testing.assert_allclose(halved, blocks, atol=0.51 / 255)
    np.testing.assert_allclose(network_image(rgb[:64, :96], settings_of(*SMALL)), rgb[:64, :96] / 255,
                               atol=1e-7)
    ramp = np.broadcast_to(np.arange(10, 58, dtype=np.uint8)[None, :, None], (32, 48, 3))
    doubled = network_image(ramp, settings_of(*SMALL))[20, :, 0] * 255
    np.testing.assert_allclose(doubled[1:-1], 10 + (np.arange(1, 95) + 0.5) / 2 - 0.5, atol=0.51)


@pytest.mark.parametrize(("fullscale", "map_hw"), [("true", (64, 96)), ("false", (32, 48))])
def test_columns_are_float32_within_their_ranges(fullscale, map_hw):
    shapes = {"left": (3, 64, 96), "right": (3, 64, 96), "depth_left_m": (1, *map_hw),
              "depth_right_m": (1, *map_hw), "camera": (4,)}
    for seed in range(6):
        sample = read_one(exact_frame(), seed, *SMALL, "--fullscale", fullscale, "--color_range", 0.5,
                          "--grayscale", 0.5, noise=0.7)
        assert {name: column.shape for name, column in sample.items()} == shapes
        assert all(column.dtype == np.float32 for column in sample.values())
        for side in SIDES:
            assert 0 <= sample[side].min() < sample[side].max() <= 1
            assert 2 < sample[f"depth_{side}_m"].min() < sample[f"depth_{side}_m"].max() < 12


# --- colours ----------------------------------------------------------------------------------------------


def test_colours_change_by_the_same_factors_in_both_views():
    frame, factors = constant_frame((50, 100, 150), (120, 60, 90)), []
    for seed in range(40):
        sample = read_one(frame, seed, *SMALL, *PLAIN, "--color_range", 0.25)
        found = [sample[side].mean((1, 2)) * 255 / rgb[0, 0] for side, rgb in zip(SIDES, frame[:2])]
        np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
        assert sample["left"].std((1, 2)).max() < 1e-6
        factors.append(found[0])
    factors = np.array(factors)
    assert 0.75 <= factors.min() < 0.79 and 1.21 < factors.max() <= 1.25
    assert np.abs(np.corrcoef(factors.T) - np.eye(3)).max() < 0.6  # each channel has its own


def test_both_views_are_grey_or_neither():
    frame, grey = constant_frame((255, 0, 0), (0, 0, 255)), []
    for seed in range(100):
        sample = read_one(frame, seed, *SMALL, "--rand_flip", "false", "--grayscale", 0.3)
        means = [sample[side].mean((1, 2)) for side in SIDES]
        grey.append(bool(np.ptp(means[0]) < 1e-6))
        expected = ([[0.299] * 3, [0.114] * 3] if grey[-1] else [[1, 0, 0], [0, 0, 1]])  # BT.601
        np.testing.assert_allclose(means, expected, atol=1e-6)
    assert 18 < sum(grey) < 42


def test_noise_is_the_sources_and_differs_between_the_views():
    """(picture + up to 0.5) / 1.5, for the share of the samples that is asked for."""
    frame, noisy = constant_frame((90, 90, 90), (90, 90, 90)), []
    for seed in range(60):
        sample = read_one(frame, seed, *SMALL, *PLAIN, noise=0.4)
        noisy.append(bool(sample["left"].std() > 0))
        assert noisy[-1] == bool(sample["right"].std() > 0)
        if noisy[-1]:
            added = np.stack([sample[side] * 1.5 - 90 / 255 for side in SIDES])
            assert -1e-6 < added.min() < 0.01 and 0.49 < added.max() < 0.5 + 1e-6
            assert abs(np.corrcoef(added[0].ravel(), added[1].ravel())[0, 1]) < 0.05
            assert added.mean() == pytest.approx(0.25, abs=0.01)
    assert 14 < sum(noisy) < 34


# --- files ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """Four drives of two frames with scans only."""
    root = tmp_path_factory.mktemp("kitti")
    for seed, (drive, frame) in enumerate((drive, frame) for drive in DRIVES for frame in FRAMES):
        write_frame(root, frame, drive, seed=seed)
    return root


@pytest.fixture
def root(recorded, tmp_path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "kitti"))


def list_frames(path: Path, *drives: str) -> Path:
    path.write_text("".join(f"{DATE}/{drive} {int(frame)} l\n" for drive in drives for frame in FRAMES))
    return path


def names_of(*drives: str) -> list[str]:
    return [f"{drive}_{frame}" for drive in drives for frame in FRAMES]


def trained_on(*argv: object, stage: str = "supervised") -> list[str]:
    """Names of the frames that a command line trains on, in the order of the set."""
    samples = method_of(*argv).train_samples(stage)
    files = [Path(samples.describe(i).split()[0]) for i in range(len(samples))]
    return [f"{file.parts[-4]}_{file.stem}" for file in files]


def evaluated_on(*argv: object) -> list[str]:
    samples = method_of(*argv, command="eval").eval_samples()
    return [samples[i].name for i in range(len(samples))]


def refusal(function, *argv: object, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        function(*argv, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_lists_whole_drives_are_held_out(root):
    found = []
    for seed in (1, 2):  # whatever the seed of the training and of the evaluation
        own = ("--data_url", root, "--seed", seed)
        train, test = trained_on(*own), evaluated_on(*own)
        assert sorted(train + test) == names_of(*DRIVES)
        drives = {name[:len(DRIVES[0])] for name in test}
        assert drives and not drives & {name[:len(DRIVES[0])] for name in train}
        found.append(drives)
    assert found[0] == found[1]
    everything = ("--data_url", root, "--test_share", 0)
    assert trained_on(*everything) == evaluated_on(*everything) == names_of(*DRIVES)


def test_a_single_drive_cannot_be_split(root):
    one = ("--data_url", root / DATE / DRIVES[1])
    for function in (trained_on, evaluated_on):
        assert "a single drive cannot be split by drive" in refusal(function, *one)
        assert function(*one, "--test_share", 0) == names_of(DRIVES[1])


def test_lists_in_the_data_folder_and_given_ones(root, tmp_path):
    own = ("--data_url", root)
    list_frames(root / "train.txt", *DRIVES[2::-1])
    list_frames(root / "test.txt", DRIVES[3])
    assert trained_on(*own) == names_of(*DRIVES[2::-1]) and evaluated_on(*own) == names_of(DRIVES[3])
    other = ("--train_list", list_frames(tmp_path / "a.txt", DRIVES[3]),
             "--test_list", list_frames(tmp_path / "b.txt", DRIVES[0]))
    assert trained_on(*own, *other) == names_of(DRIVES[3])
    assert evaluated_on(*own, *other) == names_of(DRIVES[0])


def test_one_list_without_the_other_is_refused(root, tmp_path):
    own, listed = ("--data_url", root), list_frames(tmp_path / "listed.txt", DRIVES[0])
    for given, function, missing in (("train", evaluated_on, "test"), ("test", trained_on, "train")):
        line = refusal(function, *own, f"--{given}_list", listed)
        assert f"{listed} lists the frames to {'train on' if given == 'train' else 'evaluate'}" in line
        assert line.endswith(f"{root}/{missing}.txt does not exist; give --{missing}_list")
    shutil.copy(listed, root / "train.txt")
    assert trained_on(*own) == names_of(DRIVES[0])  # that set is whole
    assert f"{root}/train.txt lists" in refusal(evaluated_on, *own)


def test_a_share_of_the_frames_is_drawn_from_the_seed(root):
    own = ("--data_url", root, "--test_share", 0, "--train_frac")
    parts = [trained_on(*own, 0.5, "--seed", seed) for seed in range(5)]
    assert all(len(set(part)) == 4 and part == sorted(part) for part in parts)
    assert len(set(map(tuple, parts))) > 1 and trained_on(*own, 0.5, "--seed", 3) == parts[3]
    assert {name for part in parts for name in part} <= set(names_of(*DRIVES))
    assert len(trained_on(*own, 0.001)) == 1 and trained_on(*own, 1) == names_of(*DRIVES)


def readings(root: Path, kind: str, value: int) -> None:
    """Add depth files of a kind with one reading: `value` metres left, twice as much right."""
    for drive in DRIVES:
        for frame in FRAMES:
            for side, camera, z in (("left", "image_02", value), ("right", "image_03", 2 * value)):
                depth_m = np.zeros((HEIGHT, WIDTH))
                depth_m[10, 20] = z
                if kind == "png":
                    path = root / DATE / drive / "proj_depth/groundtruth" / camera / f"{frame}.png"
                    save(path, (depth_m * 256).astype(np.uint16))
                else:
                    path = root / f"{side}_gt" / drive / f"{frame}.npy"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    np.save(path, depth_m)


def test_kinds_of_ground_truth(root):
    """Scans unless left_gt/ is there; every kind by its name."""
    own = ("--data_url", root, "--test_share", 0, "--image_height", 32, "--image_width", 64, *PLAIN)
    readings(root, "png", 3)

    def depths_m(*argv: object) -> list[np.ndarray]:
        sample = method_of(*own, *argv).train_samples("supervised").read(3, np.random.default_rng(0))
        return [sample["depth_left_m"][0], sample["depth_right_m"][0]]

    scanned = depths_m()
    assert all((depth_m > 0).mean() > 0.3 for depth_m in scanned)
    np.testing.assert_array_equal(depths_m("--ground_truth", "velodyne"), scanned)
    for kind, value in (("png", 3), ("npy", 7)):
        if kind == "npy":
            readings(root, "npy", 7)
            np.testing.assert_array_equal(depths_m(), depths_m("--ground_truth", "npy"))
        found = depths_m("--ground_truth", kind)
        assert [float(depth_m.sum()) for depth_m in found] == [value, 2 * value]
        assert [np.argwhere(depth_m).tolist() for depth_m in found] == [[[4, 10]], [[4, 10]]]
    np.testing.assert_array_equal(depths_m("--ground_truth", "velodyne"), scanned)


def test_the_unsupervised_stage_needs_no_ground_truth(root):
    own = ("--data_url", root, "--test_share", 0)
    for drive in DRIVES:
        shutil.rmtree(root / DATE / drive / "velodyne_points")
    assert trained_on(*own, stage="unsupervised") == names_of(*DRIVES)
    none = ("--ground_truth", "none")
    assert trained_on(*own, *none, stage="unsupervised") == names_of(*DRIVES)
    sample = method_of(*own).train_samples("unsupervised").read(0, np.random.default_rng(0))
    assert not sample["depth_left_m"].any() and not sample["depth_right_m"].any()
    for function in (trained_on, evaluated_on):
        assert f"velodyne_points/data/{FRAMES[0]}.bin is missing" in refusal(function, *own)
        assert "--ground_truth none" in refusal(function, *own, *none)


def test_frames_without_ground_truth_can_be_left_out(root, capsys):
    own = ("--data_url", root, "--test_share", 0)
    (root / DATE / DRIVES[0] / f"velodyne_points/data/{FRAMES[1]}.bin").unlink()
    assert f"{FRAMES[1]}.bin is missing" in refusal(trained_on, *own)
    assert trained_on(*own, "--skip_incomplete", "true") == names_of(*DRIVES)[:1] + names_of(*DRIVES)[2:]
    assert "1 of 8 frames are incomplete and left out" in capsys.readouterr().out


def test_only_the_supervised_stage_sees_noise(root):
    own = ("--data_url", root, "--test_share", 0, "--image_height", 32, "--image_width", 64, "--rand_flip",
           "false", "--grayscale", 0, "--noise")
    clean, noisy = (method_of(*own, share).train_samples("supervised") for share in (0, 1))
    unsupervised = method_of(*own, 1).train_samples("unsupervised")
    for index in range(3):
        samples = [s.read(index, np.random.default_rng(index)) for s in (clean, noisy, unsupervised)]
        for side in SIDES:
            np.testing.assert_array_equal(samples[2][side], samples[0][side])
            assert np.abs(samples[1][side] - samples[0][side]).mean() > 0.05


def test_batches_depend_on_seed_and_epoch_alone(root):
    def batches(workers: int, seed: int = 5) -> list[dict[str, np.ndarray]]:
        samples = method_of("--data_url", root, "--test_share", 0, "--image_height", 32, "--image_width", 64,
                            "--color_range", 0.3).train_samples("supervised")
        return [batch.columns for batch in TrainLoader(samples, 2, seed, workers).batches(2, 7)]

    alone, together = batches(1), batches(3)
    for a, b in zip(alone, together, strict=True):
        for name, column in a.items():
            np.testing.assert_array_equal(column, b[name])
    assert not np.array_equal(alone[0]["left"], batches(1, 6)[0]["left"])


def test_evaluation_has_both_views(root):
    method = method_of("--data_url", root, "--test_share", 0, "--image_height", 32, "--image_width", 64,
                       command="eval")
    sample, scan = method.eval_samples()[4], random_scan(4)
    frame = method.train_samples("supervised").frames.read(4)
    assert sample.name == names_of(*DRIVES)[4] and sample.image_hw == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(sample.rgb, frame.left_rgb)
    np.testing.assert_array_equal(sample.more_rgb["right"], frame.right_rgb)
    np.testing.assert_allclose(sample.truth_m, projected(scan, "02"), rtol=1e-6)
    np.testing.assert_allclose(sample.extras["right_truth_m"], projected(scan, "03"), rtol=1e-6)
    assert sample.extras["focal_baseline_px_m"] == pytest.approx(50 * 0.53)  # of tests.kitti_files
    assert sample.camera == read_calibration(root / DATE).left.intrinsics
    for side, rgb in (("left", frame.left_rgb), ("right", frame.right_rgb)):
        assert sample.inputs[side].dtype == np.float32 and sample.inputs[side].shape == (3, 32, 64)
        assert sample.inputs[side].mean() == pytest.approx(rgb.mean() / 255, abs=0.01)


def test_a_calibration_of_another_size_is_refused(root):
    write_calibration(root / DATE, S_rect_02="65 40", S_rect_03="65 40")
    assert "where the calibration says 65x40" in refusal(trained_on, "--data_url", root)
