# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""From samples to maps: batches, flip averaging, the control, maps of other programs. No MindSpore here."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

from src.errors import UserError
from src.method import Sample
from src.prediction import external_map, predict, read_samples
from tests.nyu_files import method_of, scene, settings_of

NUM = 7


class Pictures:
    """Samples made when they are read."""

    def __len__(self) -> int:
        return NUM

    def __getitem__(self, index: int) -> Sample:
        rgb, depth_m = scene(index, 60, 80)
        image = cv2.resize(rgb, (304, 228)).transpose(2, 0, 1) / np.float32(255)
        return Sample(f"s{index}", {"image": image}, rgb, depth_m)


class Runners(dict):
    """Numerical stand-ins for the networks; remembers the size of each batch."""

    def __init__(self, tilt: float = 0.0):
        super().__init__(coarse=self.coarse, fine=lambda image, coarse: (coarse / 2 + self.tilted(image),))
        self.tilt = tilt
        self.batches = []

    def coarse(self, image):
        self.batches.append(len(image))
        return (self.tilted(image),)

    def tilted(self, image):
        """The mean colour on a 55x74 grid, which mirrors exactly, plus a slope from left to right."""
        grey = image.mean(1)[:, 2:222:4, 3:152:2][:, :55, :37]
        mirror = image.mean(1)[:, 2:222:4, ::-1][:, :55, 3:152:2][:, :, :37]
        both = np.concatenate([grey, mirror[:, :, ::-1]], -1)[:, None]
        return (both + self.tilt * np.linspace(-1, 1, 74, dtype=np.float32)).astype(np.float32)


def maps_of(*argv: object, tilt: float = 0.0, limit: int = 0,
            runners: Runners | None = None) -> dict[str, dict]:
    method = method_of(*argv)
    runners = runners or Runners(tilt)
    samples = read_samples(method, Pictures(), limit)
    return {sample.name: maps for sample, maps in predict(method, method.graph, runners, samples)}


def assert_equal_maps(found: dict, expected: dict, rtol: float = 0) -> None:
    assert list(found) == list(expected)
    for name, maps in expected.items():
        for result, map_m in maps.items():
            np.testing.assert_allclose(found[name][result], map_m, rtol=rtol)


@pytest.mark.parametrize("size", [2, 3, 7, 50])
def test_batches_give_the_maps_of_single_samples(size):
    runners = Runners()
    found = maps_of("--eval_batch_size", size, runners=runners)
    full, rest = divmod(NUM, size)
    assert runners.batches == [size] * full + [rest] * (rest > 0)
    assert_equal_maps(found, maps_of())


def test_maps_are_in_metres_and_in_the_sets_order():
    found = maps_of()
    assert list(found) == [f"s{i}" for i in range(NUM)]
    sample = Pictures()[3]
    log_depth = Runners().tilted(sample.inputs["image"][None])[0, 0]
    np.testing.assert_allclose(found["s3"]["coarse:log_depth"], np.exp(log_depth), rtol=1e-6)
    np.testing.assert_allclose(found["s3"]["fine:log_depth"], np.exp(1.5 * log_depth), rtol=1e-6)


@pytest.mark.parametrize("size", [1, 3])
def test_flip_averaging_leaves_a_net_that_mirrors_exactly_as_it_is(size):
    found = maps_of("--flip_average", "--eval_batch_size", size)
    assert_equal_maps(found, maps_of(), rtol=1e-6)


def test_flip_averaging_is_the_mean_with_the_mirrored_map_mirrored_back():
    plain, tilt = maps_of(), 0.4
    factors = np.exp(tilt * np.linspace(-1, 1, 74, dtype=np.float32))
    expected = {name: {"coarse:log_depth": maps["coarse:log_depth"] * (factors + factors[::-1]) / 2}
                for name, maps in plain.items()}
    assert_equal_maps(maps_of("--flip_average", tilt=tilt), expected, rtol=1e-5)


def test_shuffled_inputs_are_those_of_half_the_set_further_on_with_their_own_truth():
    plain = maps_of()
    found = maps_of("--shuffle_inputs", "--eval_batch_size", 2)
    names = list(plain)
    others = names[NUM // 2:] + names[:NUM // 2]
    assert_equal_maps(found, {name: plain[other] for name, other in zip(names, others)})
    method = method_of("--shuffle_inputs")
    samples = read_samples(method, Pictures())
    for i, (sample, _) in enumerate(predict(method, method.graph, Runners(), samples)):
        np.testing.assert_array_equal(sample.truth_m, Pictures()[i].truth_m)
        np.testing.assert_array_equal(sample.rgb, Pictures()[i].rgb)


@pytest.mark.parametrize(("limit", "expected"), [(0, NUM), (1, 1), (4, 4), (99, NUM)])
def test_limit(limit, expected):
    assert list(maps_of(limit=limit)) == [f"s{i}" for i in range(expected)]


def external(folder, *argv: object, sample: Sample) -> np.ndarray:
    return external_map(settings_of("--predictions", folder, *argv), sample)


def test_external_maps_are_read_from_npy_or_png(tmp_path):
    sample = Pictures()[0]
    depth_m = np.linspace(0.5, 9, 60 * 80, dtype=np.float64).reshape(60, 80)
    cv2.imwrite(str(tmp_path / "s0.png"), np.rint(depth_m * 256).astype(np.uint16))
    found = external(tmp_path, "--prediction_scale", 256, sample=sample)
    np.testing.assert_allclose(found, depth_m, atol=0.5 / 256 + 1e-6)
    np.save(tmp_path / "s0.npy", depth_m)  # the more exact file wins
    np.testing.assert_allclose(external(tmp_path, sample=sample), depth_m, rtol=1e-7)


def test_external_maps_of_another_size_are_resized_linearly(tmp_path):
    rows, columns = np.mgrid[:30, :40] + 0.5
    np.save(tmp_path / "s0.npy", 1 + columns / 40 + 2 * rows / 30)
    rows, columns = np.mgrid[:60, :80] + 0.5
    found = external(tmp_path, sample=Pictures()[0])
    expected = 1 + columns / 80 + 2 * rows / 60  # a plane stays a plane, pixel centres at + 0.5
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-6)


def test_a_missing_external_map_is_named(tmp_path):
    with pytest.raises(UserError, match=r"neither s5\.npy nor s5\.png"):
        external(tmp_path, sample=Pictures()[5])
