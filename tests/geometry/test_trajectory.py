# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Orientation of cameras against SciPy's rotations, in worlds with any axis up."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from src.geometry.trajectory import (
    UP_AXES,
    angle_between_deg,
    distance_between_m,
    ground_axes,
    nearest_camera,
    up_axis,
    yaw_pitch_roll_deg,
)


def turned(rotations: np.ndarray) -> np.ndarray:
    poses = np.tile(np.eye(4), (len(rotations), 1, 1))
    poses[:, :3, :3] = rotations
    return poses


def level_world(up: np.ndarray) -> np.ndarray:
    """The rotation from a world with y down and z ahead into one with another way up."""
    right, ahead = ground_axes(up)
    return np.stack((right, -up, ahead), axis=1)


@pytest.mark.parametrize("name", UP_AXES)
def test_yaw_pitch_roll_and_the_way_up(name):
    up = UP_AXES[name]
    assert np.linalg.det(level_world(up)) == pytest.approx(1)
    rng = np.random.default_rng(0)
    angles = rng.uniform((-180, -40, -40), (180, 40, 40), (200, 3))
    # In a camera's axes: y is down, so turning about it leads to the right; x lifts z; z lowers x.
    poses = turned(level_world(up) @ Rotation.from_euler("YXZ", angles, degrees=True).as_matrix())
    np.testing.assert_allclose(np.stack(yaw_pitch_roll_deg(poses, up), axis=1), angles, atol=1e-9)
    assert up_axis(poses) == name


def test_a_camera_that_looks_straight_down_has_no_heading():
    poses = turned(Rotation.from_euler("YXZ", [[30, -90, 10], [30, 90, 0]], degrees=True).as_matrix())
    yaw, pitch, roll = yaw_pitch_roll_deg(poses, UP_AXES["-y"])
    assert np.isnan(yaw).all() and np.isnan(roll).all()
    np.testing.assert_allclose(pitch, [-90, 90], atol=1e-5)


def test_angles_and_distances_between_cameras():
    rng = np.random.default_rng(1)
    first, turns = Rotation.random(300, random_state=2), rng.uniform(0, 180, 300)
    turns[:3] = 0, 180, 1e-6
    axes = rng.normal(size=(300, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    second = first * Rotation.from_rotvec(np.radians(turns)[:, None] * axes)
    a, b = turned(first.as_matrix()), turned(second.as_matrix())
    b[:, :3, 3] = 3 * axes
    np.testing.assert_allclose(angle_between_deg(a, b), turns, atol=1e-5)
    np.testing.assert_allclose(distance_between_m(a, b), 3)


def test_the_nearest_camera_is_another_one():
    poses = turned(np.tile(np.eye(3), (5, 1, 1)))
    poses[:, 0, 3] = 0, 5, 1, 5, 20
    np.testing.assert_array_equal(nearest_camera(poses), [2, 3, 0, 1, 1])
