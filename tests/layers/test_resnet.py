# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The encoder against torchvision's network, built by hand in ONNX; its pooling, statistics and start."""
from __future__ import annotations

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from src.deploy.onnx_export import export_onnx
from src.deploy.runtimes import onnx_runner
from src.graph import TensorSpec
from src.layers.resnet import ImageNetNormalization, ResNet50, batch_norm, torchvision_name
from tests.resnet_reference import convolutions, features, random_state

RNG = np.random.default_rng(0)
WIDTH, STEM = 0.125, 8


@pytest.fixture(scope="module")
def narrow() -> ResNet50:
    """An eighth of the width, with the weights of `random_state(STEM)`, in inference mode."""
    net, state = ResNet50(WIDTH), random_state(STEM)
    for parameter in net.get_parameters():
        parameter.set_data(ms.Tensor(state[torchvision_name(parameter.name)]))
    return net.set_train(False)


@pytest.mark.parametrize("size", [(64, 64), (32, 96), (75, 101)])
def test_features_are_torchvisions(narrow, size):
    image = RNG.random((2, 3, *size), np.float32)
    found = [output.asnumpy() for output in narrow(ms.Tensor(image))]
    expected = features(random_state(STEM), image)
    assert [output.shape[1] for output in found] == list(narrow.channels) == [32, 64, 128, 256]
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape and theirs.std() > 0.1
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_a_circular_net_sees_an_endless_image():
    """Its features are torchvision's in the middle of so many copies that the ends are out of sight."""
    net, state, copies = ResNet50(WIDTH, circular=True).set_train(False), random_state(STEM), 17
    for parameter in net.get_parameters():
        parameter.set_data(ms.Tensor(state[torchvision_name(parameter.name)]))
    image = RNG.random((1, 3, 32, 64), np.float32)
    found = [output.asnumpy() for output in net(ms.Tensor(image))]
    for mine, theirs in zip(found, features(state, np.tile(image, copies)), strict=True):
        width = theirs.shape[-1] // copies
        middle = theirs[..., copies // 2 * width:][..., :width]
        assert np.abs(theirs[..., :width] - middle).max() > 1e-2
        np.testing.assert_allclose(mine, middle, atol=1e-4)


def test_a_circular_net_exports(tmp_path):
    net, path = ResNet50(WIDTH, circular=True).set_train(False), tmp_path / "m.onnx"
    outputs = [TensorSpec(f"features{i}", (channels, 16 >> i, 32 >> i))
               for i, channels in enumerate(net.channels)]
    assert export_onnx(net, [TensorSpec("image", (3, 64, 128))], outputs, path, {}, {}) == ("N",)
    image = RNG.random((2, 3, 64, 128), np.float32)
    for found, expected in zip(onnx_runner(path)(image), net(ms.Tensor(image)), strict=True):
        np.testing.assert_allclose(found, expected.asnumpy(), atol=1e-4 * expected.asnumpy().max())


def test_the_stems_features_are_those_in_front_of_the_stages(narrow):
    image = ms.Tensor(RNG.random((1, 3, 64, 64), np.float32))
    half = narrow.stem(image)
    assert half.shape == (1, STEM, 32, 32)
    for one, other in zip(narrow.stages(half), narrow(image), strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


def test_parameters_are_torchvisions_by_name_and_shape():
    net = ResNet50()
    expected = {}
    for conv, norm, outputs, inputs, kernel in convolutions():
        expected[f"{conv}.weight"] = (outputs, inputs, kernel, kernel)
        for name in ("weight", "bias", "running_mean", "running_var"):
            expected[f"{norm}.{name}"] = (outputs,)
    assert {torchvision_name(p.name): p.shape for p in net.get_parameters()} == expected
    # torchvision's count of its resnet50 less that of its classifier
    assert sum(p.size for p in net.trainable_params()) == 25_557_032 - (2048 + 1) * 1000
    assert net.channels == (256, 512, 1024, 2048)


@pytest.mark.parametrize(("width", "stem"), [(0.25, 16), (0.05, 4), (1 / 64, 2), (1e-3, 2)])
def test_width_rounds_to_even_stems(width, stem):
    net = ResNet50(width)
    assert net.conv1.weight.shape == (stem, 3, 7, 7)
    assert net.channels == tuple(stem * factor for factor in (4, 8, 16, 32))


def pooled(x: np.ndarray) -> np.ndarray:
    """torchvision's pooling: 3x3, stride 2, a border that never wins."""
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    height, width = ((count - 3) // 2 + 1 for count in x.shape[2:])
    return np.max([x[:, :, i:i + 2 * height:2, j:j + 2 * width:2] for i, j in np.ndindex(3, 3)], axis=0)


@pytest.mark.parametrize("size", [(8, 12), (7, 9), (1, 2)])
def test_the_stems_pooling_is_torchvisions(narrow, size):
    x = np.maximum(RNG.normal(size=(2, 4, *size)), 0).astype(np.float32)
    np.testing.assert_array_equal(narrow.maxpool(narrow.pad(ms.Tensor(x))).asnumpy(), pooled(x))


def test_the_padding_of_zeros_takes_no_gradient(narrow):
    """Windows of zeros alone tie with the padding; behind the ReLU this makes no difference."""
    own = nn.MaxPool2d(kernel_size=3, stride=2, pad_mode="pad", padding=1)
    x = RNG.normal(-1, 1, (2, 4, 8, 10)).astype(np.float32)
    assert (pooled(np.maximum(x, 0)) == 0).mean() > 0.05
    sides = ms.Tensor(RNG.normal(size=(2, 4, 4, 5)).astype(np.float32))

    def mine(x):
        return (narrow.maxpool(narrow.pad(ops.relu(x))) * sides).sum()

    def theirs(x):
        return (own(ops.relu(x)) * sides).sum()

    found, expected = (ms.grad(f)(ms.Tensor(x)).asnumpy() for f in (mine, theirs))
    np.testing.assert_allclose(found, expected, atol=1e-6)  # sums of the windows that a pixel wins


def test_training_moves_statistics_as_torchvision_does():
    """A tenth of the way to the batch's mean and unbiased variance; few pixels tell it from the biased."""
    norm = batch_norm(2).set_train()
    x = RNG.normal(2, 3, size=(2, 2, 1, 2)).astype(np.float32)
    pixels = x.transpose(1, 0, 2, 3).reshape(2, 4)
    expected = (x - pixels.mean(1).reshape(2, 1, 1)) / np.sqrt(pixels.var(1) + 1e-5).reshape(2, 1, 1)
    np.testing.assert_allclose(norm(ms.Tensor(x)).asnumpy(), expected, atol=1e-5)
    np.testing.assert_allclose(norm.moving_mean.asnumpy(), 0.1 * pixels.mean(1), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.asnumpy(), 0.9 + 0.1 * pixels.var(1, ddof=1), rtol=1e-5)


def test_weights_start_as_kaiming_says():
    ms.set_seed(3)
    net = ResNet50(0.25)
    for cell in (net.layer2[0].conv2, net.layer3[0].conv3, net.layer4[0].downsample[0]):
        outputs, _, height, width = cell.weight.shape
        values = cell.weight.asnumpy()
        assert values.std() == pytest.approx(np.sqrt(2 / (outputs * height * width)), rel=0.03)
        assert abs(values.mean()) < 0.05 * values.std()


def test_half_precision_runs_and_is_near(narrow):
    image = ms.Tensor(RNG.random((1, 3, 64, 64), np.float32))
    net = ResNet50(WIDTH)
    for mine, given in zip(net.get_parameters(), narrow.get_parameters(), strict=True):
        mine.set_data(given)
    full, half = narrow(image), net.set_train(False).to_float(ms.float16)(image)
    for one, other in zip(full, half, strict=True):
        assert np.abs(one.asnumpy() - other.asnumpy()).max() < 2e-2 * np.abs(one.asnumpy()).max()


def test_imagenet_normalization_is_torchvisions():
    image = RNG.random((2, 3, 4, 5), np.float32)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (image - mean.reshape(3, 1, 1)) / deviation.reshape(3, 1, 1)
    found = ImageNetNormalization()(ms.Tensor(image))
    assert found.dtype == ms.float32
    np.testing.assert_allclose(found.asnumpy(), expected, atol=1e-5)
