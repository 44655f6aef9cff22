# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet's samples: published crop and sizes, resizing against float64, pairs that stay aligned."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from src.config import load_settings
from src.datasets.loader import TrainLoader
from src.datasets.pairs import listed_pairs, nyu_test
from src.depthnet.data_loader import (
    IMAGE_WH,
    MAP_WH,
    EvalSamples,
    TrainSamples,
    crop_box,
    network_image,
    place_in_picture,
    published_truth,
)
from tests.samples import DEPTH_SAMPLES, needs_samples, save


def settings(*argv):
    return load_settings("train", "", list(argv))


def resized(values, crop_xywh, out_wh):
    """Bilinear resize of a crop in float64, pixel centres at integers + 0.5, the crop's edge repeated."""
    x, y, w, h = crop_xywh
    part = values[y:y + h, x:x + w].astype(np.float64)
    rows = (np.arange(out_wh[1]) + 0.5) * h / out_wh[1] - 0.5
    columns = (np.arange(out_wh[0]) + 0.5) * w / out_wh[0] - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    channels = np.atleast_3d(part).transpose(2, 0, 1)
    return np.stack([map_coordinates(c, grid, order=1, mode="nearest") for c in channels])


def coordinate_pair(folder, image_wh=(240, 180), depth="x"):
    """A pair whose red and green are a pixel's column and row, and whose depth in mm is 1000 + 10 column."""
    x, y = np.meshgrid(np.arange(image_wh[0]), np.arange(image_wh[1]))
    depth_mm = 1000 + 10 * x if depth == "x" else np.full_like(x, 4000)
    save(folder / "c.png", np.stack([x, y, np.full_like(x, 255)], -1).astype(np.uint8))
    save(folder / "d.png", depth_mm.astype(np.uint16))
    (folder / "list.txt").write_text("c.png d.png\n")
    return listed_pairs(str(folder / "list.txt"), 1000.0)


def augmented(pairs, number, *argv):
    """One augmented sample, its colours untouched so that they tell coordinates."""
    own = settings("--augmentation", "paper", "--color_range", "0", *argv)
    return TrainSamples(pairs, own, 0).read(0, np.random.default_rng([number]))


def source_position(image):
    """Columns and rows (2, 228, 304) in source pixels (centres at integers + 0.5) of a coordinate picture."""
    return image[:2] * 255 + 0.5


def fitted_affine(position, inside):
    """Least-squares matrix (2, 3) from output pixel centres to source positions."""
    y, x = np.nonzero(inside)
    rows = np.stack([x + 0.5, y + 0.5, np.ones(len(x))], 1)
    return np.linalg.lstsq(rows, position[:, y, x].T, rcond=None)[0].T


def test_the_published_crop():
    """Crop of 640x480 at rows 12:468 and columns 16:624 (METHODS 4.3), and the same share of other sizes."""
    assert crop_box((480, 640), "crop") == crop_box((480, 640), "stretch") == (16, 12, 608, 456)
    assert crop_box((240, 320), "crop") == (8, 6, 304, 228)
    x, y, w, h = crop_box((480, 1280), "crop")  # the middle 4:3 part of a wide picture
    assert (w, h) == (608, 456) and (x, y) == (336, 12)
    assert crop_box((480, 1280), "stretch")[2:] == (1216, 456)
    assert crop_box((640, 480), "crop")[2:] == (456, 342)


def test_the_networks_image_is_the_crop_resized():
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    image = network_image(rgb, "crop")
    assert image.shape == (3, 228, 304) and image.dtype == np.float32 and image.flags.c_contiguous
    assert np.abs(image * 255 - resized(rgb, (16, 12, 608, 456), IMAGE_WH)).max() <= 1.0


def test_large_pictures_are_not_aliased():
    """A fine chequered pattern is grey when it is shrunk four times, not a moire."""
    rgb = np.zeros((1920, 2560, 3), np.uint8)
    rgb[::2, ::2] = rgb[1::2, 1::2] = 255
    assert np.abs(network_image(rgb, "crop") - 0.5).max() < 0.05


def test_the_published_truth_is_the_crop_resized():
    truth_m = np.random.default_rng(0).uniform(0, 10, (480, 640)).astype(np.float32)
    expected = resized(truth_m, (16, 12, 608, 456), MAP_WH)[0]
    np.testing.assert_allclose(published_truth(truth_m, "crop"), expected, atol=2e-5)


@pytest.mark.parametrize(("image_hw", "fit"), [
    ((480, 640), "crop"), ((200, 600), "crop"), ((200, 600), "stretch")])
def test_maps_are_placed_where_the_network_looked(image_hw, fit):
    """A map that holds the source column of its cells returns each pixel's own column."""
    x, y, w, h = crop_box(image_hw, fit)
    columns = x + (np.arange(74) + 0.5) * w / 74
    full, seen = place_in_picture(np.tile(columns, (55, 1)).astype(np.float32), image_hw, fit)
    expected_seen = np.zeros(image_hw, bool)
    expected_seen[y:y + h, x:x + w] = True
    np.testing.assert_array_equal(seen, expected_seen)
    expected = np.clip(np.arange(image_hw[1]) + 0.5, columns[0], columns[-1])  # the edge repeats
    np.testing.assert_allclose(full, np.tile(expected, (image_hw[0], 1)), atol=1e-3)


def test_without_augmentation_training_sees_what_evaluation_sees(tmp_path):
    pairs = coordinate_pair(tmp_path)
    sample = TrainSamples(pairs, settings("--augmentation", "none"), 0).read(0, np.random.default_rng(0))
    assert {name: column.shape for name, column in sample.items()} == {
        "image": (3, 228, 304), "depth_m": (1, 55, 74), "valid": (1, 55, 74)}
    evaluated = EvalSamples(pairs, "crop")[0]
    assert np.abs(sample["image"] - evaluated.inputs["image"]).max() <= 1.01 / 255
    x, y, w, h = crop_box((180, 240), "crop")
    column = np.floor(x + (np.arange(74) + 0.5) * w / 74)
    np.testing.assert_allclose(sample["depth_m"][0], np.tile(1 + 0.01 * column, (55, 1)), rtol=1e-6)
    assert np.all(sample["valid"] == 1) and evaluated.truth_m.shape == (180, 240)


@pytest.mark.parametrize("number", range(6))
def test_the_papers_views_are_similarities_within_their_ranges(tmp_path, number):
    """The coordinates in an augmented picture give its scale, rotation, place and mirror image back."""
    sample = augmented(coordinate_pair(tmp_path, depth="flat"), number)
    position = source_position(sample["image"])
    inside = (position[0] > 2) & (position[0] < 238) & (position[1] > 2) & (position[1] < 178)
    affine = fitted_affine(position, inside)
    y, x = np.nonzero(inside)
    error_px = affine @ np.stack([x + 0.5, y + 0.5, np.ones(len(x))]) - position[:, y, x]
    assert np.abs(error_px).max() < 0.75  # colours are whole numbers
    assert np.abs(error_px.mean(axis=1)).max() < 0.01
    left, top, w, h = crop_box((180, 240), "crop")
    linear = affine[:, :2] * [304 / w, 228 / h]  # 1 where the crop fills the output
    scale = 1 / np.sqrt(abs(np.linalg.det(linear)))
    assert 1.0 <= scale <= 1.5
    flip = np.sign(np.linalg.det(linear))
    turned = linear * scale * [flip, 1]
    np.testing.assert_allclose(turned @ turned.T, np.eye(2), atol=3e-3)
    assert abs(np.degrees(np.arctan2(turned[1, 0], turned[0, 0]))) <= 5.0
    center = affine @ [152, 114, 1]
    slack = np.array([w, h]) * (1 - 1 / scale) / 2
    assert np.all(np.abs(center - [left + w / 2, top + h / 2]) <= slack + 0.5)
    # what is nearer looks larger: depth is divided by the scale
    np.testing.assert_allclose(sample["depth_m"][sample["valid"] > 0], 4.0 / scale, rtol=2e-3)


def test_flips_and_views_vary(tmp_path):
    pairs = coordinate_pair(tmp_path)
    images = [augmented(pairs, number)["image"] for number in range(16)]
    flipped = [image[0, 114, 100] > image[0, 114, 200] for image in images]
    assert 3 <= sum(flipped) <= 13
    assert len({image.tobytes() for image in images}) == 16


@pytest.mark.parametrize("image_wh", [(240, 180), (1200, 900)], ids=["small", "shrunk first"])
@pytest.mark.parametrize("number", range(4))
def test_depth_stays_aligned_with_the_picture(tmp_path, number, image_wh):
    """Both tell the source column of one place, in a picture that is scaled, turned, shifted and flipped."""
    share = image_wh[0] // 240
    x, y = np.meshgrid(np.arange(image_wh[0]), np.arange(image_wh[1]))
    save(tmp_path / "c.png", np.stack([x // share, y // share, 0 * x], -1).astype(np.uint8))
    save(tmp_path / "d.png", (1000 + 10 * x).astype(np.uint16))
    (tmp_path / "list.txt").write_text("c.png d.png\n")
    sample = augmented(listed_pairs(str(tmp_path / "list.txt"), 1000.0), number)
    flat = augmented(coordinate_pair(tmp_path, depth="flat"), number)
    scale = 4.0 / flat["depth_m"].max()  # the same draw: the size of the picture plays no part in it
    column_of_depth = (sample["depth_m"][0] * scale * 1000 - 1000) / 10 + 0.5
    column_of_picture = resized(source_position(sample["image"])[0], (0, 0, 304, 228), MAP_WH)[0] * share
    valid = sample["valid"][0] > 0
    error_px = (column_of_depth - column_of_picture)[valid]
    assert valid.mean() > 0.9
    assert abs(error_px.mean()) < 0.1 * share and np.abs(error_px).max() < 1.6 * share


def test_outside_the_picture_there_is_no_depth(tmp_path):
    """Turned by up to 45 degrees, corners leave the picture: no reading, and nowhere else."""
    pairs = coordinate_pair(tmp_path)
    for number in range(4):
        sample = augmented(pairs, number, "--rotation_deg", "45")
        position = source_position(sample["image"])
        inside = (position[0] > 1.5) & (position[0] < 238.5) & (position[1] > 1.5) & (position[1] < 178.5)
        affine = fitted_affine(position, inside)
        x, y = np.meshgrid((np.arange(74) + 0.5) * 304 / 74, (np.arange(55) + 0.5) * 228 / 55)
        source = affine @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
        margin = np.minimum(source, np.array([[240], [180]]) - source).min(axis=0).reshape(55, 74)
        valid = sample["valid"][0] > 0
        assert np.all(valid[margin > 0.5]) and not np.any(valid[margin < -0.5])
        np.testing.assert_array_equal(valid, sample["depth_m"][0] > 0)


def test_holes_stay_holes(tmp_path):
    """A hole is neither blended nor filled: readings keep their exact value, the share of holes stays."""
    depth_mm = np.full((180, 240), 3000, np.uint16)
    depth_mm[40:120, 60:180] = 0
    coordinate_pair(tmp_path)
    save(tmp_path / "d.png", depth_mm)
    pairs = listed_pairs(str(tmp_path / "list.txt"), 1000.0)
    sample = TrainSamples(pairs, settings("--augmentation", "modelzoo"), 0).read(0, np.random.default_rng(0))
    assert set(np.unique(sample["depth_m"])) == {0.0, 3.0}
    np.testing.assert_array_equal(sample["valid"], sample["depth_m"] > 0)
    x, y, w, h = crop_box((180, 240), "crop")
    assert abs((1 - sample["valid"].mean()) - 80 * 120 / (w * h)) < 0.02


def test_the_papers_colours_are_multiplied_by_channel(tmp_path):
    save(tmp_path / "c.png", np.full((60, 80, 3), 100, np.uint8))
    save(tmp_path / "d.png", np.full((60, 80), 1000, np.uint16))
    (tmp_path / "list.txt").write_text("c.png d.png\n")
    pairs = listed_pairs(str(tmp_path / "list.txt"), 1000.0)
    samples = TrainSamples(pairs, settings("--augmentation", "paper"), 0)
    images = [samples.read(0, np.random.default_rng(i))["image"] for i in range(30)]
    factors = np.array([image[:, 5, 5] * 2.55 for image in images])
    assert 0.8 <= factors.min() < 0.85 and 1.15 < factors.max() <= 1.2
    assert np.abs(np.corrcoef(factors.T)[np.triu_indices(3, 1)]).max() < 0.6  # each channel its own


def test_the_modelzoos_brightness_only_darkens(tmp_path):
    save(tmp_path / "c.png", np.full((60, 80, 3), 100, np.uint8))
    save(tmp_path / "d.png", np.full((60, 80), 1000, np.uint16))
    (tmp_path / "list.txt").write_text("c.png d.png\n")
    samples = TrainSamples(listed_pairs(str(tmp_path / "list.txt"), 1000.0), settings(), 0)
    images = np.array([samples.read(0, np.random.default_rng(i))["image"] * 2.55 for i in range(20)])
    assert 0.8 <= images.min() < 0.85 and 0.95 < images.max() <= 1.0 + 1e-6
    assert np.ptp(images, axis=(1, 2, 3)).max() < 1e-5  # sharpening leaves an even picture alone


def test_dropout_keeps_the_mean(tmp_path):
    samples = TrainSamples(coordinate_pair(tmp_path), settings("--dropout", "0.25"), 20000)
    keep = samples.read(0, np.random.default_rng(0))["keep"]
    assert keep.shape == (20000,) and keep.dtype == np.float32
    np.testing.assert_allclose(np.unique(keep), [0, 1 / 0.75])
    assert abs(keep.mean() - 1) < 0.02


def test_samples_are_a_function_of_seed_epoch_and_index(tmp_path):
    """The whole way from files to batches, with 1 and 3 workers and on two ranks."""
    coordinate_pair(tmp_path)
    (tmp_path / "list.txt").write_text("c.png d.png\n" * 8)
    pairs = listed_pairs(str(tmp_path / "list.txt"), 1000.0)
    samples = TrainSamples(pairs, settings("--augmentation", "paper"), 16)

    def columns(batch_size, workers, rank, ranks):
        loader = TrainLoader(samples, batch_size, 7, workers, rank, ranks)
        return [batch.columns for batch in loader.batches(0, 4)]

    whole = columns(4, 3, 0, 1)
    parts = [columns(2, 1, rank, 2) for rank in range(2)]
    for step, batch in enumerate(whole):
        for name, column in batch.items():
            np.testing.assert_array_equal(column, np.concatenate([part[step][name] for part in parts]))
    assert not np.array_equal(whole[0]["image"], whole[2]["image"])


@needs_samples("NYU/Test/00000_colors.png")
def test_real_pictures_with_their_crop():
    samples = EvalSamples(nyu_test(str(DEPTH_SAMPLES / "NYU")), "crop")
    sample = samples[0]
    expected = resized(sample.rgb, (16, 12, 608, 456), IMAGE_WH) / 255
    assert np.abs(sample.inputs["image"] - expected).max() <= 1.0 / 255
    assert sample.name == "00000" and sample.image_hw == (480, 640)
