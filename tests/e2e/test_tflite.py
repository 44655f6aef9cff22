# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""ONNX to TFLite as `make tflite` does it, in its environment. Slow; skipped where that was not made."""
from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from src.deploy.runtimes import onnx_runner, tflite_runner
from src.panodepth.net import PanoNet
from src.training.checkpoints import save_network
from tests.commands import run
from tests.deploy import tiny_net

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / ".venv-tflite/bin/python"
HEIGHT, WIDTH = 64, 128
pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not PYTHON.is_file(), reason="no .venv-tflite: make tflite makes it")]


def converter(*argv: object, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess:
    """Run the converter's interpreter."""
    return subprocess.run([PYTHON, *map(str, argv)], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> Path:
    """A folder of pictures and an exported panodepth network with untrained weights, Model."""
    root = tmp_path_factory.mktemp("run")
    (root / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for name in "ab":
        blurred = cv2.resize(rng.integers(0, 256, (8, 16, 3), np.uint8), (2 * WIDTH, 2 * HEIGHT))
        cv2.imwrite(str(root / f"pictures/{name}.png"), blurred)
    ms.set_seed(0)
    save_network(PanoNet(), root / "Model/Ckpt/FinalPanoNet.ckpt", "")
    run("export", "--method", "panodepth", "--image_height", HEIGHT, "--image_width", WIDTH, "--train_url",
        root / "Model", "--file_format", "ONNX")
    (root / "Model/ONNX/config.yaml").rename(root / "Model/config.yaml")
    return root


@pytest.fixture(scope="module")
def converted(training) -> list[str]:
    """What the converter prints, from another folder than the repository."""
    done = converter(REPOSITORY / "scripts/convert_tflite.py", "--train_url", "Model", "--calibration_list",
                     "pictures", cwd=training)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_file_is_there_and_nothing_else(training, converted):
    model = training / "Model"
    assert {path.relative_to(model).as_posix() for path in model.rglob("*.tflite")} == {
        "TFLite/FinalPanoNet.tflite", "TFLite_int8/FinalPanoNet.tflite"}
    assert (model / "SavedModel/FinalPanoNet/saved_model.pb").is_file()
    assert sorted(path.name for path in model.iterdir()) == ["Ckpt", "ONNX", "SavedModel", "TFLite",
                                                             "TFLite_int8", "config.yaml"]
    lines = [line for line in converted if line.startswith("Model/")]
    assert [line.split(":")[0] for line in lines] == [
        "Model/TFLite/FinalPanoNet.tflite", "Model/TFLite_int8/FinalPanoNet.tflite",
        "Model/SavedModel/FinalPanoNet"]
    size = {path.parent.name: path.stat().st_size for path in model.rglob("*.tflite")}
    assert size["TFLite_int8"] < 0.35 * size["TFLite"]


def test_infer_runs_the_files_as_it_runs_onnx(training, converted, tmp_path):
    """Method and size come from the config.yaml beside each file."""
    maps = {}
    for kind, suffix in (("ONNX", "onnx"), ("TFLite", "tflite"), ("TFLite_int8", "tflite")):
        run("infer", training / "pictures", training / f"Model/{kind}/FinalPanoNet.{suffix}", "--output_dir",
            tmp_path / kind, "--save", "npy")
        maps[kind] = np.stack([np.load(tmp_path / kind / f"{name}.npy") for name in "ab"])
    largest = maps["ONNX"].max()
    np.testing.assert_allclose(maps["TFLite"], maps["ONNX"], atol=1e-4 * largest)
    assert 0 < np.abs(maps["TFLite_int8"] - maps["ONNX"]).mean() < 0.05 * largest


def test_again_without_pictures(training, converted):
    """Files are replaced; the training set, by default ./panoramas, is not there."""
    done = converter(REPOSITORY / "scripts/convert_tflite.py", "--train_url", "Model", cwd=training)
    assert done.returncode == 0, done.stderr
    assert "FinalPanoNet: no int8 file, int8 needs pictures to calibrate on" in done.stdout
    assert (training / "Model/SavedModel/FinalPanoNet/saved_model.pb").is_file()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """The files of tests/deploy/data made anew."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_net.export(folder)
    done = converter("-m", "tests.deploy.tiny_net", "convert", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("kind", ["TFLite", "TFLite_int8"])
def test_the_files_of_the_quick_tests_are_what_the_converter_makes(tiny, kind):
    (inputs,), name = tiny_net.samples(1), f"{tiny_net.MODEL.file}.tflite"
    new, kept = (tflite_runner(root / kind / name, tiny_net.MODEL) for root in (tiny, tiny_net.DATA))
    for found, expected in zip(new(*inputs), kept(*inputs)):
        np.testing.assert_allclose(found, expected, atol=1e-5 if kind == "TFLite" else 0.05)


def test_the_saved_model_serves_what_the_onnx_file_gives(tiny, tmp_path):
    (inputs,) = tiny_net.samples(1)
    np.savez(tmp_path / "in.npz", **{wire.name: np.moveaxis(value, 1, -1)
                                     for wire, value in zip(tiny_net.MODEL.inputs, inputs)})
    code = ("import sys, numpy as np, tensorflow as tf; saved, folder = sys.argv[1:]; "
            "serve = tf.saved_model.load(saved).signatures['serving_default']; "
            "given = {k: tf.constant(v) for k, v in np.load(folder + '/in.npz').items()}; "
            "np.savez(folder + '/out.npz', **{k: v.numpy() for k, v in serve(**given).items()})")
    done = converter("-c", code, tiny / "SavedModel" / tiny_net.MODEL.file, tmp_path)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npz")
    expected = onnx_runner(tiny / f"{tiny_net.MODEL.file}.onnx")(*inputs)
    for spec, value in zip(tiny_net.MODEL.outputs, expected):
        np.testing.assert_allclose(np.moveaxis(found[spec.name], -1, 1), value, atol=1e-5)


def test_a_float32_file_that_differs_is_not_kept(training, converted, tmp_path):
    (tmp_path / "ONNX").mkdir()
    source = training / "Model/ONNX/FinalPanoNet.onnx"
    (tmp_path / "ONNX/FinalPanoNet.onnx").write_bytes(source.read_bytes())
    (tmp_path / "config.yaml").write_bytes((training / "Model/config.yaml").read_bytes())
    done = converter(REPOSITORY / "scripts/convert_tflite.py", "--train_url", tmp_path, "--tolerance", 0)
    assert done.returncode == 2
    line, = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "FinalPanoNet.tflite: differs from FinalPanoNet.onnx by" in line and "was not kept" in line
    assert not [path for path in tmp_path.rglob("*") if "TFLite" in path.name and list(path.iterdir())]
    assert not (tmp_path / "SavedModel").exists() and not list(tmp_path.glob(".tflite_*"))


def test_what_cannot_be_converted_is_told_in_one_line(training, tmp_path):
    """An operator of ONNX Runtime's own."""
    image, depth = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, HEIGHT, WIDTH])
                    for name, channels in (("image", 3), ("depth", 3)))
    node = helper.make_node("QuickGelu", ["image"], ["depth"], domain="com.microsoft")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    (tmp_path / "ONNX").mkdir()
    onnx.save(helper.make_model(helper.make_graph([node], "m", [image], [depth]), opset_imports=opsets,
                                ir_version=8), tmp_path / "ONNX/FinalPanoNet.onnx")
    (tmp_path / "config.yaml").write_bytes((training / "Model/config.yaml").read_bytes())
    done = converter(REPOSITORY / "scripts/convert_tflite.py", "--train_url", tmp_path)
    assert done.returncode == 2
    line, = done.stderr.splitlines()
    assert line.startswith(f"error: {tmp_path}/ONNX/FinalPanoNet.onnx cannot be converted")
    assert not list(tmp_path.glob(".tflite_*"))
