# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""ONNX by MindSpore's exporter, then given the graph's tensor names and free dimensions."""
from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import mindspore as ms
import numpy as np
import onnx
from mindspore import nn
from onnx import numpy_helper

from src.deploy.onnx_rewrite import exporting, rewrite
from src.graph import DTYPES, TensorSpec

BATCH = "N"  # name of the first dimension where it is free


def export_onnx(network: nn.Cell, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec],
                path: Path, sizes: Mapping[str, int], steps: Mapping[str, int]) -> tuple[str, ...]:
    """Write a network as ONNX; return the names of the dimensions that the file leaves free.

    MindSpore's exporter takes no dynamic shapes and writes sizes into constants (the shapes of reshapes). The
    network is exported twice, at small multiples of the steps: where the files differ only in constants that
    follow the size, these become "whatever is left" (-1). Else the free dimensions have the given sizes, and
    if that does not help, the batch size is 1.

    Args:
        network: the network, in inference mode.
        inputs: of the network, in order.
        outputs: of the network, in order.
        path: the file.
        sizes: of the named dimensions of inputs and outputs, where they cannot be free.
        steps: what the named dimensions are multiples of; 1 where not named.
    """
    with exporting(network):
        model, free = _freest(network, inputs, sizes, steps)
    _rename(model.graph, inputs, outputs)
    for value, spec in zip((*model.graph.input, *model.graph.output), (*inputs, *outputs)):
        for dim, size in zip(value.type.tensor_type.shape.dim, (BATCH, *spec.shape)):
            if size in free:
                dim.dim_param = size
            else:
                dim.dim_value = {BATCH: 1, **sizes}.get(size, size)
    del model.graph.value_info[:]
    model.producer_name = "MindSpore"
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return free


def _freest(network: nn.Cell, inputs: Sequence[TensorSpec], sizes: Mapping[str, int],
            steps: Mapping[str, int]) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Return the model with as many free dimensions as its exports allow, and their names."""
    for free in dict.fromkeys(((BATCH, *sizes), (BATCH,))):
        two, three = (_export(network, inputs, {name: count * steps.get(name, 1) if name in free else size
                                                for name, size in {BATCH: 1, **sizes}.items()})
                      for count in (2, 3))
        if _freed(two, three):
            return two, free
    return _export(network, inputs, {BATCH: 1, **sizes}), ()


def _export(network: nn.Cell, inputs: Sequence[TensorSpec], sizes: Mapping[str, int]) -> onnx.ModelProto:
    """Return the model that MindSpore writes for these sizes."""
    examples = [ms.Tensor(np.zeros((sizes[BATCH], *spec.bind(sizes).shape), DTYPES[spec.dtype]))
                for spec in inputs]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/exported.onnx"
        ms.export(network, *examples, file_name=path, file_format="ONNX")
        model = onnx.load(path)
    rewrite(model)
    return model


def _freed(two: onnx.ModelProto, three: onnx.ModelProto) -> bool:
    """Free `two`, exported for 2 of everything, of its sizes by comparison with 3; False if impossible."""
    pairs = list(zip(two.graph.node, three.graph.node))
    if len(two.graph.node) != len(three.graph.node) or any(a.op_type != b.op_type for a, b in pairs):
        return False
    if two.graph.initializer != three.graph.initializer:
        return False
    shapes = {name for node in two.graph.node if node.op_type == "Reshape" for name in node.input[1:2]}
    for a, b in pairs:
        if a.op_type != "Constant":
            if a.attribute != b.attribute:
                return False
            continue
        tensor = a.attribute[0].t
        values, others = numpy_helper.to_array(tensor), numpy_helper.to_array(b.attribute[0].t)
        if values.shape != others.shape:
            return False
        follows = values != others
        if not follows.any():
            continue
        in_proportion = np.array_equal(values[follows] * 3, others[follows] * 2)
        if a.output[0] not in shapes or follows.sum() > 1 or (values == -1).any() or not in_proportion:
            return False
        tensor.CopyFrom(numpy_helper.from_array(np.where(follows, -1, values).astype(np.int64), tensor.name))
    return True


def _rename(graph: onnx.GraphProto, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Call the inputs and outputs what the graph of models calls them; names inside give way."""
    new = {value.name: spec.name for value, spec in zip((*graph.input, *graph.output), (*inputs, *outputs))}
    inside = {name for node in graph.node for name in (*node.input, *node.output)} - set(new)
    new.update({name: f"{name}_inside" for name in inside & set(new.values())})
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = new.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
