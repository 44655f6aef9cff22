# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth as the commands see it: graph, stage, validation lists, own pictures, rays, mistakes."""
from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.datasets.panorama import Panorama, write_panoramas
from src.errors import UserError
from src.evaluation import Evaluation, chosen_protocols
from src.layers.resnet import ResNet50
from src.method import Sample
from src.panodepth.data_loader import EvalSamples
from src.prediction import predict, read_samples
from tests.commands import refusal
from tests.geometry.panorama_scene import Panorama as View
from tests.geometry.panorama_scene import pixel_directions, rotation
from tests.panorama_files import (
    HEIGHT,
    WIDTH,
    InMemory,
    method_of,
    seed_row,
    settings_of,
    write_picture,
    write_seed_view,
    yawed,
)
from tests.samples import save

SMALL = ("--image_height", 64, "--image_width", 128)
RESULT = "pano:depth"
PAIRS = ("--rate", "0.1,0.1,0.8,0,0,0.5")
SEEN = View(turn=rotation(30, 20, 10), pillar=True)


def in_memory(*argv: object, height: int = 64, frames: int = 1) -> tuple:
    """The method and its evaluation set of exactly ray-cast panoramas."""
    method = method_of(*SMALL, *argv, command="eval")
    depth_m, image = SEEN.picture(height, 2 * height)
    rgb = np.rint(np.moveaxis(image, 0, -1) * 255).astype(np.uint8)
    row = (Panorama(rgb, depth_m.astype(np.float32), None),)
    return method, EvalSamples(InMemory(*[row] * frames), method.settings)


# --- graph and stage --------------------------------------------------------------------------------------


def test_one_model_makes_depth_from_the_image():
    graph = method_of(*SMALL).graph
    assert graph.results == (RESULT,)
    part = graph.upto(graph.results)
    assert {spec.name: spec.shape for spec in part.inputs} == {"image": (3, 64, 128)}
    assert {model.name: model.file for model in part.models} == {"pano": "FinalPanoNet"}
    assert part.spec(RESULT).shape == (1, 64, 128)
    assert method_of().graph.spec(RESULT).shape == (1, 256, 512)


def test_the_network_gives_the_graphs_map_within_the_range_of_depth():
    method = method_of("--image_height", 32, "--image_width", 64, "--output_min_m", 0.5, "--output_max_m", 4)
    image = np.random.default_rng(0).random((2, 3, 32, 64), np.float32)
    depth_m = method.build_networks()["pano"].set_train()(ms.Tensor(image)).asnumpy()
    assert depth_m.shape[1:] == method.graph.spec(RESULT).shape
    assert 0.5 <= depth_m.min() < depth_m.max() <= 4
    decoded = method.decode(RESULT, depth_m[1], None)
    np.testing.assert_array_equal(decoded, depth_m[1, 0])


def test_the_backbone_is_the_settings():
    for backbone in ("mobile", "resnet50"):
        encoder = method_of(*SMALL, "--backbone", backbone).build_networks()["pano"].encoder
        assert isinstance(encoder, ResNet50) == (backbone == "resnet50")


@pytest.mark.parametrize(("argv", "terms", "weights"), [
    ((), ("l1", "normal", "ssim"), (0.1, 0.1, 0.8)),
    (("--rate", "1,0,0,0.5,0.25,0"), ("l1", "gradient", "berhu"), (1, 0.5, 0.25)),
    (PAIRS, ("l1", "normal", "ssim", "photometric", "consistency"), (0.1, 0.1, 0.8, 0.5, 0.5))])
def test_stage_of_depth(argv, terms, weights):
    method = method_of(*SMALL, "--epochs", 7, "--learning_rate", 2e-3, *argv)
    assert method.stage_names[0] == "depth"
    network = nn.Identity()
    stage = method.build_stage("depth", {"pano": network})
    assert (stage.name, stage.title) == ("depth", "pano net")
    assert (stage.learning_rate, stage.epochs, stage.steps) == (2e-3, 7, None)
    assert stage.trained == ("pano",) and stage.objective.network is network
    assert stage.objective.terms == terms and stage.objective.weights == weights
    one = ("image", "depth_m", "valid")
    both = (*one, "other_image", "other_depth_m", "other_valid", "pose")
    assert stage.columns == (both if argv == PAIRS else one)
    assert method_of("--steps", 9).build_stage("depth", {"pano": network}).steps == 9


def test_the_sources_settings_are_the_defaults():
    s = settings_of()
    expected = {"image_height": 256, "image_width": 512, "backbone": "mobile", "ssim_k": 11, "batch_size": 8,
                "learning_rate": 1e-4, "epochs": 40, "output_max_m": 20.0, "seed": 456}
    assert {name: s[name] for name in expected} == expected
    assert [float(weight) for weight in s.rate] == [0.1, 0.1, 0.8, 0, 0, 0]
    cpu = settings_of("--preset", "cpu")
    assert (cpu.image_height, cpu.image_width) == (128, 256)


# --- lists ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A box room with four panoramas in lists of all names."""
    folder = tmp_path_factory.mktemp("panoramas")
    for k, name in enumerate("abcd"):
        write_seed_view(folder, "room", name, yawed(0.5 * k, (0.3 * k, 0.1, -0.2)))
    a, b, c, d = (seed_row("room", name) for name in "abcd")
    for name, rows in (("train", [a, b]), ("train_pairs", [a + b]), ("valid", [c]), ("test", [d]),
                       ("own", [b[:2]])):
        write_panoramas(folder / f"{name}.csv", rows)
    return folder


def names_of(samples) -> list[str]:
    return [samples[i].name for i in range(len(samples))]


def test_training_takes_pairs_where_two_views_are_trained(root):
    own = ("--data_url", root, *SMALL)
    single, pairs = (method_of(*own, *more).train_samples("depth") for more in ((), PAIRS))
    assert (len(single), len(pairs)) == (2, 1)
    assert set(single.read(0, np.random.default_rng(0))) == {"image", "depth_m", "valid"}
    stage = method_of(*own, *PAIRS).build_stage("depth", {"pano": nn.Identity()})
    assert set(pairs.read(0, np.random.default_rng(0))) == set(stage.columns)


@pytest.mark.parametrize(("argv", "validated"), [
    ((), ["c"]), (("--test_list", "{}/train.csv"), ["a", "b"]), (("--val_list", "{}/train.csv"), ["a", "b"]),
    (("--data_list", "{}/own.csv"), None),
    (("--data_list", "{}/own.csv", "--val_list", "{}/test.csv"), ["d"]),
    (("--train_list", "{}/own.csv"), ["c"])])
def test_what_training_validates_on(root, argv, validated):
    method = method_of("--data_url", root, *(text.format(root) for text in argv))
    samples = method.validation_samples()
    assert (samples and names_of(samples)) == validated


def test_without_a_list_to_validate_on_training_takes_the_test_set(root, tmp_path):
    write_panoramas(tmp_path / "test.csv", [tuple(str(root / file) for file in seed_row("room", "d"))])
    assert names_of(method_of("--data_url", tmp_path).validation_samples()) == ["d"]
    (tmp_path / "test.csv").unlink()
    with pytest.raises(UserError, match="test.csv does not exist"):
        method_of("--data_url", tmp_path).validation_samples()


def test_evaluation_takes_the_test_list_or_own_data(root):
    own = ("--data_url", root)
    assert names_of(method_of(*own, command="eval").eval_samples()) == ["d"]
    for option in ("--test_list", "--data_list"):
        given = method_of(*own, option, root / "own.csv", command="eval")
        assert names_of(given.eval_samples()) == ["b"]
    pairs = method_of(*own, "--test_list", root / "train_pairs.csv", command="eval")
    assert names_of(pairs.eval_samples()) == ["a"]  # of pairs the first ones


# --- maps -------------------------------------------------------------------------------------------------


def test_maps_are_enlarged_round_the_sphere_and_truth_is_taken_at_centres():
    method, samples = in_memory(height=192)
    sample, truth_m = samples[0], samples[0].truth_m
    small_m = method.truth_at_network(truth_m)
    np.testing.assert_array_equal(small_m, truth_m[1::3, 1::3])
    full_m, seen = method.to_full(small_m, sample)
    assert full_m.shape == seen.shape == (192, 384) and seen.dtype == bool and seen.all()
    np.testing.assert_allclose(full_m[1::3, 1::3], small_m, rtol=1e-6)
    np.testing.assert_allclose(method.truth_at_network(full_m), small_m, rtol=1e-6)
    off = np.abs(full_m / truth_m - 1)
    assert np.median(off) < 2e-3 and np.median(off[:, [0, -1]]) < 4e-3  # and at the seam
    rolled_m, _ = method.to_full(np.roll(small_m, 32, axis=1), sample)
    np.testing.assert_allclose(rolled_m, np.roll(full_m, 96, axis=1), rtol=1e-5)


def test_points_normals_and_edges_are_a_panoramas():
    method = method_of()
    assert method.depth_kind == "ray" and not method.needs_camera
    rays = pixel_directions(64, 128)
    depth_m, normal, surface = SEEN.trace(rays)
    np.testing.assert_allclose(method.points(depth_m, None), rays * depth_m[..., None], atol=1e-12)
    seen = np.ones(depth_m.shape, bool)
    seen[20:30, 40:60] = False
    found, exists = method.normals(depth_m, seen, None)
    for number in range(6):  # the walls, but for their corners
        cosine = np.sum(found * normal, -1)[exists & (surface == number)]
        assert np.median(cosine) > 0.999999 and len(cosine) > 100
    assert not exists[20:30, 40:60].any() and not exists[25, 60] and exists.mean() > 0.85
    stepped_m = np.where(np.arange(128) < 64, 2.0, 3.0) * np.ones((64, 1))
    edges = method.edges(stepped_m, 0.1)
    assert np.nonzero(edges[32])[0].tolist() == [0, 63, 64, 127]  # the seam is one of the steps
    assert not method.edges(stepped_m, 0.6).any()


def test_mirrored_twice_is_the_sample():
    method, samples = in_memory()
    once = method.mirrored(samples[0])
    np.testing.assert_array_equal(once.inputs["image"], samples[0].inputs["image"][:, :, ::-1])
    np.testing.assert_array_equal(method.mirrored(once).inputs["image"], samples[0].inputs["image"])


def test_flip_average_of_a_pointwise_net_is_its_map_and_of_a_biased_one_the_mean():
    ramp = np.linspace(0, 2, 128, dtype=np.float32)

    def maps(added: np.ndarray, *argv: object) -> list[np.ndarray]:
        method, samples = in_memory(*argv, frames=3)
        runners = {"pano": lambda image: (1 + image[:, :1] + added,)}
        graph = method.graph.upto((RESULT,))
        return [found[RESULT] for _, found in predict(method, graph, runners, read_samples(method, samples))]

    for argv in (("--flip_average",), ("--flip_average", "--eval_batch_size", 2)):
        for plain, averaged in zip(maps(0 * ramp), maps(0 * ramp, *argv), strict=True):
            np.testing.assert_allclose(averaged, plain, atol=1e-6)
        for plain, averaged in zip(maps(ramp), maps(ramp, *argv), strict=True):
            np.testing.assert_allclose((averaged - plain)[0], (ramp[::-1] - ramp) / 2, atol=1e-6)


def test_figures_are_plain_weighted_by_latitude_and_of_normals():
    """All errors lie in the upper sixth: a third of the area that the plain mean gives it."""
    method, samples = in_memory()
    truth_m = samples[0].truth_m
    depth_m = truth_m * np.where(np.arange(64) < 11, 1.2, 1)[:, None].astype(np.float32)
    evaluation = Evaluation(method, chosen_protocols(method))
    evaluation.add(samples[0], {RESULT: depth_m})
    found = {result["protocol"]["name"]: result["metrics"] for result in evaluation.report()["results"]}
    assert list(found) == ["panorama", "panorama_latitude"]
    rows = np.cos(np.pi / 2 - np.pi * (np.arange(64) + 0.5) / 64)
    assert found["panorama"]["abs_rel"] == pytest.approx(0.2 * 11 / 64, rel=1e-4)
    weighted = 0.2 * rows[:11].sum() / rows.sum()
    assert found["panorama_latitude"]["abs_rel"] == pytest.approx(weighted, rel=1e-4)
    normals_deg = [metrics["normal_deg"] for metrics in found.values()]
    assert normals_deg[0] == normals_deg[1] > 0.1
    assert method.own_figures(RESULT, truth_m, samples[0])["normal_deg"][0] < 0.1 * truth_m.size
    postprocessed = Sample("row0", {}, None, truth_m)  # no picture
    evaluation = Evaluation(method, chosen_protocols(method))
    evaluation.add(postprocessed, {RESULT: depth_m})
    assert {result["protocol"]["name"]: result["metrics"]
            for result in evaluation.report()["results"]} == found


# --- own pictures -----------------------------------------------------------------------------------------


def test_own_pictures_become_what_evaluation_makes_of_them(tmp_path):
    method, samples = in_memory(height=128)
    path = save(tmp_path / "own.png", samples[0].rgb)
    own = method.prepare("own", {"picture": path})
    frame = method.prepare_frame("own", {"picture": samples[0].rgb})
    for sample in (own, frame):
        assert sample.name == "own" and sample.truth_m is None and sample.image_hw == (128, 256)
        np.testing.assert_array_equal(sample.inputs["image"], samples[0].inputs["image"])
        np.testing.assert_array_equal(sample.rgb, samples[0].rgb)


def test_pictures_that_are_no_panoramas_are_named(tmp_path):
    path = save(tmp_path / "street.png", np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(UserError) as caught:
        method_of(command="infer").prepare("street", {"picture": path})
    assert str(caught.value).startswith("sample street: the picture is 80x60, but a panorama is twice as")


# --- mistakes ---------------------------------------------------------------------------------------------

SIX = "give three to six weights, none below 0"


@pytest.mark.parametrize(("argv", "words"), [
    (("--image_height", 100), "--image_height 100 must be a multiple of 32"),
    (("--image_width", 500), "--image_width 500 must be a multiple of 32"),
    (("--image_height", 64, "--image_width", 64), "--image_width 64 must be twice --image_height 64"),
    (("--image_height", 16), "--image_height 16 is not possible"),
    (("--output_min_m", 20), "--output_min_m 20 must be below --output_max_m 20"),
    (("--output_min_m", 3, "--output_max_m", 2.5), "--output_min_m 3 must be below --output_max_m 2.5"),
    (("--rate", "0.1,0.1"), SIX), (("--rate", "0.1,0.1,0.8,0,0,x"), SIX),
    (("--ssim_k", 2), "--ssim_k 2 is not possible"), (("--color_range", 1), "--color_range 1 is not"),
    (("--backbone", "resnet51"), "did you mean resnet50?"),
    (("--stages", "coarse"), "--stages coarse is not known: panodepth has depth"),
    (("--data_url", "{root}/no"), "{root}/no/train.csv does not exist: name the list with --train_list"),
    (("--data_url", "{root}/no", *PAIRS), "--output_dir {root}/no --pairs`"),
    (("--train_list", "{root}/no.csv"), "{root}/no.csv"),
    (("--train_list", "{root}/train.csv", *PAIRS), "{root}/train.csv names single panoramas"),
    (("--data_list", "{root}/own.csv", *PAIRS), "{root}/own.csv names single panoramas"),
    (("--test_list", "{root}/no.csv", "--batch_size", 1), "{root}/no.csv"),
    (("--val_list", "{root}/no.csv", "--batch_size", 1), "{root}/no.csv"),
    (("--batch_size", 3), "the training set has 2 samples, fewer than one batch of 3")])
def test_mistakes_in_training(capsys, root, tmp_path, argv, words):
    argv = [str(arg).format(root=root) for arg in argv]
    line = refusal(capsys, "train", "--method", "panodepth", "--device_target", "CPU", "--data_url", root,
                   "--train_url", tmp_path / "Model", *argv)
    assert words.format(root=root) in line
    assert not (tmp_path / "Model").exists()


def test_mistakes_in_evaluation_and_inference(capsys, root, tmp_path):
    own = ("--method", "panodepth", "--device_target", "CPU")
    where = ("--data_url", root, "--train_url", tmp_path)
    assert f"no checkpoint {tmp_path}/Ckpt/FinalPanoNet.ckpt" in refusal(capsys, "eval", *own, *where)
    assert "no.csv" in refusal(capsys, "eval", *own, *where, "--test_list", root / "no.csv")
    assert "must be twice" in refusal(capsys, "eval", *own, *where, "--image_width", 256)
    assert f"no checkpoint {tmp_path}" in refusal(capsys, "export", *own, "--train_url", tmp_path)
    write_picture(tmp_path / "a.png", WIDTH, HEIGHT)
    assert str(tmp_path / "Model") in refusal(capsys, "infer", tmp_path / "a.png", tmp_path / "Model", *own)
