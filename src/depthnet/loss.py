# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet's training objectives: the losses of the paper and of the ModelZoo on masked log depth."""
from __future__ import annotations

from mindspore import nn, ops

from src.losses.base import Objective, repeatable_log, safe_divide

# Published clip of the ModelZoo's loss, in metres; also keeps the logarithm away from 0 in holes.
MODELZOO_RANGE_M = (0.1, 10.0)
MIN_DEPTH_M = 1.0e-3


def _per_image(values):
    """Sum (N, 1, H, W) over each image: (N,)."""
    return values.sum(axis=(1, 2, 3))


def scale_invariant_terms(log_depth, depth_m, valid):
    """Return the two terms of Eigen's loss (eq. 4), summed over images: L = l2 - lambda * shift.

    Args:
        log_depth: prediction (N, 1, H, W), natural log of metres.
        depth_m: truth (N, 1, H, W) in metres, any value where invalid.
        valid: (N, 1, H, W) float32, 1 where the truth has a reading; n is the number of these.

    Returns:
        (l2, shift): sums over images of sum d^2 / n and (sum d)^2 / n^2 with d = log depth - log truth.
    """
    truth = repeatable_log(ops.maximum(depth_m, MIN_DEPTH_M))
    n = _per_image(valid)
    d = (log_depth - truth) * valid
    l2 = safe_divide(_per_image(d * d), n)
    shift = safe_divide(_per_image(d), n)
    return l2.sum(), (shift * shift).sum()


def modelzoo_terms(log_depth, depth_m, valid):
    """Return the four terms of the ModelZoo's `CustomLoss`, summed over images: L = l1 + gradient + l2 -
    shift / 2.

    The truth is clipped to [0.1, 10] m as published. A forward difference counts where both of its pixels
    are valid and is divided, as the rest, by the number n of valid pixels; without holes this is the
    published formula.

    Args and shapes are those of `scale_invariant_terms`.
    """
    truth = repeatable_log(ops.clamp(depth_m, MODELZOO_RANGE_M[0], MODELZOO_RANGE_M[1]))
    n = _per_image(valid)
    d = (truth - log_depth) * valid
    dy = (d[:, :, 1:, :] - d[:, :, :-1, :]) * valid[:, :, 1:, :] * valid[:, :, :-1, :]
    dx = (d[:, :, :, 1:] - d[:, :, :, :-1]) * valid[:, :, :, 1:] * valid[:, :, :, :-1]
    l1 = safe_divide(_per_image(ops.abs(d)), n)
    gradient = safe_divide(_per_image(ops.abs(dy)) + _per_image(ops.abs(dx)), n)
    l2 = safe_divide(_per_image(d * d), n)
    shift = safe_divide(_per_image(d), n)
    return l1.sum(), gradient.sum(), l2.sum(), (shift * shift).sum()


class LogDepthObjective(Objective):
    """A stage's forward pass and loss.

    Args:
        predict: Cell from the image (and the columns after `valid`) to log depth (N, 1, 55, 74).
        loss: "scale_invariant" (the paper's and README's) or "modelzoo" (four terms).
        scale_invariant_lambda: lambda of the paper's loss.

    Inputs:
        image (N, 3, 228, 304), depth_m (N, 1, 55, 74), valid (N, 1, 55, 74) float32, and what `predict`
        takes more.
    """

    def __init__(self, predict: nn.Cell, loss: str, scale_invariant_lambda: float):
        if loss == "modelzoo":
            super().__init__(("l1", "gradient", "l2", "shift"), (1.0, 1.0, 1.0, -0.5))
        else:
            super().__init__(("l2", "shift"), (1.0, -scale_invariant_lambda))
        self.predict = predict
        self.loss_terms = modelzoo_terms if loss == "modelzoo" else scale_invariant_terms

    def counts(self, image, depth_m, valid, *more):
        """Every term is a mean over the images that have a valid pixel."""
        images = (_per_image(valid) > 0).astype(valid.dtype).sum()
        return ops.stack([images] * len(self.terms))

    def construct(self, image, depth_m, valid, *more):
        """Return the sum of each term over the images."""
        log_depth = self.predict(image, *more).astype(depth_m.dtype)
        return ops.stack(self.loss_terms(log_depth, depth_m, valid))


class FinePrediction(nn.Cell):
    """The fine net on the frozen coarse net's output, exactly as evaluation feeds it: unclipped."""

    def __init__(self, coarse: nn.Cell, fine: nn.Cell):
        super().__init__(auto_prefix=False)
        self.coarse = coarse
        self.fine = fine

    def construct(self, image):
        """Predict log depth (N, 1, 55, 74)."""
        return self.fine(image, ops.stop_gradient(self.coarse(image)))
