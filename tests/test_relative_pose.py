# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The relative pose as a command: one pair, a list of pairs with its controls, its refusals."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from PIL import Image

from scripts.relative_pose import main, measure
from src.config import load_settings
from src.datasets.panorama import COLUMNS, read_panoramas
from src.datasets.panorama_files import read_pose
from src.deploy.onnx_export import export_onnx
from src.errors import run_command
from src.graph import TensorSpec
from src.panodepth.pose_figures import as_answers, pose_matrices
from src.panodepth.pose_net import PoseNet
from src.training.checkpoints import save_network
from tests.panorama_files import HEIGHT, WIDTH, box_depth_m, write_depth, write_picture, write_pose, yawed

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "relative_pose.py"
CAMERAS = [yawed(0.0, (0.0, 0.0, 0.0)), yawed(0.4, (1.0, 0.2, -0.5)), yawed(-0.3, (-1.5, 0.0, 1.0))]
PAIRS = [(0, 1), (1, 2), (2, 0)]


@pytest.fixture(scope="module")
def net() -> PoseNet:
    """A net with statistics of images, else its answers would all be alike."""
    ms.set_seed(0)
    net, rng = PoseNet().set_train(), np.random.default_rng(0)
    for _ in range(5):
        net(*(ms.Tensor(rng.random((4, 3, HEIGHT, WIDTH), np.float32)) for _ in range(2)))
    return net.set_train(False)


@pytest.fixture(scope="module")
def trained(net, tmp_path_factory) -> Path:
    """The folder of a training at 64 x 32."""
    folder = tmp_path_factory.mktemp("trained")
    size = ["--image_height", str(HEIGHT), "--image_width", str(WIDTH)]
    load_settings("train", "", ["--method", "panodepth", *size]).write(folder / "config.yaml")
    save_network(net, folder / "Ckpt" / "FinalPoseNet.ckpt", "")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Three panoramas of a box room, in pairs."""
    folder = tmp_path_factory.mktemp("data")
    for k, pose in enumerate(CAMERAS):
        write_picture(folder / f"{k}.png", seed=k)
        write_depth(folder / f"{k}_depth.png", box_depth_m(pose), 1000)
        write_pose(folder / f"{k}.txt", pose)
    rows = [",".join(f"{k}.png,{k}_depth.png,{k}.txt" for k in pair) for pair in PAIRS]
    (folder / "test_pairs.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    (folder / "test.csv").write_text("0.png,0_depth.png,0.txt\n")
    return folder


def refusal(capsys, *argv: object) -> str:
    assert run_command(main, [str(arg) for arg in argv]) == 2
    text, = capsys.readouterr().err.splitlines()
    return text


def picture(data: Path, camera: int) -> np.ndarray:
    return np.asarray(Image.open(data / f"{camera}.png"))


def expected_pose(net: PoseNet, data: Path, first: int, second: int) -> np.ndarray:
    images = (picture(data, k).transpose(2, 0, 1)[None] / np.float32(255) for k in (first, second))
    return pose_matrices(net(*map(ms.Tensor, images)).asnumpy())[0]


def printed_matrix(text: str) -> np.ndarray:
    return np.array([line.split() for line in text.splitlines()[-4:]], float)


def test_a_pair_from_another_folder(net, trained, data, tmp_path):
    argv = (sys.executable, SCRIPT, "0.png", "1.png", trained, "--output", tmp_path / "pose.txt")
    done = subprocess.run(argv, cwd=data, text=True, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    found = printed_matrix(done.stdout)
    np.testing.assert_allclose(found, expected_pose(net, data, 0, 1), atol=1e-5)
    np.testing.assert_array_equal(read_pose(tmp_path / "pose.txt"), found)


def test_an_onnx_file_gives_the_same(net, data, tmp_path, capsys):
    images = [TensorSpec(name, (3, HEIGHT, WIDTH)) for name in ("image", "other_image")]
    model = tmp_path / "FinalPoseNet.onnx"
    export_onnx(net, images, [TensorSpec("pose", (3, 4))], model, {}, {})
    main([str(data / "2.png"), str(data / "0.png"), str(model), "--image_height", str(HEIGHT)])
    found = printed_matrix(capsys.readouterr().out)
    np.testing.assert_allclose(found, expected_pose(net, data, 2, 0), atol=1e-4)
    wrong = refusal(capsys, data / "2.png", data / "0.png", model, "--image_height", 2 * HEIGHT)
    assert "does not take inputs (1, 3, 64, 128)" in wrong


def numbers(line: str) -> list[float]:
    """Medians and means of a row of the table."""
    return [float(word.strip("()°")) for word in line.replace(" m", "").split() if word[0] in "(0123456789"]


def test_a_list_is_measured_beside_controls(trained, data, capsys):
    main(["--pairs_list", str(data / "test_pairs.csv"), str(trained)])
    title, head, *rows = capsys.readouterr().out.splitlines()[-5:]
    assert title.startswith("3 pairs") and head.split() == ["rotation", "translation", "direction"]
    assert [row[:14].strip() for row in rows] == ["network", "mean pose", "other pairs'"]
    assert all(len(numbers(row[14:])) == 6 for row in rows)


@pytest.mark.parametrize("turn", [False, True])
def test_who_knows_how_the_panoramas_were_turned_makes_no_error(data, turn):
    """The controls do: the mean of three poses is none of them."""
    used = []

    def camera_of(rgb: np.ndarray) -> np.ndarray:
        """Recognise a picture, rolled by some columns: the camera has turned to the left by these."""
        for k, pose in enumerate(CAMERAS):
            for columns in range(WIDTH):
                if np.array_equal(np.roll(picture(data, k), columns, axis=1), rgb):
                    used.append(columns)
                    return pose @ yawed(-2 * np.pi * columns / WIDTH, (0, 0, 0))
        raise AssertionError("an unknown picture")

    def knowing(rgb: np.ndarray, other_rgb: np.ndarray) -> np.ndarray:
        return as_answers((np.linalg.inv(camera_of(other_rgb)) @ camera_of(rgb))[None])[0]

    pairs = read_panoramas(data / "test_pairs.csv", 1000)
    _, _, network, mean, others = measure(knowing, pairs, turn)
    assert len(set(used)) > 3 if turn else not any(used)
    assert numbers(network[14:]) == [0] * 6
    assert min(numbers(mean[14:])) > 1 and min(numbers(others[14:])) > 1


def test_the_controls_figures(data):
    """Turns of -0.4, 0.7 and -0.3 rad have the mean 0; the next pair's answer is off by the difference."""
    pairs = read_panoramas(data / "test_pairs.csv", 1000)
    truth = iter([np.linalg.inv(CAMERAS[b]) @ CAMERAS[a] for a, b in PAIRS])
    _, _, _, mean, others = measure(lambda *_: as_answers(next(truth)[None])[0], pairs, turn=False)
    turns = np.degrees([-0.4, 0.7, -0.3])
    center = np.degrees(np.angle(np.exp(1j * np.radians(turns)).mean()))
    apart = np.abs(turns - np.roll(turns, 1))
    np.testing.assert_allclose(numbers(mean[14:])[0], np.median(np.abs(turns - center)), atol=0.01)
    np.testing.assert_allclose(numbers(others[14:])[:2], [np.median(apart), apart.mean()], atol=0.01)


def test_mistakes_are_told_in_a_line(trained, data, tmp_path, capsys):
    pair, pairs = (data / "0.png", data / "1.png"), data / "test_pairs.csv"
    assert "required: A B MODEL" in refusal(capsys)
    for argv in ((*pair,), (*pair, trained, trained), (*pair, trained, "--turn")):
        assert "give A, B and MODEL" in refusal(capsys, *argv)
    for argv in ((*pair, trained), (trained, "--output", tmp_path / "pose.txt")):
        assert "--pairs_list takes MODEL alone" in refusal(capsys, "--pairs_list", pairs, *argv)
    assert "names single panoramas" in refusal(capsys, "--pairs_list", data / "test.csv", trained)
    assert "FinalPoseNet" in refusal(capsys, *pair, tmp_path)
    assert "no such" in refusal(capsys, data / "no.png", pair[1], trained)
    write_picture(tmp_path / "flat.png", WIDTH, WIDTH)
    assert "twice as wide as high" in refusal(capsys, tmp_path / "flat.png", pair[1], trained)
    assert "multiple of 32" in refusal(capsys, *pair, trained, "--image_height", "40")
    assert "'x' is not possible" in refusal(capsys, *pair, trained, "--image_height", "x")
