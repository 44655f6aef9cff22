# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pooling of sparse depth against a loop in exact fractions, and what it must never do."""
from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from src.datasets.kitti.calibration import read_calibration
from src.datasets.kitti.velodyne import project, read_scan
from src.datasets.sparse import pool_valid
from tests.samples import DEPTH_SAMPLES, needs_samples


def sparse(seed: int, in_hw: tuple[int, int], density: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(in_hw) < density, rng.uniform(1, 80, in_hw), 0).astype(np.float32)


def pooled_by_loop(depth_m: np.ndarray, out_hw: tuple[int, int]) -> np.ndarray:
    expected = np.zeros(out_hw)
    for (row, column), z in np.ndenumerate(depth_m):
        cell = tuple(int((i + Fraction(1, 2)) * n / m)
                     for i, n, m in zip((row, column), out_hw, depth_m.shape))
        if np.isfinite(z) and z > 0 and not 0 < expected[cell] <= z:
            expected[cell] = z
    return expected


@pytest.mark.parametrize(("in_hw", "out_hw"), [
    ((12, 20), (6, 10)), ((12, 20), (4, 5)), ((37, 53), (19, 32)), ((37, 53), (5, 31)), ((37, 53), (36, 52)),
    ((12, 20), (12, 20)), ((5, 7), (12, 20)), ((12, 20), (24, 3)), ((1, 1), (1, 1)), ((9, 9), (1, 1))])
def test_every_cell_holds_its_nearest_reading(in_hw, out_hw):
    depth_m = sparse(0, in_hw, density=0.4)
    pooled = pool_valid(depth_m, out_hw)
    assert pooled.dtype == np.float32 and pooled.shape == out_hw
    np.testing.assert_array_equal(pooled, pooled_by_loop(depth_m, out_hw))


def test_whole_ratios_are_block_minima():
    depth_m = sparse(1, (24, 40), density=0.5)
    blocks = np.where(depth_m > 0, depth_m, np.inf).reshape(6, 4, 8, 5).min((1, 3))
    np.testing.assert_array_equal(pool_valid(depth_m, (6, 8)), np.where(np.isinf(blocks), 0, blocks))


def test_same_size_changes_nothing_and_finer_maps_keep_every_reading():
    depth_m = sparse(2, (11, 13))
    np.testing.assert_array_equal(pool_valid(depth_m, (11, 13)), depth_m)
    finer = pool_valid(depth_m, (29, 31))
    np.testing.assert_array_equal(np.sort(finer[finer > 0]), np.sort(depth_m[depth_m > 0]))
    np.testing.assert_array_equal(pool_valid(finer, (11, 13)), depth_m)


def test_what_is_no_reading_never_counts():
    depth_m = np.full((4, 4), np.nan)
    depth_m[0] = [-1, np.inf, 0, -np.inf]
    assert not pool_valid(depth_m, (2, 2)).any()
    depth_m[3, 3] = 7
    np.testing.assert_array_equal(pool_valid(depth_m, (2, 2)), [[0, 0], [0, 7]])


def test_mirroring_and_pooling_commute():
    depth_m = sparse(3, (30, 50))
    for out_hw in ((15, 25), (10, 5)):  # at other ratios a centre may lie on the border of two cells
        mirrored = pool_valid(depth_m[:, ::-1], out_hw)
        np.testing.assert_array_equal(mirrored, pool_valid(depth_m, out_hw)[:, ::-1])


@needs_samples("KITTI")
@pytest.mark.parametrize("out_hw", [(96, 320), (192, 640)])
def test_real_scans_keep_true_depth_where_resizing_does_not(out_hw):
    date = DEPTH_SAMPLES / "KITTI/2011_09_26"
    scan = read_scan(date / "2011_09_26_drive_0048_sync/velodyne_points/data/0000000000.bin")
    depth_m = project(scan, read_calibration(date).left)
    pooled = pool_valid(depth_m, out_hw)
    assert set(np.unique(pooled)) <= set(np.unique(depth_m))
    assert np.mean(pooled > 0) > 1.5 * np.mean(depth_m > 0)
    resized = cv2.resize(depth_m, out_hw[::-1], interpolation=cv2.INTER_LINEAR)
    both = (pooled > 0) & (resized > 0)
    assert np.median(resized[both] / pooled[both]) < 0.5  # holes blended in
