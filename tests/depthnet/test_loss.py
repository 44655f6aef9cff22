# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet's losses and gradients against the published formulas in float64, with and without holes."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.depthnet.loss import LogDepthObjective, modelzoo_terms, scale_invariant_terms

LOSSES = {"scale_invariant": scale_invariant_terms, "modelzoo": modelzoo_terms}
WEIGHTS = {"scale_invariant": (1.0, -0.5), "modelzoo": (1.0, 1.0, 1.0, -0.5)}


def batch(holes: bool, seed: int = 0, images: int = 3, hw: tuple[int, int] = (6, 8)):
    """Prediction, truth in 0.2-9 m and mask; with holes the last image has no reading at all."""
    rng = np.random.default_rng(seed)
    shape = (images, 1, *hw)
    depth_m = rng.uniform(0.2, 9.0, shape).astype(np.float32)
    log_depth = (np.log(depth_m) + rng.normal(0.2, 0.5, shape)).astype(np.float32)
    valid = np.ones(shape, np.float32)
    if holes:
        valid = (rng.random(shape) < 0.6).astype(np.float32)
        valid[-1] = 0
        depth_m = np.where(valid > 0, depth_m, 0).astype(np.float32)
    return log_depth, depth_m, valid


def published_scale_invariant(out, depth_m, lam):
    """Eigen 2014 eq. 4 for one image without holes: sum d^2 / n - lambda / n^2 (sum d)^2."""
    d = out.astype(np.float64) - np.log(depth_m.astype(np.float64))
    return np.sum(d**2) / d.size - lam / d.size**2 * np.sum(d) ** 2


def published_modelzoo(out, depth_m):
    """CustomLoss for one image without holes; forward differences, zero in the last row and column."""
    t = np.log(np.clip(depth_m.astype(np.float64), 0.1, 10))
    out, n = out.astype(np.float64), t.size
    d = t - out
    gradient = sum(np.abs(np.diff(out, axis=axis) - np.diff(t, axis=axis)).sum() for axis in (0, 1))
    return np.abs(d).sum() / n + gradient / n + np.sum(d**2) / n - 0.5 * np.sum(d) ** 2 / n**2


def masked_terms(loss, out, depth_m, valid):
    """The terms of one image with holes, pixel by pixel."""
    pixels = [(i, j) for i, j in np.ndindex(valid.shape) if valid[i, j]]
    if not pixels:
        return np.zeros(len(WEIGHTS[loss]))
    limits = (0.1, 10) if loss == "modelzoo" else (1e-3, np.inf)
    d = {p: float(out[p]) - float(np.log(np.clip(np.float64(depth_m[p]), *limits))) for p in pixels}
    n = len(d)
    l2, shift = sum(v * v for v in d.values()) / n, (sum(d.values()) / n) ** 2
    if loss == "scale_invariant":
        return np.array([l2, shift])
    steps = [abs(d[i + a, j + b] - d[i, j]) for i, j in pixels for a, b in ((1, 0), (0, 1))
             if (i + a, j + b) in d]
    return np.array([sum(map(abs, d.values())) / n, sum(steps) / n, l2, shift])


def reference_loss(loss, out, depth_m, valid):
    """Mean over the images that have a reading."""
    images = zip(out[:, 0], depth_m[:, 0], valid[:, 0], strict=True)
    terms = np.array([masked_terms(loss, *image) for image in images])
    return terms.sum(axis=0) @ WEIGHTS[loss] / max(1, np.sum(valid.sum(axis=(1, 2, 3)) > 0))


class Given(nn.Cell):
    """In the place of a network: what it is given is the prediction."""

    def construct(self, image):
        return image


def objective_loss(loss, out, depth_m, valid, lam=0.5):
    """The loss as the trainer forms it from sums and counts."""
    objective = LogDepthObjective(Given(), loss, lam)
    columns = [ms.Tensor(a) for a in (out, depth_m, valid)]
    sums, counts = objective(*columns).asnumpy(), objective.counts(*columns).asnumpy()
    return float(np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0) @ objective.weights)


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_without_holes_it_is_eigens_formula(lam):
    out, depth_m, valid = batch(holes=False)
    images = zip(out[:, 0], depth_m[:, 0], strict=True)
    expected = np.mean([published_scale_invariant(o, g, lam) for o, g in images])
    assert objective_loss("scale_invariant", out, depth_m, valid, lam) == pytest.approx(expected, rel=1e-5)


def test_without_holes_it_is_the_modelzoos_formula():
    out, depth_m, valid = batch(holes=False)
    depth_m[0, 0, :2] = 0.05  # clipped to 0.1 m, as published
    depth_m[1, 0, 0] = 14.0
    expected = np.mean([published_modelzoo(o[0], g[0]) for o, g in zip(out, depth_m, strict=True)])
    assert objective_loss("modelzoo", out, depth_m, valid) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_terms_with_holes(loss):
    out, depth_m, valid = batch(holes=True)
    seen = [float(term) for term in LOSSES[loss](*(ms.Tensor(a) for a in (out, depth_m, valid)))]
    expected = sum(masked_terms(loss, o[0], g[0], v[0]) for o, g, v in zip(out, depth_m, valid, strict=True))
    np.testing.assert_allclose(seen, expected, rtol=1e-5)
    expected = reference_loss(loss, out, depth_m, valid)
    assert objective_loss(loss, out, depth_m, valid) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("holes", [False, True])
def test_gradients_by_finite_differences(loss, holes):
    out, depth_m, valid = batch(holes, hw=(4, 5))
    objective = LogDepthObjective(Given(), loss, 0.5)
    truth, mask = ms.Tensor(depth_m), ms.Tensor(valid)
    weights = ms.Tensor(np.array(objective.weights, np.float32))
    images = int(np.sum(valid.sum(axis=(1, 2, 3)) > 0))

    def total(prediction):
        return (objective(prediction, truth, mask) * weights).sum() / images

    seen = ms.grad(total)(ms.Tensor(out)).asnumpy()
    expected, wide = np.zeros(out.shape), out.astype(np.float64)
    for position in np.ndindex(out.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = wide.copy()
            moved[position] += step
            ends.append(reference_loss(loss, moved, depth_m, valid))
        expected[position] = (ends[0] - ends[1]) / 2e-5
    np.testing.assert_allclose(seen, expected, atol=2e-5)
    assert np.all(seen[valid == 0] == 0) and np.abs(seen[valid > 0]).max() > 0.01


@pytest.mark.parametrize("loss", LOSSES)
def test_what_stands_in_holes_never_matters(loss):
    out, depth_m, valid = batch(holes=True)
    objective = LogDepthObjective(Given(), loss, 0.5)

    def sums_and_gradient(depth_m):
        truth, mask = ms.Tensor(depth_m), ms.Tensor(valid)

        def total(prediction):
            return objective(prediction, truth, mask).sum()

        return objective(ms.Tensor(out), truth, mask).asnumpy(), ms.grad(total)(ms.Tensor(out)).asnumpy()

    plain = sums_and_gradient(depth_m)
    for filling in (-3.0, 1e-30, 7.0, 1e30):
        filled = sums_and_gradient(np.where(valid > 0, depth_m, np.float32(filling)))
        for a, b in zip(plain, filled, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_image_without_readings_weighs_nothing(loss):
    out, depth_m, valid = batch(holes=True)
    assert np.isfinite(objective_loss(loss, out, depth_m, valid))
    without = objective_loss(loss, out[:-1], depth_m[:-1], valid[:-1])
    assert objective_loss(loss, out, depth_m, valid) == pytest.approx(without, rel=1e-6)
    assert objective_loss(loss, out[-1:], depth_m[-1:], valid[-1:]) == 0.0


def test_at_lambda_1_scale_does_not_matter():
    out, depth_m, valid = batch(holes=True)
    losses = [objective_loss("scale_invariant", out + np.float32(shift), depth_m, valid, 1.0)
              for shift in (0.0, 1.5, -2.0)]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-4)
    assert losses[0] > 0.1
    assert objective_loss("scale_invariant", out + 1.5, depth_m, valid, 0.5) > losses[0] + 0.5


@pytest.mark.parametrize("loss", LOSSES)
def test_a_perfect_prediction_costs_nothing(loss):
    _, depth_m, valid = batch(holes=True)
    out = np.log(np.maximum(depth_m, 1e-3)).astype(np.float32)
    assert abs(objective_loss(loss, out, depth_m, valid)) < 1e-6


@pytest.mark.parametrize("loss", LOSSES)
def test_micro_batches_sum_to_the_batch(loss):
    """Sums and counts of the parts add up, so ranks and micro-batches cannot change a loss."""
    out, depth_m, valid = batch(holes=True, images=6)
    objective = LogDepthObjective(Given(), loss, 0.5)
    whole = [ms.Tensor(a) for a in (out, depth_m, valid)]
    parts = [[t[:4] for t in whole], [t[4:] for t in whole]]
    together = sum(objective(*p).asnumpy() for p in parts)
    np.testing.assert_allclose(objective(*whole).asnumpy(), together, rtol=1e-5)
    assert objective.counts(*whole).asnumpy().tolist() == [5.0] * len(WEIGHTS[loss])
    assert sum(objective.counts(*p).asnumpy() for p in parts).tolist() == [5.0] * len(WEIGHTS[loss])
