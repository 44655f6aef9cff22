# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What trainings start from: --ckpt and --pre_trained, whole networks and parts, alone and resumed."""
from __future__ import annotations

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from src.config import load_settings
from src.errors import UserError
from src.layers.resnet import ResNet50
from src.mergedepth.net import MergeNet
from src.training.checkpoints import save_network
from src.training.start import load_start
from tests.samples import write_nyu
from tests.training.test_trainer import Stop, assert_same_training, stop_before, weights
from tests.training.toy import registered_toy, train_toy

# One step at rate 0 leaves what a network started from in its final checkpoint.
ONE = ("--max_steps", 1, "--coarse_learning_rate", 0, "--fine_learning_rate", 0, "--picture_every", 0)
COARSE = (*ONE, "--stages", "coarse")
NETS = {"coarse": "FinalCoarseNet.ckpt", "fine": "FinalFineNet.ckpt"}


@pytest.fixture(scope="module", autouse=True)
def toy():
    with registered_toy():
        yield


@pytest.fixture(scope="module")
def nyu(tmp_path_factory) -> Path:
    return write_nyu(tmp_path_factory.mktemp("nyu"), 7, 3)


def write_ckpt(path: Path, entries: dict[str, np.ndarray]) -> Path:
    ms.save_checkpoint([{"name": name, "data": ms.Tensor(value)} for name, value in entries.items()],
                       str(path))
    return path


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, Path]:
    """Checkpoints of both networks, and of one layer under its own names."""
    folder, rng = tmp_path_factory.mktemp("given"), np.random.default_rng(0)
    shapes = {"coarse": {"conv1.weight": (4, 3, 19, 19), "conv1.bias": (4,), "fc6.weight": (16, 768),
                         "fc6.bias": (16,), "fc7.weight": (4070, 16), "fc7.bias": (4070,)},
              "fine": {"conv1.weight": (1, 3, 12, 12), "conv2.weight": (1, 2, 3, 3)},
              "layer": {"weight": (16, 768), "bias": (16,)}}
    return {kind: write_ckpt(folder / f"{kind}.ckpt", {
        name: rng.normal(0, 0.01, shape).astype(np.float32) for name, shape in entries.items()})
        for kind, entries in shapes.items()}


def started_from(folder: Path, net: str = "coarse") -> dict[str, bytes]:
    return weights(folder / "Ckpt" / NETS[net])


@pytest.mark.parametrize("stages", ["coarse", "coarse,fine"])
def test_a_trained_network_starts_from_ckpt(nyu, tmp_path, capsys, given, stages):
    train_toy(nyu, tmp_path, *ONE, "--stages", stages, "--coarse_ckpt_model", given["coarse"])
    assert started_from(tmp_path) == weights(given["coarse"])
    assert f"coarse starts from {given['coarse']}\n" in capsys.readouterr().out
    assert f"coarse starts from {given['coarse']}\n" in (tmp_path / "train.log").read_text()


def test_every_named_network_starts_from_its_ckpt(nyu, tmp_path, given):
    """Whether it is trained (fine) or built on (coarse)."""
    ckpts = [f"--ckpt={net}={given[net]}" for net in NETS]
    train_toy(nyu, tmp_path, *ONE, "--stages", "fine", *ckpts)
    assert started_from(tmp_path, "fine") == weights(given["fine"])
    stored = weights(tmp_path / "Ckpt/last.ckpt")
    assert all(stored[f"coarse.{name}"] == value for name, value in weights(given["coarse"]).items())


def test_a_step_from_ckpt_is_one_from_pre_trained(nyu, tmp_path, given):
    argv = ("--stages", "coarse", "--max_steps", 2, "--picture_every", 0)
    for flag in ("ckpt", "pre_trained"):
        train_toy(nyu, tmp_path / flag, *argv, f"--{flag}", f"coarse={given['coarse']}")
    assert started_from(tmp_path / "ckpt") == started_from(tmp_path / "pre_trained")
    assert started_from(tmp_path / "ckpt") != weights(given["coarse"])


@pytest.mark.parametrize(("argv", "words"), [
    (("--ckpt", "coarse={fine}"), "fine.ckpt does not fit ToyCoarseNet: "),
    (("--ckpt", "corse={coarse}"), "must be NAME=PATH with NAME one of coarse, fine"),
    (("--ckpt", "coarse=nothing.ckpt"), "no checkpoint nothing.ckpt"),
    (("--ckpt", "coarse={coarse}", "--pre_trained", "coarse={coarse}"),
     "both --ckpt and --pre_trained say what coarse starts from; give one of them"),
    (("--ckpt", "coarse={coarse}", "--pre_trained", "{coarse}"), "say what coarse starts from"),
    (("--ckpt", "coarse={coarse}", "--pre_trained", "coarse.fc6={layer}"), "say what coarse starts from"),
    (("--pre_trained", "coarse.fc8={layer}"), "coarse has no part fc8; its parts are conv1, fc6, fc7"),
    (("--pre_trained", "coarse.={layer}"), "coarse has no part ; its parts are conv1"),
    (("--pre_trained", "course.fc6={layer}"), "course is none of coarse, fine"),
    (("--pre_trained", "coarse.fc6={coarse}"), "coarse.ckpt does not fit Dense: 2 parameters missing"),
    (("--pre_trained", "coarse={layer}"), "layer.ckpt does not fit ToyCoarseNet: 6 parameters missing"),
    (("--pre_trained", "coarse.fc7={layer}"), "does not fit Dense: 2 of another shape (weight, bias)"),
    (("--pre_trained", "coarse.fc6={coarse}", "--allow_partial"), "shares no parameter with Dense")])
def test_what_cannot_be_started_from_is_refused(nyu, tmp_path, given, argv, words):
    with pytest.raises(UserError) as caught:
        train_toy(nyu, tmp_path / "run", *COARSE, *(arg.format(**given) for arg in argv))
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_part_starts_from_its_own_file(nyu, tmp_path, capsys, given):
    """The same seed makes the rest what it is without the part's file."""
    train_toy(nyu, tmp_path / "anew", *COARSE)
    train_toy(nyu, tmp_path / "part", *COARSE, "--pre_trained", f"coarse.fc6={given['layer']}")
    anew, part = started_from(tmp_path / "anew"), started_from(tmp_path / "part")
    assert {name for name in anew if anew[name] != part[name]} == {"fc6.weight", "fc6.bias"}
    assert {name: part[f"fc6.{name}"] for name in ("weight", "bias")} == weights(given["layer"])
    printed = capsys.readouterr().out
    assert f"coarse.fc6 starts from {given['layer']}\nall else of coarse starts anew\n" in printed


def test_a_part_replaces_that_of_a_whole_network(nyu, tmp_path, capsys, given):
    """In either order, and then nothing starts anew."""
    argv = ("--pre_trained", f"coarse.fc6={given['layer']}", "--pre_trained", f"coarse={given['coarse']}")
    train_toy(nyu, tmp_path, *COARSE, *argv)
    layer = {f"fc6.{name}": value for name, value in weights(given["layer"]).items()}
    assert started_from(tmp_path) == {**weights(given["coarse"]), **layer}
    assert "anew" not in capsys.readouterr().out


def test_a_part_may_match_in_part(nyu, tmp_path, capsys, given):
    small = write_ckpt(tmp_path / "small.ckpt", {"bias": np.ones(16, np.float32)})
    train_toy(nyu, tmp_path / "run", *COARSE, "--pre_trained", f"coarse.fc6={small}", "--allow_partial")
    assert f"coarse.fc6: 1 parameters are not in {small} and start anew: weight" in capsys.readouterr().out
    assert started_from(tmp_path / "run")["fc6.bias"] == np.ones(16, np.float32).tobytes()


def test_a_part_does_not_make_a_network_trained(nyu, tmp_path, given):
    """What a stage builds on is whole: neither random but for a part, nor a file that hides the part."""
    argv = (*ONE, "--stages", "fine", "--pre_trained", f"coarse.fc6={given['layer']}")
    for folder in ("without", "with"):
        if folder == "with":
            train_toy(nyu, tmp_path / folder, *COARSE)
        with pytest.raises(UserError, match="only a part of coarse, all of which the fine net builds on"):
            train_toy(nyu, tmp_path / folder, *argv)
    # the coarse stage trains the rest
    train_toy(nyu, tmp_path / "both", *ONE, "--pre_trained", f"coarse.fc6={given['layer']}")
    assert started_from(tmp_path / "both")["fc6.bias"] == weights(given["layer"])["bias"]


@pytest.mark.parametrize("kind", ["--ckpt=coarse={coarse}", "--pre_trained=coarse.fc6={layer}"])
def test_a_resumed_training_goes_on_and_does_not_start_again(nyu, tmp_path, given, kind):
    """From the stored weights: what it started from need not even be there any more."""
    argv = ("--stages", "coarse", "--coarse_steps", 4, "--coarse_learning_rate", 1e-3, "--save_every", 2)
    copies = {name: tmp_path / path.name for name, path in given.items()}
    for name, path in given.items():
        copies[name].write_bytes(path.read_bytes())
    start = kind.format(**copies)
    train_toy(nyu, tmp_path / "straight", *argv, start)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        stop_before(patch, "coarse", 3)
        train_toy(nyu, tmp_path / "pieces", *argv, start)
    for path in copies.values():
        path.unlink()
    for other in ((), (kind.format(coarse="other.ckpt", layer="other.ckpt"),)):
        with pytest.raises(UserError, match=r"changed: (ckpt|pre_trained) \['coarse"):
            train_toy(nyu, tmp_path / "pieces", *argv, *other, "--resume")
    train_toy(nyu, tmp_path / "pieces", *argv, start, "--resume")
    assert_same_training(tmp_path / "pieces", tmp_path / "straight")


def test_a_resumed_training_has_what_later_stages_build_on(nyu, tmp_path, given):
    """--ckpt gave the coarse net to a run of the fine stage; its resuming takes it from last.ckpt."""
    coarse = tmp_path / "coarse.ckpt"
    coarse.write_bytes(given["coarse"].read_bytes())
    argv = ("--stages", "fine", "--fine_net_train_step", 3, "--save_every", 1, "--ckpt", f"coarse={coarse}")
    train_toy(nyu, tmp_path / "straight", *argv)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        stop_before(patch, "fine", 2)
        train_toy(nyu, tmp_path / "pieces", *argv)
    coarse.unlink()
    train_toy(nyu, tmp_path / "pieces", *argv, "--resume")
    assert_same_training(tmp_path / "pieces", tmp_path / "straight")


def test_an_encoders_checkpoint_starts_the_encoder(tmp_path):
    """As scripts/convert_resnet.py writes it, by the names of the encoder alone."""
    width = 1 / 16
    encoder = ResNet50(width)
    save_network(encoder, tmp_path / "resnet50.ckpt", prefix="")
    networks = {view: MergeNet(width=width) for view in ("left", "right")}
    for view, network in networks.items():
        network.update_parameters_name(f"{view}.")
    before = {p.name: p.asnumpy().tobytes() for net in networks.values() for p in net.get_parameters()}
    given = load_settings("train", "", ["--pre_trained", f"left.encoder={tmp_path}/resnet50.ckpt"])
    start = load_start(given, networks)
    after = {p.name: p.asnumpy().tobytes() for net in networks.values() for p in net.get_parameters()}
    expected = {f"left.encoder.{p.name}": p.asnumpy().tobytes() for p in encoder.get_parameters()}
    assert after == {**before, **expected} and len(expected) == 265
    assert (start.whole, start.partly) == (set(), {"left"})
    with pytest.raises(UserError, match="left has no part enc; its parts are encoder, reduce, step1"):
        load_start(given.replace(pre_trained=("left.enc=x.ckpt",)), networks)


def start_of(folder: Path, net: str, there: str, here: str, flag: str = "--ckpt"):
    """Start a network of one layer from a training of it; a method's networks would fit or not by shape."""
    load_settings("train", "", there.split()).write(folder / "config.yaml")
    network = nn.Dense(3, 2)
    save_network(network, folder / "a.ckpt", "")
    network.update_parameters_name(f"{net}.")
    argv = [*here.split(), flag, f"{net}={folder}/a.ckpt"]
    return load_start(load_settings("train", "", argv), {net: network})


MERGEDEPTH, DDRNET = "--method mergedepth ", "--method ddrnet "


@pytest.mark.parametrize("flag", ["--ckpt", "--pre_trained"])
@pytest.mark.parametrize(("net", "there", "here", "words"), [
    ("left", MERGEDEPTH + "--preset cpu", MERGEDEPTH,
     "encoder_width 0.25 there, 1.0 here; upsampling unpool there, deconv here; "
     "start_depth_m 12.0 there, not set here"),
    ("right", MERGEDEPTH, MERGEDEPTH + "--output_max_m 80", "output_max_m 120.0 there, 80.0 here"),
    ("shared", MERGEDEPTH + "--shared_weights --imagenet_stats", MERGEDEPTH + "--shared_weights",
     "imagenet_stats True there, False here"),
    ("left", MERGEDEPTH, MERGEDEPTH + "--fullscale", "fullscale False there, True here"),
    ("denoise", DDRNET + "--low_thres 400 --up_thres 2000", DDRNET,
     "low_thres 400.0 there, 500.0 here; up_thres 2000.0 there, 3000.0 here"),
    ("denoise", DDRNET + "--preset local", DDRNET, "fill_raw True there, False here"),
    ("refine", DDRNET + "--preset local", DDRNET,
     "fill_raw True there, False here; residual_refine True there, False here"),
    ("coarse", "--preset cpu", "--coarse_net eigen", "fc_width 512 there, 4096 here")])
def test_a_network_that_was_trained_as_another_is_refused(tmp_path, net, there, here, words, flag):
    """Names and shapes agree: what its numbers mean does not."""
    with pytest.raises(UserError) as caught:
        start_of(tmp_path, net, there, here, flag)
    assert str(caught.value) == (f"{tmp_path}/a.ckpt was trained as another network: {words}; give the "
                                 "settings of its training, for example the same --preset")


@pytest.mark.parametrize(("net", "there", "here"), [
    ("denoise", DDRNET + "--dtnet None", DDRNET),  # first one network, then both
    ("refine", DDRNET + "--dnnet None", DDRNET),
    ("denoise", DDRNET + "--residual_refine", DDRNET),
    ("denoise", DDRNET + "--start local --learning_rate 0.5 --image_size 64", DDRNET),
    ("shared", MERGEDEPTH, MERGEDEPTH + "--shared_weights"),
    ("left", MERGEDEPTH + "--image_width 320 --supervised_loss l1 --alpha 3", MERGEDEPTH),
    ("fine", "--preset cpu", ""),
    ("left", DDRNET + "--low_thres 400", MERGEDEPTH)])  # another method's file says nothing of this one
def test_what_does_not_belong_to_a_network_may_change(tmp_path, net, there, here):
    assert start_of(tmp_path, net, there, here).notes == [f"{net} starts from {tmp_path}/a.ckpt"]


def test_a_checkpoint_of_unknown_settings_is_taken(tmp_path):
    """Nothing lies beside it; that of a folder above is of another training."""
    (tmp_path / "PreTrained").mkdir()
    start_of(tmp_path, "left", MERGEDEPTH, MERGEDEPTH)
    load_settings("train", "", f"{MERGEDEPTH}--output_max_m 80".split()).write(tmp_path / "config.yaml")
    (tmp_path / "a.ckpt").rename(tmp_path / "PreTrained/a.ckpt")
    network = nn.Dense(3, 2)
    network.update_parameters_name("left.")
    given = load_settings("train", "", [*MERGEDEPTH.split(), "--ckpt", f"left={tmp_path}/PreTrained/a.ckpt"])
    assert load_start(given, {"left": network}).whole == {"left"}


def test_another_network_may_match_in_part(tmp_path):
    start = start_of(tmp_path, "left", MERGEDEPTH + "--output_max_m 80",
                     MERGEDEPTH + "--allow_partial", "--pre_trained")
    assert start.notes == [f"left starts from {tmp_path}/a.ckpt",
                           "left was trained as another network: output_max_m 80.0 there, 120.0 here"]
    with pytest.raises(UserError, match="was trained as another network"):
        start_of(tmp_path, "left", MERGEDEPTH + "--output_max_m 80", MERGEDEPTH + "--allow_partial")


def test_a_part_of_another_network_is_taken(tmp_path):
    """An encoder does not know what the network's 1 stands for."""
    start_of(tmp_path, "left", MERGEDEPTH + "--output_max_m 80", MERGEDEPTH + "--output_max_m 80")
    network = nn.SequentialCell(nn.Dense(3, 2))
    network.update_parameters_name("left.")
    argv = [*MERGEDEPTH.split(), "--pre_trained", f"left.0={tmp_path}/a.ckpt"]
    assert load_start(load_settings("train", "", argv), {"left": network}).partly == {"left"}
