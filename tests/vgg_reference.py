# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""torchvision's VGG-16 by its own names: random weights, and its conv5_3 by ONNX Runtime."""
from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

# torchvision's configuration "D": channels of convolutions, "M" for a pooling. `features` numbers these and
# the ReLU behind each convolution from 0 on.
LAYERS = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


def numbered() -> list[tuple[int, int | str]]:
    """Return each convolution and pooling with its number in `features`."""
    found, number = [], 0
    for layer in LAYERS:
        found.append((number, layer))
        number += 1 if layer == "M" else 2
    return found


def random_state(seed: int = 0) -> dict[str, np.ndarray]:
    """Return a state dict with all that a trained one has; the classifier is smaller."""
    rng = np.random.default_rng(seed)
    state, inputs = {}, 3
    for number, layer in numbered():
        if layer != "M":
            shape = (layer, inputs, 3, 3)
            deviation = np.float32(np.sqrt(2 / (inputs * 9)))
            state[f"features.{number}.weight"] = rng.standard_normal(shape, np.float32) * deviation
            state[f"features.{number}.bias"] = rng.normal(0, 0.1, layer).astype(np.float32)
            inputs = layer
    for number in (0, 3, 6):
        state[f"classifier.{number}.weight"] = rng.standard_normal((5, 7), np.float32)
        state[f"classifier.{number}.bias"] = rng.standard_normal(5, np.float32)
    return state


def conv5(state: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """Return what `features` makes of an image (N, 3, H, W), but for its last pooling."""
    nodes, x = [], "image"
    for number, layer in numbered()[:-1]:
        names = [f"features.{number}.{kind}" for kind in ("weight", "bias")]
        node = (helper.make_node("MaxPool", [x], [f"x{number}"], kernel_shape=[2, 2], strides=[2, 2])
                if layer == "M" else helper.make_node("Conv", [x, *names], [f"c{number}"], pads=[1] * 4))
        nodes.append(node)
        if layer != "M":
            nodes.append(helper.make_node("Relu", [f"c{number}"], [f"x{number}"]))
        x = f"x{number}"
    values = [numpy_helper.from_array(value, name) for name, value in state.items()]
    graph = helper.make_graph(
        nodes, "vgg16", [helper.make_tensor_value_info("image", TensorProto.FLOAT, image.shape)],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, None)], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0]
