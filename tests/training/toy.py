# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet with two tiny nets: its stages, samples, losses and files at a fiftieth of the work."""
from __future__ import annotations

from contextlib import contextmanager

import pytest
import yaml
from mindspore import nn, ops

import src.config
import src.method
from src.config import DEFAULT_CONFIG
from src.depthnet.method import DepthNet
from tests.commands import run


class ToyCoarseNet(nn.Cell):
    """A coarse, blurred picture and a hidden layer whose units are dropped by the batch's mask."""

    def __init__(self, fc_width: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 19, stride=19, pad_mode="valid", has_bias=True)
        self.fc6 = nn.Dense(4 * 12 * 16, fc_width)
        self.fc7 = nn.Dense(fc_width, 55 * 74)

    def construct(self, image, keep=None):
        hidden = ops.tanh(self.fc6(self.conv1(image).reshape((-1, 4 * 12 * 16))))
        if keep is not None:
            hidden = hidden * keep
        return self.fc7(hidden).reshape((-1, 1, 55, 74))


class ToyFineNet(nn.Cell):
    """The coarse map plus one blurred copy of the picture."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 1, 12, stride=4, pad_mode="valid")
        self.conv2 = nn.Conv2d(2, 1, 3, pad_mode="same")

    def construct(self, image, coarse):
        details = self.conv1(image)[:, :, :55, :74]
        return coarse + self.conv2(ops.concat((details, coarse), 1))


class Toy(DepthNet):
    """DepthNet with other nets; `coarse_net` stays "eigen", so that the coarse stage drops units."""

    def build_networks(self) -> dict[str, nn.Cell]:
        return {"coarse": ToyCoarseNet(self.settings.fc_width), "fine": ToyFineNet()}


@contextmanager
def registered_toy():
    """Add the method "toy", with the settings of depthnet, and take it away again."""
    section = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))["methods"]["depthnet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(src.method, "_METHODS", dict(src.method._METHODS))
        patch.setattr(src.config, "_EXTRA_METHODS", dict(src.config._EXTRA_METHODS))
        src.method.register("toy", "tests.training.toy:Toy", section)
        yield


def train_toy(nyu, folder, *argv: object) -> None:
    """Run train.py with the toy on a data set in the NYU layout, results under `folder`."""
    run("train", "--method", "toy", "--device_target", "CPU", "--coarse_net", "eigen", "--fc_width", 16,
        "--data_url", nyu, "--train_url", folder, "--batch_size", 2, "--log_every", 1, *argv)
