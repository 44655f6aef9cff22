# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""ONNX by MindSpore's exporter, then given the graph's tensor names and a free batch size."""
from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import mindspore as ms
import numpy as np
import onnx
from mindspore import nn
from onnx import numpy_helper

from src.graph import DTYPES, TensorSpec

BATCH = "N"  # name of the free dimension


def export_onnx(network: nn.Cell, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec],
                path: Path) -> bool:
    """Write a network as ONNX; return whether its batch size is free (else it is 1).

    MindSpore's exporter takes no dynamic shapes and writes the batch size into constants (the shapes of
    reshapes). The network is exported for two batch sizes: where the files differ only in constants that
    follow the batch, these become "whatever is left" (-1).
    """
    with tempfile.TemporaryDirectory() as folder:
        two, three = (_export(network, inputs, batch, Path(folder) / f"{batch}.onnx") for batch in (2, 3))
        free = _free_batch(two, three)
        model = two if free else _export(network, inputs, 1, Path(folder) / "1.onnx")
    _rename(model.graph, inputs, outputs)
    for value, spec in zip((*model.graph.input, *model.graph.output), (*inputs, *outputs)):
        dims = value.type.tensor_type.shape.dim
        if free:
            dims[0].dim_param = BATCH
        else:
            dims[0].dim_value = 1
        for dim, size in zip(dims[1:], spec.shape):
            dim.dim_value = size
    del model.graph.value_info[:]
    model.producer_name = "MindSpore"
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return free


def _export(network: nn.Cell, inputs: Sequence[TensorSpec], batch: int, path: Path) -> onnx.ModelProto:
    examples = [ms.Tensor(np.zeros((batch, *spec.shape), DTYPES[spec.dtype])) for spec in inputs]
    ms.export(network, *examples, file_name=str(path), file_format="ONNX")
    return onnx.load(str(path))


def _free_batch(two: onnx.ModelProto, three: onnx.ModelProto) -> bool:
    """Free the batch size of the model exported for 2 by comparison with that for 3; False if impossible."""
    pairs = list(zip(two.graph.node, three.graph.node))
    if len(two.graph.node) != len(three.graph.node) or any(a.op_type != b.op_type for a, b in pairs):
        return False
    shapes = {name for node in two.graph.node if node.op_type == "Reshape" for name in node.input[1:2]}
    for a, b in pairs:
        if a.op_type != "Constant":
            if a.attribute != b.attribute:
                return False
            continue
        tensor = a.attribute[0].t
        values, others = numpy_helper.to_array(tensor), numpy_helper.to_array(b.attribute[0].t)
        follows = values != others
        if not follows.any():
            continue
        scales_with_batch = np.array_equal(values[follows] * 3, others[follows] * 2)
        if a.output[0] not in shapes or follows.sum() > 1 or (values == -1).any() or not scales_with_batch:
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
