# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Evaluation figures against values by hand, plain formulas and invariances."""
from __future__ import annotations

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.metrics import METRICS, MODELZOO_NAMES, Accumulator, printed, score
from src.protocols import PROTOCOLS, Protocol

PLAIN = Protocol("plain", 1e-3, 80.0)
POOLED = replace(PLAIN, pooling="pixel")


def figures(pred, truth, protocol=PLAIN, weights=None) -> dict[str, float]:
    return score(np.asarray(pred), np.asarray(truth), protocol, weights).figures()


def accumulated(protocol, pairs) -> Accumulator:
    accumulator = Accumulator(protocol)
    for pred, truth in pairs:
        accumulator.add(score(pred, truth, protocol))
    return accumulator


def random_pair(seed, shape=(12, 17)):
    """A truth with holes of every kind in [0.5, 20] m and a prediction some 30 % off."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.5, 20, shape)
    pred = truth * np.exp(rng.normal(0.1, 0.3, shape))
    truth[rng.random(shape) < 0.2] = 0
    truth[rng.random(shape) < 0.1] = np.nan
    return pred.astype(np.float32), truth.astype(np.float32)


def formulas(p, g) -> dict[str, float]:
    """The definitions, written down once more for one list of pixels."""
    p, g = np.float64(p), np.float64(g)
    ratio = [max(a / b, b / a) for a, b in zip(p, g)]
    d = np.log(p / g)
    return {
        "delta1": sum(r < 1.25 for r in ratio) / len(g),
        "delta2": sum(r < 1.5625 for r in ratio) / len(g),
        "delta3": sum(r < 1.953125 for r in ratio) / len(g),
        "abs_rel": np.mean(abs(p - g) / g),
        "sq_rel": np.mean((p - g) ** 2 / g),
        "rmse": np.sqrt(np.mean((p - g) ** 2)),
        "rmse_log": np.sqrt(np.mean(d**2)),
        "log10": np.mean(abs(np.log10(p) - np.log10(g))),
        "silog": 100 * np.std(d),
        "mae": np.mean(abs(p - g)),
    }


def test_golden_values_by_hand():
    result = figures([[2.0, 1.0], [4.0, 8.0]], [[1.0, 2.0], [4.0, 0.0]])
    ln2 = 0.6931471805599453
    expected = {
        "delta1": 1 / 3, "delta2": 1 / 3, "delta3": 1 / 3,
        "abs_rel": 0.5,  # (1 + 1/2 + 0) / 3
        "sq_rel": 0.5,  # (1 + 1/2 + 0) / 3
        "rmse": (2 / 3) ** 0.5,
        "rmse_log": (2 / 3) ** 0.5 * ln2,
        "log10": 2 / 3 * 0.3010299956639812,
        "silog": 100 * (2 / 3) ** 0.5 * ln2,  # mean d = 0
        "mae": 2 / 3,
    }
    assert result == pytest.approx(expected, rel=1e-12)
    assert tuple(result) == METRICS


@pytest.mark.parametrize("seed", range(3))
def test_against_plain_formulas(seed):
    pred, truth = random_pair(seed)
    seen = np.isfinite(truth) & (truth > 0)
    assert 100 < seen.sum() < truth.size
    assert figures(pred, truth) == pytest.approx(formulas(pred[seen], truth[seen]), rel=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("truth_over_pred", [False, True])
def test_delta_is_strict_but_inclusive_in_modelzoo(k, truth_over_pred):
    limit = np.array([[1.25**k]])  # exact in binary
    pair = (np.ones((1, 1)), limit) if truth_over_pred else (limit, np.ones((1, 1)))
    assert figures(*pair)[f"delta{k}"] == 0
    assert figures(*pair, PROTOCOLS["modelzoo"])[f"delta{k}"] == 1
    below = (pair[0] if truth_over_pred else pair[0] - 1e-12, pair[1] - 1e-12 if truth_over_pred else pair[1])
    assert figures(*below)[f"delta{k}"] == 1


def test_perfect_prediction():
    _, truth = random_pair(5)
    result = figures(np.nan_to_num(truth, nan=7), truth)
    assert [result.pop(f"delta{k}") for k in (1, 2, 3)] == [1, 1, 1]
    assert set(result.values()) == {0}


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "modelzoo"])
@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf, -np.inf, -3.0])
@pytest.mark.parametrize("pred_there", [1e9, np.nan, -np.inf, 0.0])
def test_a_hole_never_enters(name, hole, pred_there):
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.6, 2.9, (30, 40))
    pred = truth * rng.uniform(0.7, 1.4, truth.shape)
    for protocol in (PROTOCOLS[name], replace(PROTOCOLS[name], alignment="median"),
                     replace(PROTOCOLS[name], alignment="lstsq")):
        inside = np.ones(truth.shape)
        inside[14:17, 10:20] = 0
        without = figures(pred, truth, protocol, weights=inside)
        holed, wild = np.where(inside, truth, hole), np.where(inside, pred, pred_there)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert figures(wild, holed, protocol) == without
        assert without != figures(pred, truth, protocol)


def test_pixels_outside_the_crop_never_enter():
    rng = np.random.default_rng(2)
    truth = rng.uniform(1, 9, (480, 640))
    pred = truth * rng.uniform(0.8, 1.1, truth.shape)
    expected = formulas(pred[45:471, 41:601].ravel(), truth[45:471, 41:601].ravel())
    wild = pred.copy()
    wild[:45], wild[471:], wild[:, :41], wild[:, 601:] = np.nan, 1e9, np.nan, 0
    assert figures(wild, truth, PROTOCOLS["nyu_eigen"]) == pytest.approx(expected, rel=1e-6)
    assert score(wild, truth, PROTOCOLS["nyu_eigen"]).num_valid == 426 * 560


def test_silog_ignores_scale_and_rmse_log_does_not():
    pred, truth = random_pair(7)
    pred = np.clip(pred, 0.5, 20)
    a, b = figures(pred, truth), figures(pred * np.float32(2), truth)
    assert b["silog"] == pytest.approx(a["silog"], rel=1e-6)
    assert abs(b["rmse_log"] - a["rmse_log"]) > 0.1
    assert figures(truth * 3.7, truth)["silog"] == pytest.approx(0, abs=1e-4)


def test_silog_of_a_scaled_truth_is_a_number_whatever_rounding_leaves():
    """The variance of a constant comes out slightly negative for some of these; its root must stay real."""
    truth = np.full((3, 7), 2.0)
    variances, silogs = [], []
    for scale in np.linspace(1.01, 3, 50):
        sums = score(truth * scale, truth, PLAIN).sums
        variances.append(sums["sq_log"] / 21 - (sums["log"] / 21) ** 2)
        silogs.append(figures(truth * scale, truth)["silog"])
    assert min(variances) < 0
    assert all(isinstance(silog, float) and 0 <= silog < 1e-4 for silog in silogs)


@pytest.mark.parametrize("alignment", ["median", "lstsq"])
@pytest.mark.parametrize("factor", [0.01, 0.5, 30.0])
def test_alignment_recovers_a_scaled_truth(alignment, factor):
    _, truth = random_pair(3)
    pred = np.nan_to_num(truth.astype(np.float64)) * factor
    result = figures(pred, truth, replace(PLAIN, alignment=alignment))
    assert [result["delta1"], result["rmse"], result["abs_rel"]] == pytest.approx([1, 0, 0], abs=1e-9)


def test_lstsq_recovers_scale_and_shift_and_median_does_not():
    _, truth = random_pair(4)
    pred = 0.2 * np.nan_to_num(truth.astype(np.float64)) - 5
    assert figures(pred, truth, replace(PLAIN, alignment="lstsq"))["rmse"] == pytest.approx(0, abs=1e-9)
    assert figures(pred + 6, truth, replace(PLAIN, alignment="median"))["rmse"] > 0.1


def test_lstsq_is_the_weighted_least_squares_solution():
    pred, truth = random_pair(6)
    weights = np.random.default_rng(0).uniform(0, 2, truth.shape)
    seen = np.isfinite(truth) & (truth > 0)
    p, g, w = (x[seen].astype(np.float64) for x in (pred, truth, weights))
    root = np.sqrt(w)
    scale, shift = np.linalg.lstsq(np.stack([p * root, root], 1), g * root, rcond=None)[0]
    fitted = np.clip(scale * p + shift, 1e-3, 80)
    result = figures(pred, truth, replace(PLAIN, alignment="lstsq"), weights)
    assert result["rmse"] == pytest.approx(np.sqrt(np.average((fitted - g) ** 2, weights=w)), rel=1e-9)


def test_lstsq_of_a_constant_prediction_is_the_mean():
    truth = np.array([[1.0, 2.0, 6.0]])
    assert figures(np.full((1, 3), 7.0), truth, replace(PLAIN, alignment="lstsq"))["mae"] == pytest.approx(2)


def test_median_alignment_of_a_negative_prediction_is_refused():
    with pytest.raises(UserError, match="median"):
        figures([[-1.0]], [[1.0]], replace(PLAIN, alignment="median"))


def test_predictions_are_clamped_after_alignment():
    protocol = Protocol("capped", 1e-3, 10.0)
    assert figures([[50.0, -3.0]], [[10.0, 1e-2]], protocol)["mae"] == pytest.approx((0 + 9e-3) / 2)
    # 100 and 4 scaled by 5 / 52 are 9.6 and 0.38: clamping first would give 10 and 4 and another median.
    aligned = figures([[100.0, 4.0]], [[9.0, 1.0]], replace(protocol, alignment="median"))
    assert aligned["mae"] == pytest.approx((500 / 52 - 9 + 1 - 20 / 52) / 2)


def test_modelzoo_clips_the_truth_and_masks_nothing():
    truth = np.array([[0.0, np.nan, 50.0, 2.0]], np.float32)
    pred = np.array([[0.05, 0.2, 30.0, 4.0]], np.float32)
    clipped_pred, clipped_truth = [0.1, np.float32(0.2), 10.0, 4.0], [0.1, 0.1, 10.0, 2.0]
    image = score(pred, truth, PROTOCOLS["modelzoo"])
    assert image.num_valid == 4
    expected = formulas(clipped_pred, clipped_truth)
    assert image.figures() == pytest.approx(expected, rel=1e-6)
    names = printed(image.figures(), PROTOCOLS["modelzoo"])
    assert list(names) == ["delta1_loss", "delta2_loss", "delta3_loss", "abs_relative_loss",
                           "sqr_relative_loss", "rmse_linear_loss", "rmse_log_loss"]
    assert names["rmse_log_loss"] == pytest.approx(expected["rmse_log"])
    assert set(MODELZOO_NAMES) < set(METRICS)
    assert printed(image.figures(), PLAIN) == image.figures()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_non_finite_predictions_are_counted_in_the_error(bad, name):
    truth, pred = np.full((20, 30), 2.0), np.full((20, 30), 2.0)
    pred[10, 10:13] = bad
    with pytest.raises(UserError, match="not finite at 3 of "):
        score(pred, truth, PROTOCOLS[name])


@pytest.mark.parametrize(("pred", "truth", "words"), [
    ((3, 4), (4, 3), [r"\(3, 4\)", r"\(4, 3\)"]),
    ((1, 3, 4), (1, 3, 4), ["H, W"]),
    ((3, 1), (3, 4), [r"\(3, 1\)"]),  # must not broadcast
])
def test_shapes_must_match(pred, truth, words):
    with pytest.raises(UserError) as caught:
        score(np.ones(pred), np.ones(truth), PLAIN)
    for word in words:
        assert caught.match(word)


def test_weights():
    pred, truth = random_pair(8)
    once = figures(pred, truth)
    assert figures(pred, truth, weights=np.full(truth.shape, 3)) == pytest.approx(once)
    half = np.arange(truth.size).reshape(truth.shape) % 2 == 0
    assert figures(pred, truth, weights=half) == figures(pred, np.where(half, truth, 0))
    # A pixel of weight 2 counts like two pixels.
    double = np.ones((2, 2))
    double[0, 0] = 2
    two = figures([[2.0, 3.0], [1.0, 5.0]], [[1.0, 4.0], [1.5, 4.0]], weights=double)
    assert two == pytest.approx(formulas([2, 2, 3, 1, 5], [1, 1, 4, 1.5, 4]))
    for wrong in (np.full(truth.shape, -1), np.full(truth.shape, np.nan), np.full(truth.shape, np.inf)):
        with pytest.raises(UserError, match="weights"):
            score(pred, truth, PLAIN, wrong)
    with pytest.raises(UserError, match="weights"):
        score(pred, truth, PLAIN, np.ones(3))


def test_latitude_weighting_measures_the_sphere():
    height = 256
    latitude = np.pi / 2 - np.pi * (np.arange(height) + 0.5) / height
    truth = np.full((height, 8), 4.0)
    pred = truth + (np.abs(latitude) > np.pi / 6)[:, None]  # 1 m off beyond 30 degrees: half of the sphere
    assert figures(pred, truth, PROTOCOLS["panorama_latitude"])["mae"] == pytest.approx(0.5, abs=5e-3)
    assert figures(pred, truth, PROTOCOLS["panorama"])["mae"] == pytest.approx(2 / 3, abs=5e-3)


def test_pixel_pooling_equals_concatenation():
    pairs = [random_pair(1, (8, 9)), random_pair(2, (30, 9))]
    together = figures(*(np.concatenate(maps) for maps in zip(*pairs)))
    pooled = accumulated(POOLED, pairs)
    assert pooled.result() == pytest.approx(together, rel=1e-12)
    mean = {name: (figures(*pairs[0])[name] + figures(*pairs[1])[name]) / 2 for name in METRICS}
    by_image = accumulated(PLAIN, pairs)
    assert by_image.result() == pytest.approx(mean, rel=1e-12)
    assert by_image.result()["rmse"] != pytest.approx(pooled.result()["rmse"], rel=1e-3)


@pytest.mark.parametrize("protocol", [PLAIN, POOLED, PROTOCOLS["modelzoo"], PROTOCOLS["kinect_mm"]])
def test_merged_shards_equal_one_run(protocol):
    pairs = [random_pair(seed, (9, 5 + seed)) for seed in range(7)] + [(np.ones((4, 4)), np.zeros((4, 4)))]
    joint = accumulated(protocol, pairs)
    merged = Accumulator(protocol)
    for shard in (pairs[:3], pairs[3:], []):
        state = json.loads(json.dumps(accumulated(protocol, shard).state(), allow_nan=False))
        merged.merge(Accumulator.from_state(state))
    assert merged.result() == pytest.approx(joint.result(), rel=1e-12)
    assert merged.counts() == joint.counts()


def test_merging_other_protocols_is_refused():
    with pytest.raises(UserError, match="different protocols"):
        Accumulator(PLAIN).merge(Accumulator(POOLED))


def test_images_without_a_measured_pixel_are_skipped_and_counted():
    pred, truth = random_pair(0)
    accumulator = accumulated(PLAIN, [(pred, truth), (np.full((3, 3), np.nan), np.zeros((3, 3)))])
    seen = int((np.isfinite(truth) & (truth > 0)).sum())
    assert accumulator.counts() == {"num_images": 1, "num_skipped": 1, "num_valid": seen}
    assert accumulator.result() == figures(pred, truth)
    empty = score(pred, np.zeros_like(truth), PLAIN)
    assert empty.num_valid == 0
    with pytest.raises(UserError, match="no measurable pixel"):
        empty.figures()
    with pytest.raises(UserError, match="any of 1 images"):
        accumulated(PLAIN, [(pred, np.zeros_like(truth))]).result()


@pytest.mark.parametrize("alignment", ["median", "lstsq"])
def test_an_image_without_readings_aligns_to_nothing(alignment):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert score(np.ones((2, 2)), np.zeros((2, 2)), replace(PLAIN, alignment=alignment)).num_valid == 0


def test_figures_in_other_units():
    pred, truth = np.array([[1.1, 2.0]]), np.array([[1.0, 2.3]])
    kinect = accumulated(PROTOCOLS["kinect_mm"], [(pred, truth)]).result()
    assert kinect["mae_mm"] == pytest.approx(200)
    assert kinect["rmse_mm"] == pytest.approx(1000 * (0.05) ** 0.5)
    panorama = accumulated(PROTOCOLS["panorama"], [(pred, truth)]).result()
    expected = np.sqrt(np.mean((np.log10(pred) - np.log10(truth)) ** 2))
    assert panorama["rmse_log10"] == pytest.approx(expected)


def test_sums_keep_their_precision_in_a_large_map():
    truth = np.full((1000, 2000), 70.0, np.float32)
    truth[0, 0] = 1.0
    pred = truth + np.float32(0.125)
    assert figures(pred, truth)["mae"] == 0.125
    expected = (0.125**2 / 70 * 1999999 + 0.125**2) / 2e6
    assert figures(pred, truth)["sq_rel"] == pytest.approx(expected, rel=1e-12)


def test_metrics_do_not_need_mindspore():
    code = "import sys, src.metrics, src.visualize, src.geometry.pinhole, src.geometry.point_cloud\n" \
           "sys.exit('mindspore' in sys.modules)"
    root = Path(__file__).resolve().parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
