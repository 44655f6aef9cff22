# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Real frames: DepthNet on three of NYU, DDRNet on ten of a Kinect, mergedepth on three of KITTI."""
from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from src.evaluation import Evaluation, chosen_protocols
from tests.commands import figures, run
from tests.ddrnet_files import method_of
from tests.e2e.raw_depth import raw_figures
from tests.samples import DEPTH_SAMPLES, needs_samples

NYU, KINECT, KITTI = (DEPTH_SAMPLES / name for name in ("NYU", "DDRNet", "KITTI"))
needs_nyu, needs_kinect = needs_samples("NYU"), needs_samples("DDRNet/train.csv", "DDRNet/test.csv")
needs_kitti = needs_samples("KITTI")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real") / "Model"
    run("train", "--data_url", NYU, "--train_url", folder, "--preset", "cpu", "--fc_width", 16,
        "--batch_size", 3, "--max_steps", 2, "--picture_every", 0)
    return folder


@needs_nyu
def test_the_test_frames_are_measured_under_both_protocols(trained, tmp_path):
    run("eval", "--test_data", NYU, "--train_url", trained, "--output_json", tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text())["num_images"] == 3
    found = figures(tmp_path / "figures.json")
    assert set(found) == {(net, protocol) for net in ("coarse", "fine")
                          for protocol in ("modelzoo", "nyu_eigen")}
    assert all(np.isfinite(value) for metrics in found.values() for value in metrics.values())


@needs_nyu
def test_holes_never_enter_a_figure_under_nyu_eigen(tmp_path):
    truths = {p.name[:5]: np.asarray(Image.open(p)) / 1000.0
              for p in sorted((NYU / "Test").glob("*_depth.png"))}
    assert any((truth == 0).mean() > 0.05 for truth in truths.values())
    measured = {}
    for kind, in_holes in (("near", 0.2), ("far", 9.9)):
        folder = tmp_path / kind
        folder.mkdir()
        for i, (name, truth) in enumerate(truths.items()):
            factors = np.random.default_rng(i).uniform(0.7, 1.4, truth.shape)
            guess = np.where(truth > 0, truth * factors, in_holes)
            np.save(folder / f"{name}.npy", guess.astype(np.float32))
        run("eval", "--test_data", NYU, "--predictions", folder, "--output_json", tmp_path / f"{kind}.json")
        measured[kind] = figures(tmp_path / f"{kind}.json")
    assert measured["near"]["external", "nyu_eigen"] == measured["far"]["external", "nyu_eigen"]
    # the source's way of counting takes holes for surfaces at 0.1 m, so there they do show
    assert measured["near"]["external", "modelzoo"] != measured["far"]["external", "modelzoo"]


@needs_nyu
@pytest.mark.slow
@pytest.mark.parametrize("coarse_net", ["modelzoo", "eigen"])
def test_200_steps_on_the_train_frames_bring_the_loss_below_a_tenth(coarse_net, tmp_path):
    run("train", "--data_url", NYU, "--train_url", tmp_path, "--coarse_net", coarse_net, "--stages", "coarse",
        "--batch_size", 3, "--coarse_steps", 200, "--log_every", 1, "--picture_every", 0)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()
              if "loss" in json.loads(line)]
    assert len(losses) == 200
    assert np.mean(losses[-10:]) < losses[0] / 10


@needs_kinect
@pytest.mark.parametrize(("split", "count"), [("train", 8), ("test", 2)])
def test_the_kinects_raw_depth_is_measured_as_by_hand(split, count):
    index = KINECT / f"{split}.csv"
    method = method_of("--test_index_file", index, command="eval")
    samples = method.eval_samples()
    evaluation = Evaluation(method, chosen_protocols(method))
    for sample in (samples[i] for i in range(len(samples))):
        assert sample.inputs["raw"].shape == sample.inputs["grey"].shape == (1, 480, 640)
        evaluation.add(sample, {})
    (result,) = evaluation.report()["results"]
    expected = raw_figures(index)
    assert (evaluation.num_images, result["net"]) == (count, "raw")
    assert result["num_valid"] == expected.pop("num_valid") > 40_000 * count
    assert {name: result["metrics"][name] for name in expected} == pytest.approx(expected, rel=1e-4)


@needs_kinect
def test_the_kinects_frames_give_training_crops():
    samples = method_of("--data_url", KINECT).train_samples("joint")
    assert len(samples) == 8
    for index in range(8):
        crop = samples.read(index, np.random.default_rng(index))
        assert crop["raw"].shape == (1, 256, 256) and crop["mask"].mean() > 0.3
        assert 0.5 < crop["reference_m"][crop["mask"] > 0].min() < crop["reference_m"].max() < 3


@needs_kinect
@pytest.mark.slow
def test_300_steps_better_the_kinects_raw_depth(tmp_path):
    """The test frames follow the training frames in one recording: it fits them, and so holds real data."""
    run("train", "--method", "ddrnet", "--preset", "cpu", "--max_steps", 300, "--data_url", KINECT,
        "--train_url", tmp_path, "--picture_every", 0)
    run("eval", "--train_url", tmp_path, "--data_url", KINECT, "--output_json", tmp_path / "figures.json")
    found = {net: metrics for (net, _), metrics in figures(tmp_path / "figures.json").items()}
    assert found["raw"]["mae_mm"] == pytest.approx(raw_figures(KINECT / "test.csv")["mae_mm"], rel=1e-4)
    for net in ("denoise", "refine"):
        assert found[net]["mae_mm"] < 0.8 * found["raw"]["mae_mm"]
        assert found[net]["normal_median_deg"] < 0.6 * found["raw"]["normal_median_deg"]


@needs_kitti
@pytest.mark.slow
def test_150_steps_fit_the_streets_scans_and_reconstruct_one_view_from_the_other(tmp_path):
    """One drive, so it is trained and measured on: fitting, not generalisation."""
    own = ("--method", "mergedepth", "--preset", "cpu", "--data_url", KITTI, "--test_share", 0,
           "--picture_every", 0)
    run("train", *own, "--train_url", tmp_path, "--stages", "supervised", "--batch_size", 3,
        "--max_steps", 150, "--rand_flip", "false", "--grayscale", 0, "--noise", 0)
    run("eval", "--train_url", tmp_path, "--data_url", KITTI, "--test_share", 0, "--output_json",
        tmp_path / "figures.json")
    found = figures(tmp_path / "figures.json")
    for net in ("left", "right"):
        assert found[net, "kitti_garg"]["abs_rel"] < 0.12
        assert found[net, "kitti_garg"]["delta1"] > 0.85
