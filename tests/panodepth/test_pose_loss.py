# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The relative pose's objective: its terms in float64, gradients, counts, refused weights."""
from __future__ import annotations

from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, nn
from scipy.spatial.transform import Rotation

from src.errors import UserError
from src.panodepth.pose_loss import PoseObjective, parse_pose_rate

PAIRS = 3
RNG = np.random.default_rng(0)
IMAGES = [ms.Tensor(RNG.random((PAIRS, 3, 4, 8), np.float32)) for _ in range(2)]


class Holding(nn.Cell):
    """In the place of a network: the answers that it holds, whatever the images."""

    def __init__(self, answers: np.ndarray):
        super().__init__()
        self.answers = Parameter(ms.Tensor(answers.astype(np.float32)), name="answers")

    def construct(self, image, other_image):
        return self.answers + 0 * (image + other_image).mean()


def poses_with_places(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Poses (N, 4, 4) and where the other cameras are in the first ones' frames (N, 3)."""
    rng = np.random.default_rng(seed)
    poses, places = np.tile(np.eye(4), (PAIRS, 1, 1)), rng.normal(size=(PAIRS, 3))
    for pose, place in zip(poses, places):
        pose[:3, :3] = Rotation.random(random_state=rng).as_matrix()
        pose[:3, 3] = -pose[:3, :3] @ place  # the other camera's place is its frame's origin
    return poses, places


def objective_of(answers: np.ndarray, pose_rate: tuple = (1, 1)) -> PoseObjective:
    return PoseObjective(Holding(answers), SimpleNamespace(pose_rate=pose_rate))


def sums_of(answers: np.ndarray, poses: np.ndarray) -> np.ndarray:
    return objective_of(answers)(*IMAGES, ms.Tensor(poses.astype(np.float32))).asnumpy()


def test_the_truth_costs_nothing():
    poses, places = poses_with_places(1)
    sums = sums_of(np.concatenate((poses[:, :3, :3], places[:, :, None]), axis=2), poses)
    np.testing.assert_allclose(sums, 0, atol=1e-5)


def test_terms_are_an_angle_and_metres():
    """A rotation by an angle from the truth costs 2 sin(angle / 2)."""
    poses, places = poses_with_places(2)
    angles, shifts = np.array([0.1, 1.0, np.pi]), np.array([[3, 0, 4], [0, 2, 0], [0, 0, 0.5]])
    turns = Rotation.from_rotvec(angles[:, None] * np.array([0.6, 0, 0.8])).as_matrix()
    answers = np.concatenate((turns @ poses[:, :3, :3], (places + shifts)[:, :, None]), axis=2)
    expected = [np.sum(2 * np.sin(angles / 2)), 5 + 2 + 0.5]
    np.testing.assert_allclose(sums_of(answers, poses), expected, rtol=1e-5)


def test_an_unsure_answer_costs_as_much_as_its_mean_is_away():
    """Of turns by 90 degrees to either side the mean keeps the vertical alone: 1 away from no turn."""
    poses = np.tile(np.eye(4), (PAIRS, 1, 1))
    answers = np.tile(np.eye(3, 4), (PAIRS, 1, 1))
    answers[:, 0, 0] = answers[:, 2, 2] = 0
    np.testing.assert_allclose(sums_of(answers, poses), [PAIRS, 0], atol=1e-5)


def test_gradients_are_those_of_the_formula_and_finite_at_the_truth():
    poses, places = poses_with_places(3)
    truth = np.concatenate((poses[:, :3, :3], places[:, :, None]), axis=2)
    answers = truth + RNG.normal(size=truth.shape) * np.array([1, 1, 0])[:, None, None]
    objective, pose = objective_of(answers), ms.Tensor(poses.astype(np.float32))

    def loss():
        return objective(*IMAGES, pose).sum()

    found, = ms.grad(loss, None, ms.ParameterTuple(objective.trainable_params()))()
    off = answers - truth
    for one, gradient in zip(off[:2], found.asnumpy()):
        slope = one[:, :3] / np.linalg.norm(one[:, :3]) / np.sqrt(2)
        np.testing.assert_allclose(gradient[:, :3], slope, atol=1e-4)
        np.testing.assert_allclose(gradient[:, 3], one[:, 3] / np.linalg.norm(one[:, 3]), atol=1e-4)
    assert np.abs(found.asnumpy()[2]).max() < 2  # the truth up to rounding, where a distance has no slope


def test_both_terms_count_pairs_and_are_weighted_as_asked():
    poses, _ = poses_with_places(4)
    objective = objective_of(np.zeros((PAIRS, 3, 4)), (0.5, "2"))
    assert (objective.terms, objective.weights) == (("rotation", "translation"), (0.5, 2.0))
    counts = objective.counts(*IMAGES, ms.Tensor(poses.astype(np.float32)))
    assert counts.asnumpy().tolist() == [PAIRS, PAIRS]


@pytest.mark.parametrize("pose_rate", [(1,), (1, 1, 1), (1, -1), (0, 0), ("a", 1), ("nan", 1), (1, "inf")])
def test_impossible_weights_are_refused(pose_rate):
    with pytest.raises(UserError, match="--pose_rate .* is not possible: give two weights"):
        parse_pose_rate(pose_rate)
