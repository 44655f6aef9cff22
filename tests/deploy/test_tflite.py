# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""TFLite files beside the ONNX file that they were made from (tiny_net.py), and files that cannot be run."""
from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from scripts import convert_tflite
from src.deploy.runtimes import onnx_runner, tflite_runner
from src.errors import UserError
from src.graph import Wire
from src.prediction import Runner
from tests.deploy.tiny_net import DATA, MODEL, SIZE, samples

FLOAT32, INT8 = (DATA / kind / f"{MODEL.file}.tflite" for kind in ("TFLite", "TFLite_int8"))


@pytest.fixture(scope="module")
def truth() -> Runner:
    return onnx_runner(DATA / f"{MODEL.file}.onnx")


def batch(count: int) -> tuple[np.ndarray, ...]:
    return tuple(map(np.concatenate, zip(*samples(count))))


def differences(truth: Runner, path: Path) -> list[float]:
    """Root mean square difference of each output, relative to the output's standard deviation."""
    inputs = batch(3)
    expected, found = truth(*inputs), tflite_runner(path, MODEL)(*inputs)
    assert [value.shape for value in found] == [(3, 1, *SIZE), (3, 4, *SIZE)]
    assert {value.dtype for value in found} == {np.dtype(np.float32)}
    return [float(np.sqrt(((a - b) ** 2).mean()) / a.std()) for a, b in zip(expected, found)]


def test_float32_gives_what_onnx_gives(truth):
    """Of a batch, of inputs and outputs in the model's order, with channels first."""
    assert max(differences(truth, FLOAT32)) < 1e-5


def test_int8_is_near(truth):
    found = differences(truth, INT8)
    assert min(found) > 1e-4 and max(found) < 0.1


def test_int8_computes_with_integers_but_for_its_end():
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    undelegated = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    plain = Interpreter(str(INT8), experimental_op_resolver_type=undelegated)
    plain.allocate_tensors()
    tensors = {tensor["index"]: tensor["dtype"] for tensor in plain.get_tensor_details()}
    kinds = {"CONV_2D": [], "EXP": [], "LOGISTIC": []}
    for operator in plain._get_ops_details():
        kinds.get(operator["op_name"], []).append(tensors[operator["inputs"][0]])
    *inner, last = kinds["CONV_2D"]
    assert inner == [np.int8] * 4 and last == np.float32
    assert kinds["EXP"] == kinds["LOGISTIC"] == [np.float32]
    ends = (*plain.get_input_details(), *plain.get_output_details())
    assert [end["dtype"] for end in ends] == [np.float32] * 4


@pytest.mark.parametrize("path", [FLOAT32, INT8])
def test_turning_the_panorama_turns_the_depth(path):
    run, inputs = tflite_runner(path, MODEL), samples(1)[0]
    for found, turned in zip(run(*inputs), run(*(np.roll(value, 6, axis=3) for value in inputs))):
        np.testing.assert_allclose(turned, np.roll(found, 6, axis=3), atol=1e-5)


def test_inputs_of_other_sizes_are_refused_with_both_sizes():
    run, (image, coarse) = tflite_runner(FLOAT32, MODEL), batch(1)
    line = (r"FinalTinyNet.tflite does not take inputs \(1, 3, 8, 15\), \(1, 1, 8, 16\) "
            r"\(it takes \(N, 3, 8, 16\), \(N, 1, 8, 16\)\)")
    with pytest.raises(UserError, match=line):
        run(image[..., 1:], coarse)
    for inputs in ((coarse, image), (image,), (image, coarse, coarse), (image.astype(np.int32), coarse)):
        with pytest.raises(UserError, match="does not take inputs.*is it of this method"):
            run(*inputs)


def test_a_file_of_another_model_is_refused():
    other = dataclasses.replace(MODEL, file="FinalFineNet", inputs=(Wire("image", "input:image"),))
    line = ("makes confidence, depth of coarse, image, FinalFineNet would make depth, confidence of image; "
            "convert FinalFineNet.onnx again")
    with pytest.raises(UserError, match=line):
        tflite_runner(FLOAT32, other)


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(range(256)) * 20,
                                     FLOAT32.read_bytes()[:-1000], INT8.read_bytes()[:5000]])
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path} cannot be loaded as TFLite.*convert it again"):
        tflite_runner(path, MODEL)


def test_without_litert_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(UserError, match="LiteRT, which is not installed: pip install ai-edge-litert,"):
        tflite_runner(FLOAT32, MODEL)


# --- the command of `make tflite`, as far as it comes without TensorFlow --------------------------------

def refused(*argv: object) -> str:
    with pytest.raises(UserError) as caught:
        convert_tflite.main(["--method", "depthnet", *map(str, argv)])
    return str(caught.value)


def test_the_converter_says_how_to_get_onnx2tf(monkeypatch, tmp_path):
    monkeypatch.setattr(convert_tflite, "find_spec", lambda name: None)
    line = "onnx2tf is not installed here: run `make tflite`, which makes .venv-tflite for it"
    assert refused("--train_url", tmp_path) == line


def test_the_converter_names_what_is_not_exported(monkeypatch, tmp_path):
    monkeypatch.setattr(convert_tflite, "find_spec", lambda name: True)
    line = f"{tmp_path}/ONNX has no FinalCoarseNet.onnx, FinalFineNet.onnx of depthnet: run python export.py "
    assert refused("--train_url", tmp_path).startswith(line)
    (tmp_path / "ONNX").mkdir()
    (tmp_path / "ONNX/FinalCoarseNet.onnx").write_bytes(b"")
    assert "has no FinalFineNet.onnx of" in refused("--train_url", tmp_path, "--export_nets", "coarse,fine")
    assert "--export_nets pose is not known" in refused("--train_url", tmp_path, "--export_nets", "pose")
    assert "FinalCoarseNet.onnx cannot be loaded as ONNX" in refused("--train_url", tmp_path)
