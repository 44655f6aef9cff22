# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Weights of torchvision's networks as checkpoints of encoders."""
from __future__ import annotations

from pathlib import Path

from mindspore import nn

from src.errors import UserError
from src.layers.resnet import set_weights
from src.training.checkpoints import save_network
from src.training.torch_files import read_state_dict


def convert(source: Path, target: Path, encoder: nn.Cell, network: str, classifier: str) -> str:
    """Write torchvision's weights of an encoder as a checkpoint.

    Args:
        source: the state dict, see `read_state_dict`.
        target: ends in .ckpt.
        encoder: gets the weights.
        network: what torchvision's network is called, for messages.
        classifier: what the names of the classifier's tensors begin with, which are left out.

    Returns:
        what was done, in a line.

    Raises:
        UserError: the file is damaged or of another network, or the target cannot be written.
    """
    if target.suffix != ".ckpt":
        raise UserError(f"{target} must end in .ckpt")
    state = read_state_dict(source)
    try:
        left_out = set_weights(encoder, state, network, classifier)
    except UserError as error:
        raise UserError(f"{source} cannot be converted: {error}") from None
    save_network(encoder, target, prefix="")
    classifiers = f"; {', '.join(left_out)} left out (the classifier)" if left_out else ""
    return f"{target}: {len(list(encoder.get_parameters()))} parameters{classifiers}"
