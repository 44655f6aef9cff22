# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Puts right what MindSpore's exporter writes to ONNX wrongly, or for one size of map only."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
from mindspore import nn
from onnx import helper, numpy_helper

from src.layers.resize import BilinearUpsample


@contextmanager
def exporting(network: nn.Cell) -> Iterator[None]:
    """Let the network's bilinear enlargements be nearest ones while it is exported; `rewrite` knows them."""
    cells = [cell for _, cell in network.cells_and_names() if isinstance(cell, BilinearUpsample)]
    for cell in cells:
        cell.exporting = True
    try:
        yield
    finally:
        for cell in cells:
            cell.exporting = False


def rewrite(model: onnx.ModelProto) -> None:
    """Rewrite the nodes of a freshly exported model that need it.

    Raises:
        ValueError: a transposed convolution means something that ONNX cannot say.
    """
    for node in model.graph.node:
        if node.op_type == "Conv":
            _order_pads(node)
        elif node.op_type == "ConvTranspose":
            _pad_transposed(node)
    resizes = [node for node in model.graph.node if node.op_type == "Resize"]
    if resizes:
        _scale_resizes(model, resizes)


def _order_pads(node: onnx.NodeProto) -> None:
    """Order a convolution's padding: ONNX wants (top, left, bottom, right), the exporter writes MindSpore's
    (top, bottom, left, right).
    """
    for attribute in node.attribute:
        if attribute.name == "pads":
            top, bottom, left, right = attribute.ints
            attribute.ints[:] = [top, left, bottom, right]


def _pad_transposed(node: onnx.NodeProto) -> None:
    """Say by explicit padding where a transposed convolution's output lies.

    The exporter gives `output_shape` with batch and channels, which ONNX does not allow, and lets
    `auto_pad` share the padding out. In MindSpore an output of s*n pixels begins (k - s) // 2 into the full
    one, where k is the extent of the dilated kernel and s the stride: the gradient of a "same" convolution.
    """
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    attributes.pop("output_shape", None)
    mode = attributes.pop("auto_pad", b"NOTSET")
    extents = [(kernel - 1) * dilation + 1
               for kernel, dilation in zip(attributes["kernel_shape"], attributes["dilations"])]
    excess = [extent - stride for extent, stride in zip(extents, attributes["strides"])]
    if mode != b"NOTSET" and min(excess) < 0:
        raise ValueError(f"{node.name}: ONNX has no transposed convolution with a kernel smaller than its "
                         "stride and pad_mode 'same' or 'valid'")
    if mode.startswith(b"SAME"):
        attributes["pads"] = [e // 2 for e in excess] + [e - e // 2 for e in excess]
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())


def _scale_resizes(model: onnx.ModelProto, resizes: list[onnx.NodeProto]) -> None:
    """Give Resize nodes a factor instead of a size, where it is whole, and those of BilinearUpsample their
    mode.
    """
    graph = model.graph
    constants = {node.output[0]: numpy_helper.to_array(node.attribute[0].t)
                 for node in graph.node if node.op_type == "Constant"}
    initializers = {value.name: value for value in graph.initializer}
    known = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
              for value in (*known.value_info, *known.input)}
    for node in resizes:
        image, _, scales, size = node.input
        factors = constants[size] / np.array(shapes[image])
        if (factors == factors.round()).all():
            initializers[scales].CopyFrom(numpy_helper.from_array(factors.astype(np.float32), scales))
            del node.input[3]
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if attributes["coordinate_transformation_mode"] == b"align_corners":  # BilinearUpsample's sign
            attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
            del node.attribute[:]
            node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    used = {name for node in graph.node for name in node.input}
    kept = [node for node in graph.node if node.op_type != "Constant" or node.output[0] in used]
    del graph.node[:]
    graph.node.extend(kept)
