# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Choosing the device, and joining the other processes of a distributed run."""
from __future__ import annotations

import os

import mindspore as ms
import numpy as np
from mindspore import communication

from src.config import Settings
from src.errors import UserError


def set_up_device(settings: Settings, distributed: bool = False) -> tuple[int, int]:
    """Select the device, join the other ranks, seed everything; return (rank, number of ranks).

    With `distributed`, RANK_SIZE (a rank table's, with RANK_TABLE_FILE and RANK_ID) or MS_WORKER_NUM (set by
    `msrun`) above 1 makes this one process of several; the collective is HCCL on Ascend and MindSpore's own
    on the CPU. Commands other than train.py run alone, whatever the shell exports.

    Raises:
        UserError: the device is not there, or the other processes cannot be reached.
    """
    ms.set_context(mode=ms.PYNATIVE_MODE)
    ranks = _environment("RANK_SIZE", _environment("MS_WORKER_NUM", 1)) if distributed else 1
    # the launcher of several processes gives each its device; alone, what the user says wins
    from_launcher = ranks > 1 or not settings.given("device_id")
    target = _select(settings, _environment("DEVICE_ID", settings.device_id) if from_launcher
                     else settings.device_id)
    rank = 0
    if ranks > 1:
        try:
            communication.init("hccl" if target == "Ascend" else "mccl" if target == "CPU" else "nccl")
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"cannot join the {ranks} processes of this distributed run ({reason}); check "
                            "RANK_TABLE_FILE, RANK_ID and DEVICE_ID, or start it with msrun") from None
        rank, ranks = communication.get_rank(), communication.get_group_size()
    ms.set_seed(settings.seed)
    np.random.seed(settings.seed)  # MindSpore's initializers draw from NumPy's global generator
    return rank, ranks


def _environment(name: str, default: int) -> int:
    """Return a number that the shell or a launcher exports."""
    text = os.environ.get(name, "").strip()
    if text and not text.isdecimal():
        raise UserError(f"the environment variable {name} is {text!r}, not a number; unset it")
    return int(text) if text else default


def _select(settings: Settings, device_id: int) -> str:
    """Set the device that `device_target` names.

    auto takes Ascend where there is one, else says that it is CPU.
    """
    wanted = settings.device_target
    for target in ("Ascend", "CPU") if wanted == "auto" else (wanted,):
        try:
            if target == "CPU":
                ms.set_device("CPU")
            else:
                ms.set_device(target, device_id)
        except (RuntimeError, ValueError) as error:
            if wanted == "auto" and target == "Ascend":
                continue
            reason = str(error).splitlines()[0]
            raise UserError(f"--device_target {target} is not available ({reason}); "
                            "give --device_target CPU") from None
        if wanted == "auto" and target == "CPU":
            print("no Ascend device here: running on the CPU", flush=True)
        return target
    raise AssertionError("unreachable: the CPU is always tried")
