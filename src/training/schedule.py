# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The course of the learning rate, as plain numbers."""
from __future__ import annotations

import numpy as np

from src.config import Settings


def learning_rates(base: float, total_steps: int, settings: Settings) -> np.ndarray:
    """Return the learning rate of each step, (total_steps,) float32.

    A linear warm-up over `warmup_steps` (the first step has 1 / warmup_steps of the rate), then
    `lr_schedule`: constant; cosine from 1 to `lr_final_scale`; exponential
    `lr_decay_rate ** (t / lr_decay_steps)`; step the same with t / lr_decay_steps rounded down. t counts
    from the start of the training.
    """
    s = settings
    t = np.arange(total_steps, dtype=np.float64)
    if s.lr_schedule == "cosine":
        course = np.clip((t - s.warmup_steps) / max(1, total_steps - s.warmup_steps), 0.0, 1.0)
        factor = s.lr_final_scale + (1.0 - s.lr_final_scale) * 0.5 * (1.0 + np.cos(np.pi * course))
    elif s.lr_schedule == "exponential":
        factor = s.lr_decay_rate ** (t / s.lr_decay_steps)
    elif s.lr_schedule == "step":
        factor = s.lr_decay_rate ** np.floor(t / s.lr_decay_steps)
    else:
        factor = np.ones_like(t)
    if s.warmup_steps:
        factor = factor * np.minimum(1.0, (t + 1.0) / s.warmup_steps)
    return (base * factor).astype(np.float32)
