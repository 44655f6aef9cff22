# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""dcnf as the commands see it: graph, stages, sources of data, maps and their sizes, mistakes."""
from __future__ import annotations

import re
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.datasets.nyu_labelled import NyuLabelled
from src.dcnf.data_loader import DividedPairs, EvalSamples, divide, network_inputs
from src.dcnf.net import TRUNKS, DcnfNet, LightTrunk, PatchUnary, PooledUnary, Vgg16Trunk
from src.dcnf.paint import colourise, guided
from src.evaluation import Evaluation, chosen_protocols
from src.method import Sample
from src.prediction import network_runners, predict, read_samples
from tests.commands import refusal
from tests.dcnf.crf_reference import most_probable
from tests.dcnf_files import (
    HEIGHT,
    MAT,
    ROOM,
    SMALL,
    WIDTH,
    InMemory,
    TinyTrunk,
    method_of,
    scene,
    settings_of,
    write_hu,
    write_mat,
    write_record,
)
from tests.samples import save

DEPTH, UNARY = "dcnf:depth", "dcnf:unary"
GRID = ("--superpixels", "grid", "--block_px", 16, "--max_edge_px", 64)  # 3 x 4 blocks of 48 x 64
REDUCED = ("--unary", "patches", "--reduced", "true")
PAINTED = ("--smoothing", "none")
CELLS = HEIGHT * WIDTH // 64


@pytest.fixture
def tiny_trunk(monkeypatch):
    monkeypatch.setitem(TRUNKS, "light", TinyTrunk)


def in_memory(*argv: object, pictures: int = 1, **kinds) -> tuple:
    """The method and its evaluation set of scenes."""
    method = method_of(*argv, command="eval")
    pairs = DividedPairs(InMemory(*(scene(number, **kinds) for number in range(pictures))), method.settings)
    return method, EvalSamples(pairs, method.settings)


# --- graph ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("argv", "unary"), [
    ((), {"image": (3, HEIGHT, WIDTH), "pool": (ROOM, CELLS)}),
    (REDUCED, {"patches": (ROOM, 3, 100, 100)}),
    (("--unary", "patches"), {"patches": (ROOM, 3, 224, 224)})])
def test_one_model_makes_depth_with_the_crf_and_without(argv, unary):
    method = method_of(*argv, "--similarities", "histogram,colour")
    graph = method.graph
    assert graph.results == (DEPTH, UNARY) and method.inferred == (DEPTH,)
    assert {spec.name: spec.shape for spec in graph.inputs} == {**unary, "similarity": (2, ROOM, ROOM)}
    (model,) = graph.models
    assert (model.name, model.file) == ("dcnf", "FinalDcnf")
    assert [wire.name for wire in model.inputs] == [*unary, "similarity"]
    assert graph.spec(DEPTH).shape == graph.spec(UNARY).shape == (ROOM,)
    assert [method.net_of(result) for result in graph.results] == ["dcnf", "unary"]


def test_the_network_gives_the_graphs_results_the_most_probable_depth(tiny_trunk):
    method, samples = in_memory("--beta_max", 6, pictures=2)
    networks = method.build_networks()
    network = networks["dcnf"].set_train(False)
    network.crf.beta_logit.set_data(ms.Tensor([0.0, 1.5, -1.0], ms.float32))
    beta = 6 / (1 + np.exp([0.0, -1.5, 1.0]))
    both = {name: np.stack([samples[i].inputs[name] for i in range(2)]) for name in samples[0].inputs}
    results = method.graph.run(network_runners(networks), both)
    assert list(results) == [DEPTH, UNARY]
    for z, depth, similarity in zip(results[UNARY], results[DEPTH], both["similarity"], strict=True):
        assert depth.shape == (ROOM,) and depth.dtype == z.dtype == np.float32
        exact = most_probable(z.astype(float), similarity, beta)
        np.testing.assert_allclose(depth, exact, atol=1e-5)
        assert np.abs(depth - z).max() > 1e-3


@pytest.mark.parametrize(("argv", "kind", "trunk"), [
    ((), PooledUnary, LightTrunk), (("--trunk", "vgg16"), PooledUnary, Vgg16Trunk),
    (REDUCED, PatchUnary, None), (("--unary", "patches"), PatchUnary, None)])
def test_the_network_is_the_settings(argv, kind, trunk):
    method = method_of(*argv, "--beta_max", 5, "--cg_steps", 9, "--similarities", "texture")
    network = method.build_networks()["dcnf"]
    assert isinstance(network, DcnfNet) and type(network.unary) is kind
    if trunk:
        assert type(network.unary.trunk) is trunk
    else:  # the patches that it takes are those that the method gives
        assert network.unary.patch_px == method.graph.inputs[0].shape[-1]
    assert (network.crf.cg_steps, network.crf.beta_max) == (9, 5)
    np.testing.assert_allclose(network.crf.beta().asnumpy(), [1], rtol=1e-5)


def test_the_published_forms_are_presets():
    paper, seed, cpu = (settings_of("--preset", name) for name in ("paper", "seed", "cpu"))
    assert (paper.trunk, paper.optimizer, paper.momentum, paper.weight_decay) == ("vgg16", "sgd", 0.9, 5e-4)
    assert paper.unary_learning_rate == paper.joint_learning_rate == 1e-4
    assert (seed.superpixels, seed.block_px, seed.box_px) == ("grid", 40, 100)
    assert seed.reduced and seed.similarities == ("histogram", "colour")
    assert (cpu.trunk, cpu.unary, cpu.batch_size) == ("light", "pooled", 4)


# --- stages -----------------------------------------------------------------------------------------------


class Net(nn.Cell):
    """A `DcnfNet` as a stage is built with it."""

    def __init__(self):
        super().__init__()
        self.unary = self.crf = nn.Identity()


POOLED = ("image", "pool")


@pytest.mark.parametrize(("argv", "unary"), [
    ((), POOLED), (("--trunk", "vgg16"), POOLED), (REDUCED, ("patches",)),
    (("--unary", "patches"), ("patches", "keep")), (("--unary", "patches", "--dropout", 0), ("patches",))])
def test_stages(argv, unary):
    method = method_of("--epochs", 7, "--unary_learning_rate", 3e-3, "--joint_learning_rate", 2e-3,
                       "--crf_lr_scale", 4, *argv)
    assert method.stage_names == ("unary", "joint")
    network = Net()
    first, second = (method.build_stage(name, {"dcnf": network}) for name in method.stage_names)
    assert first.columns == (*unary, "log_depth", "valid") and first.needs == ()
    assert second.columns == (*unary, "similarity", "log_depth", "valid") and second.needs == ("dcnf",)
    assert (first.learning_rate, second.learning_rate) == (3e-3, 2e-3)
    assert (first.objective.terms, second.objective.terms) == (("squared_error",), ("nll",))
    for stage, name in ((first, "unary"), (second, "joint")):
        assert (stage.name, stage.title) == (name, f"dcnf net, {name}")
        assert stage.results == (DEPTH if name == "joint" else UNARY,)  # what its best checkpoint is best in
        assert stage.trained == ("dcnf",) and stage.objective.network is network
        assert (stage.epochs, stage.steps) == (7, None)
        assert [group.lr_scale for group in stage.groups] == [4]


def test_steps_replace_epochs_stage_by_stage():
    method = method_of("--unary_steps", 9, "--joint_steps", 4)
    assert [method.build_stage(name, {"dcnf": Net()}).steps for name in method.stage_names] == [9, 4]


def test_the_group_of_its_own_rate_is_the_crfs_weights(tiny_trunk):
    method = method_of()
    networks = method.build_networks()
    (group,) = method.build_stage("joint", networks).groups
    names = [parameter.name for parameter in networks["dcnf"].trainable_params()]
    assert [name for name in names if re.search(group.pattern, name)] == ["crf.beta_logit"]
    assert len(names) > 5


@pytest.mark.parametrize("argv", [(), REDUCED, ("--unary", "patches")])
def test_samples_have_the_columns_of_their_stage(tmp_path, argv):
    folder = write_hu(tmp_path / "nyu", write_mat(tmp_path, 1, 1))
    method = method_of("--data_url", folder, *argv)
    for name in method.stage_names:
        columns = method.train_samples(name).read(0, np.random.default_rng(0))
        assert set(columns) == set(method.build_stage(name, {"dcnf": Net()}).columns)
        shapes = {spec.name: spec.shape for spec in method.graph.inputs}
        assert all(columns[key].shape == shapes[key] for key in columns.keys() & shapes.keys())
        if "keep" in columns:
            assert columns["keep"].shape == (ROOM, 4096 + 128)


# --- sources of data --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Three rooms to train on and two to test on, in every form."""
    folder = tmp_path_factory.mktemp("data")
    mat = write_mat(folder, 3, 2)
    write_hu(folder / "hu", mat)
    for part in ("train", "test"):
        write_record(folder / f"records/{part}.mindrecord", NyuLabelled(mat, part), settings_of())
    (folder / "own.txt").write_text("hu/Test/00001_colors.png hu/Test/00001_depth.png\n")
    return folder


def names_of(samples) -> list[str]:
    return [samples[i].name for i in range(len(samples))]


@pytest.mark.parametrize(("given", "train", "test"), [
    (MAT, ["00002", "00003", "00004"], ["00000", "00001"]),
    ("", ["00002", "00003", "00004"], ["00000", "00001"]),  # the folder that holds it
    ("records", ["00002", "00003", "00004"], ["00000", "00001"]),
    ("hu", ["room_0", "room_1", "room_2"], ["00000", "00001"])])
def test_training_and_test_sets_of_every_form(root, given, train, test):
    method = method_of("--data_url", root / given)
    assert names_of(method.calibration_samples()) == train
    samples = method.train_samples("joint")
    assert len(samples) == 3
    assert given == "hu" or str(root / given)[-8:] in samples.describe(1)
    assert names_of(method.eval_samples()) == names_of(method.validation_samples()) == test


@pytest.mark.parametrize(("argv", "validated"), [
    ((), ["00000", "00001"]), (("--data_list", "{}/own.txt"), None),
    (("--val_list", "{}/own.txt"), ["00000_00001_colors"]),
    (("--val_list", "{}/records/train.mindrecord"), ["00002", "00003", "00004"])])
def test_what_training_validates_on(root, argv, validated):
    method = method_of("--data_url", root / "records", *(text.format(root) for text in argv))
    samples = method.validation_samples()
    assert (samples and names_of(samples)) == validated


# --- maps -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [PAINTED, (*PAINTED, "--max_edge_px", 60)])
def test_without_smoothing_superpixels_are_painted(argv):
    method, samples = in_memory(*argv)
    raw = np.random.default_rng(0).normal(1, 0.5, ROOM).astype(np.float32)
    labels = samples[0].extras["labels"]
    found = method.decode(DEPTH, raw, samples[0])
    assert found.dtype == np.float32 and found.shape == labels.shape
    np.testing.assert_allclose(found, np.exp(raw.astype(float))[labels], rtol=1e-6)
    padding = np.arange(ROOM) > labels.max()
    assert padding.any()
    np.testing.assert_array_equal(method.decode(UNARY, np.where(padding, 99, raw), samples[0]), found)


@pytest.mark.parametrize("smoothing", ["none", "guided", "colourise"])
def test_maps_are_positive_and_finite_whatever_the_network_says(smoothing):
    method, samples = in_memory("--smoothing", smoothing)
    raw = np.where(np.arange(ROOM) % 2, 1e30, -1e30).astype(np.float32)
    found = method.decode(DEPTH, raw, samples[0])
    assert np.isfinite(found).all() and found.min() >= 0
    np.testing.assert_allclose(found.max(), np.exp(10), rtol=1e-3 if smoothing == "none" else 10)
    even = method.decode(DEPTH, np.full(ROOM, np.log(2.5), np.float32), samples[0])
    np.testing.assert_allclose(even, 2.5, rtol=1e-4)


@pytest.mark.parametrize(("argv", "smooth"), [
    (("--smooth_radius_px", 5, "--smooth_epsilon", 0.02),
     lambda raw, labels, rgb: guided(raw[labels], rgb, 5, 0.02)),
    (("--smoothing", "colourise"), colourise)])
def test_log_depth_is_smoothed_as_the_settings_say(argv, smooth):
    method, samples = in_memory(*argv)
    raw, extras = np.random.default_rng(0).normal(1, 0.5, ROOM).astype(np.float32), samples[0].extras
    found = method.decode(DEPTH, raw, samples[0])
    np.testing.assert_allclose(np.log(found), smooth(raw, extras["labels"], extras["picture"]), atol=1e-5)
    assert np.abs(np.log(found) - raw[extras["labels"]]).max() > 0.1
    postprocessed = Sample("picture0", {}, None, samples[0].truth_m, extras)
    np.testing.assert_array_equal(method.decode(DEPTH, raw, postprocessed), found)


@pytest.mark.parametrize(("argv", "image_hw", "small_hw"), [
    ((), (HEIGHT, WIDTH), (HEIGHT, WIDTH)), ((), (96, 128), (96, 128)), ((), (30, 41), (30, 41)),
    (("--max_edge_px", 64), (96, 128), (48, 64)), (("--max_edge_px", 50), (96, 75), (50, 39))])
def test_sizes_of_maps_and_truth(argv, image_hw, small_hw):
    """Maps have the size of the divided picture, and so has the truth there; figures are at full size."""
    method, samples = in_memory(*PAINTED, *argv, image_hw=image_hw)
    sample = samples[0]
    map_m = method.decode(DEPTH, np.zeros(ROOM, np.float32), sample)
    assert map_m.shape == method.truth_at_network(sample.truth_m).shape == small_hw
    full_m, seen = method.to_full(map_m, sample)
    assert full_m.shape == seen.shape == image_hw and seen.dtype == bool and seen.all()
    np.testing.assert_allclose(full_m, 1, rtol=1e-6)


def test_maps_are_enlarged_linearly_and_truth_is_never_blended():
    method, samples = in_memory("--max_edge_px", 64, image_hw=(96, 128))
    truth_m = samples[0].truth_m
    small_m = method.truth_at_network(truth_m)
    for row, column in np.ndindex(small_m.shape):  # a pixel's centre is the corner of four readings
        around = truth_m[2 * row:2 * row + 2, 2 * column:2 * column + 2]
        assert small_m[row, column] in around
    ramp_m = np.linspace(1, 4, 64, dtype=np.float32) * np.ones((48, 1), np.float32)
    full_m, _ = method.to_full(ramp_m, samples[0])
    places = np.clip((np.arange(128) + 0.5) / 2 - 0.5, 0, 63)
    expected = np.interp(places, np.arange(64), ramp_m[0])
    np.testing.assert_allclose(full_m, np.broadcast_to(expected, (96, 128)), rtol=1e-5)


# --- mirroring --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [(), ("--max_edge_px", 64), (*GRID, *REDUCED)])
def test_mirrored_is_the_sample_of_the_mirrored_superpixels(argv):
    method, samples = in_memory(*argv, image_hw=(HEIGHT, WIDTH) if "grid" in argv else (96, 128))
    sample, once = samples[0], method.mirrored(samples[0])
    for name, values in once.extras.items():
        np.testing.assert_array_equal(values, sample.extras[name][:, ::-1])
    np.testing.assert_array_equal(once.inputs["similarity"], sample.inputs["similarity"])
    mirrored = divide(sample.rgb, method.settings).mirrored()
    for name, values in network_inputs(mirrored, method.settings).items():
        np.testing.assert_array_equal(once.inputs[name], values)
    assert any(not np.array_equal(once.inputs[name], sample.inputs[name]) for name in sample.inputs)
    twice = method.mirrored(once)
    for name, values in sample.inputs.items():
        np.testing.assert_array_equal(twice.inputs[name], values)
    assert once.name == sample.name and once.rgb is sample.rgb and once.truth_m is sample.truth_m


@pytest.mark.parametrize("argv", [(), ("--max_edge_px", 64, "--smoothing", "guided")])
def test_flip_average_of_a_symmetric_net_is_its_map_and_of_a_biased_one_the_mean(argv):
    """Nets that say how far a superpixel is from the middle, and from the left."""
    across = np.tile((np.arange(8) + 0.5) / 8, 6).astype(np.float32)  # of the cells

    def maps(cells: np.ndarray, *more: object) -> list[tuple[Sample, np.ndarray]]:
        method, samples = in_memory(*PAINTED, *argv, *more, pictures=3, image_hw=(96, 128))
        runners = {"dcnf": lambda image, pool, similarity: (pool @ cells, pool @ (2 * cells))}
        return [(sample, found[DEPTH]) for sample, found in
                predict(method, method.graph, runners, read_samples(method, samples))]

    symmetric = np.abs(across - 0.5)
    for more in ((), ("--eval_batch_size", 2)):
        for (_, plain), (_, averaged) in zip(maps(symmetric), maps(symmetric, "--flip_average", *more)):
            np.testing.assert_allclose(averaged, plain, rtol=1e-4)
        for (_, plain), (_, averaged) in zip(maps(across), maps(across, "--flip_average", *more)):
            if not argv:  # every superpixel at 1 - x when mirrored
                np.testing.assert_allclose(averaged, (plain + np.exp(1) / plain) / 2, rtol=1e-4)
            assert np.abs(averaged - plain).max() > 0.1


def test_shuffled_pictures_come_with_their_superpixels():
    """The control predicts what the other picture's map is, not a patchwork of both."""
    method, samples = in_memory(*PAINTED, pictures=2, image_hw=(96, 128))
    own, other = samples[0], samples[1]
    mixed = method.shuffled(own, other)
    assert mixed.truth_m is own.truth_m and mixed.inputs is other.inputs
    raw = np.random.default_rng(0).normal(1, 0.5, ROOM).astype(np.float32)
    np.testing.assert_array_equal(method.decode(DEPTH, raw, mixed), method.decode(DEPTH, raw, other))


def test_figures_of_both_results_by_hand():
    method, samples = in_memory(*PAINTED, pictures=2)
    evaluation = Evaluation(method, chosen_protocols(method))
    for index in range(2):
        truth_m = samples[index].truth_m
        evaluation.add(samples[index], {DEPTH: truth_m * (1.05 + 0.05 * index), UNARY: truth_m * 0.8})
    report = evaluation.report()
    assert [(result["net"], result["protocol"]["name"]) for result in report["results"]] == [
        ("dcnf", "nyu_eigen"), ("unary", "nyu_eigen")]
    abs_rel = [result["metrics"]["abs_rel"] for result in report["results"]]
    assert abs_rel == pytest.approx([0.075, 0.2], rel=1e-4)


def test_own_pictures_become_what_evaluation_makes_of_them(tmp_path):
    method, samples = in_memory("--max_edge_px", 64, image_hw=(96, 128))
    path = save(tmp_path / "own.png", samples[0].rgb)
    for sample in (method.prepare("own", {"picture": path}),
                   method.prepare_frame("own", {"picture": samples[0].rgb})):
        assert sample.name == "own" and sample.truth_m is None and sample.image_hw == (96, 128)
        for found, expected in ((sample.inputs, samples[0].inputs), (sample.extras, samples[0].extras)):
            assert found.keys() == expected.keys()
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values)


# --- mistakes ---------------------------------------------------------------------------------------------

KINDS = "is not possible: give one or more of texture, histogram, colour, each once"


@pytest.mark.parametrize(("argv", "words"), [
    (("--image_height", 100), "--image_height 100 must be a multiple of 16"),
    (("--image_width", 330), "--image_width 330 must be a multiple of 16"),
    (("--image_height", 0), "--image_height 0 is not possible"),
    (("--similarities", "texture,colors"), f"--similarities texture,colors {KINDS}"),
    (("--similarities", "colour,colour"), f"--similarities colour,colour {KINDS}"),
    (("--similarities", ""), f"--similarities {KINDS}"),
    (("--num_superpixels", 25), "--num_superpixels 25 must not be above --max_superpixels 24"),
    (("--max_superpixels", 1001), "--max_superpixels 1001 is not possible"),
    (("--superpixels", "slics"), "did you mean slic?"),
    (("--beta_max", 1), "--beta_max 1 is not possible"),
    (("--stages", "crf"), "--stages crf is not known: dcnf has unary, joint"),
    (("--data_url", "{root}/no"), "no data folder {root}/no"),
    (("--data_url", "{root}/no.mat"), "no such file: {root}/no.mat"),
    (("--data_list", "{root}/no.txt"), "cannot read the list {root}/no.txt"),
    (("--data_url", "{root}/records", "--num_superpixels", 18), "{root}/records/train.mindrecord holds"),
    (("--superpixels", "grid", "--block_px", 8, "--data_url", "{root}/hu"),
     "a picture has 48 superpixels and --max_superpixels is 24"),
    (("--batch_size", 4), "the training set has 3 samples, fewer than one batch of 4"),
    (("--stages", "joint"), "Ckpt/FinalDcnf.ckpt; train first"),
    (("--preset", "gpu"), "--preset gpu is not known to dcnf")])
def test_mistakes_in_training(capsys, root, tmp_path, tiny_trunk, argv, words):
    argv = [str(arg).format(root=root) for arg in argv]
    line = refusal(capsys, "train", "--method", "dcnf", "--device_target", "CPU", "--data_url",
                   root / "records", "--train_url", tmp_path / "Model", "--batch_size", 1, *SMALL, *argv)
    assert words.format(root=root) in line


def test_mistakes_in_evaluation_and_inference(capsys, root, tmp_path, tiny_trunk):
    own = ("--method", "dcnf", "--device_target", "CPU", *SMALL)
    where = ("--data_url", root / "records", "--train_url", tmp_path)
    assert f"no checkpoint {tmp_path}/Ckpt/FinalDcnf.ckpt" in refusal(capsys, "eval", *own, *where)
    other = refusal(capsys, "eval", *own, *where, "--slic_regularizer", 0.2)
    assert f"{root}/records/test.mindrecord holds superpixels made with" in other
    assert f"no checkpoint {tmp_path}" in refusal(capsys, "export", *own, "--train_url", tmp_path)
    save(tmp_path / "a.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert str(tmp_path / "Model") in refusal(capsys, "infer", tmp_path / "a.png", tmp_path / "Model", *own)
