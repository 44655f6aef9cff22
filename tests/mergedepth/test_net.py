# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth's net: the source's layers in NumPy, its parameters, both ways to enlarge, gradients, ONNX."""
from __future__ import annotations

import math
from pathlib import Path

import mindspore as ms
import numpy as np
import onnx
import pytest
from mindspore import nn

from src.deploy.onnx_export import export_onnx
from src.deploy.runtimes import onnx_runner
from src.graph import TensorSpec
from src.layers.resnet import ImageNetNormalization, torchvision_name
from src.mergedepth.net import UPSAMPLING, DecoderStep, MergeNet
from tests.reference_nets import Weights, batch_norm, conv, deconv2, relu, same, unpool
from tests.resnet_reference import features

RNG = np.random.default_rng(0)
WIDTH = 1 / 16
VARIANTS = [(fullscale, upsampling) for fullscale in (False, True) for upsampling in UPSAMPLING]


def randomized(net: nn.Cell) -> Weights:
    """Set weights and statistics that keep the signal's size; return them."""
    rng = np.random.default_rng(1)
    weights = {}
    for p in net.get_parameters():
        if p.ndim > 1:
            variance = 0.5 / p.shape[0] if p.shape[2:] == (2, 2) else 2 / math.prod(p.shape[1:])
            values = rng.normal(0, math.sqrt(variance), p.shape)
        elif p.name.endswith("gamma"):
            values = rng.uniform(0.5, 1.2, p.shape) * (0.5 if p.name.endswith("bn3.gamma") else 1)
        elif p.name.endswith("moving_variance"):
            values = rng.uniform(0.5, 1.5, p.shape)
        else:
            values = rng.normal(0, 0.1, p.shape)
        weights[p.name] = values.astype(np.float32)
        p.set_data(ms.Tensor(weights[p.name]))
    return weights


def random_image(*shape: int) -> np.ndarray:
    return RNG.random((shape[0], 3, *shape[1:]), np.float32)


def run(net: MergeNet, image: np.ndarray) -> np.ndarray:
    return net.set_train(False)(ms.Tensor(image)).asnumpy()


def decoded(maps: list[np.ndarray], weights: Weights, fullscale: bool, upsampling: str) -> np.ndarray:
    """The decoder of METHODS 2.1 on one image's encoder features, in float64."""
    x = relu(batch_norm(conv(maps[3], weights["reduce.0.weight"]), weights, "reduce.1"))
    for step, skip in enumerate([None, maps[2], maps[1], maps[0], None][:5 if fullscale else 4], 1):
        if upsampling == "deconv":
            x = deconv2(x, weights[f"step{step}.up.weight"])
            if skip is not None:
                x = x + deconv2(skip, weights[f"step{step}.skip.weight"])
        else:
            if skip is not None:
                x = x + conv(skip, weights[f"step{step}.skip.weight"])
            x = unpool(x)
        name = f"step{step}.project"
        a = conv(x, weights[f"{name}.conv1.weight"], padding=same(5))
        a = relu(batch_norm(a, weights, f"{name}.bn1"))
        a = batch_norm(conv(a, weights[f"{name}.conv2.weight"], padding=same(3)), weights, f"{name}.bn2")
        b = conv(x, weights[f"{name}.side_conv.weight"], padding=same(5))
        x = relu(a + batch_norm(b, weights, f"{name}.side_bn"))
    return 1 / (1 + np.exp(-conv(x, weights["head.weight"], padding=same(3))))


@pytest.mark.parametrize(("fullscale", "upsampling"), VARIANTS)
def test_the_net_computes_the_sources_layers(fullscale, upsampling):
    net = MergeNet(fullscale, WIDTH, upsampling)
    weights = randomized(net)
    image = random_image(2, 64, 96)
    state = {torchvision_name(name.removeprefix("encoder.")): value for name, value in weights.items()
             if name.startswith("encoder.")}
    doubles = {name: value.astype(np.float64) for name, value in weights.items()}
    expected = np.stack([decoded([m.astype(np.float64) for m in maps], doubles, fullscale, upsampling)
                         for maps in zip(*features(state, image))])
    assert expected.shape == ((2, 1, 64, 96) if fullscale else (2, 1, 32, 48))
    assert 0.05 < expected.std() < 0.3
    np.testing.assert_allclose(run(net, image), expected, atol=1e-4)


def decoder_size(fullscale: bool, upsampling: str, base: int) -> int:
    """Count the table of METHODS 2.1; `base` is 64 at the published width."""
    count = 32 * base * 16 * base + 2 * 16 * base
    steps = ((16, 0), (8, 16), (4, 8), (2, 4), (1, 0)) if fullscale else ((16, 0), (8, 16), (4, 8), (2, 4))
    for channels, skip in steps:
        channels, skip, out = channels * base, skip * base, channels * base // 2
        count += 4 * channels * (channels + skip) if upsampling == "deconv" else channels * skip
        count += 2 * 25 * channels * out + 9 * out * out + 3 * 2 * out
    return count + 9 * out


@pytest.mark.parametrize(("fullscale", "upsampling"), VARIANTS)
def test_parameters_are_the_tables(fullscale, upsampling):
    net = MergeNet(fullscale, 0.25, upsampling)
    decoder = sum(p.size for p in net.trainable_params() if not p.name.startswith("encoder."))
    assert decoder == decoder_size(fullscale, upsampling, base=16)
    assert not [p.name for p in net.get_parameters() if p.name.endswith("bias")]


def test_the_published_net_has_its_documented_size():
    count = sum(p.size for p in MergeNet().trainable_params())
    assert count == 71_886_080 == 23_508_032 + decoder_size(False, "deconv", base=64)
    assert 23_508_032 + decoder_size(False, "unpool", base=64) == 64_251_136
    for number in (71_886_080, 64_251_136):
        assert f"{number:,}" in MergeNet.__doc__


def test_unpooling_is_a_transposed_convolution_with_one_weight():
    unpooling, learned = MergeNet(True, WIDTH, "unpool"), MergeNet(True, WIDTH, "deconv")
    weights = randomized(unpooling)
    for p in learned.get_parameters():
        values = weights.get(p.name)
        if ".skip." in p.name or ".up." in p.name:
            corner = np.eye(p.shape[0]) if ".up." in p.name else weights[p.name][:, :, 0, 0].T
            values = np.zeros(p.shape, np.float32)
            values[:, :, 0, 0] = corner
        p.set_data(ms.Tensor(values))
    image = random_image(1, 64, 32)
    np.testing.assert_allclose(run(unpooling, image), run(learned, image), atol=1e-5)


def test_imagenet_statistics_are_taken_off_the_image():
    plain, normalising = MergeNet(width=WIDTH), MergeNet(width=WIDTH, imagenet_stats=True)
    for net in (plain, normalising):
        randomized(net)
    image = random_image(1, 32, 64)
    normalised = ImageNetNormalization()(ms.Tensor(image)).asnumpy()
    np.testing.assert_allclose(run(normalising, image), run(plain, normalised), atol=1e-6)
    assert np.abs(run(normalising, image) - run(plain, image)).max() > 1e-2


def test_an_unknown_way_to_enlarge_is_refused():
    with pytest.raises(ValueError, match="'nearest' is none of"):
        MergeNet(upsampling="nearest")


@pytest.mark.parametrize(("fullscale", "upsampling"), VARIANTS[1:3])
def test_every_parameter_learns(fullscale, upsampling):
    net = MergeNet(fullscale, WIDTH, upsampling).set_train()
    image = ms.Tensor(random_image(2, 64, 64))
    sides = ms.Tensor(RNG.normal(size=net(image).shape).astype(np.float32))

    def weighted(image):
        return (net(image) * sides).sum()

    parameters = net.trainable_params()
    gradients = ms.grad(weighted, None, ms.ParameterTuple(parameters))(image)
    sizes = {p.name: float(np.abs(g.asnumpy()).max()) for p, g in zip(parameters, gradients, strict=True)}
    assert all(0 < size < 1e4 for size in sizes.values()), sizes


def test_half_precision_runs_and_is_near():
    full, half = MergeNet(True, WIDTH), MergeNet(True, WIDTH)
    for net in (full, half):
        randomized(net)
    image = random_image(1, 64, 64)
    found = run(half.to_float(ms.float16), image)
    assert all(p.dtype == ms.float32 for p in half.get_parameters())
    assert np.abs(found - run(full, image)).max() < 2e-2


def check_export(net: nn.Cell, inputs: list[TensorSpec], output: TensorSpec, file: Path) -> None:
    """Any batch gives the network's numbers in ONNX Runtime."""
    free = export_onnx(net.set_train(False), inputs, [output], file, {}, {})
    assert free == ("N",)
    dims = onnx.load(file).graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", *output.shape]
    for batch in (1, 3):
        arrays = [RNG.random((batch, *spec.shape), np.float32) for spec in inputs]
        found, expected = onnx_runner(file)(*arrays)[0], net(*(ms.Tensor(a) for a in arrays)).asnumpy()
        assert found.shape == expected.shape and expected.std() > 0.05
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_net_exports(tmp_path):
    net = MergeNet(width=WIDTH, imagenet_stats=True)
    randomized(net)
    output = TensorSpec("depth", (1, 16, 32))
    check_export(net, [TensorSpec("image", (3, 32, 64))], output, tmp_path / "net.onnx")


def test_an_unpooling_step_exports(tmp_path):
    step = DecoderStep(8, 16, "unpool")
    randomized(step)
    inputs = [TensorSpec("x", (8, 3, 5)), TensorSpec("skip", (16, 3, 5))]
    check_export(step, inputs, TensorSpec("y", (4, 6, 10)), tmp_path / "step.onnx")
