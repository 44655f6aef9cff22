# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""preprocess.py's files, and what is said of results that do not fit them."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from src.deploy.bundle import read_manifest, read_results, write_bundle
from src.errors import UserError
from tests.nyu_files import method_of, write_nyu_test

NUM = 4


@pytest.fixture(scope="module")
def nyu(tmp_path_factory) -> Path:
    return write_nyu_test(tmp_path_factory.mktemp("nyu"), NUM)


@pytest.fixture(scope="module")
def folder(nyu, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "P"
    assert write_bundle(method_of("--data_url", nyu), folder) == NUM
    return folder


def test_files_hold_what_the_networks_take_and_the_truth(nyu, folder):
    names = sorted(path.name for path in (folder / "img_data").iterdir())
    assert names == [f"{i:05d}_0.bin" for i in range(NUM)]
    samples = method_of("--data_url", nyu).eval_samples()
    for i, sample in enumerate(samples[i] for i in range(NUM)):
        image = np.fromfile(folder / f"img_data/{i:05d}_0.bin", np.float32)
        np.testing.assert_array_equal(image, sample.inputs["image"].ravel())
        truth_mm = cv2.imread(str(nyu / f"Test/{i:05d}_depth.png"), cv2.IMREAD_UNCHANGED)
        truth_m = np.fromfile(folder / f"label/{i:05d}.bin", np.float32).reshape(120, 160)
        np.testing.assert_allclose(truth_m, truth_mm / 1000, rtol=1e-6)


def test_the_manifest_describes_graph_samples_label_and_protocols(nyu, folder):
    manifest = read_manifest(folder / "manifest.json")
    assert {key: manifest[key] for key in ("format", "version", "method")} == {
        "format": "depth-manifest", "version": 1, "method": "depthnet"}
    assert manifest["inputs"] == [{"name": "image", "dtype": "float32", "shape": [3, 228, 304]}]
    assert [(m["name"], m["file"]) for m in manifest["models"]] == [("coarse", "FinalCoarseNet"),
                                                                    ("fine", "FinalFineNet")]
    assert manifest["models"][1]["inputs"][1] == {"name": "coarse", "from": "coarse:log_depth"}
    assert manifest["results"] == ["fine:log_depth", "coarse:log_depth"]
    assert manifest["samples"][2] == {"name": "00002", "label_shape": [120, 160], "extras": []}
    assert [p["name"] for p in manifest["protocols"]] == ["modelzoo", "nyu_eigen"]
    assert manifest["label"]["unit"] == "m"
    assert manifest["settings"]["data_url"] == str(nyu)


def test_limit(nyu, tmp_path):
    assert write_bundle(method_of("--data_url", nyu, "--limit", 2), tmp_path) == 2
    assert len(list((tmp_path / "img_data").iterdir())) == 2


def test_a_bundle_that_was_not_finished_has_no_manifest(nyu, tmp_path, monkeypatch):
    method = method_of("--data_url", nyu)
    write_bundle(method, tmp_path)
    broken = write_nyu_test(tmp_path / "broken", 2)
    (broken / "Test/00001_depth.png").write_bytes((broken / "Test/00001_depth.png").read_bytes()[:200])
    with pytest.raises(UserError, match="00001_depth.png"):
        write_bundle(method_of("--data_url", broken), tmp_path)
    assert not (tmp_path / "manifest.json").exists()


def write_results(folder: Path, *, log_depth: float = 0.5) -> Path:
    folder.mkdir()
    for i in range(NUM):
        for k in range(2):
            np.full((1, 55, 74), log_depth + k, np.float32).tofile(folder / f"{i:05d}_{k}.bin")
    return folder


def test_results_are_decoded_in_the_graphs_order(nyu, folder, tmp_path):
    method, manifest = method_of("--data_url", nyu), read_manifest(folder / "manifest.json")
    samples = list(read_results(method, manifest, folder / "label", write_results(tmp_path / "R")))
    assert [sample.name for sample, _ in samples] == [f"{i:05d}" for i in range(NUM)]
    for sample, maps in samples:
        assert sample.rgb is None and sample.image_hw == (120, 160)
        np.testing.assert_allclose(maps["fine:log_depth"], np.full((55, 74), np.exp(0.5)), rtol=1e-6)
        np.testing.assert_allclose(maps["coarse:log_depth"], np.full((55, 74), np.exp(1.5)), rtol=1e-6)


@pytest.mark.parametrize(("break_it", "message"), [
    (lambda path: path.unlink(), r"cannot read .*00002_1\.bin .*No such file.*did the C\+\+ program run"),
    (lambda path: path.write_bytes(path.read_bytes()[:-4]), r"00002_1\.bin has 16276 bytes, not 16280"),
    (lambda path: path.write_bytes(path.read_bytes() * 2), r"00002_1\.bin has 32560 bytes, not 16280"),
])
def test_results_that_do_not_fit_are_named(nyu, folder, tmp_path, break_it, message):
    results = write_results(tmp_path / "R")
    break_it(results / "00002_1.bin")
    with pytest.raises(UserError, match=message):
        list(read_results(method_of("--data_url", nyu), read_manifest(folder / "manifest.json"),
                          folder / "label", results))


@pytest.mark.parametrize(("text", "message"), [
    (None, "no .*manifest.json; run preprocess.py first"),
    ("{", "cannot read .*manifest.json"),
    ("[]", "no manifest of version 1"),
    (json.dumps({"format": "depth-manifest", "version": 2}), "no manifest of version 1"),
    (json.dumps({"format": "other", "version": 1}), "no manifest of version 1"),
    (b"\xff\xfe\x00", "cannot read .*manifest.json"),
])
def test_other_manifests_are_refused(tmp_path, text, message):
    path = tmp_path / "manifest.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=message):
        read_manifest(path)
