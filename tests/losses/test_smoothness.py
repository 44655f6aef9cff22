# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Edge-aware smoothness against the formula in float64."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest

from src.losses.smoothness import edge_aware_smoothness

RNG = np.random.default_rng(6)


def reference(depth_m, image, mask) -> np.ndarray:
    """Image by image."""
    result = []
    for d, picture, m in zip(depth_m[:, 0], image, mask[:, 0] > 0, strict=True):
        inverse = np.full(d.shape, np.nan)
        inverse[m] = 1 / d[m] / np.mean(1 / d[m])
        total = 0.0
        for axis in (0, 1):
            colour = np.abs(np.diff(picture, axis=axis + 1)).mean(axis=0)
            steps = np.abs(np.diff(inverse, axis=axis)) * np.exp(-colour)
            total += np.mean(steps[~np.isnan(steps)])
        result.append(total)
    return np.array(result)


def case() -> list[np.ndarray]:
    """Three images, one fully valid."""
    mask = (RNG.random((3, 1, 9, 12)) < 0.8).astype(np.float64)
    mask[0] = 1
    return [RNG.uniform(0.5, 20, (3, 1, 9, 12)), RNG.random((3, 3, 9, 12)), mask]


def tensors(*arrays) -> list[ms.Tensor]:
    return [ms.Tensor(a.astype(np.float32)) for a in arrays]


def found(*arrays) -> np.ndarray:
    return edge_aware_smoothness(*tensors(*arrays)).asnumpy()


def summed(depth_m, image, mask):
    return edge_aware_smoothness(depth_m, image, mask).sum()


def test_it_is_the_formula_image_by_image():
    depth_m, image, mask = case()
    expected = reference(depth_m, image, mask)
    np.testing.assert_allclose(found(depth_m, image, mask), expected, rtol=1e-5)
    np.testing.assert_allclose(found(depth_m[1:2], image[1:2], mask[1:2]), expected[1:2], rtol=1e-5)
    assert np.ptp(expected) > 0.01


def test_the_unit_of_depth_does_not_matter():
    depth_m, image, mask = case()
    np.testing.assert_allclose(found(50 * depth_m, image, mask), found(depth_m, image, mask), rtol=1e-5)


def test_constant_depth_is_smooth_and_edges_of_the_picture_excuse_steps():
    _, image, mask = case()
    np.testing.assert_allclose(found(np.full((3, 1, 9, 12), 7.0), image, mask), 0, atol=1e-6)
    step_m, flat = np.full((1, 1, 9, 12), 2.0), np.full((1, 3, 9, 12), 0.5)
    step_m[..., 6:], edge, elsewhere = 4.0, flat.copy(), flat.copy()
    edge[..., 6:], elsewhere[..., 3:] = 1.0, 1.0
    everywhere = np.ones((1, 1, 9, 12))
    plain, excused, unrelated = (found(step_m, image, everywhere)[0] for image in (flat, edge, elsewhere))
    assert plain == pytest.approx((0.25 / 0.375) / 11, rel=1e-5) and unrelated == pytest.approx(plain)
    assert excused == pytest.approx(plain * np.exp(-0.5), rel=1e-5)


@pytest.mark.parametrize("trash", [0.0, -1.0, np.inf, np.nan])
def test_what_is_masked_never_matters(trash):
    depth_m, image, mask = case()
    dirty = np.where(mask > 0, depth_m, trash)
    np.testing.assert_array_equal(found(dirty, image, mask), found(depth_m, image, mask))
    gradient = ms.grad(summed)(*tensors(dirty, image, mask)).asnumpy()
    assert np.isfinite(gradient).all() and not gradient[mask == 0].any() and gradient.any()


@pytest.mark.parametrize("valid", [[], [(3, 3)], [(0, 0), (4, 4)]], ids=["nothing", "a pixel", "two apart"])
def test_an_image_without_pairs_is_0_with_gradient_0(valid):
    depth_m, image, mask = (a[:1] for a in case())
    mask[:] = 0
    for y, x in valid:
        mask[0, 0, y, x] = 1
    value, gradient = ms.value_and_grad(summed)(*tensors(depth_m, image, mask))
    assert value.asnumpy() == 0 and not gradient.asnumpy().any()


def test_zero_depth_stays_finite():
    depth_m, image, mask = case()
    depth_m[:, :, 2, 2] = 0
    value, gradient = ms.value_and_grad(summed)(*tensors(depth_m, image, mask))
    assert np.isfinite(value.asnumpy()) and np.isfinite(gradient.asnumpy()).all()


def test_gradient_is_that_of_finite_differences():
    depth_m, image, mask = case()
    gradient = ms.grad(summed)(*(ms.Tensor(a) for a in (depth_m, image, mask))).asnumpy()
    for share in (1.0, 0.05):
        direction, ends = RNG.normal(size=depth_m.shape) * (RNG.random(depth_m.shape) < share), []
        for step in (1e-6, -1e-6):
            ends.append(reference(depth_m + step * direction, image, mask).sum())
        assert np.sum(gradient * direction) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_compiled_calls_repeat_to_the_last_bit():
    shape = (2, 1, 96, 160)
    given = tensors(RNG.uniform(1, 80, shape), RNG.random((2, 3, 96, 160)), np.ones(shape))
    run = ms.jit(ms.value_and_grad(summed))
    first = [a.asnumpy().copy() for a in run(*given)]
    for _ in range(40):
        for again, once in zip(run(*given), first, strict=True):
            np.testing.assert_array_equal(again.asnumpy(), once)
