# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The ResNet-50 encoder, in torchvision's form so that its pre-trained weights load."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from mindspore import Tensor, nn, ops
from mindspore.common.initializer import HeNormal

from src.errors import UserError
from src.layers.circular import CircularConv2d, CircularPad

_EXPANSION = 4  # of a bottleneck's outputs over its inner channels


def conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1,
         circular: bool = False) -> nn.Conv2d:
    """Return a convolution without bias that pads by half its kernel; Kaiming's normal start by fan-out.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: odd size.
        stride: along both axes.
        circular: pad around the width (see `src.layers.circular`) instead of by zeros.
    """
    start = HeNormal(mode="fan_out", nonlinearity="relu")
    if circular:
        return CircularConv2d(in_channels, out_channels, kernel, stride, weight_init=start)
    return nn.Conv2d(in_channels, out_channels, kernel, stride=stride, pad_mode="pad", padding=kernel // 2,
                     weight_init=start)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch normalization as torchvision's: its momentum of 0.1 for the new is 0.9 for the old."""
    return nn.BatchNorm2d(channels, eps=1e-5, momentum=0.9)


class Bottleneck(nn.Cell):
    """Residual block of 1x1, 3x3 and 1x1 convolutions; the 3x3 one has the stride ("v1.5").

    Inputs:
        x (N, in_channels, H, W).

    Outputs:
        (N, 4 * channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, in_channels: int, channels: int, stride: int, circular: bool = False):
        super().__init__()
        out_channels = _EXPANSION * channels
        self.conv1 = conv(in_channels, channels, 1)
        self.bn1 = batch_norm(channels)
        self.conv2 = conv(channels, channels, 3, stride, circular)
        self.bn2 = batch_norm(channels)
        self.conv3 = conv(channels, out_channels, 1)
        self.bn3 = batch_norm(out_channels)
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.SequentialCell(conv(in_channels, out_channels, 1, stride),
                                                batch_norm(out_channels))

    def construct(self, x):
        """Add the residual, then activate."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = ops.relu(self.bn1(self.conv1(x)))
        x = ops.relu(self.bn2(self.conv2(x)))
        return ops.relu(self.bn3(self.conv3(x)) + shortcut)


def _layer(in_channels: int, channels: int, blocks: int, stride: int, circular: bool) -> nn.SequentialCell:
    inputs = (in_channels, *[_EXPANSION * channels] * (blocks - 1))
    return nn.SequentialCell([Bottleneck(below, channels, 1 if i else stride, circular)
                              for i, below in enumerate(inputs)])


class ResNet50(nn.Cell):
    """ResNet-50 without its classifier (He et al. 2016; 23,508,032 trained parameters at width 1).

    Parameters are named as in torchvision, but for what MindSpore calls a batch normalization's (see
    `torchvision_name`).

    Args:
        width: times all numbers of channels, for small machines; the stem's 64 is rounded to an even number.
        circular: pad around the width instead of by zeros, for panorama images; parameters are the same.

    Inputs:
        image (N, 3, H, W), normalised as the weights want it; any size, customarily multiples of 32.

    Outputs:
        features at 1/4, 1/8, 1/16 and 1/32 of the image's size, of `channels` channels (256, 512, 1024 and
        2048 at width 1).
    """

    def __init__(self, width: float = 1.0, circular: bool = False):
        super().__init__()
        stem = 2 * max(1, round(32 * width))
        self.channels = tuple(_EXPANSION * stem * factor for factor in (1, 2, 4, 8))
        self.conv1 = conv(3, stem, 7, 2, circular)
        self.bn1 = batch_norm(stem)
        # MindSpore's exporter knows no padded pooling. Zeros do for its padding since no input is below
        # zero, and gradients agree: ReLU passes none where an input ties with them.
        self.pad = CircularPad(1) if circular else nn.Pad(((0, 0), (0, 0), (1, 1), (1, 1)))
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, pad_mode="valid")
        self.layer1 = _layer(stem, stem, 3, 1, circular)
        self.layer2 = _layer(self.channels[0], 2 * stem, 4, 2, circular)
        self.layer3 = _layer(self.channels[1], 4 * stem, 6, 2, circular)
        self.layer4 = _layer(self.channels[2], 8 * stem, 3, 2, circular)

    def stem(self, image):
        """Return the features (N, 64 * width, H/2, W/2) in front of the pooling."""
        return ops.relu(self.bn1(self.conv1(image)))

    def construct(self, image):
        """Encode."""
        return self.stages(self.stem(image))

    def stages(self, half):
        """Return the outputs for the stem's."""
        quarter = self.layer1(self.maxpool(self.pad(half)))
        eighth = self.layer2(quarter)
        sixteenth = self.layer3(eighth)
        return quarter, eighth, sixteenth, self.layer4(sixteenth)


class ImageNetNormalization(nn.Cell):
    """Image (N, 3, H, W) RGB in [0, 1] -> of zero mean and unit variance over ImageNet, as torchvision's."""

    def __init__(self):
        super().__init__()
        self.mean = Tensor([[[[0.485]], [[0.456]], [[0.406]]]])
        self.deviation = Tensor([[[[0.229]], [[0.224]], [[0.225]]]])

    def construct(self, image):
        """Normalise."""
        return (image - self.mean.astype(image.dtype)) / self.deviation.astype(image.dtype)


_TORCH_SUFFIXES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean",
                   "moving_variance": "running_var"}


def torchvision_name(name: str) -> str:
    """Return what torchvision calls a parameter of `ResNet50`: "bn1.gamma" is its "bn1.weight"."""
    cell, _, parameter = name.rpartition(".")
    return f"{cell}.{_TORCH_SUFFIXES.get(parameter, parameter)}"


def set_weights(encoder: nn.Cell, state: Mapping[str, np.ndarray], network: str = "ResNet-50",
                classifier: str = "fc.") -> list[str]:
    """Set an encoder's parameters to those of a torchvision state dict.

    Args:
        encoder: names its parameters as torchvision does (`torchvision_name`).
        state: the tensors by name.
        network: what torchvision's network is called, for messages.
        classifier: what the names of the classifier's tensors begin with.

    Returns:
        the names of the classifier's tensors, which have no place in the encoder.

    Raises:
        UserError: a tensor is missing, unknown or of another shape; then the encoder is unchanged.
    """
    parameters = {torchvision_name(p.name): p for p in encoder.get_parameters()}
    left_out = [name for name in state if name.startswith(classifier)]
    missing = [name for name in parameters if name not in state]
    unknown = [name for name in state
               if name not in (*parameters, *left_out) and not name.endswith(".num_batches_tracked")]
    if missing or unknown:
        found = [f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
                 for names, what in ((missing, "tensors missing"), (unknown, "unknown")) if names]
        raise UserError(f"it is no {network} of torchvision: {', '.join(found)}")
    for name, parameter in parameters.items():
        if state[name].shape != parameter.shape:
            raise UserError(f"it is no {network} of torchvision: {name} is {state[name].shape}, not "
                            f"{parameter.shape}")
        if state[name].dtype.kind != "f":
            raise UserError(f"{name} is {state[name].dtype}, not floating point")
    for name, parameter in parameters.items():
        parameter.set_data(Tensor(state[name], parameter.dtype))
    return left_out
