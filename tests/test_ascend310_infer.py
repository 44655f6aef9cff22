# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The C++ program: its own tests, then the program end to end against ONNX Runtime."""
from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.cpp_program import (
    SOURCE_DIR,
    build_cpp_program,
    mindspore_headers,
    needs_cpp,
    run_build_script,
)

pytestmark = needs_cpp

NUM_SAMPLES = 7
HEIGHT, WIDTH = 8, 10
TOLERANCE = 1e-5


@pytest.fixture(scope="session")
def program() -> Path:
    return build_cpp_program()


def tensor(name: str, batch: int | str, channels: int, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, [batch, channels, HEIGHT, WIDTH])


def make_model(*graph: object) -> onnx.ModelProto:
    opset = helper.make_opsetid("", 17)
    return helper.make_model(helper.make_graph(*graph), opset_imports=[opset], ir_version=8)


def coarse_model(batch: int | str, weights: np.ndarray) -> onnx.ModelProto:
    """Features (N, 2, H, W) = relu(conv(image)), image (N, 3, H, W)."""
    return make_model(
        [helper.make_node("Conv", ["image", "weights"], ["conv"], pads=[1, 1, 1, 1]),
         helper.make_node("Relu", ["conv"], ["features"])],
        "coarse", [tensor("image", batch, 3)], [tensor("features", batch, 2)],
        [numpy_helper.from_array(weights, "weights")])


def fine_model(batch: int | str) -> onnx.ModelProto:
    """Depth (N, 1, H, W) = log(1 + mean of the features) * labels, labels int32 (N, 1, H, W).

    Its inputs stand in another order than in the manifest: the names must decide.
    """
    return make_model(
        [helper.make_node("ReduceMean", ["features"], ["mean"], axes=[1], keepdims=1),
         helper.make_node("Add", ["mean", "one"], ["shifted"]),
         helper.make_node("Log", ["shifted"], ["log"]),
         helper.make_node("Cast", ["labels"], ["scale"], to=TensorProto.FLOAT),
         helper.make_node("Mul", ["log", "scale"], ["depth"])],
        "fine", [tensor("labels", batch, 1, TensorProto.INT32), tensor("features", batch, 2)],
        [tensor("depth", batch, 1)], [numpy_helper.from_array(np.float32(1), "one")])


class Package:
    """What preprocess.py and export.py leave (manifest, inputs, models) and ONNX Runtime's results."""

    def __init__(self, folder: Path, coarse_batch: int | str = "n", fine_batch: int | str = "n") -> None:
        rng = np.random.default_rng(0)
        self.folder = folder
        self.manifest = {
            "format": "depth-manifest", "version": 1, "method": "test",
            "inputs": [{"name": "image", "dtype": "float32", "shape": [3, HEIGHT, WIDTH]},
                       {"name": "labels", "dtype": "int32", "shape": [1, HEIGHT, WIDTH]}],
            "models": [
                {"name": "coarse", "file": "FinalCoarse",
                 "inputs": [{"name": "image", "from": "input:image"}],
                 "outputs": [{"name": "features", "dtype": "float32", "shape": [2, HEIGHT, WIDTH]}]},
                {"name": "fine", "file": "FinalFine",
                 "inputs": [{"name": "features", "from": "coarse:features"},
                            {"name": "labels", "from": "input:labels"}],
                 "outputs": [{"name": "depth", "dtype": "float32", "shape": [1, HEIGHT, WIDTH]}]}],
            "results": ["fine:depth", "coarse:features"],
            "samples": [{"name": f"{i:05d}", "label_shape": [HEIGHT, WIDTH]} for i in range(NUM_SAMPLES)],
            "settings": {"ignored": True},
        }
        (folder / "ONNX").mkdir(parents=True)
        weights = rng.normal(size=(2, 3, 3, 3)).astype(np.float32)
        onnx.save(coarse_model(coarse_batch, weights), folder / "ONNX/FinalCoarse.onnx")
        onnx.save(fine_model(fine_batch), folder / "ONNX/FinalFine.onnx")
        self.images = rng.random((NUM_SAMPLES, 3, HEIGHT, WIDTH), dtype=np.float32)
        self.labels = rng.integers(-70000, 70000, (NUM_SAMPLES, 1, HEIGHT, WIDTH), dtype=np.int32)
        (folder / "P/img_data").mkdir(parents=True)
        for i in range(NUM_SAMPLES):
            self.images[i].tofile(self.input_file(i, 0))
            self.labels[i].tofile(self.input_file(i, 1))
        self.expected = self._reference(coarse_model("n", weights), fine_model("n"))

    def _reference(self, coarse: onnx.ModelProto, fine: onnx.ModelProto) -> tuple[np.ndarray, np.ndarray]:
        coarse_session = onnxruntime.InferenceSession(coarse.SerializeToString())
        fine_session = onnxruntime.InferenceSession(fine.SerializeToString())
        (features,) = coarse_session.run(None, {"image": self.images})
        (depth,) = fine_session.run(None, {"features": features, "labels": self.labels})
        return depth, features

    def input_file(self, sample: int, k: int) -> Path:
        return self.folder / f"P/img_data/{sample:05d}_{k}.bin"

    def run(self, program: Path, *options: str, models: tuple[str, ...] = ("coarse", "fine")
            ) -> subprocess.CompletedProcess[str]:
        """Run the program in its folder, with the names of MindIR files as on an Ascend host."""
        (self.folder / "P/manifest.json").write_text(json.dumps(self.manifest))
        given = [f"--model={name}=MindIR/Final{name.capitalize()}.mindir" for name in models]
        command = [str(program), "--manifest", "P/manifest.json", *given, "--output_path", "R", *options]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def check_results(self, failed: tuple[int, ...] = ()) -> None:
        """Every sample that did not fail holds ONNX Runtime's numbers; nothing else is there."""
        written = [i for i in range(NUM_SAMPLES) if i not in failed]
        names = {f"{i:05d}_{k}.bin" for i in written for k in range(2)}
        assert {path.name for path in (self.folder / "R").iterdir()} == names
        for i in written:
            for k, expected in enumerate(self.expected):
                result = np.fromfile(self.folder / f"R/{i:05d}_{k}.bin", np.float32)
                atol = TOLERANCE * max(1.0, float(np.abs(expected[i]).max()))
                np.testing.assert_allclose(result, expected[i].ravel(), rtol=TOLERANCE, atol=atol)


def assert_refused(run: subprocess.CompletedProcess[str], text: str) -> None:
    """Exit code 2 and one line."""
    assert run.returncode == 2, run.stderr
    assert re.fullmatch(r"error: [^\n]+\n", run.stderr)
    assert text in run.stderr


def run_ctest(program: Path, *options: str) -> str:
    run = subprocess.run(["ctest", "--output-on-failure", *options], cwd=program.parent, capture_output=True,
                         text=True, check=False)
    assert run.returncode == 0, run.stdout
    return run.stdout


def test_unit_tests(program: Path) -> None:
    assert "100% tests passed" in run_ctest(program)


@pytest.mark.skipif(mindspore_headers() is None, reason="this mindspore has no C++ headers (2.7 has)")
def test_mindspore_engine_compiles_and_passes_its_tests(program: Path) -> None:
    output = run_ctest(program, "-R", "engine_mindspore_test")
    assert "100% tests passed, 0 tests failed out of 1" in output


@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize(("coarse_batch", "fine_batch"), [("n", "n"), (2, "n"), (1, 1), (4, 3)])
def test_results_equal_onnx_runtime(program: Path, tmp_path: Path, coarse_batch: int | str,
                                    fine_batch: int | str, batch: int) -> None:
    package = Package(tmp_path, coarse_batch, fine_batch)
    run = package.run(program, "--batch", str(batch))
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    package.check_results()
    opened = min(batch, NUM_SAMPLES)
    for name, fixed in (("Coarse", coarse_batch), ("Fine", fine_batch)):
        used = opened if fixed == "n" else fixed
        assert f"ONNX/Final{name}.onnx (OpenVINO, CPU, fp32, batch {used})" in run.stdout
    assert f"wrote {NUM_SAMPLES} of {NUM_SAMPLES} samples to R" in run.stdout


def test_average_time_is_written_in_the_modelzoos_words(program: Path, tmp_path: Path) -> None:
    package = Package(tmp_path)
    assert package.run(program, "--time_path=times/deep").returncode == 0
    lines = (tmp_path / "times/deep/test_perform_static.txt").read_text().splitlines()
    match = re.fullmatch(r"NN inference cost average time: ([\d.]+) ms of infer_count 7", lines[0])
    assert match
    times_ms = [float(re.fullmatch(rf"model {name}: ([\d.]+) ms", line)[1])
                for name, line in zip(("coarse", "fine"), lines[1:])]
    assert float(match[1]) > 0
    assert sum(times_ms) == pytest.approx(float(match[1]), abs=0.002)
    assert not (tmp_path / "time_Result").exists()
    assert package.run(program).returncode == 0
    assert (tmp_path / "time_Result/test_perform_static.txt").is_file()


def test_bad_files_are_named_and_the_others_written(program: Path, tmp_path: Path) -> None:
    package = Package(tmp_path)
    package.input_file(2, 0).write_bytes(b"0123456789")
    package.input_file(4, 1).unlink()
    run = package.run(program, "--batch=3")
    assert run.returncode == 3
    assert run.stderr.splitlines() == [
        "error: 2 of 7 samples failed:",
        "  00002: P/img_data/00002_0.bin: expected 960 bytes, has 10",
        "  00004: P/img_data/00004_1.bin: No such file or directory"]
    package.check_results(failed=(2, 4))
    assert "wrote 5 of 7 samples" in run.stdout


def test_infinite_results_fail_their_sample_alone(program: Path, tmp_path: Path) -> None:
    package = Package(tmp_path)
    package.images[3, 0, 4, 4] = np.inf
    package.images[3].tofile(package.input_file(3, 0))
    run = package.run(program, "--batch=7")
    assert run.returncode == 3
    line = r"  00003: result 0 \(depth\) has [1-9]\d* NaN or infinite values of 80"
    assert re.fullmatch(line, run.stderr.splitlines()[1])
    package.check_results(failed=(3,))


def test_missing_models_are_refused(program: Path, tmp_path: Path) -> None:
    package = Package(tmp_path)
    assert_refused(package.run(program, models=("coarse",)), "add --model fine=FinalFine.mindir")
    assert_refused(package.run(program, "--model=finer=x.onnx"), "the manifest's models are coarse, fine")
    (tmp_path / "ONNX/FinalFine.onnx").unlink()
    assert_refused(package.run(program), "no ONNX file for MindIR/FinalFine.mindir")
    assert not list((tmp_path / "R").glob("*"))


def test_models_that_do_not_fit_are_refused(program: Path, tmp_path: Path) -> None:
    package = Package(tmp_path)
    package.manifest["models"][1]["outputs"][0]["shape"] = [1, HEIGHT, WIDTH + 1]
    assert_refused(package.run(program), "output 'depth' has shape [1, 1, 8, 10] in the file, [?, 1, 8, 11]")
    package.manifest["inputs"][1]["dtype"] = "float32"
    assert_refused(package.run(program), "input 'labels' is int32 in the file, float32 in the manifest")
    (tmp_path / "ONNX/FinalCoarse.onnx").write_bytes(b"not a model")
    message = "model coarse (./ONNX/FinalCoarse.onnx): cannot be read as ONNX, export it again"
    assert_refused(package.run(program), message)


def declare_size(path: Path, height: int | str, width: int | str) -> None:
    """Let an ONNX file's inputs and outputs have this size; a name leaves it free."""
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        for dim, size in zip(value.type.tensor_type.shape.dim[2:], (height, width)):
            dim.Clear()
            setattr(dim, "dim_param" if isinstance(size, str) else "dim_value", size)
    onnx.save(model, path)


@pytest.mark.parametrize("batch", [1, 3])
def test_models_of_any_size_run_at_the_manifests(program: Path, tmp_path: Path, batch: int) -> None:
    package = Package(tmp_path)
    for name in ("Coarse", "Fine"):
        declare_size(tmp_path / f"ONNX/Final{name}.onnx", "H", "W")
    run = package.run(program, "--batch", str(batch))
    assert run.returncode == 0, run.stderr
    package.check_results()


def test_models_of_another_size_are_refused(program: Path, tmp_path: Path) -> None:
    package = Package(tmp_path)
    declare_size(tmp_path / "ONNX/FinalCoarse.onnx", HEIGHT + 1, WIDTH)
    assert_refused(package.run(program), "model coarse (./ONNX/FinalCoarse.onnx): input 'image' has shape "
                   "[?, 3, 9, 10] in the file, [?, 3, 8, 10] in the manifest: export")
    assert not list((tmp_path / "R").glob("*"))


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/b", ".."])
def test_sample_names_cannot_leave_the_folder(program: Path, tmp_path: Path, name: str) -> None:
    package = Package(tmp_path)
    package.manifest["samples"][3]["name"] = name
    assert_refused(package.run(program), f"samples[3].name: '{name}' leads out of its folder")


def test_broken_manifests_and_arguments_are_refused(program: Path, tmp_path: Path) -> None:
    package = Package(tmp_path)
    assert_refused(package.run(program, "--batch=none"), "--batch takes a whole number")
    assert_refused(package.run(program, "--device_type=Ascend"), "built without MindSpore Lite")
    assert_refused(package.run(program, "--output_path=P/img_data"), "holds the inputs")
    package.manifest["version"] = 2
    assert_refused(package.run(program), "version: this program reads version 1, the file has version 2")
    shutil.rmtree(tmp_path / "P/img_data")
    package.manifest["version"] = 1
    assert_refused(package.run(program), "no such folder: P/img_data")


def test_help_teaches(program: Path) -> None:
    run = subprocess.run([str(program), "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and run.stderr == ""
    assert "--manifest P/manifest.json --model coarse=FinalCoarseNet.mindir" in run.stdout


@pytest.mark.skipif(mindspore_headers() is None, reason="this mindspore has no C++ headers (2.7 has)")
def test_ms_lite_home_chooses_the_mindspore_engine(tmp_path: Path) -> None:
    """A folder like MindSpore Lite's, with the tests' stand-in as its library: y = x + n."""
    home = tmp_path / "lite"
    (home / "runtime/lib").mkdir(parents=True)
    (home / "runtime/include").symlink_to(mindspore_headers() / "include")
    subprocess.run(["g++", "-std=c++17", "-shared", "-fPIC", f"-I{SOURCE_DIR}", f"-I{home}/runtime",
                    f"-I{home}/runtime/include", str(SOURCE_DIR / "tests/fake_mindspore.cc"),
                    "-o", str(home / "runtime/lib/libmindspore-lite.so")], check=True)
    run_build_script(tmp_path / "build", "-DBUILD_TESTING=OFF", MS_LITE_HOME=str(home))
    (tmp_path / "img_data").mkdir()
    np.array([1, 2], np.float32).tofile(tmp_path / "img_data/s_0.bin")
    np.array([10], np.int32).tofile(tmp_path / "img_data/s_1.bin")
    (tmp_path / "add.mindir").touch()
    (tmp_path / "manifest.json").write_text(json.dumps({
        "format": "depth-manifest", "version": 1,
        "inputs": [{"name": "x", "dtype": "float32", "shape": [2]},
                   {"name": "n", "dtype": "int32", "shape": [1]}],
        "models": [{"name": "add", "inputs": [{"name": n, "from": f"input:{n}"} for n in "xn"],
                    "outputs": [{"name": "y", "dtype": "float32", "shape": [2]}]}],
        "results": ["add:y"], "samples": [{"name": "s"}]}))
    run = subprocess.run([str(tmp_path / "build/main"), "--manifest=manifest.json", "--model=add=add.mindir"],
                         cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "add.mindir (MindSpore Lite, Ascend 0, fp32, batch 1)" in run.stdout
    assert np.fromfile(tmp_path / "result_Files/s_0.bin", np.float32).tolist() == [11, 12]
