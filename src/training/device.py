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


def set_up_device(settings: Settings) -> tuple[int, int]:
    """Select the device, join the other ranks, seed everything; return (rank, number of ranks).

    A run is distributed where RANK_SIZE (a rank table's, with RANK_TABLE_FILE and RANK_ID) or MS_WORKER_NUM
    (set by `msrun`) is above 1; the collective is HCCL on Ascend and MindSpore's own on the CPU.

    Raises:
        UserError: the device is not there, or the other processes cannot be reached.
    """
    ms.set_context(mode=ms.PYNATIVE_MODE)
    target = _select(settings)
    ranks = int(os.environ.get("RANK_SIZE", os.environ.get("MS_WORKER_NUM", "1")))
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


def _select(settings: Settings) -> str:
    """Set the device that `device_target` names.

    auto takes Ascend where there is one, else says that it is CPU.
    """
    wanted = settings.device_target
    device_id = settings.device_id
    if not settings.given("device_id"):  # a rank table's launcher says it by the environment
        device_id = int(os.environ.get("DEVICE_ID", device_id))
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
