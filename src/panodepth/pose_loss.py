# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The training objective of panodepth's second network: the relative pose of two panoramas."""
from __future__ import annotations

from collections.abc import Sequence

from mindspore import nn, ops

from src.config import Settings
from src.errors import UserError
from src.geometry.sphere_tensors import inverse_pose
from src.losses.base import Objective

_LEAST_SQUARED = 1e-12  # keeps the slope of a distance finite where it is 0


def parse_pose_rate(pose_rate: Sequence[str | float]) -> tuple[float, float]:
    """Return the two weights; `UserError` unless they are two numbers of at least 0, one of them positive."""
    try:
        weights = tuple(float(weight) for weight in pose_rate)
    except ValueError:
        weights = ()
    if len(weights) != 2 or not all(0 <= weight < float("inf") for weight in weights) or not any(weights):
        raise UserError(f"--pose_rate {','.join(map(str, pose_rate))} is not possible: give two weights, "
                        "none below 0, not both 0: rotation, translation")
    return weights


class PoseObjective(Objective):
    """The network's forward pass and loss.

    Terms, each a mean over pairs with its weight of `pose_rate`:

    - `rotation`: |M - R| / sqrt(2) in Frobenius norm. Where the network's matrix M is a rotation, this is
      2 sin(angle / 2), nearly the angle in radians; M may also be a mean of rotations, shorter the less it
      is sure (`PoseNet`).
    - `translation`: distance in metres between where the other camera is and where the network puts it, in
      the first panorama's frame: no error of the rotation is in it.

    Args:
        network: from images (N, 3, H, W), twice, to (N, 3, 4) as `PoseNet`.
        settings: `pose_rate` (two weights).

    Inputs:
        image, other_image (N, 3, H, W) in [0, 1]; pose (N, 4, 4), which takes a point of the first
        panorama's frame to the other's, in metres.

    Raises:
        UserError: `pose_rate` is impossible.
    """

    def __init__(self, network: nn.Cell, settings: Settings):
        super().__init__(("rotation", "translation"), parse_pose_rate(settings.pose_rate))
        self.network = network

    def counts(self, image, other_image, pose):
        """Return the number of pairs, for both terms."""
        pairs = ops.ones_like(pose[:, 0, 0]).sum()
        return ops.stack((pairs, pairs))

    def construct(self, image, other_image, pose):
        """Return the sum of each term over the batch."""
        found = self.network(image, other_image).astype(pose.dtype)
        rotation = ((found[:, :, :3] - pose[:, :3, :3]) ** 2).sum(axis=(1, 2))
        place = ((found[:, :, 3] - inverse_pose(pose)[:, :, 3]) ** 2).sum(axis=1)
        return ops.stack((_root(0.5 * rotation).sum(), _root(place).sum()))


def _root(squared):
    return ops.sqrt(ops.maximum(squared, _LEAST_SQUARED))
