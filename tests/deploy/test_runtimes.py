# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Which files are run for what infer.py is given, and what is said of files that cannot be."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from src.deploy import runtimes
from src.deploy.runtimes import graph_of, mindir_runner, onnx_runner, open_runners
from src.errors import UserError
from src.graph import Graph
from src.prediction import Runner, network_runner
from tests.nyu_files import method_of

NETS = ("FinalCoarseNet", "FinalFineNet")


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Replace the engines by ones that note which files they open."""
    paths = []
    for name in ("onnx_runner", "mindir_runner"):
        monkeypatch.setattr(runtimes, name, lambda path: paths.append(path))
    monkeypatch.setattr(runtimes, "tflite_runner", lambda path, model: paths.append(path))
    monkeypatch.setattr(runtimes, "_set_up_device", lambda method: None)
    monkeypatch.setattr("src.training.checkpoints.load_network", lambda network, path: paths.append(path))
    return paths


def opened_with(model: Path, *argv: object) -> tuple[Graph, dict[str, Runner]]:
    """What infer.py opens for a MODEL."""
    method = method_of(*argv)
    graph = graph_of(method, str(model))
    return graph, open_runners(method, graph, str(model))


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names_of(opened: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in opened]


ALL = tuple(f"{kind}/{net}.{kind.lower()}" for kind in ("Ckpt", "ONNX", "MindIR", "TFLite") for net in NETS)


@pytest.mark.parametrize(("present", "expected"), [
    (ALL, ["Ckpt/FinalCoarseNet.ckpt", "Ckpt/FinalFineNet.ckpt"]),  # exported files may be older
    (ALL[2:], ["ONNX/FinalCoarseNet.onnx", "ONNX/FinalFineNet.onnx"]),
    (ALL[4:], ["MindIR/FinalCoarseNet.mindir", "MindIR/FinalFineNet.mindir"]),
    (ALL[6:], ["TFLite/FinalCoarseNet.tflite", "TFLite/FinalFineNet.tflite"]),
    (ALL[1:], ["ONNX/FinalCoarseNet.onnx", "ONNX/FinalFineNet.onnx"]),  # no coarse checkpoint
    (("FinalCoarseNet.onnx", "FinalFineNet.onnx", *ALL), ["FinalCoarseNet.onnx", "FinalFineNet.onnx"]),
    (("Ckpt/FinalCoarseNet_rank0.ckpt", "Ckpt/FinalFineNet_rank0.ckpt"),
     ["Ckpt/FinalCoarseNet_rank0.ckpt", "Ckpt/FinalFineNet_rank0.ckpt"]),
])
def test_a_folder_gives_its_first_complete_kind(opened, tmp_path, present, expected):
    graph, _ = opened_with(make(tmp_path, *present))
    assert names_of(opened, tmp_path) == expected
    assert graph.results == ("fine:log_depth",)


def test_a_file_gives_its_own_models_result(opened, tmp_path):
    make(tmp_path, *ALL)
    graph, runners = opened_with(tmp_path / "ONNX/FinalCoarseNet.onnx")
    assert graph.results == ("coarse:log_depth",) and list(runners) == ["coarse"]
    graph, runners = opened_with(tmp_path / "MindIR/FinalFineNet.mindir")
    assert graph.results == ("fine:log_depth",) and list(runners) == ["coarse", "fine"]
    opened_with(tmp_path / "Ckpt/FinalCoarseNet.ckpt")
    opened_with(tmp_path / "TFLite/FinalFineNet.tflite")
    assert names_of(opened, tmp_path) == ["ONNX/FinalCoarseNet.onnx", "MindIR/FinalCoarseNet.mindir",
                                          "MindIR/FinalFineNet.mindir", "Ckpt/FinalCoarseNet.ckpt",
                                          "TFLite/FinalCoarseNet.tflite", "TFLite/FinalFineNet.tflite"]


def test_ckpt_names_checkpoints_elsewhere(opened, tmp_path):
    make(tmp_path, *ALL)
    given = ("--coarse_ckpt_model", tmp_path / "best.ckpt")
    opened_with(tmp_path, *given)
    assert names_of(opened, tmp_path) == ["best.ckpt", "Ckpt/FinalFineNet.ckpt"]


@pytest.mark.parametrize(("present", "given", "message"), [
    ((), "nothing", "no model .*nothing: give a folder"),
    ((), "", "holds no complete set of FinalCoarseNet, FinalFineNet"),
    (("FinalFineNet.onnx",), "", "as .ckpt, .onnx, .mindir or .tflite: [^;]* has no FinalCoarseNet.onnx$"),
    (("Ckpt/FinalCoarseNet_rank0.ckpt",), "",
     "Ckpt has no FinalFineNet.ckpt; give .*/Ckpt/FinalCoarseNet_rank0.ckpt as MODEL for its depth alone$"),
    (("FinalFineNet.onnx",), "FinalFineNet.onnx", "model coarse of the graph is missing: .*CoarseNet.onnx"),
    (("FinalFineNet.pb",), "FinalFineNet.pb", "models end in .ckpt, .onnx, .mindir or .tflite, not .pb"),
    (("FinalFineNet",), "FinalFineNet", "not nothing"),
    (("BestFineNet.ckpt",), "BestFineNet.ckpt", "BestFineNet.ckpt is none of depthnet's .*--ckpt NAME=PATH"),
])
def test_what_is_missing_is_named(opened, tmp_path, present, given, message):
    with pytest.raises(UserError, match=message):
        opened_with(make(tmp_path, *present) / given)
    assert opened == []


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(range(256)) * 20])
@pytest.mark.parametrize(("opener", "kind"), [(onnx_runner, "ONNX"), (mindir_runner, "MindIR")])
def test_damaged_files_are_refused(tmp_path, opener, kind, content):
    path = tmp_path / f"m.{kind.lower()}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path} cannot be loaded as {kind}.*export it again"):
        opener(path)


def test_networks_run_in_inference_mode_and_return_float32_tuples():
    import mindspore as ms

    class Mode(ms.nn.Cell):
        def construct(self, x):
            y = x + 1 if self.training else x
            return y, y.astype(ms.float16)

    cell = Mode()
    cell.set_train(True)  # as a validation within a training finds it
    x = np.array([1.5], np.float32)
    first, second = network_runner(cell)(x)
    assert (first, second) == (1.5, 1.5)
    assert first.dtype == second.dtype == np.float32


def test_inputs_that_a_file_does_not_take_are_refused_in_one_line(tmp_path):
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "m", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    run = onnx_runner(tmp_path / "m.onnx")
    x = np.array([[-1, 0, 2]], np.float32)
    np.testing.assert_array_equal(run(x)[0], [[0, 0, 2]])
    for inputs in ((np.zeros((1, 4), np.float32),), (x, x), ()):
        with pytest.raises(UserError, match="m.onnx does not take inputs.*is it of this method"):
            run(*inputs)


def test_a_file_of_another_size_is_refused_with_both_sizes(tmp_path):
    import mindspore as ms

    x = np.ones((2, 3, 4, 6), np.float32)
    ms.export(ms.nn.ReLU(), ms.Tensor(x), file_name=str(tmp_path / "m.mindir"), file_format="MINDIR")
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, 4, 6]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "m", value[:1], value[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              tmp_path / "m.onnx")
    for opener, name, batch in ((mindir_runner, "m.mindir", "2"), (onnx_runner, "m.onnx", "n")):
        run = opener(tmp_path / name)
        np.testing.assert_array_equal(run(x)[0], x)
        line = rf"{name} does not take inputs \(2, 3, 6, 4\) \(it takes \({batch}, 3, 4, 6\)\)"
        with pytest.raises(UserError, match=line):
            run(x.swapaxes(2, 3))
