# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""torchvision's weights in MindSpore: the same features from the same file, other files refused."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from safetensors.numpy import save_file

from scripts.convert_resnet import main
from src.errors import UserError, run_command
from src.layers.resnet import ResNet50, set_weights, torchvision_name
from src.mergedepth.net import MergeNet
from src.training.checkpoints import load_network, read_checkpoint, save_network
from tests.resnet_reference import features, random_state
from tests.torch_writer import state_dict, write_pth

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "convert_resnet.py"
STEM, WIDTH = 4, 1 / 16


def test_the_whole_network_has_torchvisions_features(tmp_path, capsys):
    """From a .pth file by the command's checkpoint to the features that ONNX Runtime computes."""
    state = random_state()
    write_pth(tmp_path / "resnet50.pth", state_dict(state))
    main([str(tmp_path / "resnet50.pth"), str(tmp_path / "new/resnet50.ckpt")])
    assert capsys.readouterr().out == (f"{tmp_path}/new/resnet50.ckpt: 265 parameters; fc.weight, fc.bias "
                                       "left out (the classifier)\n")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["resnet50.ckpt"]
    encoder = ResNet50()
    assert load_network(encoder, tmp_path / "new/resnet50.ckpt") == []
    image = np.random.default_rng(1).random((2, 3, 64, 96), np.float32)
    found = encoder.set_train(False)(ms.Tensor(image))
    for mine, theirs in zip(found, features(state, image), strict=True):
        assert theirs.std() > 0.1
        np.testing.assert_allclose(mine.asnumpy(), theirs, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_weights_are_set_by_name_in_float32(dtype):
    state = {name: value.astype(dtype) if value.ndim else value for name, value in random_state(STEM).items()}
    encoder = ResNet50(WIDTH)
    assert set_weights(encoder, state) == ["fc.weight", "fc.bias"]
    for parameter in encoder.get_parameters():
        assert parameter.dtype == ms.float32
        np.testing.assert_array_equal(parameter.asnumpy(), state[torchvision_name(parameter.name)])


def test_a_checkpoint_loads_into_the_encoder_of_a_network(tmp_path):
    encoder, net = ResNet50(WIDTH), MergeNet(width=WIDTH)
    set_weights(encoder, random_state(STEM))
    save_network(encoder, tmp_path / "resnet50.ckpt", prefix="")
    load_network(net.encoder, tmp_path / "resnet50.ckpt", prefix="encoder.")
    image = ms.Tensor(np.random.default_rng(1).random((1, 3, 32, 32), np.float32))
    for mine, given in zip(net.encoder.set_train(False)(image), encoder.set_train(False)(image), strict=True):
        np.testing.assert_array_equal(mine.asnumpy(), given.asnumpy())


def changed(**values: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return a state dict with other values of some tensors, or without them."""
    state = random_state(STEM) | {name.replace("__", "."): value for name, value in values.items()}
    return {name: value for name, value in state.items() if value is not None}


@pytest.mark.parametrize(("state", "words"), [
    (changed(bn1__weight=None, bn1__bias=None), "2 tensors missing (bn1.weight, bn1.bias)"),
    (changed(layer5__weight=np.zeros(3)), "1 unknown (layer5.weight)"),
    ({f"module.{name}": value for name, value in random_state(STEM).items()}, "265 tensors missing"),
    (changed(conv1__weight=np.zeros((8, 3, 7, 7))), "conv1.weight is (8, 3, 7, 7), not (4, 3, 7, 7)"),
    (changed(bn1__bias=np.zeros(STEM, np.int64)), "bn1.bias is int64, not floating point")])
def test_weights_of_another_network_are_refused(state, words):
    encoder = ResNet50(WIDTH)
    before = {p.name: p.asnumpy() for p in encoder.get_parameters()}
    with pytest.raises(UserError) as caught:
        set_weights(encoder, state)
    assert words in str(caught.value)
    for parameter in encoder.get_parameters():
        np.testing.assert_array_equal(parameter.asnumpy(), before[parameter.name])


def test_the_command_refuses_other_files(tmp_path, capsys):
    def refused(*argv: object) -> str:
        assert run_command(main, [str(arg) for arg in argv]) == 2
        return capsys.readouterr().err.removesuffix("\n")

    source, target = tmp_path / "small.safetensors", tmp_path / "a.ckpt"
    save_file(random_state(STEM), source)
    assert refused(source, target) == (f"error: {source} cannot be converted: it is no ResNet-50 of "
                                       "torchvision: conv1.weight is (4, 3, 7, 7), not (64, 3, 7, 7)")
    assert refused(source, tmp_path / "a.pth") == f"error: {tmp_path / 'a.pth'} must end in .ckpt"
    assert refused(tmp_path / "no.pth", target) == f"error: no such file: {tmp_path / 'no.pth'}"
    assert refused(source) == "error: the following arguments are required: target (see --help)"
    assert [path.name for path in tmp_path.iterdir()] == ["small.safetensors"]


def test_the_command_explains_itself_from_another_folder(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, "--help"], cwd=tmp_path, text=True, check=False,
                          capture_output=True)
    assert done.returncode == 0 and "example:" in done.stdout and "PyTorch is not needed" in done.stdout


def test_the_checkpoint_holds_the_encoders_names(tmp_path):
    encoder = ResNet50(WIDTH)
    save_network(encoder, tmp_path / "a.ckpt", prefix="")
    names = set(read_checkpoint(tmp_path / "a.ckpt"))
    assert {"conv1.weight", "bn1.gamma", "layer1.0.downsample.1.moving_variance",
            "layer4.2.conv3.weight"} <= names and len(names) == 265
