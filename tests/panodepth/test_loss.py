# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's objective on ray-cast rooms: the formulas in float64, gradients, what must not matter."""
from __future__ import annotations

import functools
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, ParameterTuple, nn, ops
from skimage.metrics import structural_similarity

from src.errors import UserError
from src.geometry import sphere
from src.panodepth.loss import DEPTH_TERMS, TWO_VIEW_TERMS, PanoObjective, parse_rate
from tests.geometry.panorama_scene import Panorama, rotation
from tests.losses import test_robust

HEIGHT, WIDTH = 32, 64
RATE = (0.1, 0.2, 0.8, 0.3, 0.4, 0.5)
SETTINGS = SimpleNamespace(rate=RATE, ssim_k=11, ssim_range_m=10.0, latitude_weights=True)
TERMS = DEPTH_TERMS + TWO_VIEW_TERMS
FIRST = (Panorama(turn=rotation(15, 10, -5), pillar=True), Panorama((-1.0, 0.4, 1.2)))
SECOND = (Panorama((0.5, 0.1, -0.6), rotation(-60, -8, 12), pillar=True),
          Panorama((-0.7, 0.2, 0.9), rotation(90)))
COLUMNS = ("image", "depth_m", "valid", "other_image", "other_depth_m", "other_valid", "pose")


def settings_with(**values) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(SETTINGS), **values})


ONE_VIEW = settings_with(rate=(*RATE[:5], 0))


class Holding(nn.Cell):
    """In the place of a network: the values that it holds, whatever the images."""

    def __init__(self, values: np.ndarray):
        super().__init__()
        self.values = Parameter(ms.Tensor(values.astype(np.float32)), name="values")

    def construct(self, image):
        return self.values + 0 * image[:, :1]


def make_batch() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns of two pairs with holes that hold anything, and exact depth of all views (4, 1, H, W)."""
    rng, columns, exact = np.random.default_rng(1), {}, []
    for side, views in (("", FIRST), ("other_", SECOND)):
        pictures = [view.picture(HEIGHT, WIDTH) for view in views]
        depth_m = np.stack([p[0][None] for p in pictures])
        valid = np.ones(depth_m.shape)
        for hole in valid[:, 0]:
            row, column = rng.integers(HEIGHT), rng.integers(WIDTH)
            hole[row:row + 4, column:column + 6] = 0
        columns |= {f"{side}image": np.stack([p[1] for p in pictures]), f"{side}valid": valid,
                    f"{side}depth_m": np.where(valid > 0, depth_m, rng.choice([0, np.nan, np.inf, 99]))}
        exact.append(depth_m)
    columns["pose"] = np.stack([np.linalg.inv(b.pose()) @ a.pose()
                                for a, b in zip(FIRST, SECOND, strict=True)])
    return {name: columns[name] for name in COLUMNS}, np.concatenate(exact)


def noisy(exact_m: np.ndarray, share: float = 0.02) -> np.ndarray:
    return exact_m * (1 + np.random.default_rng(2).normal(0, share, exact_m.shape))


def single(columns) -> dict[str, np.ndarray]:
    return {name: columns[name] for name in COLUMNS[:3]}


def tensors(columns) -> list[ms.Tensor]:
    return [ms.Tensor(np.asarray(values, np.float32)) for values in columns.values()]


def sums_and_counts(settings, columns, predicted_m) -> tuple[dict[str, float], dict[str, float]]:
    objective, given = PanoObjective(Holding(predicted_m), settings), tensors(columns)
    return tuple(dict(zip(objective.terms, a.asnumpy().tolist(), strict=True))
                 for a in (objective(*given), objective.counts(*given)))


class Compiled:
    """An objective compiled as the trainer does it, with gradients by what the net holds."""

    def __init__(self, settings, predicted_m):
        objective = PanoObjective(Holding(predicted_m), settings)
        self.terms = objective.terms
        parameters = ParameterTuple([objective.network.values])

        def total(factors, columns):
            sums = objective(*columns)
            return (sums * factors).sum(), sums, objective.counts(*columns)

        gradient = ms.value_and_grad(total, None, parameters, has_aux=True)

        @ms.jit
        def run(factors, *columns):
            return gradient(factors, columns)

        self.run, self.values = run, objective.network.values

    def __call__(self, columns, predicted_m, weights=None) -> list[np.ndarray]:
        """Sums, counts and the weighted terms' gradient (N, 1, H, W)."""
        ops.assign(self.values, ms.Tensor(predicted_m.astype(np.float32)))
        factors = np.array([(weights or {}).get(term, 0.0) for term in self.terms], np.float32)
        (_, sums, counts), (gradient,) = self.run(ms.Tensor(factors), *tensors(columns))
        return [a.asnumpy().copy() for a in (sums, counts, gradient)]

    def named(self, columns, predicted_m) -> tuple[dict[str, float], dict[str, float]]:
        """Sums and counts by their terms."""
        return tuple(dict(zip(self.terms, a.tolist(), strict=True)) for a in self(columns, predicted_m)[:2])


@functools.cache
def compiled(pairs: bool) -> Compiled:
    exact_m = make_batch()[1]
    return Compiled(SETTINGS if pairs else ONE_VIEW, exact_m if pairs else exact_m[:2])


def ssim(a, b, **how) -> np.ndarray:
    """(1 - SSIM) / 2 of one channel (H, W) at windows that fit in height, by scikit-image."""
    window_px = how.pop("window_px")
    edge = window_px // 2
    wide = [np.pad(x, ((0, 0), (edge, edge)), "wrap") for x in (a, b)]
    full = structural_similarity(*wide, use_sample_covariance=False, full=True, **how)[1]
    return (1 - full[edge:-edge, edge:-edge]) / 2


def whole(valid, window_px: int) -> np.ndarray:
    edge = window_px // 2
    wide = np.pad(valid, ((0, 0), (edge, edge)), "wrap")
    return np.lib.stride_tricks.sliding_window_view(wide, (window_px, window_px)).min(axis=(2, 3))


def depth_reference(predicted_m, truth_m, valid, rows, range_m: float) -> dict[str, tuple[float, float]]:
    """Sum and count of l1, normal, ssim and gradient of one image (H, W)."""
    truth_m = np.where(valid > 0, truth_m, 1)
    error = np.where(valid > 0, predicted_m - truth_m, 0)
    surface, exists = sphere.normals(np.where(valid > 0, truth_m, 0))
    off = 1 - (surface * sphere.normals(predicted_m, np.inf)[0]).sum(axis=-1)
    windows = whole(valid, 11) * rows[5:-5]
    structure = ssim(predicted_m, truth_m, window_px=11, gaussian_weights=True, sigma=1.5, data_range=range_m)
    right = valid * np.roll(valid, -1, axis=1) * rows
    below = valid[1:] * valid[:-1] * (rows[1:] + rows[:-1]) / 2
    steps = (np.abs(np.roll(error, -1, axis=1) - error) * right).sum()
    steps += (np.abs(np.diff(error, axis=0)) * below).sum()
    weights = valid * rows
    return {"l1": ((np.abs(error) * weights).sum(), weights.sum()),
            "normal": ((off * exists * rows).sum(), (exists * rows).sum()),
            "ssim": ((structure * windows).sum(), windows.sum()),
            "gradient": (steps, right.sum() + below.sum())}


def two_view_reference(predicted_m, image, other_m, other_image, pose, rows) -> dict[str, float]:
    """Means of photometric and consistency of one view."""
    there = sphere.points(predicted_m) @ pose[:3, :3].T + pose[:3, 3]
    distance_m, places = np.linalg.norm(there, axis=-1), sphere.project(there, HEIGHT, WIDTH)
    seen_m = sphere.sample(other_m, *places)
    seen = np.moveaxis(sphere.sample(np.moveaxis(other_image, 0, -1), *places), -1, 0)
    used = (seen_m >= 0.9 * distance_m).astype(float)
    windows = whole(used, 3) * rows[1:-1]
    structure = np.mean([ssim(a, b, window_px=3, win_size=3, data_range=1.0)
                         for a, b in zip(seen, image, strict=True)], axis=0)
    weights = used * rows
    photometric = (0.85 * (structure * windows).sum() / windows.sum()
                   + 0.15 * (np.abs(seen - image).mean(axis=0) * weights).sum() / weights.sum())
    disagreement = np.abs(distance_m - seen_m) / (distance_m + seen_m)
    return {"photometric": photometric, "consistency": (disagreement * weights).sum() / weights.sum()}


def reference(columns, predicted_m, settings) -> dict[str, tuple[float, float]]:
    """Sum and count of every term; both views where there are pairs."""
    pairs = "pose" in columns
    views = [np.concatenate([columns[name], columns[f"other_{name}"]]) if pairs else columns[name]
             for name in ("image", "depth_m", "valid")]
    image, truth_m, valid = views
    own_m = predicted_m[:, 0]
    rows = sphere.latitude_weights(HEIGHT)[:, None] if settings.latitude_weights else np.ones((HEIGHT, 1))
    totals = dict.fromkeys(TERMS, np.zeros(2))
    for i, depth_m in enumerate(own_m):
        found = depth_reference(depth_m, truth_m[i, 0], valid[i, 0], rows, settings.ssim_range_m)
        if pairs:
            n = len(own_m) // 2
            j, pose = (i + n) % (2 * n), columns["pose"][i % n]
            pose = pose if i < n else np.linalg.inv(pose)
            means = two_view_reference(depth_m, image[i], own_m[j], image[j], pose, rows)
            found |= {term: (mean, 1) for term, mean in means.items()}
        for term, pair in found.items():
            totals[term] = totals[term] + pair
    weights = (valid[:, 0] * rows)[:, None]
    error = np.where(valid > 0, own_m[:, None] - truth_m, 0)
    c = test_robust.threshold(error, valid > 0)
    size = np.abs(error)
    berhu = np.where(size <= c, size, (size**2 + c**2) / (2 * c)) * weights
    return {**totals, "berhu": (berhu.sum(), weights.sum())}


@pytest.mark.parametrize("latitude_weights", [True, False])
@pytest.mark.parametrize("pairs", [True, False], ids=["pairs", "single views"])
def test_sums_and_counts_are_the_formulas(pairs, latitude_weights):
    columns, exact_m = make_batch()
    rate = RATE if pairs else (*RATE[:5], 0)
    settings = settings_with(latitude_weights=latitude_weights, ssim_range_m=4.0, rate=rate)
    columns, exact_m = (columns, exact_m) if pairs else (single(columns), exact_m[:2])
    expected = reference(columns, noisy(exact_m), settings)
    sums, counts = sums_and_counts(settings, columns, noisy(exact_m))
    assert tuple(sums) == (TERMS if pairs else DEPTH_TERMS)
    for term in sums:
        assert sums[term] == pytest.approx(expected[term][0], rel=1e-4), term
        assert counts[term] == pytest.approx(expected[term][1], rel=1e-6) and counts[term] > 0, term


def test_ssim_is_scikit_images_to_a_hundred_thousandth():
    columns, exact_m = make_batch()
    columns = single(columns)
    columns["valid"], columns["depth_m"] = np.ones_like(columns["valid"]), exact_m[:2]
    only = settings_with(rate=(0, 0, 1, 0, 0, 0), latitude_weights=False)
    for share in (0.005, 0.05, 0.5):
        predicted_m = noisy(exact_m[:2], share)
        (total,), (count,) = (tuple(a.values()) for a in sums_and_counts(only, columns, predicted_m))
        expected = [ssim(a, b, window_px=11, gaussian_weights=True, sigma=1.5, data_range=10.0)
                    for a, b in zip(predicted_m[:, 0].astype(np.float32).astype(float),
                                    exact_m[:2, 0].astype(np.float32).astype(float), strict=True)]
        assert 1 - 2 * total / count == pytest.approx(1 - 2 * np.mean(expected), abs=1e-5)
        assert count == 2 * (HEIGHT - 10) * WIDTH


def test_every_term_has_its_weight_and_0_leaves_it_out():
    columns, exact_m = make_batch()
    weights = (*RATE, RATE[5])
    assert PanoObjective(Holding(exact_m), SETTINGS).weights == weights
    together = compiled(pairs=True).named(columns, noisy(exact_m))[0]
    for i in range(6):
        rate = tuple(weight if k == i else 0 for k, weight in enumerate(RATE))
        terms = TERMS[i:i + 1] if i < 5 else TWO_VIEW_TERMS
        objective = PanoObjective(Holding(exact_m), settings_with(rate=rate))
        assert objective.terms == terms and objective.weights == weights[i:i + len(terms)]
        sums = sums_and_counts(settings_with(rate=rate), columns, noisy(exact_m))[0]
        assert sums == pytest.approx({term: together[term] for term in terms}, rel=1e-5)


@pytest.mark.parametrize("rate", [(0.1,) * 2, (0.1,) * 7, (0,) * 6, (1, 1, 1, 1, 1, -1), ("a",) * 6,
                                  (1, 0, 0, 0, 0, float("nan")), (1, 0, 0, 0, 0, float("inf")), ()], ids=str)
def test_impossible_rates_are_refused(rate):
    with pytest.raises(UserError, match="--rate .* three to six weights"):
        parse_rate(rate)


def test_rates_may_be_texts():
    assert parse_rate(["0.1", "0.1", "0.8", "0.", "0.", "0"]) == (0.1, 0.1, 0.8, 0, 0, 0)


def test_rates_that_are_left_out_are_0():
    assert parse_rate((0.1, 0.1, 0.8)) == (0.1, 0.1, 0.8, 0, 0, 0)


@pytest.mark.parametrize("columns_px", [1, 32, -20])
def test_rolling_everything_changes_nothing(columns_px):
    columns, exact_m = make_batch()
    columns, predicted_m, case = single(columns), noisy(exact_m[:2]), compiled(pairs=False)
    rolled = {name: np.roll(values, columns_px, axis=-1) for name, values in columns.items()}
    plain = case.named(columns, predicted_m)
    moved = case.named(rolled, np.roll(predicted_m, columns_px, axis=-1))
    for before, after in zip(plain, moved, strict=True):
        assert after == pytest.approx(before, rel=1e-5)


def test_exchanged_views_are_the_same():
    columns, exact_m = make_batch()
    exchanged = {name: columns[f"other_{name}"] for name in COLUMNS[:3]}
    exchanged |= {f"other_{name}": columns[name] for name in COLUMNS[:3]}
    exchanged["pose"] = np.linalg.inv(columns["pose"])
    plain = compiled(pairs=True).named(columns, noisy(exact_m))
    other = compiled(pairs=True).named(exchanged, np.roll(noisy(exact_m), 2, axis=0))
    for before, after in zip(plain, other, strict=True):
        assert after == pytest.approx(before, rel=1e-4)


def test_sums_and_counts_of_parts_add_up():
    """But for berHu, whose threshold is a batch's own."""
    columns, exact_m = make_batch()
    settings = settings_with(rate=(*RATE[:4], 0, RATE[5]))
    all_sums, all_counts = compiled(pairs=True).named(columns, noisy(exact_m))
    parts = [sums_and_counts(settings, {name: values[i:i + 1] for name, values in columns.items()},
                             noisy(exact_m)[i::2]) for i in range(2)]
    for term in parts[0][0]:
        assert sum(part[0][term] for part in parts) == pytest.approx(all_sums[term], rel=1e-5)
        assert sum(part[1][term] for part in parts) == pytest.approx(all_counts[term], rel=1e-6)


def test_exact_depth_costs_nothing_and_explains_the_other_view():
    columns, exact_m = make_batch()
    means, moved = {}, columns["pose"] + 0.4 * np.eye(4, k=3)  # by 0.4 m along x
    for name, factor, pose in (("exact", 1, columns["pose"]), ("far", 1.1, columns["pose"]),
                               ("near", 0.9, columns["pose"]), ("elsewhere", 1, moved)):
        sums, counts = compiled(pairs=True).named({**columns, "pose": pose}, factor * exact_m)
        means[name] = {term: sums[term] / counts[term] for term in sums}
    for term in DEPTH_TERMS:
        assert means["exact"][term] == pytest.approx(0, abs=1e-6)
        if term != "normal":  # what is farther everywhere is no steeper
            assert min(means["far"][term], means["near"][term]) > 1e-3
    assert means["exact"]["consistency"] < 0.01 and means["exact"]["photometric"] < 0.05
    for term in TWO_VIEW_TERMS:
        for wrong in ("far", "near", "elsewhere"):
            assert means[wrong][term] > 1.2 * means["exact"][term], (wrong, term)


def test_an_image_without_any_reading_adds_nothing():
    columns, exact_m = make_batch()
    columns = single(columns)
    columns["valid"] = np.zeros_like(columns["valid"])
    columns["depth_m"] = np.full_like(columns["depth_m"], np.nan)
    sums, counts, gradient = compiled(pairs=False)(columns, exact_m[:2], dict(zip(TERMS, RATE, strict=False)))
    assert not sums.any() and not counts.any() and not gradient.any()


def test_a_compiled_objective_is_the_plain_one_and_repeats_to_the_last_bit():
    columns, exact_m = make_batch()
    everything, case = dict(zip(TERMS, (*RATE, RATE[5]), strict=True)), compiled(pairs=True)
    first = case(columns, noisy(exact_m), everything)
    plain = [list(a.values()) for a in sums_and_counts(SETTINGS, columns, noisy(exact_m))]
    np.testing.assert_allclose(first[0], plain[0], rtol=1e-5)
    np.testing.assert_allclose(first[1], plain[1], rtol=1e-6)
    for _ in range(20):
        for again, once in zip(case(columns, noisy(exact_m), everything), first, strict=True):
            np.testing.assert_array_equal(again, once)


def test_gradients_are_those_of_finite_differences():
    """Of every term along a random direction of all pixels but berHu's largest error, which sets its c."""
    columns, exact_m = make_batch()
    predicted_m, direction = noisy(exact_m), np.random.default_rng(3).normal(size=exact_m.shape)
    valid = np.concatenate((columns["valid"], columns["other_valid"]))
    direction.flat[np.argmax(np.abs(predicted_m - exact_m) * valid)] = 0
    held = predicted_m.astype(np.float32).astype(np.float64)
    ends = [reference(columns, held + step * direction, SETTINGS) for step in (1e-5, -1e-5)]
    for term in TERMS:
        gradient = compiled(pairs=True)(columns, predicted_m, {term: 1.0})[2]
        assert np.isfinite(gradient).all() and gradient.any()
        slope, scale = np.sum(gradient * direction), np.linalg.norm(gradient) * np.linalg.norm(direction)
        expected = (ends[0][term][0] - ends[1][term][0]) / 2e-5
        assert slope == pytest.approx(expected, abs=2e-3 * scale), term


def test_what_is_not_valid_never_matters():
    columns, exact_m = make_batch()
    columns, predicted_m, case = single(columns), noisy(exact_m[:2]), compiled(pairs=False)
    weights = dict(zip(DEPTH_TERMS, RATE, strict=False))
    plain, hole = case(columns, predicted_m, weights), columns["valid"] == 0
    for trash in (np.nan, np.inf, 0.0, -5.0, 1e30):
        dirty = {**columns, "depth_m": np.where(hole, trash, columns["depth_m"])}
        for again, once in zip(case(dirty, predicted_m, weights), plain, strict=True):
            np.testing.assert_array_equal(again, once)
    assert np.isfinite(plain[2]).all() and plain[2].any() and not plain[2][hole].any()
