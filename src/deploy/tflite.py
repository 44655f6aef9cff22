# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""ONNX files as SavedModel and TFLite, float32 and int8, by onnx2tf and TensorFlow.

It runs in the environment that `make tflite` makes: TensorFlow and MindSpore do not fit into one.
"""
from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnxruntime.tools.onnx_model_utils import make_input_shape_fixed

from src.deploy.quantize import prepare
from src.deploy.runtimes import onnx_runner, tflite_runner
from src.errors import UserError
from src.files import atomic_path
from src.graph import Model

if TYPE_CHECKING:
    import tensorflow as tf

FLOAT32, INT8, SAVED_MODEL = "TFLite", "TFLite_int8", "SavedModel"
_CHECKED = 8  # samples that a file is run on
# onnx2tf compares layers on pictures, which it would download unless they are in the working directory.
_PICTURES, _PICTURES_SHAPE = "calibration_image_sample_data_20x128x128x3_float32.npy", (20, 128, 128, 3)

Tensors = tuple[np.ndarray, ...]


def convert(source: Path, model: Model, samples: Sequence[Tensors], calibrate: bool, root: Path,
            tolerance: float) -> Iterator[str]:
    """Write the files of one network below `root`; yield a line on each.

    `TFLite/<file>.tflite` is float32; `TFLite_int8/<file>.tflite` computes with weights and activations of
    int8 between inputs and outputs of float32; `SavedModel/<file>` is a folder. Their tensors have the
    model's names, a batch of 1, and channels last. In the int8 file a last convolution and all after the last
    layer stay float32, as in `src.deploy.quantize`: 256 levels would show in a depth map as steps.

    Args:
        source: float32 ONNX file.
        model: what it is.
        samples: its inputs (1, ...), all of one size, which becomes that of the files.
        calibrate: the samples are of pictures: write int8 too.
        root: the folder.
        tolerance: largest difference between the ONNX and the float32 file, relative to the largest output.

    Raises:
        UserError: the samples differ in size, the file cannot be converted, or the float32 file differs by
            more and is not kept.
    """
    for sample in samples:
        one, other = ([value.shape for value in each] for each in (samples[0], sample))
        if one != other:
            raise UserError(f"{model.file} was given {one} and {other} to calibrate on, and TFLite files "
                            "have one size; give samples of one size by --calibration_list")
    source, run = source.absolute(), onnx_runner(source)  # absolute: onnx2tf works in a folder of its own
    expected = [run(*sample) for sample in samples[:_CHECKED]]
    with _work_folder(root) as work:
        saved = work / SAVED_MODEL
        with _errors_in_one_line(source, work):
            _save(source, model, samples[0], [output.shape for output in expected[0]], saved)
            float32 = _converter(saved).convert()
        yield _keep(root / FLOAT32, float32, model, samples, expected, tolerance)
        if calibrate:
            with _errors_in_one_line(source, work):
                int8 = _quantized(saved, model, samples, float32)
            yield _keep(root / INT8, int8, model, samples, expected, np.inf)
        target = root / SAVED_MODEL / model.file
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        saved.rename(target)
        yield f"{target}: {sum(file.stat().st_size for file in target.rglob('*')) / 1e6:.2f} MB"


def _keep(folder: Path, content: bytes, model: Model, samples: Sequence[Tensors],
          expected: Sequence[Tensors], tolerance: float) -> str:
    """Write a TFLite file that agrees with the ONNX file; return the line on it."""
    path = folder / f"{model.file}.tflite"
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        run = tflite_runner(temporary, model)
        found = [run(*sample) for sample in samples[:len(expected)]]
        parts = [np.abs(a - b) / max(np.abs(a).max(), np.finfo(np.float32).tiny)
                 for pair in zip(expected, found) for a, b in zip(*pair)]
        largest, mean = np.max([part.max() for part in parts]), np.mean([part.mean() for part in parts])
        if not largest <= tolerance:  # nor if it is no number
            raise UserError(f"{path}: differs from {model.file}.onnx by {largest:.2e} of its largest output, "
                            f"more than --tolerance {tolerance:g}; the file was not kept")
    return (f"{path}: {len(content) / 1e6:.2f} MB, differs from the ONNX file by at most {largest:.1e} of "
            f"its largest output, {mean:.1e} in the mean")


@contextlib.contextmanager
def _work_folder(root: Path) -> Iterator[Path]:
    """Yield a temporary folder in `root`, from which results can be renamed to their places."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(prefix=".tflite_", dir=root.absolute())
    except OSError as error:
        raise UserError(f"cannot write {root}: {error.strerror}; check the folder and the free "
                        "space") from None
    with work as folder:
        yield Path(folder)


@contextlib.contextmanager
def _errors_in_one_line(source: Path, work: Path) -> Iterator[None]:
    """Work in the folder `work`, and keep off the screen what onnx2tf and TensorFlow's C++ print."""
    own = os.dup(1), os.dup(2)
    try:
        with contextlib.chdir(work), Path("log.txt").open("a") as log:
            sys.stdout.flush()
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:  # onnx2tf raises all kinds, and ends the program at some
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{source} cannot be converted ({type(error).__name__}: {reason})") from None
    finally:
        sys.stdout.flush()
        for number, original in enumerate(own, start=1):
            os.dup2(original, number)
            os.close(original)


def _save(source: Path, model: Model, sample: Tensors, output_shapes: Sequence[tuple[int, ...]],
          folder: Path) -> None:
    """Write a network as SavedModel, with tensors named and laid out as `convert` says."""
    import tensorflow as tf

    network = _keras_model(source, model, sample)
    inputs = [tf.TensorSpec((1, *value.shape[2:], value.shape[1]), value.dtype, wire.name)
              for wire, value in zip(model.inputs, sample)]
    order = [[spec.name for spec in inputs].index(tensor.name) for tensor in network.inputs]

    def channels_last(tensor: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
        """onnx2tf leaves some outputs with channels first, as they are in ONNX."""
        axes = (0, *range(2, len(shape)), 1)
        return tensor if tuple(tensor.shape) == tuple(shape[i] for i in axes) else tf.transpose(tensor, axes)

    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = tf.nest.flatten(network([tensors[i] for i in order]))
        return {spec.name: channels_last(tensor, shape)
                for spec, tensor, shape in zip(model.outputs, outputs, output_shapes)}

    module = tf.Module()
    module.weights = network.variables
    module.serve = tf.function(serve, input_signature=inputs)
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def _keras_model(source: Path, model: Model, sample: Tensors) -> tf.keras.Model:
    """Convert by onnx2tf, which needs to know the shapes of all tensors."""
    import onnx2tf

    fixed = onnx.load(source)
    for wire, value in zip(model.inputs, sample):
        make_input_shape_fixed(fixed.graph, wire.name, value.shape)
    onnx.save(fixed, "fixed.onnx")
    prepare(Path("fixed.onnx"), Path("prepared.onnx"))
    np.save(_PICTURES, np.random.default_rng(0).random(_PICTURES_SHAPE, np.float32))
    return onnx2tf.convert("prepared.onnx", not_use_onnxsim=True, disable_model_save=True, non_verbose=True)


def _converter(saved: Path) -> tf.lite.TFLiteConverter:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_saved_model(str(saved))


def _quantized(saved: Path, model: Model, samples: Sequence[Tensors], float32: bytes) -> bytes:
    """Return the int8 file."""
    import tensorflow as tf

    def feed() -> Iterator[dict[str, np.ndarray]]:
        for sample in samples:
            yield {wire.name: np.moveaxis(value, 1, -1) for wire, value in zip(model.inputs, sample)}

    converter = _converter(saved)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=_tail(float32))
    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter, debug_dataset=feed,
                                                         debug_options=options)
    return debugger.get_nondebug_quantized_model()  # the converter alone can leave no layers out


def _tail(float32: bytes) -> list[str]:
    """Return the names of what is made by the operators that stay float32 in the int8 file.

    A last dense layer, which may hold most of the weights, does not: TFLite rounds its result too.
    """
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator as Kind
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object

    content = convert_bytearray_to_object(float32)
    graph = content.subgraphs[0]
    kinds = [content.operatorCodes[operator.opcodeIndex].builtinCode for operator in graph.operators]
    layers = (Kind.CONV_2D, Kind.DEPTHWISE_CONV_2D, Kind.TRANSPOSE_CONV, Kind.FULLY_CONNECTED)
    last = max((i for i, kind in enumerate(kinds) if kind in layers), default=len(kinds))
    first = last + (kinds[last:last + 1] == [Kind.FULLY_CONNECTED])
    return [graph.tensors[i].name.decode() for operator in graph.operators[first:] for i in operator.outputs]
