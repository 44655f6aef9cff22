# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Static int8 quantization of ONNX files after training, by ONNX Runtime's own tools."""
from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import version_converter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from src.errors import UserError
from src.files import atomic_path

_OPSET = 17  # MindSpore writes 11; a scale for each channel needs 13
_LAYERS = ("Conv", "ConvTranspose", "Gemm")  # what has weights
# Slices, transposes and the like of an input take the input's range too; left to themselves, the columns
# around a panorama's seam got ranges of their own.
_OPTIONS = {"OpTypesToExcludeOutputQuantization": ["Gemm"], "ForceQuantizeNoInputCheck": True}


class _Calibration(CalibrationDataReader):
    """Hands the caller's samples on; keeps count of them."""

    def __init__(self, names: Sequence[str], samples: Iterable[Sequence[np.ndarray]]):
        self.names = names
        self.samples: Iterator[Sequence[np.ndarray]] = iter(samples)
        self.count = 0

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next sample by the inputs' names, None after the last."""
        sample = next(self.samples, None)
        if sample is None:
            return None
        self.count += 1
        return dict(zip(self.names, sample, strict=True))


def quantize(source: Path, destination: Path, samples: Iterable[Sequence[np.ndarray]],
             reduce_range: bool = False) -> int:
    """Write an ONNX file whose layers and sums run on integers; return the number of samples.

    Activations become uint8 within the smallest and largest values that they take on the samples, weights
    int8 with a scale for each output channel. (Pairs of QuantizeLinear and DequantizeLinear nodes say so in
    the file; ONNX Runtime makes integer operators of them.) 256 levels would show in a depth map as steps:
    what is after the last layer stays float32, and so does that layer where it is a convolution. A dense
    layer, which may hold most of the weights, multiplies integers, but its result is not rounded to levels.
    The inputs and outputs are as before.

    Args:
        source: a float32 file, as `export_onnx` writes it.
        destination: the file to write.
        samples: one tuple of inputs (N, ...) in the file's order at a time; some dozens of pictures like
            those to come.
        reduce_range: weights of 7 bits, for x86 processors without VNNI (before 2019, about), whose sums of
            8-bit products overflow.

    Raises:
        UserError: there are no samples, or the source is no ONNX file with a convolution or dense layer.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        prepare(source, prepared)
        graph = onnx.load(prepared).graph
        layers = [i for i, node in enumerate(graph.node) if node.op_type in _LAYERS]
        if not layers:
            raise UserError(f"{source} has no convolution or dense layer: there is nothing to quantize")
        kept = layers[-1] + (graph.node[layers[-1]].op_type == "Gemm")
        reader = _Calibration([value.name for value in graph.input], _some(samples, source))
        with atomic_path(destination) as temporary:
            quantize_static(prepared, temporary, reader, quant_format=QuantFormat.QDQ, per_channel=True,
                            reduce_range=reduce_range, activation_type=QuantType.QUInt8,
                            weight_type=QuantType.QInt8,
                            nodes_to_exclude=[node.name for node in graph.node[kept:]],
                            extra_options=_OPTIONS)
    return reader.count


def _some(samples: Iterable[Sequence[np.ndarray]], source: Path) -> Iterator[Sequence[np.ndarray]]:
    """Pass the samples on; refuse none at all, for which the tool's message is of no help."""
    empty = True
    for sample in samples:
        empty = False
        yield sample
    if empty:
        raise UserError(f"{source} cannot be quantized without samples: give it some pictures")


def prepare(source: Path, prepared: Path) -> None:
    """Raise the file's opset, fold batch normalizations into convolutions, add the shapes of all tensors."""
    try:
        model = version_converter.convert_version(onnx.load(source), _OPSET)
    except Exception as error:  # protobuf's and onnx's errors have no common base
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{source} cannot be read as ONNX ({reason}); export it again") from None
    for i, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{i}"  # what stays float32 is told by unique names
    onnx.save(model, prepared)
    quant_pre_process(prepared, prepared, skip_symbolic_shape=True)  # symbolic shapes need another package
