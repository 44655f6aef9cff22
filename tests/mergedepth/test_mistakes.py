# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What a user can get wrong about mergedepth: one line, exit code 2, and nothing is written."""
from __future__ import annotations

from pathlib import Path

import pytest

from src.mergedepth.net import MergeNet
from src.training.checkpoints import save_network
from tests.commands import refusal
from tests.kitti_files import DATE, DRIVE, write_frame
from tests.mergedepth_files import TINY

OTHER = f"{DATE}_drive_0051_sync"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two drives of a frame each, and a checkpoint of a wider network."""
    folder = tmp_path_factory.mktemp("kitti")
    for drive in (DRIVE, OTHER):
        write_frame(folder, "0000000000", drive)
    save_network(MergeNet(width=0.125), folder / "wide.ckpt", "")
    return folder


@pytest.mark.parametrize(("argv", "words"), [
    (("--stages", "both"), "--stages both is not known: mergedepth has supervised, unsupervised"),
    (("--stages", "unsupervised"), "Ckpt/FinalLeftNet.ckpt; train first, or name one with --ckpt NAME=PATH"),
    (("--l_model_pth", "{data}/no.ckpt"), "no checkpoint {data}/no.ckpt"),
    (("--l_model_pth", "{data}/wide.ckpt"), "{data}/wide.ckpt does not fit MergeNet"),
    (("--shared_weights", "true", "--r_model_pth", "a"), "must be NAME=PATH with NAME one of shared"),
    (("--pre_trained", "left.decoder=a"), "left has no part decoder; its parts are encoder, reduce"),
    (("--data_url", "{data}/no"), "no data folder {data}/no"),
    (("--data_url", "{data}/2011_09_26/" + DRIVE), "a single drive cannot be split by drive"),
    (("--train_list", "{data}/no.txt"), "cannot read the frame list {data}/no.txt"),
    (("--test_list", "{data}/no.txt"), "{data}/no.txt lists the frames to evaluate, but {data}/train.txt"),
    (("--data_list", "{data}/no.txt"), "needs the rig: give --fx_px"),
    (("--ground_truth", "npy"), "0000000000.npy is missing"),
    (("--ground_truth", "none"), "--ground_truth none"),
    (("--ground_truth", "lidar"), "--ground_truth"),
    (("--batch_size", 2), "the training set has 1 samples, fewer than one batch of 2"),
    (("--image_width", 100), "--image_width 100 must be a multiple of 32"),
    (("--start_depth_m", 130), "--start_depth_m 130 must be below --output_max_m 120"),
    (("--encoder_width", 0.01), "--encoder_width"), (("--upsampling", "bilinear"), "--upsampling"),
    (("--alpha", 0, "--gamma", 0), "--alpha and --gamma are both 0"), (("--beta", -1), "--beta"),
    (("--r_maks", "false"), "did you mean --r_mask?")])
def test_mistakes_in_training(capsys, data, tmp_path, argv, words):
    argv = [str(arg).format(data=data) for arg in argv]
    line = refusal(capsys, "train", "--method", "mergedepth", "--device_target", "CPU", "--data_url", data,
                   "--train_url", tmp_path / "Model", *TINY, "--batch_size", 1, *argv)
    assert words.format(data=data) in line
    assert not (tmp_path / "Model").exists()


@pytest.mark.parametrize(("argv", "words"), [
    ((), "no checkpoint {folder}/Ckpt/FinalLeftNet.ckpt"),
    (("--ground_truth", "none"), "--ground_truth none"),
    (("--train_list", "{data}/no.txt"), "{data}/test.txt does not exist; give --test_list"),
    (("--shared_weights", "true"), "no checkpoint {folder}/Ckpt/FinalSharedNet.ckpt")])
def test_mistakes_in_evaluation(capsys, data, tmp_path, argv, words):
    argv = [str(arg).format(data=data) for arg in argv]
    line = refusal(capsys, "eval", "--method", "mergedepth", "--device_target", "CPU", "--data_url", data,
                   "--train_url", tmp_path, *TINY, *argv)
    assert words.format(data=data, folder=tmp_path) in line
