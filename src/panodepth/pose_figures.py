# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Relative poses and how far they are off, in float64.

A pose (4, 4) takes a point of the first panorama's frame to the other's, in metres. The network's form of it,
(3, 4), is a matrix and the other camera's place in the first panorama's frame (`PoseNet`).
"""
from __future__ import annotations

import numpy as np

from src.geometry.trajectory import angle_between_deg

FIGURES = {"rotation_deg": "°", "translation_m": " m", "direction_deg": "°"}
"""What is measured, with its unit."""


def pose_matrices(answers: np.ndarray) -> np.ndarray:
    """Return the poses (N, 4, 4) that answers (N, 3, 4) of the network mean.

    The rotation is the one nearest to the matrix (in Frobenius norm, by its singular value decomposition).
    """
    left, _, right = np.linalg.svd(answers[:, :, :3].astype(np.float64))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]  # no reflection
    poses = np.tile(np.eye(4), (len(answers), 1, 1))
    poses[:, :3, :3] = left @ right
    poses[:, :3, 3] = -(poses[:, :3, :3] @ answers[:, :, 3:])[:, :, 0]
    return poses


def as_answers(poses: np.ndarray) -> np.ndarray:
    """Return poses (N, 4, 4) in the network's form, (N, 3, 4)."""
    rotation = poses[:, :3, :3]
    return np.concatenate((rotation, -rotation.swapaxes(1, 2) @ poses[:, :3, 3:]), axis=2)


def mean_pose(poses: np.ndarray) -> np.ndarray:
    """Return the one pose (4, 4) nearest to all of N in squared distance, of rotations and of places."""
    return pose_matrices(as_answers(poses).mean(axis=0, keepdims=True))[0]


def pose_errors(found: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return the errors of poses (N, 4, 4), (N,) each by the names in `FIGURES`.

    Returns:
        rotation_deg: angle between the rotations, 0 to 180;
        translation_m: distance between the other camera's places in the first panorama's frame;
        direction_deg: angle between the directions to these, 0 to 180; NaN where one of them has none.
    """
    place_m, true_m = as_answers(found)[:, :, 3], as_answers(truth)[:, :, 3]
    sine = np.linalg.norm(np.cross(place_m, true_m), axis=1)
    cosine = np.sum(place_m * true_m, axis=1)
    apart = place_m.any(axis=1) & true_m.any(axis=1)
    return {"rotation_deg": angle_between_deg(found, truth),
            "translation_m": np.linalg.norm(place_m - true_m, axis=1),
            "direction_deg": np.where(apart, np.degrees(np.arctan2(sine, cosine)), np.nan)}
