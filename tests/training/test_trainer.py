# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Whole trainings of a toy: what they leave, exact resuming, and how they end when something is wrong."""
from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np
import pytest
import yaml

from src.depthnet.method import DepthNet
from src.errors import UserError
from src.training.checkpoints import read_state
from src.training.stage_loop import StageLoop
from tests.commands import figures, refusal, run
from tests.samples import write_nyu
from tests.training.toy import registered_toy, train_toy

COARSE_STEPS, FINE_STEPS = 6, 5
ADAM = ("--augmentation", "paper", "--coarse_steps", COARSE_STEPS, "--fine_net_train_step", FINE_STEPS,
        "--coarse_learning_rate", 1e-3, "--fine_learning_rate", 1e-3, "--lr_schedule", "cosine",
        "--save_every", 2, "--eval_every", 3, "--picture_every", 4)
SGD = (*ADAM, "--optimizer", "sgd", "--ema_decay", 0.7, "--accumulate_steps", 2, "--grad_clip", 0.5,
       "--weight_decay", 1e-3)


@pytest.fixture(scope="module", autouse=True)
def toy():
    with registered_toy():
        yield


@pytest.fixture(scope="module")
def nyu(tmp_path_factory) -> Path:
    """Seven training pairs (three batches of two an epoch) and three test pairs."""
    return write_nyu(tmp_path_factory.mktemp("nyu"), 7, 3)


@pytest.fixture(scope="module")
def straight(tmp_path_factory, nyu) -> Path:
    """A training of both stages that nothing stopped."""
    folder = tmp_path_factory.mktemp("straight")
    train_toy(nyu, folder, *ADAM)
    return folder


class Stop(KeyboardInterrupt):
    """In the place of Ctrl-C."""


def stop_before(patch: pytest.MonkeyPatch, stage: str, number: int) -> None:
    """Let the next training stop before a step, with everything that it wrote until then."""
    make_step = StageLoop._make_step

    def interrupted(loop, step_number, group):
        if (loop.stage.name, step_number) == (stage, number):
            raise Stop
        return make_step(loop, step_number, group)

    patch.setattr(StageLoop, "_make_step", interrupted)


def train_in_pieces(nyu, folder, *argv) -> None:
    """Stopped a step after last.ckpt in the coarse stage, twice in the fine stage, and resumed each time."""
    resume = ()
    for stage, number in (("coarse", 5), ("fine", 1), ("fine", 3)):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
            stop_before(patch, stage, number)
            train_toy(nyu, folder, *argv, *resume)
        resume = ("--resume",)
    train_toy(nyu, folder, *argv, *resume)


def weights(path: Path) -> dict[str, bytes]:
    """Every stored array; of last.ckpt's progress what was trained, not the settings of the call."""
    stored = ms.load_checkpoint(str(path))
    found = {name: p.asnumpy().tobytes() for name, p in stored.items() if name != "progress"}
    if "progress" in stored:
        progress = read_state(path)[1]
        made = {key: progress[key] for key in ("stage", "step", "done", "trained", "best")}
        found["progress"] = repr(made).encode()
    return found


def rows(folder: Path) -> list[dict]:
    """The rows of metrics.jsonl without what a clock says."""
    loaded = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in ("seconds", "wait_seconds")} for row in loaded]


def assert_same_training(folder: Path, expected: Path) -> None:
    names = sorted(path.name for path in (expected / "Ckpt").glob("*.ckpt"))
    assert sorted(path.name for path in (folder / "Ckpt").glob("*.ckpt")) == names
    for name in names:
        assert weights(folder / "Ckpt" / name) == weights(expected / "Ckpt" / name), name
    assert rows(folder) == rows(expected)


def test_files_of_a_training(straight):
    ckpts = {f"{kind}{net}Net.ckpt" for kind in ("Final", "Best") for net in ("Coarse", "Fine")}
    assert {path.name for path in (straight / "Ckpt").glob("*.ckpt")} == ckpts | {"last.ckpt"}
    assert {path.name for path in straight.iterdir()} == {
        "Ckpt", "config.yaml", "images", "metrics.jsonl", "summary", "train.log"}
    assert yaml.safe_load((straight / "config.yaml").read_text())["fc_width"] == 16
    names = set(ms.load_checkpoint(str(straight / "Ckpt/FinalFineNet.ckpt")))
    assert names == {"conv1.weight", "conv2.weight"}  # as eval.py and other programs load them
    assert len(list((straight / "images").iterdir())) == 4  # at steps 4 and the last of each stage


def test_rows_of_a_training(straight):
    trained = [r for r in rows(straight) if "loss" in r]
    assert [(r["stage"], r["step"]) for r in trained] == (
        [("coarse", i) for i in range(COARSE_STEPS)] + [("fine", i) for i in range(FINE_STEPS)])
    assert [r["epoch"] for r in trained][:7] == [0, 0, 0, 1, 1, 1, 0]
    for row in trained:
        assert row["terms"].keys() == {"l2", "shift"}
        assert row["loss"] == pytest.approx(row["terms"]["l2"] - 0.5 * row["terms"]["shift"], abs=1e-6)
    assert [r["learning_rate"] for r in trained if r["stage"] == "coarse"] == sorted(
        (r["learning_rate"] for r in trained if r["stage"] == "coarse"), reverse=True)
    validated = [(r["stage"], r["step"], *r["validation"]) for r in rows(straight) if "validation" in r]
    assert validated == [("coarse", 3, "coarse"), ("coarse", 6, "coarse"),
                         ("fine", 3, "fine"), ("fine", 5, "fine")]


def test_lines_of_the_log_are_the_modelzoos(straight):
    lines = (straight / "train.log").read_text().splitlines()
    pattern = r"training (coarse|fine) net, step: \d+ loss: -?\d+\.\d{7}, time cost: \d+\.\d{4}"
    assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == COARSE_STEPS + FINE_STEPS


def test_a_training_in_pieces_is_the_same_training(straight, nyu, tmp_path):
    """Adam, augmentation and dropout: every weight, moment, figure and row bit for bit."""
    train_in_pieces(nyu, tmp_path, *ADAM)
    assert_same_training(tmp_path, straight)


@pytest.fixture(scope="module")
def averaged(tmp_path_factory, nyu) -> Path:
    folder = tmp_path_factory.mktemp("averaged")
    train_toy(nyu, folder, *SGD)
    return folder


def test_momentum_averages_and_accumulation_resume_too(averaged, nyu, tmp_path):
    train_in_pieces(nyu, tmp_path, *SGD)
    assert_same_training(tmp_path, averaged)


def test_the_fine_stage_builds_on_the_coarse_net_that_is_saved(averaged, nyu, tmp_path):
    """With moving averages these are not the last step's weights: training the stages apart is the same."""
    coarse = averaged / "Ckpt/FinalCoarseNet.ckpt"
    train_toy(nyu, tmp_path, *SGD, "--stages", "fine", "--ckpt", f"coarse={coarse}")
    assert weights(tmp_path / "Ckpt/FinalFineNet.ckpt") == weights(averaged / "Ckpt/FinalFineNet.ckpt")
    assert not (tmp_path / "Ckpt/FinalCoarseNet.ckpt").exists()


@pytest.mark.parametrize("steps", [2, 9])  # less than an epoch, and three of them
def test_data_without_a_reading_are_refused(tmp_path, steps):
    folder = write_nyu(tmp_path / "nyu", 7, 1)
    for path in (folder / "Train").rglob("*.png"):
        cv2.imwrite(str(path), np.zeros_like(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))
    with pytest.raises(UserError, match="no sample of the coarse net has anything to train on"):
        train_toy(folder, tmp_path / "run", "--max_steps", steps, "--stages", "coarse")
    assert not list((tmp_path / "run").rglob("Final*.ckpt"))


def test_a_finished_training_may_go_on(nyu, tmp_path):
    """Three steps, resumed with a larger --max_steps, are six steps."""
    argv = ("--augmentation", "paper", "--stages", "coarse", "--coarse_learning_rate", 1e-3)
    train_toy(nyu, tmp_path / "a", *argv, "--max_steps", 6)
    train_toy(nyu, tmp_path / "b", *argv, "--max_steps", 3)
    (tmp_path / "b").rename(tmp_path / "moved")
    train_toy(nyu, tmp_path / "moved", *argv, "--max_steps", 6, "--resume", "--num_parallel_workers", 5)
    for name in ("FinalCoarseNet.ckpt", "last.ckpt"):
        stored = [ms.load_checkpoint(str(tmp_path / run / "Ckpt" / name)) for run in ("a", "moved")]
        for parameter in stored[0].keys() - {"progress"}:
            np.testing.assert_array_equal(stored[0][parameter].asnumpy(), stored[1][parameter].asnumpy())
    assert [r["step"] for r in rows(tmp_path / "moved") if "loss" in r] == list(range(6))


@pytest.mark.parametrize("stage", ["coarse", "fine"])
def test_the_best_checkpoint_is_the_best(straight, nyu, tmp_path, stage):
    """eval.py finds in Best<Net>.ckpt the smallest of the figures that the validations logged."""
    logged = [r["validation"][stage]["abs_rel"] for r in rows(straight) if stage in r.get("validation", ())]
    other = {"coarse": "fine", "fine": "coarse"}[stage]
    nets = {stage: f"Best{stage.capitalize()}Net", other: f"Final{other.capitalize()}Net"}
    given = [f"--ckpt={net}={straight / 'Ckpt' / file}.ckpt" for net, file in nets.items()]
    run("eval", "--method", "toy", "--device_target", "CPU", "--train_url", straight, "--data_url", nyu,
        *given, "--protocol", "nyu_eigen", "--output_json", tmp_path / "figures.json")
    evaluated = figures(tmp_path / "figures.json")[stage, "nyu_eigen"]["abs_rel"]
    assert evaluated == pytest.approx(min(logged), rel=1e-5)
    best, final = (weights(straight / f"Ckpt/{kind}{stage.capitalize()}Net.ckpt")
                   for kind in ("Best", "Final"))
    assert (best == final) == (logged[-1] == min(logged))


def test_a_loss_that_is_no_number_ends_the_training(nyu, tmp_path, capsys):
    train_toy(nyu, tmp_path, "--stages", "coarse", "--max_steps", 1)
    before = weights(tmp_path / "Ckpt/last.ckpt")
    with pytest.raises(UserError) as caught:
        train_toy(nyu, tmp_path, "--stages", "coarse", "--max_steps", 30, "--optimizer", "sgd",
                  "--save_every", 1, "--coarse_learning_rate", 1e25, "--picture_every", 0)
    pattern = r"the loss became (nan|inf|-inf) in step (\d+) of the coarse net; its samples: (.*)\. Look .*"
    found = re.fullmatch(pattern, str(caught.value))
    assert found and 1 <= int(found[2]) < 10
    files = re.findall(r"room_\d/\d+\.jpg room_\d/\d+\.png", found[3])
    assert len(set(files)) == 2  # the batch
    assert before != weights(tmp_path / "Ckpt/last.ckpt")
    stored = ms.load_checkpoint(str(tmp_path / "Ckpt/last.ckpt"))
    assert all(np.all(np.isfinite(p.asnumpy())) for p in stored.values())


def test_half_precision_does_not_skip_for_ever(nyu, tmp_path):
    """A forward pass that overflows at any loss scale ends the run, which else would skip every step."""
    with pytest.raises(UserError, match="the loss became (nan|inf) in step"):
        train_toy(nyu, tmp_path, "--stages", "coarse", "--max_steps", 60, "--optimizer", "sgd",
                  "--amp_level", "O2", "--loss_scale", 16, "--coarse_learning_rate", 1e9,
                  "--picture_every", 0)


@pytest.mark.parametrize(("changed", "words"), [
    (("--batch_size", 1), "batch_size 2 -> 1"), (("--seed", 2), "seed 1 -> 2"),
    (("--optimizer", "sgd"), "optimizer adam -> sgd"),
    (("--augmentation", "none"), "augmentation paper -> none")])
def test_resuming_under_other_settings_is_refused(straight, nyu, changed, words):
    before = (straight / "config.yaml").read_bytes(), (straight / "metrics.jsonl").read_bytes()
    with pytest.raises(UserError, match=f"changed: .*{words}"):
        train_toy(nyu, straight, *ADAM, "--resume", *changed)
    assert before == ((straight / "config.yaml").read_bytes(), (straight / "metrics.jsonl").read_bytes())


def test_there_must_be_something_to_resume(nyu, tmp_path, straight):
    with pytest.raises(UserError, match=r"no checkpoint .*last\.ckpt"):
        train_toy(nyu, tmp_path, "--resume")
    (tmp_path / "Ckpt").mkdir(parents=True)
    (tmp_path / "Ckpt/last.ckpt").write_bytes((straight / "Ckpt/FinalCoarseNet.ckpt").read_bytes())
    with pytest.raises(UserError, match="holds no training state"):
        train_toy(nyu, tmp_path, "--resume")


def test_fine_without_coarse_is_refused(nyu, tmp_path, capsys):
    line = refusal(capsys, "train", "--method", "toy", "--data_url", nyu, "--train_url", tmp_path,
                   "--stages", "fine", "--batch_size", 2, "--device_target", "CPU")
    wanted = tmp_path / "Ckpt/FinalCoarseNet.ckpt"
    assert f"no checkpoint {wanted}; train first, or name one with --ckpt" in line


def test_what_does_not_exist_is_refused(nyu, tmp_path):
    for argv, words in ((("--stages", "fien"), "--stages fien is not known: depthnet has coarse, fine"),
                        (("--batch_size", 8), "has 7 samples, fewer than one batch of 8"),
                        (("--data_url", tmp_path / "no"), "no data folder"),
                        (("--pre_trained", "other=x.ckpt"), "other is none of coarse, fine"),
                        (("--pre_trained", tmp_path / "x.ckpt"), "no checkpoint")):
        with pytest.raises(UserError, match=words):
            train_toy(nyu, tmp_path / "run", *argv)


def test_pre_trained_weights_are_the_start(straight, nyu, tmp_path, capsys):
    """At a learning rate of 0 they are the end, too; the partial match is listed."""
    argv = ("--stages", "coarse", "--max_steps", 1, "--coarse_learning_rate", 0, "--picture_every", 0)
    source = straight / "Ckpt/FinalCoarseNet.ckpt"
    train_toy(nyu, tmp_path / "a", *argv, "--pre_trained", source)
    assert weights(tmp_path / "a/Ckpt/FinalCoarseNet.ckpt") == weights(source)
    wider = (*argv, "--pre_trained", f"coarse={source}", "--fc_width", 20)
    another = f"{source} was trained as another network: fc_width 16 there, 20 here; give"
    with pytest.raises(UserError, match=re.escape(another)):
        train_toy(nyu, tmp_path / "b", *wider)
    capsys.readouterr()
    train_toy(nyu, tmp_path / "b", *wider, "--allow_partial")
    said = capsys.readouterr().out
    assert "coarse was trained as another network: fc_width 16 there, 20 here\n" in said
    assert f"3 parameters are not in {source} and start anew: fc6.weight, fc6.bias, fc7.weight" in said
    same = weights(source).items() & weights(tmp_path / "b/Ckpt/FinalCoarseNet.ckpt").items()
    assert {name for name, _ in same} == {"conv1.weight", "conv1.bias", "fc7.bias"}


def test_a_profile_adds_up(nyu, tmp_path):
    train_toy(nyu, tmp_path, "--stages", "coarse", "--max_steps", 2, "--profile", "--picture_every", 0)
    profile = json.loads((tmp_path / "profile_coarse.json").read_text())
    assert profile["steps"] == 2 and profile["seconds"]["step"] > 0
    assert sum(profile[f"{part}_share"] for part in ("wait", "step", "rest")) == pytest.approx(1.0)


@pytest.mark.slow
@pytest.mark.parametrize("argv", [ADAM, SGD], ids=["adam", "sgd"])
def test_the_papers_net_resumes_exactly(nyu, tmp_path, argv):
    """The same with DepthNet itself."""
    train_toy(nyu, tmp_path / "straight", "--method", "depthnet", *argv)
    train_in_pieces(nyu, tmp_path / "pieces", "--method", "depthnet", *argv)
    assert_same_training(tmp_path / "pieces", tmp_path / "straight")


def test_a_new_training_is_not_resumed_from_an_older_ones_state(nyu, tmp_path):
    train_toy(nyu, tmp_path, "--stages", "coarse", "--max_steps", 2)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stop):
        stop_before(patch, "coarse", 1)
        train_toy(nyu, tmp_path, "--stages", "coarse", "--max_steps", 2, "--seed", 5, "--save_every", 100)
    with pytest.raises(UserError, match="no checkpoint"):
        train_toy(nyu, tmp_path, "--stages", "coarse", "--max_steps", 2, "--seed", 5, "--resume")


@pytest.mark.parametrize(("argv", "words"), [
    (("--val_list", "no.txt"), "no.txt"), (("--protocol", "nyu_eigne"), "nyu_eigne"),
    (("--data_list", "{pairs}", "--eval_every", 1), "--eval_every needs validation samples"),
    (("--stages", "fine", "--fc_width", 20), "CoarseNet.ckpt was trained as another network: fc_width 16")])
def test_a_mistake_leaves_an_earlier_training_alone(straight, nyu, tmp_path, argv, words):
    """One that would show in the first validation, too: --resume still continues what is there."""
    pairs = tmp_path / "pairs.txt"
    rgb = [path for path in nyu.rglob("*.jpg") if path.with_suffix(".png").is_file()]
    pairs.write_text("".join(f"{path} {path.with_suffix('.png')}\n" for path in rgb))
    before = {path: path.read_bytes() for path in straight.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=words):
        train_toy(nyu, straight, *(str(arg).format(pairs=pairs) for arg in argv))
    assert before == {path: path.read_bytes() for path in straight.rglob("*") if path.is_file()}
    assert straight / "Ckpt/last.ckpt" in before


def test_a_length_that_contradicts_the_steps_made_is_refused(nyu, tmp_path):
    argv = ("--stages", "coarse", "--lr_schedule", "cosine")
    train_toy(nyu, tmp_path, *argv, "--max_steps", 3)
    for steps, words in ((2, "already made 3 steps, more than 2"), (5, "laid out for 3 steps, not 5")):
        with pytest.raises(UserError, match=words):
            train_toy(nyu, tmp_path, *argv, "--max_steps", steps, "--resume")


def test_sigterm_finishes_the_step_and_saves(nyu, tmp_path, capsys):
    make_step = StageLoop._make_step

    def terminated(loop, number, group):
        if number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return make_step(loop, number, group)

    argv = ("--stages", "coarse", "--max_steps", 4)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(StageLoop, "_make_step", terminated)
        train_toy(nyu, tmp_path / "stopped", *argv)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert "stopped after 2 steps" in capsys.readouterr().out
    assert read_state(tmp_path / "stopped/Ckpt/last.ckpt")[1]["step"] == 2
    train_toy(nyu, tmp_path / "stopped", *argv, "--resume")
    train_toy(nyu, tmp_path / "straight", *argv)
    assert_same_training(tmp_path / "stopped", tmp_path / "straight")


def test_a_stage_may_have_an_optimizer_of_its_own(nyu, tmp_path, monkeypatch):
    build_stage = DepthNet.build_stage

    def with_sgd(method, name, networks):
        stage = build_stage(method, name, networks)
        return dataclasses.replace(stage, overrides={"optimizer": "sgd"} if name == "fine" else {})

    monkeypatch.setattr(DepthNet, "build_stage", with_sgd)
    state = {}
    for stage in ("coarse", "fine"):
        train_toy(nyu, tmp_path, "--stages", stage, "--max_steps", 1)
        state[stage] = {name.split(".")[2] for name in read_state(tmp_path / "Ckpt/last.ckpt")[0]
                        if name.startswith("optimizer.") and name.count(".") > 2}
    assert state == {"coarse": {"moment1", "moment2"}, "fine": {"moments"}}


@pytest.mark.parametrize(("argv", "factors"), [
    # 7 samples are 3 batches of 2 an epoch, the same for every stage
    (("--lr_schedule", "step", "--lr_decay_every", 1), [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
    (("--lr_schedule", "step", "--lr_decay_every", 2), [1, 1, 0.5, 0.25, 0.25, 0.125, 0.0625]),  # at 1.5, 3
    (("--lr_schedule", "exponential", "--lr_decay_every", 1, "--accumulate_steps", 3),
     [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625])])
def test_the_rate_decays_by_epochs(nyu, tmp_path, argv, factors):
    """As logged, as the optimizer has it, and after resuming with another length."""
    argv = ("--stages", "coarse", "--coarse_learning_rate", 1e-3, "--lr_decay_rate", 0.5, *argv,
            "--picture_every", 0, "--optimizer", "sgd")
    train_toy(nyu, tmp_path / "straight", *argv, "--coarse_steps", 7)
    logged = [row["learning_rate"] for row in rows(tmp_path / "straight") if "loss" in row]
    np.testing.assert_allclose(logged, 1e-3 * np.array(factors), rtol=1e-6)
    train_toy(nyu, tmp_path / "pieces", *argv, "--coarse_steps", 7, "--max_steps", 4)
    train_toy(nyu, tmp_path / "pieces", *argv, "--coarse_steps", 7, "--resume")
    final = "Ckpt/FinalCoarseNet.ckpt"
    assert weights(tmp_path / "pieces" / final) == weights(tmp_path / "straight" / final)
    assert [row for row in rows(tmp_path / "pieces") if "loss" in row] == [
        row for row in rows(tmp_path / "straight") if "loss" in row]
    with pytest.raises(UserError, match="changed: lr_decays_per_epoch [12].0 -> 3.0"):
        train_toy(nyu, tmp_path / "pieces", *argv, "--coarse_steps", 7, "--resume", "--lr_decay_every", 3)
