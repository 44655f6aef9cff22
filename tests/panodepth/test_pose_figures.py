# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Relative poses from the network's answers, their mean and their errors, against SciPy's rotations."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from src.panodepth.pose_figures import FIGURES, as_answers, mean_pose, pose_errors, pose_matrices

COUNT = 20
RNG = np.random.default_rng(0)


def poses_of(rotations: Rotation, places_m: np.ndarray) -> np.ndarray:
    """Poses whose other camera stands at places (N, 3) of the first one's frame."""
    poses = np.tile(np.eye(4), (len(places_m), 1, 1))
    poses[:, :3, :3] = rotations.as_matrix()
    poses[:, :3, 3] = -rotations.apply(places_m)
    return poses


@pytest.fixture
def poses() -> np.ndarray:
    return poses_of(Rotation.random(COUNT, random_state=1), RNG.normal(size=(COUNT, 3)))


def test_a_pose_is_a_turn_and_the_other_cameras_place(poses):
    answers = as_answers(poses)
    there = poses[:, :3, :3] @ answers[:, :, 3:] + poses[:, :3, 3:]
    np.testing.assert_allclose(there, 0, atol=1e-12)  # the other camera is its own frame's origin
    np.testing.assert_allclose(pose_matrices(answers), poses, atol=1e-12)


def test_answers_give_the_nearest_rotation(poses):
    """Float32 answers whose matrices are off: no rotation of a fine search around is nearer."""
    answers = (as_answers(poses) + RNG.normal(0, 0.3, (COUNT, 3, 4))).astype(np.float32)
    found = pose_matrices(answers)
    assert found.dtype == np.float64 and found.shape == (COUNT, 4, 4)
    np.testing.assert_allclose(np.linalg.det(found[:, :3, :3]), 1)
    np.testing.assert_allclose(as_answers(found)[:, :, 3], answers[:, :, 3], atol=1e-6)
    least = np.linalg.norm(found[:, :3, :3] - answers[:, :, :3], axis=(1, 2))
    for size in (1e-3, 0.1, 1.0):
        for _ in range(50):
            others = Rotation.from_rotvec(RNG.normal(0, size, (COUNT, 3))).as_matrix() @ found[:, :3, :3]
            assert (np.linalg.norm(others - answers[:, :, :3], axis=(1, 2)) >= least - 1e-9).all()


def test_a_reflection_becomes_a_rotation():
    answers = np.concatenate((np.diag([1.0, 0.5, -0.1]), np.zeros((3, 1))), axis=1)[None]
    np.testing.assert_allclose(pose_matrices(answers)[0], np.eye(4), atol=1e-12)


def test_the_mean_pose_is_that_of_scipy():
    """Its mean of rotations is the same minimum."""
    rotations = Rotation.from_rotvec(RNG.normal(0, 0.7, (COUNT, 3)))
    places_m = RNG.normal(size=(COUNT, 3))
    found = mean_pose(poses_of(rotations, places_m))
    np.testing.assert_allclose(found[:3, :3], rotations.mean().as_matrix(), atol=1e-9)
    np.testing.assert_allclose(as_answers(found[None])[0, :, 3], places_m.mean(axis=0), atol=1e-12)


def test_errors_are_angles_and_metres():
    turns = Rotation.from_rotvec(np.radians([[0, 30, 0], [0, 0, 180], [0.01, 0, 0], [0, 0, 0]]))
    first = Rotation.random(4, random_state=2)
    true_m = np.array([[2.0, 0, 0], [0, 0, 1], [3, 4, 0], [0, 1, 0]])
    found_m = np.array([[0, 0, 2.0], [0, 0, -0.5], [6, 8, 0], [0, 0, 0]])
    errors = pose_errors(poses_of(turns * first, found_m), poses_of(first, true_m))
    assert list(errors) == list(FIGURES)
    np.testing.assert_allclose(errors["rotation_deg"], [30, 180, 0.01, 0], atol=1e-6)
    np.testing.assert_allclose(errors["translation_m"], [np.sqrt(8), 1.5, 5, 1], atol=1e-12)
    np.testing.assert_allclose(errors["direction_deg"], [90, 180, 0, np.nan], atol=1e-6)
