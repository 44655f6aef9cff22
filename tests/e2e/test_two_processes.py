# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Two processes under msrun train as one process with the batch of both does."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from tests.commands import run
from tests.samples import write_nyu

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(tmp_path):
    data = write_nyu(tmp_path / "NYU", 16, 1, image_hw=(228, 304))
    argv = ["--data_url", data, "--preset", "cpu", "--fc_width", 16, "--dropout", 0, "--stages", "coarse",
            "--coarse_steps", 6, "--optimizer", "sgd", "--lr_schedule", "constant", "--picture_every", 0,
            "--device_target", "CPU"]
    run("train", *argv, "--batch_size", 8, "--train_url", tmp_path / "one")
    binaries = Path(sys.executable).parent
    # msrun starts the `python` of PATH
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"}
    command = [binaries / "msrun", "--worker_num=2", "--local_worker_num=2", "--join=True",
               "--bind_core=False", "--master_port=8137", f"--log_dir={tmp_path / 'logs'}",
               REPOSITORY / "train.py", *argv, "--batch_size", 4, "--train_url", tmp_path / "two"]
    subprocess.run([str(part) for part in command], cwd=tmp_path, env=environment, check=True, timeout=300)
    one = ms.load_checkpoint(str(tmp_path / "one/Ckpt/FinalCoarseNet.ckpt"))
    two = ms.load_checkpoint(str(tmp_path / "two/Ckpt/FinalCoarseNet_rank0.ckpt"))
    assert one.keys() == two.keys()
    for name, parameter in one.items():
        np.testing.assert_allclose(two[name].asnumpy(), parameter.asnumpy(), rtol=0, atol=1e-5, err_msg=name)
