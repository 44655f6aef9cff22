# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What training objectives return: (sum, count) of each named term; the trainer alone divides and reduces."""
from __future__ import annotations

from mindspore import nn, ops


class Objective(nn.Cell):
    """Base of the training objectives.

    The loss is `sum_t weight_t * sum_t / count_t`, where sums and counts run over all samples of a step: of
    all micro-batches and all ranks. Therefore the counts must depend on the batch alone (its masks), never
    on a prediction: then they are known before the forward pass and one pass suffices. A term whose support
    depends on the prediction divides inside each image and counts images.

    Attributes:
        terms: names of the terms, as the logs show them.
        weights: one factor a term.
    """

    def __init__(self, terms: tuple[str, ...], weights: tuple[float, ...]):
        super().__init__(auto_prefix=False)  # parameters keep the names of their checkpoints
        self.terms = terms
        self.weights = weights

    def counts(self, *columns):
        """Return the count of each term, shape (len(terms),) float32; 0 where nothing is valid."""
        raise NotImplementedError

    def construct(self, *columns):
        """Return the sum of each term, shape (len(terms),) float32."""
        raise NotImplementedError


def repeatable_log(values):
    """Return the natural logarithm of a truth, the same at every call.

    On the CPU the kernel of `ops.log` (and of softplus) splits its work anew every five calls, in search of
    the fastest split, and its vectorised and its scalar part round differently. A resumed training, which
    counts calls from 0, would drift from one that was never stopped. xlogy(1, x) has no such search.
    """
    return ops.xlogy(ops.ones_like(values), values)


def safe_divide(numerator, denominator):
    """Return numerator / denominator, and 0 where the denominator is 0 (an image without valid pixels)."""
    empty = denominator == 0
    return ops.where(empty, ops.zeros_like(numerator), numerator / ops.where(empty, 1.0, denominator))
