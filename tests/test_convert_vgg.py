# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""torchvision's VGG-16 as dcnf's trunk: the same features from the same file; trainings start from it."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from safetensors.numpy import save_file

from scripts.convert_vgg import main
from src.config import load_settings
from src.dcnf.net import Vgg16Trunk
from src.errors import UserError, run_command
from src.method import build_method
from src.training.checkpoints import load_network
from src.training.start import load_start
from tests.torch_writer import state_dict, write_pth
from tests.vgg_reference import conv5, random_state

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "convert_vgg.py"
MEAN, DEVIATION = (np.array(values, np.float32)[:, None, None]
                   for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return random_state()


@pytest.fixture(scope="module")
def checkpoint(state, tmp_path_factory) -> Path:
    """The command's checkpoint of a .pth file."""
    folder = tmp_path_factory.mktemp("vgg")
    write_pth(folder / "vgg16.pth", state_dict(state))
    main([str(folder / "vgg16.pth"), str(folder / "vgg16.ckpt")])
    return folder / "vgg16.ckpt"


def test_the_trunk_has_torchvisions_features(checkpoint, state):
    """conv5_3, as ONNX Runtime computes it, each of its pixels four times."""
    trunk = Vgg16Trunk()
    assert load_network(trunk, checkpoint) == []
    image = np.random.default_rng(1).random((2, 3, 32, 48), np.float32)
    expected = conv5(state, (image - MEAN) / DEVIATION)
    assert expected.shape == (2, 512, 2, 3) and expected.std() > 0.1
    found = trunk.set_train(False)(ms.Tensor(image)).asnumpy()
    np.testing.assert_allclose(found, expected.repeat(2, 2).repeat(2, 3), atol=1e-4)


def test_a_training_starts_from_it(checkpoint, state):
    settings = load_settings("train", "", ["--method", "dcnf", "--trunk", "vgg16", "--pre_trained",
                                           f"dcnf.unary.trunk={checkpoint}"])
    networks = build_method(settings).build_networks()
    networks["dcnf"].update_parameters_name("dcnf.")
    before = {p.name: p.asnumpy().tobytes() for p in networks["dcnf"].get_parameters()}
    start = load_start(settings, networks)
    assert (start.whole, start.partly) == (set(), {"dcnf"})
    assert start.notes == [f"dcnf.unary.trunk starts from {checkpoint}", "all else of dcnf starts anew"]
    after = {p.name: p.asnumpy().tobytes() for p in networks["dcnf"].get_parameters()}
    given = {f"dcnf.unary.trunk.{name}": values.tobytes() for name, values in state.items()
             if name.startswith("features.")}
    assert after == {**before, **given} and len(given) == 26


@pytest.mark.parametrize(("part", "words"), [
    ("unary.encoder", "dcnf.unary has no part encoder; its parts are trunk, head"),
    ("trunk", "dcnf has no part trunk; its parts are unary, crf"),
    ("unary.trunk.features.0.weight", "dcnf.unary.trunk.features.0 has no part weight; its parts are none"),
    ("unary.", "dcnf.unary has no part ; its parts are trunk")])
def test_a_part_that_is_not_there_is_told(checkpoint, part, words):
    settings = load_settings("train", "", ["--method", "dcnf", "--trunk", "vgg16", "--pre_trained",
                                           f"dcnf.{part}={checkpoint}"])
    with pytest.raises(UserError) as caught:
        load_start(settings, build_method(settings).build_networks())
    assert str(caught.value).startswith(f"--pre_trained dcnf.{part}: {words}")


def test_other_files_are_refused(state, tmp_path, capsys):
    def refused(source: Path, target: Path) -> str:
        assert run_command(main, [str(source), str(target)]) == 2
        return capsys.readouterr().err

    source = tmp_path / "a.safetensors"
    save_file({name: value for name, value in state.items() if name != "features.28.bias"}, source)
    assert (f"{source} cannot be converted: it is no VGG-16 of torchvision: 1 tensors missing "
            "(features.28.bias)") in refused(source, tmp_path / "a.ckpt")
    save_file({"conv1.weight": np.zeros(3, np.float32)}, source)
    assert "26 tensors missing (features.0.weight, " in refused(source, tmp_path / "a.ckpt")
    assert "a.pth must end in .ckpt" in refused(source, tmp_path / "a.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_what_is_left_out_is_told(state, tmp_path, capsys):
    save_file({name: value for name, value in state.items()
               if name.startswith("features.") or name == "classifier.0.bias"}, tmp_path / "a.safetensors")
    main([str(tmp_path / "a.safetensors"), str(tmp_path / "a.ckpt")])
    assert capsys.readouterr().out == (f"{tmp_path}/a.ckpt: 26 parameters; classifier.0.bias left out (the "
                                       "classifier)\n")


def test_the_command_explains_itself_from_another_folder(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, "--help"], cwd=tmp_path, text=True, check=False,
                          capture_output=True)
    assert done.returncode == 0 and "--pre_trained dcnf.unary.trunk=vgg16.ckpt" in done.stdout
