# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""torchvision's ResNet-50 by its own names: random weights, and its features by ONNX Runtime."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

BLOCKS = (3, 4, 6, 3)
State = dict[str, np.ndarray]


def convolutions(stem: int = 64) -> Iterator[tuple[str, str, int, int, int]]:
    """Yield (name, name of its batch normalization, outputs, inputs, kernel) of torchvision's resnet50."""
    yield "conv1", "bn1", stem, 3, 7
    inputs = stem
    for layer, blocks in enumerate(BLOCKS, 1):
        inner = stem * 2 ** (layer - 1)
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            yield f"{name}.conv1", f"{name}.bn1", inner, inputs, 1
            yield f"{name}.conv2", f"{name}.bn2", inner, inner, 3
            yield f"{name}.conv3", f"{name}.bn3", 4 * inner, inner, 1
            if block == 0:
                yield f"{name}.downsample.0", f"{name}.downsample.1", 4 * inner, inputs, 1
            inputs = 4 * inner


def random_state(stem: int = 64, seed: int = 0) -> State:
    """Return a state dict with all that a trained one has: the classifier, statistics, counts of batches."""
    rng = np.random.default_rng(seed)
    state = {}
    for conv, norm, outputs, inputs, kernel in convolutions(stem):
        shape = (outputs, inputs, kernel, kernel)
        deviation = np.float32(np.sqrt(2 / (inputs * kernel**2)))
        state[f"{conv}.weight"] = rng.standard_normal(shape, np.float32) * deviation
        small = 0.5 if norm.endswith("bn3") else 1.0  # the sums of sixteen blocks stay of the order of one
        values = {"weight": rng.uniform(0.5, 1.2, outputs) * small, "bias": rng.normal(0, 0.1, outputs),
                  "running_mean": rng.normal(0, 0.1, outputs), "running_var": rng.uniform(0.5, 2, outputs)}
        state.update({f"{norm}.{name}": value.astype(np.float32) for name, value in values.items()})
        state[f"{norm}.num_batches_tracked"] = np.array(1000)
    state["fc.weight"] = rng.standard_normal((1000, 32 * stem), np.float32)
    state["fc.bias"] = rng.standard_normal(1000, np.float32)
    return state


class _Graph:
    """An ONNX graph that grows layer by layer; every layer is called after its output."""

    def __init__(self, state: State):
        self.state = state
        self.nodes: list = []

    def add(self, kind: str, output: str, *inputs: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def conv_norm(self, x: str, conv: str, norm: str, stride: int = 1) -> str:
        kernel = self.state[f"{conv}.weight"].shape[-1]
        x = self.add("Conv", conv, x, f"{conv}.weight", strides=[stride] * 2, pads=[kernel // 2] * 4)
        values = [f"{norm}.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
        return self.add("BatchNormalization", norm, x, *values, epsilon=1e-5)

    def bottleneck(self, x: str, name: str, stride: int) -> str:
        y = self.add("Relu", f"{name}.relu1", self.conv_norm(x, f"{name}.conv1", f"{name}.bn1"))
        y = self.add("Relu", f"{name}.relu2", self.conv_norm(y, f"{name}.conv2", f"{name}.bn2", stride))
        y = self.conv_norm(y, f"{name}.conv3", f"{name}.bn3")
        if f"{name}.downsample.0.weight" in self.state:
            x = self.conv_norm(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        return self.add("Relu", name, self.add("Add", f"{name}.sum", y, x))


def features(state: State, image: np.ndarray) -> list[np.ndarray]:
    """Return what layer1 to layer4 of torchvision's resnet50 make of an image (N, 3, H, W)."""
    graph = _Graph(state)
    x = graph.add("Relu", "relu", graph.conv_norm("image", "conv1", "bn1", stride=2))
    x = graph.add("MaxPool", "maxpool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    outputs = []
    for layer, blocks in enumerate(BLOCKS, 1):
        for block in range(blocks):
            x = graph.bottleneck(x, f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1)
        outputs.append(x)
    values = [numpy_helper.from_array(value, name) for name, value in state.items() if value.ndim]
    made = helper.make_graph(
        graph.nodes, "resnet50", [helper.make_tensor_value_info("image", TensorProto.FLOAT, image.shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs], values)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})
