# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's samples: values, the source's rules for crops, what files say (geometry: test_crop_geometry)."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from src.datasets.loader import TrainLoader
from src.ddrnet.data_loader import TrainSamples, acceptable, network_depth, network_inputs, open_frames
from src.ddrnet.frame import Frame, depth_camera
from src.errors import UserError
from tests.ddrnet.frames import (
    HEIGHT,
    MIRRORED,
    SIDE,
    WIDTH,
    InMemory,
    exact_frame,
    metres,
    noisy_frame,
    points_in,
    random_field,
    sample_of,
)
from tests.ddrnet_files import (
    FIXED,
    NOISE_MM,
    SCENE,
    WALL,
    kinect,
    method_of,
    off_scene_m,
    pictures,
    settings_of,
    write_ddrnet,
    write_index,
)
from tests.samples import DEPTH_SAMPLES, needs_samples


def test_readings_out_of_range_are_holes():
    frame = exact_frame((WALL,))
    raw_m, reference_m = frame.raw_m.copy(), frame.reference_m.copy()
    raw_m[60:64, 70:90], raw_m[64:68, 70:90] = 0.4, 3.2
    reference_m[50:52, 70:90], reference_m[52:54, 70:90], reference_m[54:56, 70:90] = 0.4, 3.2, 0
    sample = sample_of(replace(frame, raw_m=raw_m, reference_m=reference_m), 0, *FIXED, "--diff_thres", 0)
    raw, reference, mask = (sample[name][0] for name in ("raw", "reference_m", "mask"))
    y0, x0 = (HEIGHT - SIDE) // 2, (WIDTH - SIDE) // 2
    holes, unknown = np.zeros(raw.shape, bool), np.zeros(raw.shape, bool)
    holes[60 - y0:68 - y0, 70 - x0:90 - x0] = True
    unknown[50 - y0:56 - y0, 70 - x0:90 - x0] = True
    np.testing.assert_array_equal(raw == -1, holes)
    np.testing.assert_array_equal(reference == 0, unknown)
    np.testing.assert_array_equal(mask == 0, unknown)
    z_m = raw_m[y0:y0 + SIDE, x0:x0 + SIDE].astype(np.float64)
    np.testing.assert_allclose(raw[~holes], ((z_m - 0.5) / 1.25 - 1)[~holes], atol=1e-6)


def test_the_ends_of_the_range_are_readings():
    settings = settings_of("--low_thres", 700, "--up_thres", 2900, *FIXED)
    ends = np.array([[700, 2900, 699, 2901]], np.float32) / np.float32(1000)
    frame = Frame(ends, ends, ends, ends > 0, None, kinect(4, 1))
    np.testing.assert_allclose(network_inputs(frame, settings, 1)["raw"][0], [[-1, 1, -1, -1]], atol=1e-6)


def test_grey_is_minus_one_outside_the_mask_and_in_range():
    mask = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.7
    grey = random_field(np.random.default_rng(1), 0, 1)
    sample = sample_of(exact_frame((WALL,), mask=mask, grey=grey), 0, *FIXED)
    y0, x0 = (HEIGHT - SIDE) // 2, (WIDTH - SIDE) // 2
    part, seen = grey[y0:y0 + SIDE, x0:x0 + SIDE], mask[y0:y0 + SIDE, x0:x0 + SIDE]
    assert np.all(sample["grey"][0][~seen] == -1)
    np.testing.assert_allclose(sample["grey"][0][seen], 2 * part[seen] - 1, atol=1e-6)


def test_brightness_adds_up_to_20_of_255_and_stays_in_range():
    grey = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    grey[:, WIDTH // 2:] = 0.99
    samples = TrainSamples(InMemory([exact_frame((WALL,), grey=grey)], *FIXED, "--rand_brightness", "true"))
    added = []
    for seed in range(40):
        sample = samples.read(0, np.random.default_rng(seed))
        left, right = sample["grey"][0, 0, 0], sample["grey"][0, 0, -1]
        added.append(((left + 1) / 2 - 0.5) * 255)
        assert right == pytest.approx(min(1.0, 2 * (0.99 + added[-1] / 255) - 1), abs=1e-5)
    assert -20.001 <= min(added) < -15 and 15 < max(added) <= 20.001


def test_columns_are_float32_within_their_ranges():
    for seed in range(5):
        sample = sample_of(noisy_frame(seed), seed, "--rand_brightness", "true", "--rand_scale", "true")
        assert {name: column.shape for name, column in sample.items()} == {
            "raw": (1, SIDE, SIDE), "grey": (1, SIDE, SIDE), "reference_m": (1, SIDE, SIDE),
            "mask": (1, SIDE, SIDE), "surface": (1, SIDE, SIDE), "albedo": (1, SIDE, SIDE), "camera": (4,)}
        assert all(column.dtype == np.float32 for column in sample.values())
        assert min(sample[name].min() for name in ("raw", "grey")) >= -1
        assert max(sample[name].max() for name in ("raw", "grey")) <= 1
        assert set(np.unique(sample["mask"])) | set(np.unique(sample["surface"])) <= {0, 1}
        assert np.all(sample["surface"] <= sample["mask"])


# --- which crops ----------------------------------------------------------------------------------------


def direct_rule(raw_mm, reference_mm, diff_thres, up_thres):
    """The source's rule in float64, pixel by pixel; diff_thres 0 takes any difference."""
    few = sum(value < 50 for value in reference_mm.ravel()) < 2 / 3 * reference_mm.size
    errors = [abs(a - b) if abs(a - b) < up_thres / 10 else 0.0
              for a, b in zip(raw_mm.ravel(), reference_mm.ravel())]
    return few and (diff_thres == 0 or sum(errors) / len(errors) < diff_thres)


@dataclass
class Rule:
    """The settings that `acceptable` reads."""

    diff_thres: float
    up_thres: float = 3000.0
    low_thres: float = 50.0  # the source counts a reference below 50 mm as none


def frame_of(raw_mm, reference_mm):
    shape = raw_mm.shape
    return Frame((raw_mm / 1000).astype(np.float32), (reference_mm / 1000).astype(np.float32),
                 np.zeros(shape, np.float32), np.ones(shape, bool), None, kinect(*shape[::-1]))


def test_acceptance_is_the_sources_rule():
    rng = np.random.default_rng(3)
    verdicts = []
    for number in range(120):
        reference = np.where(rng.random((12, 16)) < rng.uniform(0.4, 0.9), rng.choice([0.0, 49.0]), 1200.0)
        raw = reference + rng.normal(0, rng.uniform(0.5, 8), reference.shape)
        raw[rng.random(raw.shape) < 0.2] += rng.choice([299.0, 301.0])
        raw[rng.random(raw.shape) < 0.1] = 0
        rule = Rule(*((0.0, 2.5, 40.0)[number % 3],), up_thres=(3000.0, 2000.0)[number % 2])
        expected = direct_rule(raw, reference, rule.diff_thres, rule.up_thres)
        assert acceptable(frame_of(raw, reference), rule) == expected
        verdicts.append(expected)
    assert 20 < sum(verdicts) < 100


@pytest.mark.parametrize(("empty", "accepted"), [(7, True), (8, False), (9, False)])
def test_less_than_two_thirds_may_lack_a_reference(empty, accepted):
    reference = np.full((3, 4), 1000.0)
    reference.ravel()[:empty] = 49.0
    assert acceptable(frame_of(reference, reference), Rule(2.5)) is accepted
    reference.ravel()[:empty] = 51.0  # a wrong depth, but one
    assert acceptable(frame_of(reference, reference), Rule(2.5))


@pytest.mark.parametrize(("error_mm", "accepted"), [(2.4, True), (2.6, False), (299, False), (301, True)])
def test_the_mean_difference_is_bounded_and_holes_do_not_count(error_mm, accepted):
    reference = np.full((6, 8), 1000.0)
    assert acceptable(frame_of(reference + error_mm, reference), Rule(2.5)) is accepted
    assert acceptable(frame_of(reference - error_mm, reference), Rule(0.0)) is True
    assert acceptable(frame_of(np.zeros_like(reference), reference), Rule(2.5)) is True  # 1000 mm: a hole


def rejected_frame() -> Frame:
    frame = exact_frame((WALL,))
    return replace(frame, raw_m=frame.raw_m + np.float32(0.02))


def test_rejected_crops_are_drawn_again_from_the_frame():
    frame = exact_frame((WALL,))
    raw_m = frame.raw_m.copy()
    raw_m[:, :80] += 0.02  # 20 mm: a crop is refused from an eighth of such pixels on
    for seed in range(10):
        frames = InMemory([replace(frame, raw_m=raw_m)] * 2, *FIXED, "--rand_crop", "true")
        sample = TrainSamples(frames).read(0, np.random.default_rng(seed))
        error_m = metres(sample["raw"]) - sample["reference_m"]
        assert (error_m > 0.01).mean() < 0.125


def test_a_frame_without_an_acceptable_crop_is_replaced():
    for seed in range(5):
        frames = InMemory([rejected_frame(), exact_frame()], *FIXED, "--rand_crop", "true")
        sample = TrainSamples(frames).read(0, np.random.default_rng(seed))
        assert frames.reads[0] == 0 and frames.reads[-1] == 1
        assert off_scene_m(points_in(sample)).max() < 1e-6
        assert np.abs(metres(sample["raw"]) - sample["reference_m"]).max() < 1e-6


@pytest.mark.parametrize("crop", ["true", "false"])
def test_where_no_crop_is_acceptable_the_user_is_told(crop):
    frames = InMemory([rejected_frame()] * 3, *FIXED, "--rand_crop", crop)
    with pytest.raises(UserError, match=r"frame1\.png and of 19 other frames.*--diff_thres 2\.5 mm"):
        TrainSamples(frames).read(1, np.random.default_rng(0))
    assert len(frames.reads) == 20
    assert len(sample_of(rejected_frame(), 0, "--diff_thres", 0)) == 7


@pytest.mark.parametrize("crop", ["true", "false"])
def test_a_crop_beyond_the_frame_is_filled_without_readings(crop):
    size = 176  # 16 wider and 56 higher than the frame
    sample = sample_of(exact_frame(), 0, *FIXED, "--rand_crop", crop, "--image_size", size)
    inside = np.zeros((size, size), bool)
    inside[28:148, 8:168] = True
    for name, outside in (("raw", -1), ("grey", -1), ("reference_m", 0), ("mask", 0), ("surface", 0)):
        assert np.all(sample[name][0][~inside] == outside), name
    np.testing.assert_array_equal(sample["mask"][0], inside)
    assert off_scene_m(points_in(sample)[inside]).max() < 1e-6


def test_samples_are_a_function_of_seed_epoch_and_index(tmp_path):
    """The whole way from files to batches, with 1 and 3 workers and on two ranks."""
    folder = write_ddrnet(tmp_path, train=8)
    settings = settings_of("--data_url", folder, "--image_size", 32, "--rand_scale", "true",
                           "--rand_brightness", "true")
    samples = TrainSamples(open_frames(settings, "train"))

    def columns(batch_size, workers, rank, ranks):
        loader = TrainLoader(samples, batch_size, 7, workers, rank, ranks)
        return [batch.columns for batch in loader.batches(0, 4)]

    whole = columns(4, 3, 0, 1)
    parts = [columns(2, 1, rank, 2) for rank in range(2)]
    for step, batch in enumerate(whole):
        for name, column in batch.items():
            np.testing.assert_array_equal(column, np.concatenate([part[step][name] for part in parts]))
    assert not np.array_equal(whole[0]["raw"], whole[2]["raw"])
    crops = [samples.read(0, np.random.default_rng(seed))["raw"].tobytes() for seed in range(6)]
    assert len(set(crops)) == 6
    assert samples.read(0, np.random.default_rng(3))["raw"].tobytes() == crops[3]


# --- files ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_ddrnet(tmp_path_factory.mktemp("ddrnet"))


@pytest.mark.parametrize("mask", ["true", "false"])
@pytest.mark.parametrize("albedo", ["true", "false"])
def test_an_index_with_and_without_mask_and_albedo(folder, mask, albedo):
    name = "train" + ("" if mask == "true" else "_bare") + ("_albedo" if albedo == "true" else "")
    settings = settings_of("--index_file", folder / f"{name}.csv", "--image_size", SIDE,
                           "--has_mask", mask, "--has_abd", albedo)
    frames = open_frames(settings, "train")
    assert len(frames) == 3
    frame, rgb = frames.read(1)
    files = pictures(96, 64, 2)
    np.testing.assert_allclose(frame.raw_m * 1000.0, files["depth_map"], atol=1e-3)
    np.testing.assert_allclose(frame.reference_m * 1000.0, files["high_quality_depth"], atol=1e-3)
    np.testing.assert_array_equal(rgb, files["color_map"])
    luma = files["color_map"] @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(frame.grey, luma, atol=1e-6)
    np.testing.assert_array_equal(frame.mask, (files["mask"] > 0) | (mask == "false"))
    assert (frame.albedo is None) == (albedo == "false")
    if albedo == "true":
        np.testing.assert_allclose(frame.albedo, files["albedo"] / 255, atol=1e-6)
    sample = TrainSamples(frames).read(0, np.random.default_rng(0))
    assert ("albedo" in sample) == (albedo == "true")


def test_frames_keep_their_scene_through_files(tmp_path):
    """Readings rounded to 1/20 mm, in a list of own data; the camera is the Kinect's, scaled to 96x64."""
    write_ddrnet(tmp_path, units_per_m=20000)
    method = method_of("--data_list", tmp_path / "train.csv", "--depth_scale", 20000, "--image_size", SIDE,
                       "--rand_depth_shift", "false")
    samples = method.train_samples("joint")
    for seed in range(6):
        sample = samples.read(seed % 3, np.random.default_rng(seed))
        readings = sample["reference_m"][0] > 0
        off = [off_scene_m(points_in(sample)[readings], scene).max() for scene in (SCENE, MIRRORED)]
        assert min(off) < 5e-5 and max(off) > 0.01
        both = readings & (sample["raw"][0] > -1)
        noise_mm = np.abs(metres(sample["raw"][0]) - sample["reference_m"][0])[both] * 1000
        assert NOISE_MM - 0.01 < noise_mm.max() < NOISE_MM + 0.01


@pytest.mark.parametrize(("width", "height"), [(640, 480), (320, 240), (96, 64)])
def test_the_camera_is_the_kinects_scaled_to_the_frame(width, height):
    found, expected = depth_camera(settings_of(), width, height), kinect(width, height)
    np.testing.assert_allclose(found.matrix(), expected.matrix(), rtol=1e-12)
    assert (found.width_px, found.height_px) == (width, height)
    other = depth_camera(settings_of("--depth_fx_px", 500, "--depth_cx_px", 320), width, height)
    assert (other.fx_px, other.cx_px) == (500 * width / 640, width / 2)


@pytest.mark.parametrize("column", range(5))
def test_files_of_another_size_are_refused_by_name(tmp_path, column):
    write_ddrnet(tmp_path, train=2, test=0)
    rows = [line.split(",") for line in (tmp_path / "train_albedo.csv").read_text().splitlines()]
    with Image.open(tmp_path / rows[1][column]) as picture:
        picture.crop((0, 0, 90, 64)).save(tmp_path / "small.png")
    rows[1][column] = "small.png"
    write_index(tmp_path / "train.csv", rows)
    with pytest.raises(UserError, match=r"row 2: .*small\.png|row 2: .*but the row's raw depth is 90x64"):
        method_of("--data_url", tmp_path, "--has_abd", "true").train_samples("joint")


@pytest.mark.parametrize("column", [0, 2])
def test_inference_refuses_files_of_another_size(tmp_path, column):
    write_ddrnet(tmp_path, train=1, test=0)
    row = (tmp_path / "train.csv").read_text().strip().split(",")
    with Image.open(tmp_path / row[column]) as picture:
        picture.crop((0, 0, 96, 60)).save(tmp_path / "small.png")
    row[column] = "small.png"
    refused = r"(mask/frame_000001.png is 96x64|small.png is 96x60) but its colour"
    with pytest.raises(UserError, match=refused):
        method_of(command="infer").prepare("x", {kind: tmp_path / row[k] for kind, k in
                                                 (("raw depth", 0), ("colour", 2), ("mask", 3))})


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("JPEG", "jpg")])
def test_colour_pictures_must_be_of_the_type_that_is_set(tmp_path, kind, suffix):
    write_ddrnet(tmp_path, train=3, test=0)
    rows = [line.split(",") for line in (tmp_path / "train.csv").read_text().splitlines()]
    other = {"png": "jpg", "jpg": "png"}[suffix]
    for number, row in enumerate(rows):
        with Image.open(tmp_path / row[2]) as picture:
            for end in (suffix, other):
                picture.save(tmp_path / f"colour{number}.{end}")
        row[2] = f"colour{number}.{suffix}"
    own = ("--data_url", tmp_path, "--aux_type")
    write_index(tmp_path / "train.csv", rows)
    assert len(method_of(*own, kind).train_samples("joint")) == 3  # masks and depth stay PNGs
    rows[1][2] = f"colour1.{other}"
    write_index(tmp_path / "train.csv", rows)
    assert len(method_of(*own, "any").train_samples("joint")) == 3
    for option in (own[:2], ("--data_list", tmp_path / "train.csv")):
        with pytest.raises(UserError, match=rf"row 2: colour colour1\.{other} is .* not a {kind} as --aux"):
            method_of(*option, "--aux_type", kind).train_samples("joint")


def test_inputs_are_filled_up_to_the_stride():
    rng = np.random.default_rng(0)
    shape = (30, 45)
    frame = Frame(random_field(rng, 0.4, 3.2, shape), random_field(rng, 0.6, 2.8, shape),
                  random_field(rng, 0, 1, shape), rng.random(shape) < 0.7, None, kinect(45, 30))
    settings = settings_of()
    plain, filled = (network_inputs(frame, settings, stride) for stride in (1, 16))
    for name in ("raw", "grey"):
        assert plain[name].shape == (1, 30, 45) and filled[name].shape == (1, 32, 48)
        assert filled[name].dtype == np.float32
        np.testing.assert_array_equal(filled[name][:, :30, :45], plain[name])
        np.testing.assert_array_equal(filled[name][:, 30:, :45], plain[name][:, -1:].repeat(2, 1))
        np.testing.assert_array_equal(filled[name][:, :, 45:], filled[name][:, :, 44:45].repeat(3, 2))


def test_evaluation_sees_whole_frames(folder):
    method = method_of("--data_url", folder)
    samples = method.eval_samples()
    assert len(samples) == 2
    files = pictures(96, 64, 5)
    sample = samples[1]
    assert sample.name == "frame_000005" and sample.image_hw == (64, 96) and sample.camera == kinect(96, 64)
    seen = (files["mask"] > 0) & (files["high_quality_depth"] > 0)
    expected_m = np.where(seen, files["high_quality_depth"], 0) / 1000
    np.testing.assert_allclose(sample.truth_m, expected_m, atol=1e-6)
    np.testing.assert_array_equal(sample.extras["mask"], seen)
    np.testing.assert_allclose(sample.extras["raw_m"], files["depth_map"] / 1000, atol=1e-6)
    np.testing.assert_allclose(metres(sample.inputs["raw"][0]), files["depth_map"] / 1000, atol=1e-6)
    np.testing.assert_array_equal(sample.inputs["grey"][0] > -1, files["mask"] > 0)


@needs_samples("DDRNet")
def test_real_frames():
    """Figures of the published sample frames, measured on the files themselves."""
    method = method_of("--data_url", DEPTH_SAMPLES / "DDRNet")
    samples = method.eval_samples()
    for sample in (samples[0], samples[1]):
        raw_m, both = sample.extras["raw_m"], (sample.extras["raw_m"] > 0) & (sample.truth_m > 0)
        assert 0.1 < both.mean() < 0.25 and sample.image_hw == (480, 640)
        assert 1.5 < np.median(np.abs(raw_m - sample.truth_m)[both]) * 1000 < 3
    train = method.train_samples("joint")
    for index in range(4):
        column = train.read(index, np.random.default_rng(index))
        assert column["mask"].mean() > 0.25 and column["surface"].mean() > 0.5 * column["mask"].mean()
        assert column["raw"].shape == (1, 256, 256)


def test_fill_raw_takes_the_nearest_reading_inside_the_mask():
    rng = np.random.default_rng(3)
    depth_m = np.where(rng.random((24, 32)) < 0.1, rng.uniform(0.7, 2.9, (24, 32)), 0).astype(np.float32)
    mask = np.zeros(depth_m.shape, bool)
    mask[4:20, 6:26] = True
    settings = settings_of("--fill_raw", "true")
    seen_m = (network_depth(depth_m, mask, settings) + 1) * 1.25 + 0.5
    rows, columns = np.nonzero(mask & (depth_m > 0))
    for row in range(24):
        for column in range(32):
            distance = np.hypot(rows - row, columns - column)
            # OpenCV's 5x5 distance is right to 2 %: any reading that is not clearly farther will do
            near = distance <= 1.05 * distance.min() + 1e-9
            values = depth_m[rows[near], columns[near]]
            assert np.abs(values - seen_m[row, column]).min() < 1e-5, (row, column)


def test_fill_raw_without_any_reading_leaves_none():
    empty = np.zeros((8, 8), np.float32)
    filled = network_depth(empty, np.ones((8, 8), bool), settings_of("--fill_raw", "true"))
    assert (filled == -1).all()
