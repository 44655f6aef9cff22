# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What every method has by default, and the table of methods (the whole interface: test_interface)."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import src.config
import src.method
from src.depthnet.method import DepthNet
from src.errors import UserError
from src.geometry.pinhole import Intrinsics
from src.method import Method, Sample, build_method
from tests.nyu_files import method_of, settings_of, write_nyu_test


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.setattr(src.method, "_METHODS", dict(src.method._METHODS))
    monkeypatch.setattr(src.config, "_EXTRA_METHODS", {})


def test_settings_choose_the_method():
    assert type(build_method(settings_of())) is DepthNet
    with pytest.raises(UserError, match="no method nobody here: there are depthnet"):
        build_method(settings_of().replace(method="nobody"))


def test_a_registered_method_brings_its_settings(tables):
    src.method.register("twin", "src.depthnet.method:DepthNet", {
        "help": "for tests", "defaults": {"eval_batch_size": 5},
        "settings": {"fit": {"default": "stretch", "help": "x"},
                     "sharpness": {"default": 2, "min": 0, "help": "x"}}})
    method = method_of("--method", "twin", "--sharpness", 3)
    assert isinstance(method, DepthNet)
    s = method.settings
    assert (s.sharpness, s.eval_batch_size, s.fit) == (3, 5, "stretch")
    with pytest.raises(UserError, match="--sharpness -1 is not possible"):
        settings_of("--method", "twin", "--sharpness", -1)
    with pytest.raises(UserError, match="did you mean twin"):
        settings_of("--method", "twins")
    with pytest.raises(UserError, match="unknown setting --sharpness"):
        settings_of("--sharpness", 3)


def test_a_method_must_answer_everything():
    with pytest.raises(TypeError, match="abstract"):
        Method(settings_of())


def test_with_settings_leaves_the_first_alone():
    method = method_of("--fit", "crop")
    other = method.with_settings(fit="stretch")
    assert type(other) is DepthNet
    assert (method.settings.fit, other.settings.fit) == ("crop", "stretch")


def test_the_size_of_a_sample_is_its_pictures_else_its_truths():
    rgb, truth_m = np.zeros((3, 4, 3), np.uint8), np.zeros((5, 6), np.float32)
    assert Sample("s", {}, rgb, truth_m).image_hw == (3, 4)
    assert Sample("s", {}, None, truth_m).image_hw == (5, 6)


def test_validation_takes_val_list_else_the_test_set_of_the_data(tmp_path):
    write_nyu_test(tmp_path, 3)
    (tmp_path / "val.txt").write_text("Test/00001_colors.png Test/00001_depth.png\n")
    (tmp_path / "train.txt").write_text("Test/00000_colors.png Test/00000_depth.png\n")
    assert len(method_of("--data_url", tmp_path).validation_samples()) == 3
    own = ("--data_list", tmp_path / "train.txt")
    assert method_of(*own).validation_samples() is None  # the data folder's test set is not the user's
    samples = method_of(*own, "--val_list", tmp_path / "val.txt").validation_samples()
    assert [sample.name for sample in (samples[i] for i in range(len(samples)))] == ["00000_00001_colors"]


def test_defaults():
    method = method_of()
    sample = Sample("s", {}, None, np.ones((2, 3), np.float32))
    assert method.own_figures("fine:log_depth", np.ones((2, 3)), sample) == {}
    assert method.net_of("fine:log_depth") == "fine"
    assert method.infer_files == ("picture",) and method.depth_kind == "z"
    assert method.files_of(method.graph) == ("picture",) and method.inferred == ("fine:log_depth",)
    camera = Intrinsics(2.0, 4.0, 1.5, 1.0, 3, 2)
    points = method.points(np.full((2, 3), 8.0), camera)
    np.testing.assert_allclose(points[0, 2], (8 * 1.0 / 2, 8 * -0.5 / 4, 8))
    with pytest.raises(UserError, match="depthnet needs picture for each sample"):
        Method.prepare_frame(method, "s", {"picture": np.zeros((2, 3, 3), np.uint8)})


def test_mirroring_and_placing_belong_together():
    """Decoding the mirrored input's map and mirroring it back fits the picture that it came from."""
    method = method_of()
    rgb = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    sample = method.prepare_frame("s", {"picture": rgb})
    twice = method.mirrored(method.mirrored(sample))
    np.testing.assert_array_equal(twice.inputs["image"], sample.inputs["image"])
    np.testing.assert_allclose(method.mirrored(sample).inputs["image"],
                               method.prepare_frame("m", {"picture": rgb[:, ::-1]}).inputs["image"],
                               atol=1e-6)


def test_programs_that_only_read_files_start_without_mindspore(tmp_path):
    """Seconds at each start: scoring files, preparing samples and running ONNX files do without it."""
    code = ("import sys, eval, export, infer, preprocess, postprocess, train\n"
            "import src.deploy.runtimes, src.deploy.outputs, src.depthnet.method\n"
            "preprocess.main(sys.argv[1:])\n"
            "sys.exit('mindspore' in sys.modules)")
    write_nyu_test(tmp_path, 1)
    root = Path(__file__).resolve().parent.parent
    run = subprocess.run([sys.executable, "-c", code, "--data_url", str(tmp_path), "--output_path",
                          str(tmp_path / "P")], cwd=root, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
