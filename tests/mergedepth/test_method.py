# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth as the commands see it: graph, stages, own pictures, views, decoding, figures of both views."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from safetensors.numpy import save_file

from scripts import convert_resnet
from src.errors import UserError
from src.evaluation import Evaluation, chosen_protocols
from src.geometry.pinhole import Intrinsics
from src.layers.resnet import ResNet50, set_weights
from src.mergedepth.data_loader import EvalSamples
from src.method import Sample
from src.prediction import predict, read_samples
from src.training.checkpoints import save_network
from src.training.start import load_start
from tests.mergedepth_files import SMALL, TINY, InMemory, TinyNet, exact_frame, method_of, write_streets
from tests.resnet_reference import features, random_state
from tests.samples import save

VIEWS = ("left", "right")
RESULTS = ("left:depth", "right:depth")
FULL = (*SMALL, "--fullscale", "true")  # maps of the pictures' size in these tests


def refusal(*argv: object) -> str:
    with pytest.raises(UserError) as caught:
        method_of(*argv)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def tiny_nets(monkeypatch):
    monkeypatch.setattr("src.mergedepth.net.MergeNet", TinyNet)


def in_memory(*argv: object, frames: int = 1) -> tuple:
    """The method and its evaluation set of exact pairs."""
    method = method_of(*argv, command="eval")
    return method, EvalSamples(InMemory(*[exact_frame()] * frames), method.settings)


# --- graph and settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("fullscale", "map_hw"), [("true", (64, 96)), ("false", (32, 48))])
def test_each_view_has_an_independent_model(fullscale, map_hw):
    graph = method_of(*SMALL, "--fullscale", fullscale).graph
    assert {spec.name: spec.shape for spec in graph.inputs} == dict.fromkeys(VIEWS, (3, 64, 96))
    assert graph.results == RESULTS
    assert {model.name: model.file for model in graph.models} == {
        "left": "FinalLeftNet", "right": "FinalRightNet"}
    for view in VIEWS:
        part = graph.upto((f"{view}:depth",))
        assert [spec.name for spec in part.inputs] == [model.name for model in part.models] == [view]
        assert part.spec(f"{view}:depth").shape == (1, *map_hw)
    assert list(graph.networks) == list(VIEWS)


def test_shared_weights_are_one_network_in_one_file(tiny_nets):
    method = method_of(*TINY, "--shared_weights", "true")
    graph = method.graph
    assert list(graph.networks) == ["shared"] and {m.file for m in graph.models} == {"FinalSharedNet"}
    assert [model.name for model in graph.models] == list(VIEWS) and graph.results == RESULTS
    images = {view: np.full((2, 3, 64, 96), i, np.float32) for i, view in enumerate(VIEWS)}
    shapes = (2, 1, 32, 48)
    found = graph.run(dict.fromkeys(VIEWS, lambda image: (np.full(shapes, image.mean()),)), images)
    assert [float(found[result].mean()) for result in RESULTS] == [0, 1]
    networks = method.build_networks()
    objective = method.build_stage("supervised", networks).objective
    assert list(networks) == ["shared"] and objective.left is objective.right is networks["shared"]


@pytest.mark.parametrize(("name", "size"), [("image_height", 80), ("image_width", 1242)])
def test_sizes_are_multiples_of_32(name, size):
    assert refusal(f"--{name}", size) == (f"--{name} {size} must be a multiple of 32, by which the networks "
                                          "shrink a picture")


def test_networks_start_below_the_largest_depth():
    assert refusal("--start_depth_m", 80, "--output_max_m", 80) == (
        "--start_depth_m 80 must be below --output_max_m 80")


def test_networks_take_the_images_and_make_the_maps_of_the_graph():
    for fullscale in ("true", "false"):
        method = method_of(*TINY, "--fullscale", fullscale)
        networks = method.build_networks()
        assert list(networks) == list(VIEWS)
        image = ms.Tensor(np.random.default_rng(0).random((1, 3, 64, 96), np.float32))
        maps = [networks[view].set_train(False)(image).asnumpy() for view in VIEWS]
        for view, values in zip(VIEWS, maps):
            assert values.shape[1:] == method.graph.spec(f"{view}:depth").shape
            assert 0 <= values.min() < values.max() <= 1
        assert np.abs(maps[0] - maps[1]).max() > 1e-3  # they start from different weights


@pytest.mark.parametrize(("argv", "rates"), [
    ((), (1e-3, 1e-4)), (("--lr", 1e-5), (1e-5, 1e-5)), (("--learning_rate", 0), (0, 0)),
    (("--supervised_learning_rate", 0.1, "--unsupervised_learning_rate", 0.2), (0.1, 0.2))])
def test_stages(tiny_nets, argv, rates):
    method = method_of(*TINY, "--epochs", 7, *argv)
    networks = method.build_networks()
    assert method.stage_names == ("supervised", "unsupervised")
    for name, rate in zip(method.stage_names, rates):
        stage = method.build_stage(name, networks)
        assert (stage.name, stage.learning_rate, stage.epochs, stage.steps) == (name, rate, 7, None)
        assert stage.trained == VIEWS and stage.needs == (VIEWS if name == "unsupervised" else ())
        terms = ("su", "con") if name == "supervised" else ("rec", "con")
        assert stage.objective.terms == tuple(f"{term}_{view}" for term in terms for view in VIEWS)
        assert stage.objective.left is networks["left"] and stage.objective.right is networks["right"]


def test_stages_have_lengths_of_their_own(tiny_nets):
    method = method_of(*TINY, "--supervised_steps", 9, "--unsupervised_steps", 4)
    networks = method.build_networks()
    assert [method.build_stage(name, networks).steps for name in method.stage_names] == [9, 4]


def test_the_published_settings_are_the_defaults():
    s = method_of().settings
    expected = {"epochs": 5, "supervised_learning_rate": 1e-3, "unsupervised_learning_rate": 1e-4,
                "alpha": 1.0, "beta": 0.01, "gamma": 0.01, "batch_size": 8, "lr_decay_rate": 0.9,
                "lr_decays_per_epoch": 2, "image_height": 192, "image_width": 640, "output_max_m": 120.0,
                "fullscale": False, "shared_weights": False, "r_mask": True, "c_mask": False}
    assert {name: s[name] for name in expected} == expected
    named = method_of("--l_model_pth", "a.ckpt", "--r_model_pth", "b.ckpt", "--lr_decay_every", 4).settings
    assert named.ckpt == ("left=a.ckpt", "right=b.ckpt") and named.lr_decays_per_epoch == 4


@pytest.mark.parametrize(("stage", "weights"), [("supervised", "alpha"), ("unsupervised", "beta")])
def test_a_stage_without_any_weight_has_nothing_to_learn(tiny_nets, stage, weights):
    method = method_of(*TINY, f"--{weights}", 0, "--gamma", 0)
    with pytest.raises(UserError, match=f"--{weights} and --gamma are both 0"):
        method.build_stage(stage, method.build_networks())


@pytest.mark.parametrize("stem", [4, pytest.param(64, marks=pytest.mark.slow)])
def test_encoders_start_from_torchvisions_weights(tmp_path, stem):
    """Through the converter's checkpoint (of 4 channels in the stem, or the real 64) to equal features."""
    state = random_state(stem)
    if stem == 64:
        save_file(state, tmp_path / "resnet.safetensors")
        convert_resnet.main([str(tmp_path / "resnet.safetensors"), str(tmp_path / "resnet.ckpt")])
    else:
        encoder = ResNet50(stem / 64)
        set_weights(encoder, state)
        save_network(encoder, tmp_path / "resnet.ckpt", "")
    method = method_of(*SMALL, "--encoder_width", stem / 64, "--upsampling", "unpool", "--shared_weights",
                       "true", "--pre_trained", f"shared.encoder={tmp_path}/resnet.ckpt")
    networks = method.build_networks()
    networks["shared"].update_parameters_name("shared.")  # as in training
    start = load_start(method.settings, networks)
    assert start.partly == {"shared"} and start.notes[-1] == "all else of shared starts anew"
    image = np.random.default_rng(1).random((1, 3, 64, 96), np.float32)
    found = networks["shared"].encoder.set_train(False)(ms.Tensor(image))
    for mine, theirs in zip(found, features(state, image), strict=True):
        np.testing.assert_allclose(mine.asnumpy(), theirs, atol=1e-4)


# --- inference ------------------------------------------------------------------------------------------


def test_own_pictures_of_a_pair_and_of_one_view(tmp_path):
    method, frame = method_of(*SMALL, command="infer"), exact_frame()
    assert method.infer_files == ("left picture", "right picture") and method.inferred == RESULTS
    paths = {f"{view} picture": save(tmp_path / f"{view}.png", rgb) for view, rgb in zip(VIEWS, frame)}
    evaluated = EvalSamples(InMemory(frame), method.settings)[0]
    graph = method.graph
    for results in (RESULTS, RESULTS[:1], RESULTS[1:]):
        views = [result.split(":")[0] for result in results]
        kinds = method.files_of(graph.upto(results))
        assert kinds == tuple(f"{view} picture" for view in views)
        sample = method.prepare("own", {kind: paths[kind] for kind in kinds})
        assert sample.name == "own" and sample.truth_m is None and list(sample.inputs) == views
        for view in views:
            np.testing.assert_array_equal(sample.inputs[view], evaluated.inputs[view])
            shown, truth_m = method.view_of(f"{view}:depth", sample)
            np.testing.assert_array_equal(shown, frame[VIEWS.index(view)])
            assert truth_m is None
        assert sample.image_hw == (64, 96)


def test_pictures_of_a_pair_have_one_size(tmp_path):
    for view, width in zip(VIEWS, (96, 94)):
        save(tmp_path / f"{view}.png", np.zeros((64, width, 3), np.uint8))
    files = {f"{view} picture": tmp_path / f"{view}.png" for view in VIEWS}
    with pytest.raises(UserError) as caught:
        method_of(command="infer").prepare("own", files)
    assert str(caught.value) == ("sample own: the left picture is 96x64, the right one 94x64; both "
                                 "pictures of a rectified pair have one size")


def test_frames_of_a_video_serve_one_view():
    method, frame = method_of(*SMALL, command="infer"), exact_frame()
    for view, rgb in zip(VIEWS, frame):
        sample = method.prepare_frame("clip_000001", {f"{view} picture": rgb})
        assert list(sample.inputs) == [view] and sample.inputs[view].shape == (3, 64, 96)
        np.testing.assert_array_equal(method.view_of(f"{view}:depth", sample)[0], rgb)


# --- decoding and views ---------------------------------------------------------------------------------


def test_maps_are_parts_of_the_largest_depth():
    raw = np.array([[[0.001, 0.5, 0.999]]], np.float32)
    for argv, largest in (((), 120), (("--output_max_m", 80), 80)):
        depth_m = method_of(*argv).decode(RESULTS[0], raw, None)
        assert depth_m.dtype == np.float32 and depth_m.shape == (1, 3)
        np.testing.assert_allclose(depth_m[0], [0.001 * largest, 0.5 * largest, 0.999 * largest], rtol=1e-6)


def test_maps_are_enlarged_to_the_whole_picture():
    method = method_of(*SMALL)
    sample = Sample("a", {}, np.zeros((128, 192, 3), np.uint8))
    column = (np.arange(48, dtype=np.float32) + 0.5) / 48
    full, seen = method.to_full(np.broadcast_to(10 + 40 * column, (32, 48)), sample)
    assert full.shape == seen.shape == (128, 192) and seen.all() and seen.dtype == bool
    inner = slice(2, -2)  # beyond the outermost cells' centres the map is constant
    expected = 10 + 40 * (np.arange(192) + 0.5) / 192
    np.testing.assert_allclose(full[:, inner], np.broadcast_to(expected[inner], (128, 188)), rtol=1e-5)


def test_truth_at_the_networks_size_is_the_nearest_reading():
    truth_m = np.zeros((64, 96), np.float32)
    truth_m[4, 6], truth_m[5, 7], truth_m[60, 90] = 12, 9, 33
    found = method_of(*SMALL).truth_at_network(truth_m)
    assert found.shape == (32, 48) and found[2, 3] == 9 and found[30, 45] == 33 and found.sum() == 42


def test_each_result_has_its_own_views_picture_and_truth():
    method, samples = in_memory(*FULL)
    frame = exact_frame()
    for view, result in zip(VIEWS, RESULTS):
        rgb, truth_m = method.view_of(result, samples[0])
        np.testing.assert_array_equal(rgb, frame[VIEWS.index(view)])
        np.testing.assert_array_equal(truth_m, frame[2 + VIEWS.index(view)])
    np.testing.assert_array_equal(method.view_of("external", samples[0])[1], frame.left_depth_m)
    shown = method.pictures(samples[0], dict.fromkeys(RESULTS, frame.left_depth_m))
    assert list(shown) == list(VIEWS)
    assert not np.array_equal(shown["left"], shown["right"])


def test_mirrored_twice_is_the_sample():
    method, samples = in_memory(*SMALL)
    once = method.mirrored(samples[0])
    for view in VIEWS:
        np.testing.assert_array_equal(once.inputs[view], samples[0].inputs[view][:, :, ::-1])
        np.testing.assert_array_equal(method.mirrored(once).inputs[view], samples[0].inputs[view])


def test_flip_average_of_a_pointwise_net_is_its_map_and_of_a_biased_one_the_mean():
    ramp = np.linspace(0, 0.2, 96, dtype=np.float32)
    runners = {"left": lambda image: (image[:, :1] / 2,), "right": lambda image: (image[:, :1] / 2 + ramp,)}

    def maps(*argv: object) -> list[dict]:
        method, samples = in_memory(*FULL, *argv, frames=3)
        return [found for _, found in predict(method, method.graph, runners, read_samples(method, samples))]

    for plain, averaged in zip(maps(), maps("--flip_average", "--eval_batch_size", 2), strict=True):
        np.testing.assert_allclose(averaged[RESULTS[0]], plain[RESULTS[0]], atol=1e-5)
        added_m = averaged[RESULTS[1]] - plain[RESULTS[1]]
        np.testing.assert_allclose(added_m[0], 120 * (ramp[::-1] - ramp) / 2, atol=1e-4)


# --- figures --------------------------------------------------------------------------------------------


def figures(method, sample, maps: dict[str, np.ndarray]) -> dict[tuple[str, str], dict[str, float]]:
    evaluation = Evaluation(method, chosen_protocols(method))
    evaluation.add(sample, maps)
    return {(result["net"], result["protocol"]["name"]): result["metrics"]
            for result in evaluation.report()["results"]}


def test_each_view_is_measured_against_its_own_truth():
    method, samples = in_memory(*FULL)
    frame = exact_frame()
    truths = dict(zip(RESULTS, (frame.left_depth_m, frame.right_depth_m)))
    found = figures(method, samples[0], truths)
    assert found.keys() == {(view, name) for view in VIEWS for name in ("kitti_eigen", "kitti_garg")}
    for metrics in found.values():
        assert (metrics["abs_rel"], metrics["rmse"], metrics["epe_px"], metrics["d1"]) == (0, 0, 0, 0)
        assert metrics["delta1"] == 1
    swapped = figures(method, samples[0], dict(zip(RESULTS, reversed(truths.values()))))
    assert all(metrics["abs_rel"] > 0.02 < metrics["epe_px"] for metrics in swapped.values())


def test_disparity_is_measured_everywhere_and_depth_in_the_protocols_crop():
    """10 % off in the top row, which no crop has."""
    method, samples = in_memory(*FULL)
    truth_m = exact_frame().left_depth_m
    depth_m = truth_m.copy()
    depth_m[0] *= 1.1
    found = figures(method, samples[0], {RESULTS[0]: depth_m})
    for metrics in found.values():
        assert metrics["abs_rel"] == 0
        expected_px = (80 * 0.4 / truth_m[0].astype(float) * (1 - 1 / 1.1)).sum() / truth_m.size
        assert metrics["epe_px"] == pytest.approx(expected_px, rel=1e-5)


def test_median_scaling_leaves_disparity_alone():
    method, samples = in_memory(*FULL, "--alignment", "median")
    found = figures(method, samples[0], {RESULTS[0]: 2 * exact_frame().left_depth_m})
    for metrics in found.values():
        assert metrics["abs_rel"] == pytest.approx(0, abs=1e-7) and metrics["epe_px"] > 2


def test_validation_lists_name_frames_or_own_pairs(tmp_path):
    data = write_streets(tmp_path / "streets", 4, 4)
    listed = sorted((data / "test.txt").read_text().splitlines())
    (tmp_path / "some.txt").write_text("\n".join(listed[:1]) + "\n")
    found = method_of("--data_url", data, "--val_list", tmp_path / "some.txt").validation_samples()
    date_drive, frame, _ = listed[0].split()
    assert [sample.name for sample in found] == [f"{date_drive.split('/')[1]}_{int(frame):010d}"]
    own = method_of("--data_list", "own.txt")
    assert own.validation_samples() is None


def test_the_right_view_may_have_its_own_principal_point():
    camera = Intrinsics(50.0, 50.0, 40.0, 20.0, 96, 64)
    plain, shifted = method_of(), method_of("--right_cx_px", 56)
    assert plain.camera_of("right:depth", camera) == shifted.camera_of("left:depth", camera) == camera
    assert shifted.camera_of("right:depth", camera) == Intrinsics(50.0, 50.0, 56.0, 20.0, 96, 64)
