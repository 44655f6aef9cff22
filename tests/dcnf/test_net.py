# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DCNF's networks: their layers in NumPy, superpixel pooling, torchvision's names, learning, export, time."""
from __future__ import annotations

import time

import mindspore as ms
import numpy as np
import onnxruntime
import pytest
from mindspore import ops

from src.dcnf.crf import Crf
from src.dcnf.net import STRIDE, TRUNKS, DcnfNet, Head, LightTrunk, PatchUnary, PooledUnary, Vgg16Trunk
from src.deploy.onnx_export import export_onnx
from src.deploy.runtimes import mindir_runner, onnx_runner
from src.graph import TensorSpec
from tests.circular_reference import randomized
from tests.dcnf.crf_reference import grid_similarity, most_probable
from tests.reference_nets import Weights, batch_norm, conv, max_pool2, relu, same

RNG = np.random.default_rng(0)
SMALL_HW, FULL_HW, FULL_N = (32, 48), (240, 320), 700
# torchvision's VGG-16: number of the layer in `features`, channels in and out
VGG16 = ((0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128), (10, 128, 256), (12, 256, 256), (14, 256, 256),
         (17, 256, 512), (19, 512, 512), (21, 512, 512), (24, 512, 512), (26, 512, 512), (28, 512, 512))


def random_image(batch: int, *image_hw: int) -> np.ndarray:
    return RNG.random((batch, 3, *image_hw), np.float32)


def blocks(image_hw: tuple[int, int], rows: int, columns: int) -> np.ndarray:
    """Label map (H, W) of superpixels that cut the cells of 8x8 pixels."""
    y, x = np.mgrid[:image_hw[0], :image_hw[1]]
    return (y * rows // image_hw[0]) * columns + (x + y // 3) % image_hw[1] * columns // image_hw[1]


def pooling(labels: np.ndarray, n: int) -> np.ndarray:
    """Share of each superpixel's pixels in each cell, (n, cells)."""
    height, width = labels.shape
    cells = (np.arange(height) // STRIDE)[:, None] * (width // STRIDE) + np.arange(width) // STRIDE
    pool = np.zeros((n, height * width // STRIDE**2), np.float32)
    np.add.at(pool, (labels.ravel(), cells.ravel()), 1)
    return pool / np.maximum(pool.sum(axis=1, keepdims=True), 1)


def inputs(batch: int, image_hw: tuple[int, int], rows: int, columns: int) -> tuple[np.ndarray, ...]:
    n = rows * columns
    pool = pooling(blocks(image_hw, rows, columns), n)
    similarity = [grid_similarity(rows, columns, RNG) for _ in range(batch)]
    return random_image(batch, *image_hw), np.stack([pool] * batch), np.stack(similarity)


def tensors(arrays) -> list[ms.Tensor]:
    return [ms.Tensor(a) for a in arrays]


def weights_of(cell) -> Weights:
    return {p.name: p.asnumpy().astype(np.float64) for p in cell.get_parameters()}


def enlarged(x: np.ndarray) -> np.ndarray:
    """Twice the size, bilinearly: pixel centres at + 0.5, edges repeated."""
    for axis in (1, 2):
        before, after = (np.take(x, np.clip(np.arange(x.shape[axis]) + i, 0, x.shape[axis] - 1), axis)
                         for i in (-1, 1))
        both = np.stack((0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after), axis + 1)
        x = both.reshape([2 * size if i == axis else size for i, size in enumerate(x.shape)])
    return x


def conv_norm(x, weights, name, stride=1, dilation=1):
    kernel = weights[f"{name}.conv.weight"]
    wide = np.zeros((*kernel.shape[:2], 2 * dilation + 1, 2 * dilation + 1))
    wide[:, :, ::dilation, ::dilation] = kernel
    return batch_norm(conv(x, wide, stride=stride, padding=same(2 * dilation + 1)), weights, f"{name}.norm")


def residual(x, weights, name, dilation=1):
    inner = relu(conv_norm(x, weights, f"{name}.first", dilation=dilation))
    return relu(x + conv_norm(inner, weights, f"{name}.second"))


def light_features(image: np.ndarray, weights: Weights) -> np.ndarray:
    x = relu(conv_norm((image - 0.5) * 4, weights, "stem", 2))
    x = residual(relu(conv_norm(x, weights, "quarter", 2)), weights, "quarter_block")
    eighth = residual(relu(conv_norm(x, weights, "eighth", 2)), weights, "eighth_block")
    x = relu(conv_norm(eighth, weights, "sixteenth", 2))
    for i, dilation in enumerate((1, 2, 4)):
        x = residual(x, weights, f"context.{i}", dilation)
    return relu(enlarged(conv(x, weights["coarse.weight"])) + conv_norm(eighth, weights, "fine"))


def vgg_features(image: np.ndarray, weights: Weights) -> np.ndarray:
    mean, deviation = (np.reshape(v, (3, 1, 1)) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = (image - mean) / deviation
    for layer, below, channels in VGG16:
        if layer and channels != below or layer == 24:
            x = max_pool2(x)
        name = f"features.{layer}"
        x = relu(conv(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=same(3)))
    return x.repeat(2, axis=1).repeat(2, axis=2)


def head_depth(x: np.ndarray, weights: Weights, hidden: int = 1) -> np.ndarray:
    for i in range(hidden):
        x = relu(x @ weights[f"hidden.{i}.weight"].T + weights[f"hidden.{i}.bias"])
    units = 1 / (1 + np.exp(-(x @ weights["logistic.weight"].T + weights["logistic.bias"])))
    return ((units - 0.5) @ weights["depth.weight"].T + weights["depth.bias"])[:, 0] + np.log(3)


def part(weights: Weights, name: str) -> Weights:
    return {key.removeprefix(name): value for key, value in weights.items() if key.startswith(name)}


@pytest.mark.parametrize(("trunk", "reference"), [(LightTrunk, light_features), (Vgg16Trunk, vgg_features)])
def test_trunks_compute_their_layers(trunk, reference):
    cell = trunk().set_train(False)
    weights = randomized(cell)
    image = random_image(2, *SMALL_HW)
    found = cell(ms.Tensor(image)).asnumpy()
    expected = np.stack([reference(one.astype(np.float64), weights) for one in image])
    assert found.shape == expected.shape == (2, cell.channels, SMALL_HW[0] // 8, SMALL_HW[1] // 8)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


def test_vgg_has_torchvisions_names_and_shapes():
    expected = {}
    for layer, below, channels in VGG16:
        expected[f"features.{layer}.weight"] = (channels, below, 3, 3)
        expected[f"features.{layer}.bias"] = (channels,)
    assert {p.name: p.shape for p in Vgg16Trunk().get_parameters()} == expected
    assert sum(np.prod(shape) for shape in expected.values()) == 14_714_688


def test_pooling_is_the_mean_of_enlarged_features():
    """As published: features enlarged by nearest neighbour to the image's size, averaged in superpixels."""
    net = PooledUnary().set_train(False)
    labels, n = blocks(SMALL_HW, 4, 5), 22  # two of them padding
    image = random_image(1, *SMALL_HW)
    found = net(ms.Tensor(image), ms.Tensor(pooling(labels, n)[None])).asnumpy()
    features = net.trunk(ms.Tensor(image)).asnumpy()[0].astype(np.float64)
    full = features.repeat(STRIDE, axis=1).repeat(STRIDE, axis=2)
    means = np.stack([full[:, labels == p].mean(axis=1) if p < 20 else np.zeros(len(full)) for p in range(n)])
    expected = head_depth(means, part(weights_of(net), "head."))
    assert found.shape == (1, n) and expected[:20].std() > 1e-3
    np.testing.assert_allclose(found[0], expected, atol=1e-4)
    counts = pooling(labels, n) * np.bincount(labels.ravel(), minlength=n)[:, None].astype(np.float32)
    by_counts = net(ms.Tensor(image), ms.Tensor(counts[None])).asnumpy()
    np.testing.assert_allclose(by_counts, found, atol=1e-4)


def test_a_new_head_says_about_3_m_and_any_head_is_bounded():
    head = Head(10, (8,))
    x = ms.Tensor(RNG.normal(size=(50, 10)).astype(np.float32))
    assert np.abs(head(x).asnumpy().mean() - np.log(3)) < 1
    weight = head.depth.weight.asnumpy()
    assert np.abs(head(1e6 * x).asnumpy() - np.log(3)).max() <= 0.5 * np.abs(weight).sum() + 1e-5


def test_dropped_units_of_the_head_do_not_count():
    head = Head(10, (8, 4))
    x = RNG.normal(size=(3, 10)).astype(np.float32)
    keep = np.zeros((3, 12), np.float32)
    keep[:, 2], keep[:, 8:] = 2.0, 1.0
    found = head(ms.Tensor(x), ms.Tensor(keep)).asnumpy()
    weights = weights_of(head)
    weights["hidden.1.weight"] = weights["hidden.1.weight"] * 2.0 * (np.arange(8) == 2)
    np.testing.assert_allclose(found, head_depth(x, weights, hidden=2), atol=1e-5)
    ones = ms.Tensor(np.ones_like(keep))
    np.testing.assert_array_equal(head(ms.Tensor(x), ones).asnumpy(), head(ms.Tensor(x)).asnumpy())


def patch_depth(patch: np.ndarray, weights: Weights, reduced: bool) -> np.ndarray:
    x = (patch - 0.5) * 4
    for i, (size, pooled) in enumerate(((11, True), (5, True), (3, False), (3, False), (3, True)), 1):
        padding = (0,) * 4 if reduced or i == 1 else same(size)
        x = relu(conv(x, weights[f"conv{i}.weight"], weights[f"conv{i}.bias"].reshape(-1, 1, 1),
                      1 if reduced or i > 1 else 4, padding))
        x = max_pool2(x) if pooled else x
    return head_depth(x.reshape(1, -1), part(weights, "head."), 1 if reduced else 2)


@pytest.mark.parametrize(("reduced", "patch_px", "parameters"), [
    (True, 100, 2_203_392 + 1_607_841),  # the source's convolutions and dense layers
    (False, 224, 2_203_392 + 37_752_832 + 524_416 + 2_064 + 17)])
def test_patch_networks_compute_their_layers(reduced, patch_px, parameters):
    net = PatchUnary(reduced).set_train(False)
    assert net.patch_px == patch_px and sum(p.size for p in net.trainable_params()) == parameters
    weights = weights_of(net)
    patches = RNG.random((2, 1, 3, patch_px, patch_px), np.float32)
    found = net(ms.Tensor(patches)).asnumpy()
    expected = np.stack([patch_depth(p[0].astype(np.float64), weights, reduced) for p in patches])
    assert found.shape == (2, 1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_an_unknown_trunk_is_refused():
    with pytest.raises(ValueError, match="'mobile' is none of light, vgg16"):
        PooledUnary("mobile")


def test_the_order_of_superpixels_and_padding_do_not_matter():
    net = DcnfNet(PooledUnary(), Crf(cg_steps=20)).set_train(False)
    image, pool, similarity = inputs(1, SMALL_HW, 4, 5)
    depth, unary = (a.asnumpy() for a in net(*tensors((image, pool, similarity))))
    order = RNG.permutation(20)
    moved = image, pool[:, order], similarity[:, :, order][:, :, :, order]
    more = image, np.pad(pool, ((0, 0), (0, 7), (0, 0))), np.pad(similarity, ((0, 0), (0, 0), (0, 7), (0, 7)))
    for found, expected in zip(net(*tensors(moved)), (depth, unary), strict=True):
        np.testing.assert_allclose(found.asnumpy(), expected[:, order], atol=1e-5)
    for found, expected in zip(net(*tensors(more)), (depth, unary), strict=True):
        np.testing.assert_allclose(found.asnumpy()[:, :20], expected, atol=1e-5)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_every_parameter_learns(trunk):
    net = DcnfNet(PooledUnary(trunk), Crf()).set_train()
    *given, similarity = tensors(inputs(2, SMALL_HW, 4, 5))
    truth = ms.Tensor(RNG.normal(1.0, 0.3, (2, 20)).astype(np.float32))
    valid = ms.Tensor((RNG.random((2, 20)) < 0.8).astype(np.float32))

    def loss(image, pool):
        return net.crf.negative_log_likelihood(net.unary(image, pool), similarity, truth, valid).sum()

    parameters = net.trainable_params()
    assert sum(p.name == "crf.beta_logit" for p in parameters) == 1
    gradients = ms.grad(loss, None, ms.ParameterTuple(parameters))(*given)
    sizes = {p.name: float(np.abs(g.asnumpy()).max()) for p, g in zip(parameters, gradients, strict=True)}
    assert all(0 < size < np.inf for size in sizes.values()), sizes


def test_exported_files_are_the_net_and_quick(tmp_path):
    """All of a picture's 700 superpixels; 1 s on two cores is kept by far in one thread."""
    net = DcnfNet(PooledUnary(), Crf()).set_train(False)
    image, pool, similarity = inputs(3, FULL_HW, 25, 28)
    specs = [TensorSpec("image", image.shape[1:]), TensorSpec("pool", pool.shape[1:]),
             TensorSpec("similarity", similarity.shape[1:])]
    outputs = [TensorSpec("depth", (FULL_N,)), TensorSpec("unary", (FULL_N,))]
    assert export_onnx(net, specs, outputs, tmp_path / "m.onnx", {}, {}) == ("N",)
    depth, unary = (a.asnumpy() for a in net(*tensors((image, pool, similarity))))
    for found, expected in zip(onnx_runner(tmp_path / "m.onnx")(image, pool, similarity), (depth, unary)):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    exact = [most_probable(z, s, np.ones(3)) for z, s in zip(unary.astype(np.float64), similarity)]
    assert np.abs(depth - unary).max() > 1e-2
    np.testing.assert_allclose(depth, exact, atol=1e-5)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", options, providers=["CPUExecutionProvider"])
    one, times = {"image": image[:1], "pool": pool[:1], "similarity": similarity[:1]}, []
    for _ in range(5):
        start = time.process_time()
        session.run(None, one)
        times.append(time.process_time() - start)
    assert min(times) < 0.2
    # what the exporter compares on: shares that do not sum to 1, similarities that are not symmetric
    anything = [RNG.random(a.shape, np.float32) for a in (image, pool, similarity)]
    found, expected = onnx_runner(tmp_path / "m.onnx")(*anything), net(*tensors(anything))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other.asnumpy(), rtol=1e-4)


@pytest.mark.parametrize("unary", ["light", "vgg16", "patches"])
def test_files_of_every_unary_network_are_the_net(unary, tmp_path):
    made = PatchUnary(reduced=True) if unary == "patches" else PooledUnary(unary)
    net = DcnfNet(made, Crf(cg_steps=8)).set_train(False)
    image, pool, similarity = inputs(1, SMALL_HW, 2, 2)
    given = (RNG.random((1, 4, 3, 100, 100), np.float32),) if unary == "patches" else (image, pool)
    given = (*given, similarity)
    expected = [a.asnumpy() for a in net(*tensors(given))]
    specs = [TensorSpec(f"input{i}", a.shape[1:]) for i, a in enumerate(given)]
    outputs = [TensorSpec("depth", (4,)), TensorSpec("unary", (4,))]
    assert export_onnx(net, specs, outputs, tmp_path / "m.onnx", {}, {}) == ("N",)
    ms.export(net, *tensors(given), file_name=str(tmp_path / "m"), file_format="MINDIR")
    for runner in (onnx_runner(tmp_path / "m.onnx"), mindir_runner(tmp_path / "m.mindir")):
        for found, other in zip(runner(*given), expected, strict=True):
            np.testing.assert_allclose(found, other, atol=1e-4)


def test_half_precision_keeps_the_crf():
    net = DcnfNet(PooledUnary(), Crf(cg_steps=20)).set_train(False)
    given = tensors(inputs(1, SMALL_HW, 4, 5))
    expected = net(*given)[0].asnumpy()
    net.unary.to_float(ms.float16)
    found = net(*given)[0]
    assert found.dtype == ms.float32 and ops.isfinite(found).all()
    assert np.abs(found.asnumpy() - expected).max() < 3e-2
