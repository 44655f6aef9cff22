# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The train step on a net of two layers, against its gradient and the optimizers by hand in NumPy."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from src.config import load_settings
from src.losses.base import Objective
from src.method import ParamGroup, Stage
from src.training.schedule import learning_rates
from src.training.step import TrainStep

RATE = 0.05
NAMES = ("net.hidden.weight", "net.hidden.bias", "net.fc.weight", "net.fc.bias")


class Net(nn.Cell):
    """y = W2 tanh(W1 x + b1) + b2."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Dense(5, 4)
        self.fc = nn.Dense(4, 3)

    def construct(self, x):
        return self.fc(ops.tanh(self.hidden(x)))


class MaskedSquares(Objective):
    """Squared error over the valid outputs, and half the mean output over the images."""

    def __init__(self, net):
        super().__init__(("l2", "mean"), (1.0, 0.5))
        self.net = net

    def counts(self, x, target, valid):
        return ops.stack((valid.sum(), ops.ones_like(x[:, 0]).sum()))

    def construct(self, x, target, valid):
        y = self.net(x).astype(target.dtype)
        return ops.stack((((y - target) ** 2 * valid).sum(), y.mean(axis=1).sum()))


def start_weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = ((4, 5), (4,), (3, 4), (3,))
    drawn = [rng.normal(0, 0.5, shape).astype(np.float32) for shape in shapes]
    return dict(zip(NAMES, drawn, strict=True))


def columns(seed: int, size: int = 8) -> tuple[np.ndarray, ...]:
    """Inputs, targets and a mask with another share of valid outputs in each half."""
    rng = np.random.default_rng([7, seed])
    share = np.where(np.arange(size) < size // 2, 0.9, 0.3)[:, None]
    return (rng.normal(size=(size, 5)).astype(np.float32), rng.normal(size=(size, 3)).astype(np.float32),
            (rng.random((size, 3)) < share).astype(np.float32))


class Rig:
    """A net with fixed weights in a train step."""

    def __init__(self, *argv: str, groups=(), compiled=True, total=50):
        self.net = Net()
        self.net.update_parameters_name("net.")
        for parameter in self.net.get_parameters():
            parameter.set_data(ms.Tensor(start_weights()[parameter.name]))
        if "O2" in argv:
            self.net.to_float(ms.float16)
        self.objective = MaskedSquares(self.net)
        stage = Stage("s", "net", self.objective, ("x", "target", "valid"), ("net",), RATE, groups=groups,
                      compiled=compiled)
        settings = load_settings("train", "", list(argv))
        rates = learning_rates(RATE, total, settings, steps_per_epoch=10)
        self.step = TrainStep(stage, {"net": self.net}, settings, rates)

    def __call__(self, *micro_batches):
        return self.step([tuple(ms.Tensor(c) for c in batch) for batch in micro_batches])

    def weights(self) -> dict[str, np.ndarray]:
        return {p.name: p.asnumpy().copy() for p in self.net.get_parameters()}


def numpy_gradient(w, x, target, valid):
    """Loss terms and gradient of (sum of valid squares / their number) + 0.5 (mean output), in float64."""
    w1, b1, w2, b2 = (w[name].astype(np.float64) for name in NAMES)
    h = np.tanh(x @ w1.T + b1)
    y = h @ w2.T + b2
    to_y = 2 * (y - target) * valid / valid.sum() + 0.5 / y.size
    to_h = to_y @ w2 * (1 - h**2)
    terms = np.array([((y - target) ** 2 * valid).sum() / valid.sum(), y.mean()])
    return terms, dict(zip(NAMES, (to_h.T @ x, to_h.sum(0), to_y.T @ h, to_y.sum(0)), strict=True))


def numpy_sgd(w, batches, momentum=0.9, decay=0.0, scale=None):
    velocity = {name: np.zeros(v.shape) for name, v in w.items()}
    w = {name: v.astype(np.float64) for name, v in w.items()}
    for batch in batches:
        gradient = numpy_gradient(w, *batch)[1]
        for name in NAMES:
            g = gradient[name] + (decay * w[name] if w[name].ndim > 1 else 0)
            velocity[name] = momentum * velocity[name] + g
            w[name] = w[name] - RATE * (scale or {}).get(name, 1.0) * velocity[name]
    return w


def numpy_adam(w, batches, beta1=0.9, beta2=0.999, eps=1e-8):
    """Kingma and Ba 2015, as at the end of section 2 (epsilon beside the uncorrected second moment)."""
    m, v = ({name: np.zeros(a.shape) for name, a in w.items()} for _ in range(2))
    w = {name: a.astype(np.float64) for name, a in w.items()}
    for t, batch in enumerate(batches, 1):
        gradient = numpy_gradient(w, *batch)[1]
        for name, g in gradient.items():
            m[name] = beta1 * m[name] + (1 - beta1) * g
            v[name] = beta2 * v[name] + (1 - beta2) * g * g
            rate = RATE * np.sqrt(1 - beta2**t) / (1 - beta1**t)
            w[name] = w[name] - rate * m[name] / (np.sqrt(v[name]) + eps)
    return w


def assert_weights(seen, expected, tolerance=2e-6):
    for name in NAMES:
        np.testing.assert_allclose(seen[name], expected[name], atol=tolerance, err_msg=name)


BATCHES = [columns(i) for i in range(5)]


@pytest.fixture(scope="module")
def sgd() -> tuple[Rig, list]:
    """Five steps of plain SGD with momentum, and what each returned."""
    rig = Rig("--optimizer", "sgd")
    return rig, [rig(batch) for batch in BATCHES]


def test_sgd_with_momentum_is_numpys(sgd):
    assert_weights(sgd[0].weights(), numpy_sgd(start_weights(), BATCHES))


def test_a_step_reports_the_terms_before_the_update(sgd):
    sums, counts, applied = sgd[1][0]
    np.testing.assert_allclose(sums / counts, numpy_gradient(start_weights(), *BATCHES[0])[0], rtol=1e-5)
    assert counts.tolist() == [BATCHES[0][2].sum(), 8.0] and applied is True


def test_adam_is_numpys():
    rig = Rig()
    for batch in BATCHES:
        rig(batch)
    assert_weights(rig.weights(), numpy_adam(start_weights(), BATCHES), 2e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_accumulated_micro_batches_are_one_batch(sgd, optimizer):
    """Two halves with different masks; a mean of the halves' means would differ."""
    whole = sgd[0] if optimizer == "sgd" else Rig()
    if optimizer == "adam":
        for batch in BATCHES:
            whole(batch)
    halves = Rig("--optimizer", optimizer, "--accumulate_steps", "2")
    for number, batch in enumerate(BATCHES):
        result = halves(tuple(c[:4] for c in batch), tuple(c[4:] for c in batch))
        if optimizer == "sgd":
            np.testing.assert_allclose(result[0], sgd[1][number][0], rtol=1e-5)
            assert result[1].tolist() == sgd[1][number][1].tolist()
    assert_weights(halves.weights(), whole.weights(), 1e-6)


def test_eager_and_compiled_agree_in_one_forward_pass_a_step(sgd):
    rig = Rig("--optimizer", "sgd", compiled=False)
    passes = []
    rig.net.register_forward_hook(lambda *_: passes.append(1))
    for batch in BATCHES:
        rig(batch)
    assert len(passes) == len(BATCHES)
    assert_weights(rig.weights(), sgd[0].weights(), 1e-6)


def test_clipping_bounds_the_norm_and_keeps_the_direction():
    """One step of plain SGD moves the weights by rate * gradient, so the clipped gradient can be read off."""
    gradient = numpy_gradient(start_weights(), *BATCHES[0])[1]
    norm = np.sqrt(sum((g**2).sum() for g in gradient.values()))
    for limit in (0.25 * norm, 4 * norm):
        rig = Rig("--optimizer", "sgd", "--grad_clip", str(limit), compiled=False)
        rig(BATCHES[0])
        after = rig.weights()
        moved = {name: (start_weights()[name] - after[name]) / RATE for name in NAMES}
        expected = {name: g * min(1.0, limit / norm) for name, g in gradient.items()}
        assert_weights(moved, expected, 1e-5)


def test_clipping_comes_after_accumulation():
    limit = "0.3"
    whole = Rig("--optimizer", "sgd", "--grad_clip", limit, compiled=False)
    halves = Rig("--optimizer", "sgd", "--grad_clip", limit, "--accumulate_steps", "2", compiled=False)
    for batch in BATCHES[:2]:
        whole(batch)
        halves(tuple(c[:4] for c in batch), tuple(c[4:] for c in batch))
    assert_weights(halves.weights(), whole.weights(), 1e-6)


def test_the_moving_average_is_numpys():
    rig = Rig("--optimizer", "sgd", "--ema_decay", "0.8")
    expected = {name: w.astype(np.float64) for name, w in start_weights().items()}
    for made, batch in enumerate(BATCHES, 1):
        rig(batch)
        decay = min(0.8, made / (made + 9))  # early averages must forget the random weights
        expected = {name: decay * expected[name] + (1 - decay) * w for name, w in rig.weights().items()}
    averaged = {name: p.asnumpy() for name, p in rig.step.averaged().items()}
    assert_weights(averaged, expected, 1e-6)
    assert_weights(rig.weights(), numpy_sgd(start_weights(), BATCHES))  # the weights themselves are untouched


@pytest.mark.parametrize("compiled", [True, False])
def test_weights_that_are_put_in_and_out_leave_no_trace(sgd, compiled):
    """As for a validation with averaged weights between two steps."""
    rig = Rig("--optimizer", "sgd", compiled=compiled)
    for batch in BATCHES:
        kept = rig.weights()
        rig.step.put({name: 0 * w for name, w in kept.items()})
        assert not rig.net(ms.Tensor(batch[0])).asnumpy().any()
        rig.step.put(kept)
        assert_weights(rig.weights(), kept, 0)
        rig(batch)
    assert_weights(rig.weights(), sgd[0].weights(), 1e-6)


def test_learning_rates_by_layer():
    """The first pattern that is found counts; a factor of 0 leaves a layer as it is."""
    groups = (ParamGroup("^fc", 0.0), ParamGroup("weight", 3.0))
    rig = Rig("--optimizer", "sgd", groups=groups, compiled=False)
    for batch in BATCHES:
        rig(batch)
    scale = {"net.hidden.weight": 3.0, "net.fc.weight": 0.0, "net.fc.bias": 0.0}
    expected = numpy_sgd(start_weights(), BATCHES, scale=scale)
    assert_weights(rig.weights(), expected)
    assert np.array_equal(rig.weights()["net.fc.weight"], start_weights()["net.fc.weight"])


def test_weight_decay_spares_biases():
    rig = Rig("--optimizer", "sgd", "--weight_decay", "0.1", compiled=False)
    for batch in BATCHES:
        rig(batch)
    assert_weights(rig.weights(), numpy_sgd(start_weights(), BATCHES, decay=0.1))


def test_the_schedule_is_followed():
    rig = Rig("--optimizer", "sgd", "--momentum", "0", "--warmup_steps", "2", compiled=False)
    before = start_weights()
    for rate, batch in zip((RATE / 2, RATE, RATE), BATCHES[:3], strict=True):
        gradient = numpy_gradient(before, *batch)[1]
        rig(batch)
        after = rig.weights()
        assert_weights(after, {name: before[name] - rate * gradient[name] for name in NAMES})
        before = after


def test_a_batch_without_readings_changes_nothing():
    rig = Rig("--optimizer", "sgd", compiled=False)
    rig.objective.weights, rig.step.weights = (1.0, 0.0), ms.Tensor(np.array([1.0, 0.0], np.float32))
    x, target, valid = BATCHES[0]
    sums, counts, _ = rig((x, target, 0 * valid))
    assert sums[0] == counts[0] == 0
    assert_weights(rig.weights(), start_weights(), 0)


def test_half_precision_follows_full_precision(sgd):
    """O2 with its first loss scale: float16's rounding apart, the same weights; they stay float32."""
    rig = Rig("--optimizer", "sgd", "--amp_level", "O2", "--loss_scale", "1024")
    for batch in BATCHES:
        assert rig(batch)[2] is True
    assert_weights(rig.weights(), sgd[0].weights(), 5e-3)
    assert all(w.dtype == np.float32 for w in rig.weights().values())
    assert float(rig.step.scaler.scale_value.asnumpy()) == 1024.0


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_overflow_skips_the_update_and_lowers_the_scale(accumulate):
    """A target of 1e6 overflows float16's gradients at scale 65536, while the loss stays finite."""
    rig = Rig("--optimizer", "sgd", "--amp_level", "O2", "--ema_decay", "0.5",
              "--accumulate_steps", str(accumulate))
    x, target, valid = BATCHES[0]

    def make_step(target):
        if accumulate == 1:
            return rig((x, target, valid))
        return rig(*[tuple(c[part] for c in (x, target, valid)) for part in (slice(0, 4), slice(4, 8))])

    sums, _, applied = make_step(target + np.float32(1e6))
    assert applied is False and np.all(np.isfinite(sums))
    assert_weights(rig.weights(), start_weights(), 0)
    assert_weights({name: p.asnumpy() for name, p in rig.step.averaged().items()}, start_weights(), 0)
    assert float(rig.step.scaler.scale_value.asnumpy()) == 32768.0
    rig.step.scaler.scale_value.set_data(ms.Tensor(256.0, ms.float32))
    assert make_step(target)[2] is True
    gradient = numpy_gradient(start_weights(), x, target, valid)[1]  # nothing of the overflow is left
    assert_weights(rig.weights(), {n: start_weights()[n] - RATE * gradient[n] for n in NAMES}, 2e-4)


def test_the_state_holds_what_the_next_step_depends_on():
    """Copying weights and state into a fresh step continues bit for bit."""
    argv = ("--ema_decay", "0.9", "--lr_schedule", "cosine")
    first, second = Rig(*argv, compiled=False), Rig(*argv, compiled=False)
    for batch in BATCHES[:3]:
        first(batch)
    pairs = {p.name: p for p in first.net.get_parameters()} | first.step.state()
    targets = {p.name: p for p in second.net.get_parameters()} | second.step.state()
    assert pairs.keys() == targets.keys() and len(pairs) > 4 * 4
    for name, parameter in targets.items():
        parameter.set_data(ms.Tensor(pairs[name].asnumpy(), parameter.dtype))
    for batch in BATCHES[3:]:
        first(batch)
        second(batch)
    assert_weights(first.weights(), second.weights(), 0)
    for name, average in first.step.averaged().items():
        np.testing.assert_array_equal(average.asnumpy(), second.step.averaged()[name].asnumpy())
