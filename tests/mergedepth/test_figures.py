# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""KITTI stereo's figures of the disparity that depth implies, against pixel after pixel."""
from __future__ import annotations

import warnings

import numpy as np
import pytest

from src.mergedepth.figures import disparity_figures

FOCAL_BASELINE_PX_M = 721.5377 * 0.5327


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def truth(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    depth_m = np.exp(rng.uniform(np.log(3), np.log(90), (24, 40)))
    return np.where(rng.random(depth_m.shape) < 0.7, 0, depth_m).astype(np.float32)


def direct(depth_m, truth_m, focal_baseline_px_m) -> tuple[float, float, int]:
    """Sums of the end-point error and of wrong pixels, and the number of readings, in Python's numbers."""
    error, wrong, count = 0.0, 0, 0
    for z, g in zip(depth_m.ravel().tolist(), truth_m.ravel().tolist()):
        if g > 0:
            true_px = focal_baseline_px_m / g
            off_px = abs(focal_baseline_px_m / max(z, 1e-3) - true_px)
            error, count = error + off_px, count + 1
            wrong += off_px > 3 and off_px / true_px > 0.05
    return error, wrong, count


@pytest.mark.parametrize("focal_baseline", [FOCAL_BASELINE_PX_M, 30.0])
@pytest.mark.parametrize("spread", [0.01, 0.1, 0.5])
def test_figures_are_those_of_pixel_after_pixel(spread, focal_baseline):
    truth_m = truth(0)
    noise = np.random.default_rng(1).normal(0, spread, truth_m.shape)
    depth_m = (np.where(truth_m > 0, truth_m, 10) * np.exp(noise)).astype(np.float32)
    error, wrong, count = direct(depth_m, truth_m, focal_baseline)
    found = disparity_figures(depth_m, truth_m, focal_baseline)
    assert found["epe_px"] == (pytest.approx(error, rel=1e-5), count)
    assert found["d1"] == (wrong, count)
    assert 200 < count < 400 and (spread < 0.1 or focal_baseline < 100 or 20 < wrong < count)


def test_exact_depth_has_no_error_and_what_has_no_reading_does_not_count():
    truth_m = truth(2)
    for elsewhere in (truth_m, np.where(truth_m > 0, truth_m, 5)):
        found = disparity_figures(elsewhere.astype(np.float32), truth_m, FOCAL_BASELINE_PX_M)
        assert found == {"epe_px": (0, (truth_m > 0).sum()), "d1": (0, (truth_m > 0).sum())}


@pytest.mark.parametrize(("disp_px", "off_px", "is_wrong"), [
    (20, 2.9, False), (20, 3.1, True), (20, -3.1, True), (100, 4.9, False), (100, 5.1, True),
    (100, -5.1, True), (1, 2.9, False)])
def test_wrong_is_off_by_3_px_and_5_percent(disp_px, off_px, is_wrong):
    depth_m, truth_m = (np.full((1, 1), FOCAL_BASELINE_PX_M / px) for px in (disp_px + off_px, disp_px))
    found = disparity_figures(depth_m, truth_m, FOCAL_BASELINE_PX_M)
    assert found["epe_px"] == (pytest.approx(abs(off_px), rel=1e-9), 1)
    assert found["d1"] == (float(is_wrong), 1)


def test_maps_without_depth_or_truth_stay_finite():
    truth_m = truth(3)
    for depth_m in (np.zeros_like(truth_m), np.full_like(truth_m, 1e-30)):
        found = disparity_figures(depth_m, truth_m, FOCAL_BASELINE_PX_M)
        assert np.isfinite(found["epe_px"][0]) and found["d1"][0] == found["d1"][1] == (truth_m > 0).sum()
    empty = disparity_figures(np.ones_like(truth_m), np.zeros_like(truth_m), FOCAL_BASELINE_PX_M)
    assert empty == {"epe_px": (0, 0), "d1": (0, 0)}
