# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The course of the learning rate, as plain numbers."""
from __future__ import annotations

import numpy as np

from src.config import Settings
from src.errors import UserError


def learning_rates(base: float, total_steps: int, settings: Settings, steps_per_epoch: int) -> np.ndarray:
    """Return the learning rate of each step, (total_steps,) float32.

    A linear warm-up over `warmup_steps` (the first step has 1 / warmup_steps of the rate), then
    `lr_schedule`: constant; cosine from 1 to `lr_final_scale`; exponential `lr_decay_rate ** d`; step the
    same with d rounded down. At step t of the stage d is t / lr_decay_steps; where `lr_decays_per_epoch` is
    not 0, it grows by that an epoch instead, but by at most 1 a step.
    """
    s = settings
    t = np.arange(total_steps, dtype=np.float64)
    decays = t / s.lr_decay_steps
    if s.lr_decays_per_epoch:
        decays = t * min(s.lr_decays_per_epoch, steps_per_epoch) / steps_per_epoch
    if s.lr_schedule == "cosine":
        course = np.clip((t - s.warmup_steps) / max(1, total_steps - s.warmup_steps), 0.0, 1.0)
        factor = s.lr_final_scale + (1.0 - s.lr_final_scale) * 0.5 * (1.0 + np.cos(np.pi * course))
    elif s.lr_schedule == "exponential":
        factor = s.lr_decay_rate ** decays
    elif s.lr_schedule == "step":
        factor = s.lr_decay_rate ** np.floor(decays + 1e-9)  # a product just below 20 has had 20 decays
    else:
        factor = np.ones_like(t)
    if s.warmup_steps:
        factor = factor * np.minimum(1.0, (t + 1.0) / s.warmup_steps)
    return (base * factor).astype(np.float32)


def check_decay(settings: Settings) -> None:
    """Refuse a given `lr_decay_steps` that a method's own `lr_decays_per_epoch` would silently overrule."""
    s = settings
    decays = s.lr_schedule in ("step", "exponential") and s.lr_decays_per_epoch
    if s.given("lr_decay_steps") and decays and not s.given("lr_decays_per_epoch"):
        raise UserError(f"--lr_decay_steps has no effect, as --method {s.method} decays "
                        f"{s.lr_decays_per_epoch:g} times an epoch; give --lr_decays_per_epoch 0, too")
