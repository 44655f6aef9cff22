# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DCNF's objectives: sums and counts of both stages against the formulas, and a compiled training."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.config import load_settings
from src.dcnf.crf import Crf
from src.dcnf.loss import STAGES, DcnfObjective
from src.dcnf.net import DcnfNet
from src.method import Stage
from src.training.schedule import learning_rates
from src.training.step import TrainStep
from tests.dcnf.crf_reference import marginal_nll, random_image

BETA_AT_START = np.ones(3)


class Given(nn.Cell):
    """In the place of a unary network: its inputs tell z, up to a factor and a shift that it learns."""

    def __init__(self):
        super().__init__()
        self.scale = ms.Parameter(np.ones(1, np.float32), name="scale")
        self.shift = ms.Parameter(np.zeros(1, np.float32), name="shift")

    def construct(self, first, second):
        return (first + second) * self.scale + self.shift


def batch(stage: str, images: int = 3, seed: int = 0, size: tuple[int, int] = (4, 5)):
    """Images with holes, of which the last has no truth, and the columns that hold them."""
    rng = np.random.default_rng(seed)
    made = [random_image(*size, rng, 0.7) for _ in range(images)]
    made[-1] = made[-1]._replace(valid=np.zeros_like(made[-1].valid))
    z, similarity, log_depth, valid = (np.stack(column) for column in zip(*made, strict=True))
    first = rng.standard_normal(z.shape).astype(np.float32)
    inputs = (first, z - first, similarity) if stage == "joint" else (first, z - first)
    return made, [ms.Tensor(a) for a in (*inputs, log_depth, valid)]


def objective(stage: str) -> DcnfObjective:
    return DcnfObjective(DcnfNet(Given(), Crf()), stage)


def expected_sum(stage: str, images) -> float:
    if stage == "joint":
        return sum(marginal_nll(i, BETA_AT_START) for i in images if i.valid.any())
    return float(sum(np.sum((i.z.astype(np.float64) - i.log_depth)[i.valid > 0] ** 2) for i in images))


@pytest.mark.parametrize("stage", STAGES)
def test_sums_and_counts(stage):
    images, columns = batch(stage)
    made = objective(stage)
    assert made.terms == (STAGES[stage],) and made.weights == (1.0,)
    found, counts = made(*columns).asnumpy(), made.counts(*columns).asnumpy()
    assert found.shape == counts.shape == (1,)
    assert counts[0] == sum(i.valid.sum() for i in images) > 0
    assert found[0] == pytest.approx(expected_sum(stage, images), rel=1e-4)


@pytest.mark.parametrize("stage", STAGES)
def test_micro_batches_sum_to_the_batch(stage):
    _, columns = batch(stage)
    made = objective(stage)
    parts = [[c[:1] for c in columns], [c[1:] for c in columns]]
    np.testing.assert_allclose(sum(made(*p).asnumpy() for p in parts), made(*columns).asnumpy(), rtol=1e-5)
    np.testing.assert_array_equal(sum(made.counts(*p).asnumpy() for p in parts),
                                  made.counts(*columns).asnumpy())


@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_without_truth_costs_nothing(stage):
    _, columns = batch(stage, images=1)
    made = objective(stage)
    assert abs(made(*columns).asnumpy()[0]) < 1e-5 and made.counts(*columns).asnumpy()[0] == 0


def test_an_unknown_stage_is_refused():
    with pytest.raises(ValueError, match="'both' is none of unary, joint"):
        objective("both")


@pytest.mark.parametrize("stage", STAGES)
def test_the_trainers_compiled_step_lowers_the_loss(stage):
    """z is shifted at the start. In stage "joint" betas move and stay in their range."""
    _, columns = batch(stage, images=4)
    network = DcnfNet(Given(), Crf())
    network.update_parameters_name("dcnf.")
    network.unary.shift.set_data(ms.Tensor(np.ones(1, np.float32)))
    made = DcnfObjective(network, stage)
    settings = load_settings("train", "", ["--optimizer", "adam"])
    plan = Stage(stage, stage, made, (), ("dcnf",), 0.1)
    step = TrainStep(plan, {"dcnf": network}, settings, learning_rates(0.1, 40, settings, 40))
    losses = []
    for _ in range(40):
        sums, counts, finite = step([columns])
        assert finite
        losses.append(sums[0] / counts[0])
        beta = network.crf.beta().asnumpy()
        assert (beta > 0).all() and (beta < network.crf.beta_max).all()
    assert losses[-1] < losses[0] - 0.3
    assert np.abs(beta - 1).max() > 0.1 if stage == "joint" else np.allclose(beta, 1)
