# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DCNF's training objectives: first the unary network alone, then the whole CRF's likelihood."""
from __future__ import annotations

from mindspore import ops

from src.dcnf.net import DcnfNet
from src.losses.base import Objective

STAGES = {"unary": "squared_error", "joint": "nll"}


class DcnfObjective(Objective):
    """A stage's forward pass and loss, a mean over the superpixels whose depth is known.

    - Stage "unary", term `squared_error`: (z - y)^2, with y the truth's and z the unary network's log depth.
    - Stage "joint", term `nll`: -log p(y) (see `Crf.negative_log_likelihood`), a share for each superpixel.
      The paper takes a mean over images; this one weighs a superpixel the same in both stages, whatever the
      number of them, so one learning rate serves both.

    Args:
        network: unary network and CRF.
        stage: "unary" or "joint".

    Inputs:
        what the unary network takes; in stage "joint" then similarity (N, K, n, n); then log_depth (N, n),
        natural logarithm of metres, anything where not valid, and valid (N, n), 1 where depth is known.

    Raises:
        ValueError: the stage is unknown.
    """

    def __init__(self, network: DcnfNet, stage: str):
        if stage not in STAGES:
            raise ValueError(f"stage {stage!r} is none of {', '.join(STAGES)}")
        super().__init__((STAGES[stage],), (1.0,))
        self.network = network
        self.joint = stage == "joint"

    def counts(self, *columns):
        """Return the number of superpixels whose depth is known, (1,)."""
        return columns[-1].sum().reshape((1,))

    def construct(self, *columns):
        """Return the sum over these superpixels, (1,)."""
        log_depth, valid = columns[-2], columns[-1]
        inputs = columns[:-3] if self.joint else columns[:-2]
        z = self.network.unary(*inputs).astype(log_depth.dtype)
        if self.joint:
            values = self.network.crf.negative_log_likelihood(z, columns[-3], log_depth, valid)
        else:
            known = ops.where(valid > 0, log_depth, ops.zeros_like(log_depth))
            values = ops.square((z - known) * valid)
        return values.sum().reshape((1,))
