# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""One optimizer step: forward, backward, rank reduction, clipping, update, moving average; compiled whole."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import mindspore as ms
import numpy as np
from mindspore import Parameter, nn, ops

from src.config import Settings
from src.method import Stage

_SCALE_WINDOW = 1000  # steps without overflow after which the loss scale doubles


def _param_groups(stage: Stage, networks: Mapping[str, nn.Cell], settings: Settings,
                  rates: np.ndarray) -> list[dict]:
    """Sort the trained parameters by learning-rate factor, and by whether weight decay touches them."""
    groups: dict[tuple[float, bool], list[Parameter]] = {}
    for net in stage.trained:
        for parameter in networks[net].trainable_params():
            own_name = parameter.name[len(net) + 1:]
            scale = next((g.lr_scale for g in stage.groups if re.search(g.pattern, own_name)), 1.0)
            decays = settings.weight_decay > 0 and parameter.ndim > 1
            groups.setdefault((scale, decays), []).append(parameter)
    return [{"params": parameters, "lr": [float(rate * scale) for rate in rates],
             "weight_decay": settings.weight_decay if decays else 0.0}
            for (scale, decays), parameters in groups.items()]


def build_optimizer(stage: Stage, networks: Mapping[str, nn.Cell], settings: Settings,
                    rates: np.ndarray) -> nn.Optimizer:
    """Return Adam or SGD with momentum over the stage's trained networks, with the schedule built in."""
    s = settings
    groups = _param_groups(stage, networks, s, rates)
    if s.optimizer == "sgd":
        return nn.Momentum(groups, learning_rate=stage.learning_rate, momentum=s.momentum)
    return nn.Adam(groups, learning_rate=stage.learning_rate, beta1=s.beta1, beta2=s.beta2, eps=s.epsilon)


class TrainStep(nn.Cell):
    """The optimizer step of a stage.

    Args:
        stage: objective and trained networks.
        networks: all networks by name; their parameters' names start with the network's.
        settings: optimizer, clipping, accumulation, precision.
        rates: the learning rate of each step, before the groups' factors.
        ranks: number of processes that train together (data parallel).

    Calling it with the columns of `accumulate_steps` micro-batches makes one step and returns
    (values, counts, finite): the sum and count of each term over everything, as float32 arrays, and whether
    the update was made (False where O2's gradients overflowed).
    """

    def __init__(self, stage: Stage, networks: Mapping[str, nn.Cell], settings: Settings, rates: np.ndarray,
                 ranks: int = 1):
        super().__init__(auto_prefix=False)
        self.objective = stage.objective
        self.optimizer = build_optimizer(stage, networks, settings, rates)
        self.parameters = self.optimizer.parameters
        self.weights = ms.Tensor(np.array(stage.objective.weights, np.float32))
        self.grad_clip = settings.grad_clip
        self.ranks = ranks
        self.all_reduce = ops.AllReduce() if ranks > 1 else None  # sums
        self.map = ops.HyperMap()
        self.scaler = (ms.amp.DynamicLossScaler(settings.loss_scale, 2, _SCALE_WINDOW)
                       if settings.amp_level == "O2" else None)
        self.ema_decay = settings.ema_decay
        self.ema = self.parameters.clone(prefix="ema", init="same") if settings.ema_decay else ()
        self.accumulate_steps = settings.accumulate_steps
        self.gradients = (self.parameters.clone(prefix="grad", init="zeros")
                          if self.accumulate_steps > 1 else ())
        self.grad_fn = ms.value_and_grad(self._scaled_loss, None, self.parameters, has_aux=True)
        wrap = ms.jit if stage.compiled else (lambda function: function)
        self._counts = wrap(self.reduced_counts)
        self._whole = wrap(self.whole_step)
        self._add = wrap(self.add_gradients)
        self._apply = wrap(self.apply_gradients)

    def state(self) -> dict[str, Parameter]:
        """Return every parameter beside the networks' that the next step depends on, by unique names.

        The table of learning rates is no part of it: it follows from the settings and grows with `max_steps`.
        """
        own = {f"optimizer.{i}.{p.name}": p for i, p in enumerate(self.optimizer.get_parameters())
               if p.name not in {q.name for q in self.parameters} and not p.name.startswith("learning_rate")}
        own.update({f"ema.{p.name}": e for p, e in zip(self.parameters, self.ema)})
        if self.scaler is not None:
            own.update({"scaler.value": self.scaler.scale_value, "scaler.counter": self.scaler.counter})
        return own

    def loss_scale(self) -> float:
        """Return O2's loss scale, 1 without it."""
        return 1.0 if self.scaler is None else float(self.scaler.scale_value.asnumpy())

    def averaged(self) -> dict[str, Parameter]:
        """Return the moving averages by the parameters' names; empty without `ema_decay`."""
        return {p.name: e for p, e in zip(self.parameters, self.ema)}

    def put(self, values: Mapping[str, np.ndarray]) -> None:
        """Set trained parameters by their names.

        Assigned in place: after `Parameter.set_data` a compiled step goes on with the new values, but what
        the parameter shows outside of it would stand still.
        """
        for parameter in self.parameters:
            if parameter.name in values:
                ops.assign(parameter, ms.Tensor(values[parameter.name]))

    def __call__(self, micro_batches: Sequence[tuple[ms.Tensor, ...]]) -> tuple[np.ndarray, np.ndarray, bool]:
        """Make one step over the micro-batches' columns."""
        if self.accumulate_steps == 1:
            sums, counts, finite = self._whole(*micro_batches[0])
            return sums.asnumpy(), counts.asnumpy(), bool(finite)
        counts = self._counts(*micro_batches[0])
        for columns in micro_batches[1:]:
            counts = counts + self._counts(*columns)
        sums = self._add(counts, *micro_batches[0])
        for columns in micro_batches[1:]:
            sums = sums + self._add(counts, *columns)
        finite = self._apply()
        return sums.asnumpy(), counts.asnumpy(), bool(finite)

    def reduced_counts(self, *columns):
        """Return the count of each term over all ranks."""
        counts = self.objective.counts(*columns)
        return self.all_reduce(counts) if self.ranks > 1 else counts

    def _scaled_loss(self, factors, *columns):
        sums = self.objective(*columns)
        return (sums * factors).sum(), sums

    def _gradients(self, counts, *columns):
        """Return the terms' sums over all ranks and the (scaled) gradients of this rank."""
        factors = self.weights * ops.where(counts > 0, 1.0 / ops.maximum(counts, 1.0), 0.0)
        if self.scaler is not None:
            factors = self.scaler.scale(factors)
        (_, sums), gradients = self.grad_fn(factors, *columns)
        return (self.all_reduce(sums) if self.ranks > 1 else sums), gradients

    def _update(self, gradients):
        """Reduce, unscale, clip and apply gradients; return whether they were finite."""
        if self.ranks > 1:
            gradients = self.map(self.all_reduce, gradients)
        if self.scaler is not None:
            gradients = self.scaler.unscale(gradients)
        finite = ms.amp.all_finite(gradients)  # no NaN reaches a weight
        if self.scaler is not None:
            finite = ops.depend(finite, self.scaler.adjust(finite))
        if self.grad_clip > 0:
            gradients = ops.clip_by_global_norm(gradients, self.grad_clip)
        if finite:
            done = self.optimizer(gradients)
            finite = ops.depend(finite, done)
            if self.ema_decay > 0:
                finite = ops.depend(finite, self._move_average())
        return finite

    def _move_average(self):
        """Move the averages; the first steps move them faster, away from the random weights."""
        made = self.optimizer.global_step.astype(ms.float32)  # steps, this one included
        decay = ops.minimum(self.ema_decay, made / (made + 9.0))
        done = True
        for average, parameter in zip(self.ema, self.parameters):
            value = average * decay + parameter * (1.0 - decay)
            done = ops.depend(done, ops.assign(average, value))
        return done

    def whole_step(self, *columns):
        """Make one step from one batch."""
        counts = self.reduced_counts(*columns)
        sums, gradients = self._gradients(counts, *columns)
        finite = self._update(gradients)
        return sums, counts, finite

    def add_gradients(self, counts, *columns):
        """Add the gradients of one micro-batch; return its sums."""
        sums, gradients = self._gradients(counts, *columns)
        for total, gradient in zip(self.gradients, gradients):
            sums = ops.depend(sums, ops.assign_add(total, gradient))
        return sums

    def apply_gradients(self):
        """Update from the added gradients and clear them."""
        gradients = ()
        for total in self.gradients:
            gradients += (total * 1.0,)
        finite = self._update(gradients)
        for total in self.gradients:
            finite = ops.depend(finite, ops.assign(total, ops.zeros_like(total)))
        return finite
