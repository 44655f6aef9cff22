# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Structural similarity against scikit-image, finite differences and the formula's own properties."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from src.losses.ssim import Ssim, window_mask

RNG = np.random.default_rng(2)
WINDOWS = {"uniform 3": (3, None), "uniform 7": (7, None), "gaussian 11": (11, 1.5)}


def smooth(shape) -> np.ndarray:
    """A picture in [0, 1]: flat dark, flat bright, ramp and noise."""
    ramp = np.linspace(0, 1, shape[-1]) * np.ones(shape)
    noise = RNG.random(shape)
    quarter = shape[-2] // 4
    ramp[..., :quarter, :] = 0.03
    ramp[..., quarter:2 * quarter, :] = 0.97
    noisy = np.arange(shape[-2])[:, None] > 3 * quarter
    return np.clip(ramp + np.where(noisy, noise - 0.5, 0.004 * noise), 0, 1)


def pair(shape=(2, 3, 32, 40)) -> tuple[np.ndarray, np.ndarray]:
    a = smooth(shape)
    return a, np.clip(0.9 * a + 0.1 * RNG.random(shape)**4, 0, 1)


def tensors(*arrays) -> list[ms.Tensor]:
    return [ms.Tensor(a.astype(np.float32)) for a in arrays]


def found(a, b, window, data_range=1.0) -> np.ndarray:
    return Ssim(*window, data_range)(*tensors(a, b)).asnumpy()


def reference(a, b, window, data_range=1.0) -> np.ndarray:
    """scikit-image's map of every channel, where its window does not leave the image."""
    window_px, sigma_px = window
    border = window_px // 2
    how = {"gaussian_weights": True, "sigma": sigma_px} if sigma_px else {"win_size": window_px}
    how.update(data_range=data_range, use_sample_covariance=False, full=True)
    maps = [structural_similarity(x, y, **how)[1]
            for x, y in zip(a.reshape(-1, *a.shape[2:]), b.reshape(-1, *b.shape[2:]), strict=True)]
    inner = np.stack(maps)[:, border:-border, border:-border]
    return inner.reshape(*a.shape[:2], *inner.shape[1:])


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_agrees_with_scikit_image(window):
    a, b = (x.astype(np.float32).astype(np.float64) for x in pair())
    expected = reference(a, b, window)
    assert expected.shape[2:] == (32 - window[0] + 1, 40 - window[0] + 1) and np.ptp(expected) > 0.3
    np.testing.assert_allclose(found(a, b, window), expected, atol=1e-5)


def test_data_range_scales_the_constants():
    a, b = pair((1, 1, 24, 24))
    expected = found(a, b, (11, 1.5))
    np.testing.assert_allclose(found(80 * a, 80 * b, (11, 1.5), 80.0), expected, atol=1e-5)
    lenient = found(a, b, (11, 1.5), 20.0)
    np.testing.assert_allclose(lenient, reference(a, b, (11, 1.5), 20.0), atol=1e-5)
    assert np.abs(lenient - expected).max() > 0.05


def test_equal_images_are_similar_and_inverted_ones_are_not():
    a, _ = pair()
    np.testing.assert_allclose(found(a, a, (7, None)), 1, atol=1e-6)
    assert found(a, a + 0.3, (7, None)).mean() < 0.9
    noise = RNG.random((1, 1, 20, 20))
    assert found(noise, 1 - noise, (7, None)).max() < -0.5
    swapped = found(a, 1 - a, (7, None)), found(1 - a, a, (7, None))
    np.testing.assert_allclose(*swapped, atol=1e-6)


def test_even_sizes_and_single_windows():
    a, b = pair((1, 2, 12, 12))
    assert found(a, b, (12, None)).shape == (1, 2, 1, 1)
    x, y = a.astype(np.float64), b.astype(np.float64)
    x_off, y_off = x - x.mean((2, 3), keepdims=True), y - y.mean((2, 3), keepdims=True)
    mean_x, mean_y = x.mean((2, 3)), y.mean((2, 3))
    expected = ((2 * mean_x * mean_y + 1e-4) * (2 * (x_off * y_off).mean((2, 3)) + 9e-4)
                / (mean_x**2 + mean_y**2 + 1e-4) / ((x_off**2).mean((2, 3)) + (y_off**2).mean((2, 3)) + 9e-4))
    np.testing.assert_allclose(found(a, b, (12, None))[..., 0, 0], expected, atol=1e-5)


def test_windows_are_valid_where_all_of_their_pixels_are():
    mask = (RNG.random((2, 1, 15, 18)) < 0.9).astype(np.float32)
    for window_px in (1, 3, 5):
        views = np.lib.stride_tricks.sliding_window_view(mask, (window_px, window_px), axis=(2, 3))
        valid = window_mask(ms.Tensor(mask), window_px).asnumpy()
        np.testing.assert_array_equal(valid, views.min(axis=(4, 5)))
        assert 0.05 < valid.mean() < 0.95


def masked_dissimilarity(mask, window):
    """A function of two images: the sum over windows that are valid throughout."""
    windows, ssim = window_mask(ms.Tensor(mask), window[0]), Ssim(*window)

    def total(a, b):
        return ((1.0 - ssim(a, b)) * windows).sum()

    return total


def test_what_is_masked_matters_neither_to_the_sum_nor_to_gradients():
    a, b = pair((1, 3, 20, 24))
    mask = np.ones((1, 1, 20, 24), np.float32)
    mask[..., 7:10, 5:20] = 0
    run = ms.value_and_grad(masked_dissimilarity(mask, (3,)), (0, 1))
    plain, other = run(*tensors(a, b)), run(*tensors(np.where(mask > 0, a, 0.5), np.where(mask > 0, b, 7)))
    assert plain[0].asnumpy() == other[0].asnumpy() > 0
    for once, again in zip(plain[1], other[1], strict=True):
        np.testing.assert_array_equal(once.asnumpy(), again.asnumpy())
        assert not once.asnumpy()[..., 8:9, 6:19].any() and once.asnumpy().any()


@pytest.mark.parametrize("window", [(3, None), (11, 1.5)], ids=str)
def test_gradients_are_those_of_finite_differences(window):
    a, b = pair((1, 1, 16, 18))
    ssim, factors = Ssim(*window), RNG.normal(size=(1, 1, 17 - window[0], 19 - window[0]))

    def total(a, b):
        return (ssim(a, b) * tensors(factors)[0]).sum()

    for which, gradient in enumerate(ms.grad(total, (0, 1))(*tensors(a, b))):
        direction, ends = RNG.normal(size=a.shape), []
        for step in (1e-5, -1e-5):
            moved = [a, b]
            moved[which] = moved[which] + step * direction
            ends.append(np.sum(reference(*moved, window) * factors))
        slope = np.sum(gradient.asnumpy() * direction)
        scale = np.linalg.norm(gradient.asnumpy()) * np.linalg.norm(direction)
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-5 * scale)


def test_compiled_calls_repeat_to_the_last_bit_and_are_the_plain_ones():
    a, b = tensors(*pair((2, 3, 48, 64)))
    total = masked_dissimilarity((RNG.random((2, 1, 48, 64)) < 0.99).astype(np.float32), (11, 1.5))
    run = ms.jit(ms.value_and_grad(total, (0, 1)))
    first_value, first = run(a, b)
    first_value, first = first_value.asnumpy().copy(), [g.asnumpy().copy() for g in first]
    assert first_value == pytest.approx(total(a, b).asnumpy(), rel=1e-5)
    for _ in range(40):
        value, gradients = run(a, b)
        np.testing.assert_array_equal(value.asnumpy(), first_value)
        for again, once in zip(gradients, first, strict=True):
            np.testing.assert_array_equal(again.asnumpy(), once)
