# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's net: its layers in NumPy, its closed width, its size and time, learning, ONNX and int8."""
from __future__ import annotations

import functools
import time
from pathlib import Path

import mindspore as ms
import numpy as np
import onnx
import onnxruntime
import pytest
from mindspore import nn, ops

from benchmarks.panodepth_blocks import multiply_adds
from src.deploy.onnx_export import export_onnx
from src.deploy.quantize import quantize
from src.deploy.runtimes import mindir_runner, onnx_runner
from src.graph import TensorSpec
from src.layers.resnet import ImageNetNormalization, ResNet50, torchvision_name
from src.panodepth.net import BACKBONES, DEPTH_RANGE_M, PanoNet, ResNetEncoder
from tests.circular_reference import circular_conv, conv_norm, enlarged, inverted_residual, randomized
from tests.reference_nets import relu
from tests.samples import smooth_scene

RNG = np.random.default_rng(0)
FULL_HW, SMALL_HW = (256, 512), (32, 96)


def random_image(batch: int, *image_hw: int) -> np.ndarray:
    return RNG.random((batch, 3, *image_hw), np.float32)


@functools.cache
def used(backbone: str) -> PanoNet:
    """Return a net in inference mode with statistics of images: in a new one the signal explodes."""
    ms.set_seed(0)
    net = PanoNet(backbone).set_train()
    for _ in range(10):
        net(ms.Tensor(random_image(4, *SMALL_HW)))
    return net.set_train(False)


@pytest.fixture(params=BACKBONES)
def net(request) -> PanoNet:
    return used(request.param)


@pytest.fixture
def mobile() -> PanoNet:
    return used("mobile")


@pytest.fixture(scope="module")
def mobile_onnx(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "mobile.onnx"
    inputs, outputs = [TensorSpec("image", (3, *FULL_HW))], [TensorSpec("depth", (1, *FULL_HW))]
    assert export_onnx(used("mobile"), inputs, outputs, path, {}, {}) == ("N",)
    return path


@pytest.fixture(scope="module")
def mobile_int8(mobile_onnx) -> Path:
    path = mobile_onnx.with_name("mobile_int8.onnx")
    quantize(mobile_onnx, path, ((random_image(1, *FULL_HW),) for _ in range(4)))
    return path


def expected_depth(image: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    """The mobile net in float64."""
    x = relu(conv_norm(image, weights, "encoder.stem", 2))
    features = [x]
    for stage, blocks in enumerate((2, 2, 3, 5), 1):
        for block in range(blocks):
            x = inverted_residual(x, weights, f"encoder.stage{stage}.{block}.", 1 if block else 2)
        features.append(x)
    for step, skip in enumerate(features[-2::-1], 1):
        name = f"step{step}"
        x = enlarged(conv_norm(x, weights, f"{name}.reduce"), 2) + conv_norm(skip, weights, f"{name}.skip")
        x = relu(conv_norm(relu(x), weights, f"{name}.mix"))
    x = enlarged(circular_conv(x, weights["head.weight"]) + weights["head.bias"].reshape(-1, 1, 1), 2)
    low, high = DEPTH_RANGE_M
    return low * (high / low) ** (1 / (1 + np.exp(-x)))


def test_the_mobile_net_computes_its_layers():
    net = PanoNet()
    weights = randomized(net)
    image = random_image(2, 32, 64)
    found = net.set_train(False)(ms.Tensor(image)).asnumpy()
    expected = np.stack([expected_depth(one.astype(np.float64), weights) for one in image])
    assert found.shape == expected.shape == (2, 1, 32, 64)
    assert np.log(expected).std() > 0.1
    np.testing.assert_allclose(np.log(found), np.log(expected), atol=1e-4)


def test_the_resnet_encoder_is_resnet50_on_normalised_images():
    encoder, plain = ResNetEncoder().set_train(False), ResNet50(circular=True).set_train(False)
    ms.load_param_into_net(plain, encoder.parameters_dict())
    image = ms.Tensor(random_image(1, 32, 64))
    normalised = ImageNetNormalization()(image)
    found, expected = encoder(image), (plain.stem(normalised), *plain(normalised))
    assert [f.shape[1] for f in found] == list(encoder.channels) == [64, 256, 512, 1024, 2048]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())


@pytest.mark.parametrize("columns", [32, 64])
def test_rolling_the_image_rolls_the_depth(net, columns):
    assert net.stride == 32
    image = random_image(2, *SMALL_HW)
    found = net(ms.Tensor(np.roll(image, columns, -1))).asnumpy()
    expected = np.roll(net(ms.Tensor(image)).asnumpy(), columns, -1)
    assert expected.std() > 1e-2
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_depth_is_in_its_range_whatever_the_image(net):
    """Also where the last convolution says anything."""
    low, high = DEPTH_RANGE_M
    for image in (random_image(1, *SMALL_HW), np.full((1, 3, *SMALL_HW), 1e4, np.float32)):
        depth_m = net(ms.Tensor(image)).asnumpy()
        assert depth_m.shape == (1, 1, *SMALL_HW) and np.isfinite(depth_m).all()
        assert low * 0.999 <= depth_m.min() and depth_m.max() <= high * 1.001


def test_the_range_is_an_argument():
    """Half-way up the curve is the geometric mean, whatever the range."""
    net = PanoNet(depth_range_m=(0.5, 8.0)).set_train(False)
    for parameter in net.head.get_parameters():
        parameter.set_data(ops.zeros_like(parameter))
    np.testing.assert_allclose(net(ms.Tensor(random_image(1, 32, 64))).asnumpy(), 2.0, rtol=1e-5)


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="'vgg' is none of mobile, resnet50"):
        PanoNet("vgg")


def test_pretrained_encoders_are_named_as_torchvisions():
    names = {p.name for p in ResNet50().get_parameters()}
    own = {p.name.removeprefix("encoder.") for p in PanoNet("resnet50").get_parameters()
           if p.name.startswith("encoder.")}
    assert own == names and "layer1.0.bn1.running_mean" in map(torchvision_name, own)


def test_the_mobile_net_is_of_mobile_size(mobile, mobile_onnx):
    """Limits: 5 million parameters, 3 GFLOP with each multiply-add counted as two."""
    assert sum(p.size for p in mobile.trainable_params()) == 3_847_137 < 5e6
    assert multiply_adds(mobile_onnx) == 1_297_219_584 < 3e9 / 2
    convs = [node for node in onnx.load(mobile_onnx).graph.node if node.op_type == "Conv"]
    assert len(convs) == 1 + (2 + 2 + 3 + 5) * 2 + 4 * 3 + 1


def processor_ms(*paths: Path) -> list[float]:
    """Return the least processor time of an image in one thread, in turns: other programs do not count."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [onnxruntime.InferenceSession(p, options, providers=["CPUExecutionProvider"]) for p in paths]
    image, times = random_image(1, *FULL_HW), np.full((len(paths), 25), np.inf)
    for turn in range(times.shape[1]):
        for i, session in enumerate(sessions):
            start = time.process_time()
            session.run(None, {"image": image})
            times[i, turn] = time.process_time() - start
    return list(1e3 * times.min(axis=1))


def test_int8_is_smaller_and_faster(mobile_onnx, mobile_int8):
    """A third of the size, 1.2 times as fast; and 40 ms on two cores are kept by one."""
    assert mobile_int8.stat().st_size <= 0.35 * mobile_onnx.stat().st_size
    plain_ms, int8_ms = processor_ms(mobile_onnx, mobile_int8)
    assert plain_ms < 40
    assert int8_ms * 1.2 <= plain_ms


def test_int8_closes_the_seam(mobile_onnx, tmp_path):
    """Whatever it was calibrated on: here on pictures that are dark beside the seam."""
    dark = random_image(1, *FULL_HW)
    dark[..., :40] *= 0.1
    dark[..., -40:] *= 0.1
    quantize(mobile_onnx, tmp_path / "net.onnx", ((dark,) for _ in range(2)))
    run = onnx_runner(tmp_path / "net.onnx")
    image = random_image(1, *FULL_HW)
    np.testing.assert_allclose(run(np.roll(image, 160, -1))[0], np.roll(run(image)[0], 160, -1), rtol=1e-4)


def test_int8_is_near(mobile_onnx, mobile_int8):
    image = random_image(1, *FULL_HW)
    (plain,), (found,) = (np.log(onnx_runner(path)(image)[0]) for path in (mobile_onnx, mobile_int8))
    assert plain.std() > 0.05
    assert np.abs(found - plain).mean() < 0.2 * plain.std()


def test_exported_files_are_the_net(mobile, mobile_onnx, tmp_path):
    image = random_image(2, *FULL_HW)
    expected = mobile(ms.Tensor(image)).asnumpy()
    run = onnx_runner(mobile_onnx)
    np.testing.assert_allclose(run(image)[0], expected, rtol=1e-4)
    np.testing.assert_allclose(run(np.roll(image, 160, -1))[0], np.roll(expected, 160, -1), rtol=1e-4)
    image = random_image(1, *SMALL_HW)
    ms.export(mobile, ms.Tensor(image), file_name=str(tmp_path / "m"), file_format="MINDIR")
    (found,) = mindir_runner(tmp_path / "m.mindir")(image)
    np.testing.assert_allclose(found, mobile(ms.Tensor(image)).asnumpy(), rtol=1e-5)


@pytest.mark.slow  # 100 MB, written three times
def test_the_resnet_exports(tmp_path):
    net, path = used("resnet50"), tmp_path / "m.onnx"
    inputs, outputs = [TensorSpec("image", (3, *SMALL_HW))], [TensorSpec("depth", (1, *SMALL_HW))]
    assert export_onnx(net, inputs, outputs, path, {}, {}) == ("N",)
    image = random_image(2, *SMALL_HW)
    np.testing.assert_allclose(onnx_runner(path)(image)[0], net(ms.Tensor(image)).asnumpy(), rtol=1e-3)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_parameter_learns(backbone):
    net = PanoNet(backbone).set_train()
    image = ms.Tensor(random_image(2, *SMALL_HW))
    sides = ms.Tensor(RNG.normal(size=(2, 1, *SMALL_HW)).astype(np.float32))

    def weighted(image):
        return (net(image) * sides).sum()

    parameters = net.trainable_params()
    gradients = ms.grad(weighted, None, ms.ParameterTuple(parameters))(image)
    sizes = {p.name: float(np.abs(g.asnumpy()).max()) for p, g in zip(parameters, gradients, strict=True)}
    assert all(0 < size < np.inf for size in sizes.values()), sizes


def test_a_few_steps_fit_a_few_images():
    """The loss falls to less than half of what the best constant depth has."""
    ms.set_seed(0)
    scenes = [smooth_scene(np.random.default_rng(i), SMALL_HW) for i in range(4)]
    image = ms.Tensor(np.stack([rgb.transpose(2, 0, 1) for rgb, _ in scenes]).astype(np.float32) / 255)
    depth_m = np.stack([depth for _, depth in scenes])[:, None].astype(np.float32)
    net = PanoNet().set_train()
    optimizer = nn.Adam(net.trainable_params(), 3e-3)
    truth = ms.Tensor(depth_m)

    def loss(image):
        return ops.abs(net(image) - truth).mean()

    gradient = ms.value_and_grad(loss, None, optimizer.parameters)

    def step(image):
        value, gradients = gradient(image)
        return ops.depend(value, optimizer(gradients))

    compiled = ms.jit(step)
    values = [float(compiled(image)) for _ in range(20)]
    constant = np.abs(depth_m - np.median(depth_m)).mean()
    assert values[-1] < constant / 2


def test_half_precision_runs_and_is_near(mobile):
    half = PanoNet()
    ms.load_param_into_net(half, mobile.parameters_dict())
    image = ms.Tensor(random_image(1, *SMALL_HW))
    expected = np.log(mobile(image).asnumpy())
    found = half.set_train(False).to_float(ms.float16)(image).asnumpy()
    assert np.abs(np.log(found) - expected).max() < 3e-2
