# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth's objectives on ray-cast stereo: the formulas in float64, gradients, what must not matter."""
from __future__ import annotations

import functools
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, ParameterTuple, nn, ops
from skimage.metrics import structural_similarity

from src.errors import UserError
from src.mergedepth.loss import SupervisedObjective, UnsupervisedObjective
from tests.geometry.stereo_scene import LEFT, RIGHT, View, bilinear
from tests.losses import test_robust, test_smoothness

MAX_M, HEIGHT, WIDTH = 120.0, LEFT.height_px, LEFT.width_px
SETTINGS = SimpleNamespace(alpha=1.0, beta=0.1, gamma=0.5, supervised_loss="l2", photometric="l2",
                           r_mask=False, c_mask=False, smoothness_weight=0.2, output_max_m=MAX_M)
OBJECTIVES = {"supervised": SupervisedObjective, "unsupervised": UnsupervisedObjective}
DATA_TERMS = {"supervised": ("su_left", "su_right"), "unsupervised": ("rec_left", "rec_right")}
SHARED_TERMS = ("con_left", "con_right", "smooth_left", "smooth_right")
OTHER = {"left": "right", "right": "left"}
PAIRS = ((LEFT, RIGHT), (View(45.0, focal_px=74.0), View(44.1, np.array([0.55, 0.0, 0.0]), focal_px=74.0)))
IMAGE_PART = 0.01  # of what the tests' nets answer: shows which image they were given


def settings_with(**values) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(SETTINGS), **values})


class Holding(nn.Cell):
    """In the place of a network: the values that it holds, and a little of its image's mean."""

    def __init__(self, values: np.ndarray, name: str):
        super().__init__()
        self.values = Parameter(ms.Tensor(values.astype(np.float32)), name=name)

    def construct(self, image):
        return self.values + IMAGE_PART * image.mean(axis=(1, 2, 3)).reshape((-1, 1, 1, 1))


def make_batch(factor: int = 1) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns of two pairs with images `factor` times as large as depth, and exact depth by view."""
    rng = np.random.default_rng(factor)
    pictures = {side: [pair[i].picture() for pair in PAIRS] for i, side in enumerate(("left", "right"))}
    columns, depth_m = {}, {}
    for side, shown in pictures.items():
        image = np.stack([p[1] for p in shown]).repeat(factor, 2).repeat(factor, 3)
        noise = rng.normal(0, 0.05, image.shape) if factor > 1 else 0
        columns[side] = np.clip(image + noise, 0, 1).astype(np.float32)
        depth_m[side] = np.stack([p[0][None] for p in shown])
    for side, exact in depth_m.items():
        columns[f"depth_{side}_m"] = np.where(rng.random(exact.shape) < 0.2, exact, 0).astype(np.float32)
    columns["camera"] = np.array([[a.focal_px, b.centre_m[0], a.cx_px, b.cx_px] for a, b in PAIRS])
    return columns, depth_m


def noisy(depth_m, columns, share: float = 0.03) -> dict[str, np.ndarray]:
    """What nets must hold to predict this depth with some noise."""
    rng = np.random.default_rng(11)
    held = {}
    for side, exact in depth_m.items():
        wrong = exact * (1 + rng.normal(0, share, exact.shape))
        held[side] = wrong / MAX_M - IMAGE_PART * columns[side].mean(axis=(1, 2, 3), keepdims=True)
    return held


def build(phase: str, settings, held):
    return OBJECTIVES[phase]({side: Holding(values, side) for side, values in held.items()}, settings)


def tensors(columns) -> list[ms.Tensor]:
    return [ms.Tensor(np.asarray(values, np.float32)) for values in columns.values()]


def sums_and_counts(objective, columns) -> tuple[dict[str, float], dict[str, float]]:
    given = tensors(columns)
    return tuple(dict(zip(objective.terms, a.asnumpy().tolist(), strict=True))
                 for a in (objective(*given), objective.counts(*given)))


def part_of(values: dict[str, np.ndarray], images: slice) -> dict[str, np.ndarray]:
    return {name: a[images] for name, a in values.items()}


def predicted_m(columns, held, side: str) -> np.ndarray:
    stored = held[side].astype(np.float32).astype(np.float64)
    return MAX_M * (stored + IMAGE_PART * columns[side].astype(np.float64).mean((1, 2, 3), keepdims=True))


def shrunk(image) -> np.ndarray:
    n, c, height, width = image.shape
    blocks = image.astype(np.float64).reshape(n, c, HEIGHT, height // HEIGHT, WIDTH, width // WIDTH)
    return blocks.mean(axis=(3, 5))


def row_weights(upper: bool) -> np.ndarray:
    return np.exp(1 - np.arange(HEIGHT) / HEIGHT)[:, None] - 1 if upper else np.ones((HEIGHT, 1))


def photometric(seen, image, valid, rows) -> float:
    """0.85 mean (1 - SSIM) / 2 over whole windows + 0.15 mean |difference|."""
    ssim = np.mean([structural_similarity(a, b, win_size=3, data_range=1.0, use_sample_covariance=False,
                                          full=True)[1] for a, b in zip(seen, image, strict=True)], axis=0)
    whole = np.lib.stride_tricks.sliding_window_view(valid, (3, 3)).min(axis=(2, 3))
    structure = ((1 - ssim)[1:-1, 1:-1] / 2 * rows[1:-1] * whole).sum() / whole.sum()
    return 0.85 * structure + 0.15 * (np.abs(seen - image).mean(axis=0) * rows * valid).sum() / valid.sum()


def reference_terms(columns, held, settings) -> dict[str, tuple[float, float]]:
    """Sum and count of every term of both phases."""
    s, n = settings, len(columns["camera"])
    depth_m = {side: predicted_m(columns, held, side) for side in ("left", "right")}
    image = {side: shrunk(columns[side]) for side in depth_m}
    terms = {}
    for (side, other), sign in zip(OTHER.items(), (-1, 1), strict=True):
        truth_m = columns[f"depth_{side}_m"].astype(np.float64)
        valid, everywhere = truth_m > 0, np.ones_like(truth_m)
        error_m = depth_m[side] - truth_m
        terms[f"su_{side}"] = test_robust.reference(s.supervised_loss, error_m, valid), valid.sum()
        roughness = test_smoothness.reference(depth_m[side], image[side], everywhere)
        terms[f"smooth_{side}"] = roughness.sum(), n
        terms[f"rec_{side}"], terms[f"con_{side}"] = (0.0, n), (0.0, n)
        for i, (fx_px, baseline_m, cx_left_px, cx_right_px) in enumerate(columns["camera"]):
            u, v = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
            own_m = depth_m[side][i, 0]
            u = u + sign * (fx_px * baseline_m / own_m + cx_left_px - cx_right_px)
            seen, inside = bilinear(np.concatenate([depth_m[other][i], image[other][i]]), u, v)
            used = (inside & (seen[0] >= 0.9 * own_m)).astype(np.float64)
            rows = row_weights(s.r_mask)
            if s.photometric == "l2":
                off = ((seen[1:] - image[side][i])**2).mean(axis=0)
                reconstruction = (off * rows * used).sum() / used.sum()
            else:
                reconstruction = photometric(seen[1:], image[side][i], used, rows)
            consistency = ((seen[0] - own_m)**2 * row_weights(s.c_mask) * used).sum() / used.sum()
            for name, value in (("rec", reconstruction), ("con", consistency)):
                terms[f"{name}_{side}"] = terms[f"{name}_{side}"][0] + value, n
    return terms


class Compiled:
    """An objective compiled as the trainer does it, with gradients by what both nets hold."""

    def __init__(self, phase: str, settings, held):
        objective = build(phase, settings, held)
        self.terms, self.held = objective.terms, held
        parameters = ParameterTuple([objective.left.values, objective.right.values])

        def total(factors, columns):
            sums = objective(*columns)
            return (sums * factors).sum(), sums, objective.counts(*columns)

        gradient = ms.value_and_grad(total, None, parameters, has_aux=True)

        @ms.jit
        def run(factors, *columns):
            return gradient(factors, columns)

        self.run, self.parameters = run, parameters

    def __call__(self, columns, weights, held=None) -> list[np.ndarray]:
        """Sums, counts, gradients by left and by right, where the nets hold other values, too."""
        for parameter, values in zip(self.parameters, tensors(held or self.held), strict=True):
            ops.assign(parameter, values)
        factors = ms.Tensor(np.array([weights.get(term, 0.0) for term in self.terms], np.float32))
        (_, sums, counts), gradients = self.run(factors, *tensors(columns))
        return [a.asnumpy().copy() for a in (sums, counts, *gradients)]


KINDS = {"l2": ("supervised", {}), "l1": ("supervised", {"supervised_loss": "l1", "c_mask": True}),
         "berhu": ("supervised", {"supervised_loss": "berhu"}), "squared": ("unsupervised", {"r_mask": True}),
         "ssim": ("unsupervised", {"photometric": "ssim", "r_mask": True, "c_mask": True})}


@functools.cache
def compiled(kind: str) -> Compiled:
    phase, changes = KINDS[kind]
    columns, depth_m = make_batch()
    return Compiled(phase, settings_with(**changes), noisy(depth_m, columns))


@pytest.mark.parametrize("factor", [1, 2], ids=["full scale", "half scale"])
@pytest.mark.parametrize("kind", KINDS)
def test_sums_and_counts_are_the_formulas(kind, factor):
    phase, changes = KINDS[kind]
    settings, (columns, depth_m) = settings_with(**changes), make_batch(factor)
    held = noisy(depth_m, columns)
    objective, expected = build(phase, settings, held), reference_terms(columns, held, settings)
    assert objective.terms == DATA_TERMS[phase] + SHARED_TERMS
    sums, counts = sums_and_counts(objective, columns)
    for term in objective.terms:
        assert sums[term] == pytest.approx(expected[term][0], rel=1e-5), term
        assert counts[term] == expected[term][1] > 0, term


def test_totals_are_the_formulas():
    columns, depth_m = make_batch()
    held, s = noisy(depth_m, columns), SETTINGS
    mean = {term: total / count for term, (total, count) in reference_terms(columns, held, s).items()}
    both = {name: mean[f"{name}_left"] + mean[f"{name}_right"] for name in ("su", "rec", "con", "smooth")}
    smoothness = s.smoothness_weight * both["smooth"] / 2
    expected = {"supervised": (s.alpha * both["su"] + s.gamma * both["con"]) / (2 * (s.alpha + s.gamma)),
                "unsupervised": (s.beta * both["rec"] + s.gamma * both["con"] / MAX_M**2)
                / (2 * (s.beta + s.gamma))}
    for phase, total in expected.items():
        objective = build(phase, s, held)
        sums, counts = (np.array(list(a.values())) for a in sums_and_counts(objective, columns))
        assert np.dot(objective.weights, sums / counts) == pytest.approx(total + smoothness, rel=1e-5)


def test_terms_of_weight_0_are_left_out():
    columns, depth_m = make_batch()
    held = noisy(depth_m, columns)
    for phase, data_weight in (("supervised", "alpha"), ("unsupervised", "beta")):
        every = sums_and_counts(build(phase, SETTINGS, held), columns)
        for off, kept in (({data_weight: 0.0, "smoothness_weight": 0.0}, ("con_left", "con_right")),
                          ({"gamma": 0.0, "smoothness_weight": 0.0}, DATA_TERMS[phase])):
            objective = build(phase, settings_with(**off), held)
            assert objective.terms == kept
            sums, counts = sums_and_counts(objective, columns)
            assert sums == {term: every[0][term] for term in kept}
            assert counts == {term: every[1][term] for term in kept}
        with pytest.raises(UserError, match=f"--{data_weight} and --gamma are both 0"):
            build(phase, settings_with(**{data_weight: 0.0, "gamma": 0.0}), held)


@pytest.mark.parametrize("kind", ["squared", "ssim"])
def test_exact_depth_explains_the_other_view_and_wrong_depth_does_not(kind):
    (columns, depth_m), means = make_batch(), {}
    phase, changes = KINDS[kind]
    for factor in (0.9, 1.0, 1.1, 1000.0):  # at last without any disparity
        held = noisy({side: factor * exact for side, exact in depth_m.items()}, columns, 0)
        sums, counts = sums_and_counts(build(phase, settings_with(**changes), held), columns)
        means[factor] = {term: sums[term] / counts[term] for term in sums}
    for term in ("rec_left", "rec_right"):
        assert means[1.0][term] < 0.2 * means[1000.0][term]
        assert min(means[0.9][term], means[1.1][term]) > 3 * means[1.0][term]
    for term in ("con_left", "con_right"):
        assert min(means[0.9][term], means[1.1][term]) > 1.5 * means[1.0][term]


def test_a_mirrored_pair_with_its_views_exchanged_is_the_same():
    columns, depth_m = make_batch()
    held = noisy(depth_m, columns)
    camera = columns["camera"]
    mirrored = {"left": columns["right"], "right": columns["left"], "depth_left_m": columns["depth_right_m"],
                "depth_right_m": columns["depth_left_m"]}
    mirrored = {name: values[..., ::-1] for name, values in mirrored.items()}
    mirrored["camera"] = np.stack([camera[:, 0], camera[:, 1], WIDTH - camera[:, 3], WIDTH - camera[:, 2]], 1)
    other_held = {"left": held["right"][..., ::-1], "right": held["left"][..., ::-1]}
    for phase in OBJECTIVES:
        sums, counts = sums_and_counts(build(phase, SETTINGS, held), columns)
        other_sums, other_counts = sums_and_counts(build(phase, SETTINGS, other_held), mirrored)
        for term in sums:
            name, side = term.split("_")
            swapped = f"{name}_{OTHER[side]}"
            assert other_sums[swapped] == pytest.approx(sums[term], rel=1e-4), term
            assert other_counts[swapped] == counts[term]


@pytest.mark.parametrize("kind", ["l1", "ssim"])
def test_gradients_are_those_of_finite_differences(kind):
    """Of every term by both nets along random directions of all pixels."""
    phase, changes = KINDS[kind]
    settings, (columns, depth_m), case = settings_with(**changes), make_batch(), compiled(kind)
    held = noisy(depth_m, columns)
    seen = {term: case(columns, {term: 1.0})[2:] for term in case.terms}
    for number, side in enumerate(held):
        direction, ends = np.random.default_rng(number).normal(size=held[side].shape), []
        for step in (1e-4, -1e-4):  # metres, but for direction
            moved = {**held, side: held[side] + step * direction / MAX_M}
            ends.append(reference_terms(columns, moved, settings))
        for term in case.terms:
            slope = np.sum(seen[term][number] * direction) / MAX_M
            scale = np.linalg.norm(seen[term][number]) * np.linalg.norm(direction) / MAX_M
            expected = (ends[0][term][0] - ends[1][term][0]) / 2e-4
            assert slope == pytest.approx(expected, abs=2e-3 * scale), (side, term)


@pytest.mark.parametrize("kind", ["l1", "ssim"])
def test_which_nets_a_term_trains(kind):
    """Consistency trains both, all others the net of their view."""
    columns, case = make_batch()[0], compiled(kind)
    for term in case.terms:
        _, _, left, right = case(columns, {term: 1.0})
        trained = {side for side, g in (("left", left), ("right", right)) if g.any()}
        assert trained == ({"left", "right"} if term.startswith("con") else {term.split("_")[1]}), term


@pytest.mark.parametrize("kind", ["l1", "ssim"])
def test_compiling_changes_nothing_and_repeats_to_the_last_bit(kind):
    phase, changes = KINDS[kind]
    (columns, depth_m), case = make_batch(), compiled(kind)
    weights = dict(zip(case.terms, (1.0, 0.7, 0.02, 0.03, 0.4, 0.5), strict=True))
    first = case(columns, weights)
    plain = sums_and_counts(build(phase, settings_with(**changes), noisy(depth_m, columns)), columns)
    np.testing.assert_allclose(first[0], list(plain[0].values()), rtol=1e-5)
    np.testing.assert_array_equal(first[1], list(plain[1].values()))
    for _ in range(40):
        for again, once in zip(case(columns, weights), first, strict=True):
            np.testing.assert_array_equal(again, once)


def test_counts_depend_on_the_batch_alone():
    columns, depth_m = make_batch()
    for case in (compiled("l1"), compiled("ssim")):
        counts = [dict(zip(case.terms, case(columns, {}, noisy(depth_m, columns, share))[1], strict=True))
                  for share in (0.03, 5.0)]
        assert counts[0] == counts[1]
        expected = {f"su_{side}": np.sum(columns[f"depth_{side}_m"] > 0) for side in depth_m}
        assert counts[0] == {term: expected.get(term, 2) for term in counts[0]}


def test_parts_of_a_batch_sum_to_the_batch():
    columns, depth_m = make_batch()
    held = noisy(depth_m, columns)
    for kind in ("l1", "squared"):
        phase, changes = KINDS[kind]
        whole, *parts = [sums_and_counts(build(phase, settings_with(**changes), part_of(held, images)),
                                         part_of(columns, images))
                         for images in (slice(2), slice(1), slice(1, 2))]
        for i, values in enumerate(whole):
            for term, value in values.items():
                assert parts[0][i][term] + parts[1][i][term] == pytest.approx(value, rel=1e-5), term
                assert i == 1 or parts[0][i][term] != parts[1][i][term]


@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf])
def test_what_has_no_reading_never_matters(hole):
    columns, case = make_batch()[0], compiled("l1")
    weights = dict.fromkeys(DATA_TERMS["supervised"], 1.0)
    plain = case(columns, weights)
    for side in ("left", "right"):
        depth = columns[f"depth_{side}_m"]
        columns[f"depth_{side}_m"] = np.where(depth > 0, depth, np.float32(hole))
    for again, once in zip(case(columns, weights), plain, strict=True):
        np.testing.assert_array_equal(again, once)
    for side, gradient in zip(("left", "right"), plain[2:], strict=True):
        depth = columns[f"depth_{side}_m"]
        assert np.array_equal(gradient != 0, (depth > 0) & np.isfinite(depth))
        columns[f"depth_{side}_m"] = 0 * plain[2] + np.float32(hole)
    sums, counts, *gradients = case(columns, weights)
    assert sums[:2].tolist() == counts[:2].tolist() == [0, 0] and not any(g.any() for g in gradients)


@pytest.mark.parametrize("value", [0.0, 1e-9, 1.0])
def test_saturated_nets_give_finite_terms_and_gradients(value):
    """Depth 0 maps nowhere; depth 120 m everywhere maps almost to itself."""
    (columns, depth_m), wrong = make_batch(), {}
    for side in depth_m:
        added = IMAGE_PART * columns[side].mean(axis=(1, 2, 3), keepdims=True)
        wrong[side] = np.full_like(depth_m[side], value) - added
    for kind in ("l1", "ssim"):
        case = compiled(kind)
        assert all(np.isfinite(a).all() for a in case(columns, dict.fromkeys(case.terms, 1.0), wrong))
