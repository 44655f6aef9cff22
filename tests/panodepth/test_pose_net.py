# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's second net: its layers in NumPy, what its votes mean, turned panoramas, learning, export."""
from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from src.deploy.onnx_export import export_onnx
from src.deploy.runtimes import mindir_runner, onnx_runner
from src.geometry.sphere import directions, yaw_matrix
from src.graph import TensorSpec
from src.panodepth.pose_figures import pose_errors, pose_matrices
from src.panodepth.pose_loss import PoseObjective
from src.panodepth.pose_net import PoseNet
from tests.circular_reference import conv_norm, inverted_residual, randomized
from tests.reference_nets import Weights, batch_norm, conv, relu
from tests.samples import smooth_scene

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 32, 64
COLUMNS = WIDTH // 8


def random_pair(batch: int, height: int = HEIGHT, width: int = WIDTH) -> list[ms.Tensor]:
    return [ms.Tensor(RNG.random((batch, 3, height, width), np.float32)) for _ in range(2)]


@pytest.fixture(scope="module")
def net() -> PoseNet:
    """A net in inference mode, with statistics of images."""
    ms.set_seed(0)
    net = PoseNet().set_train()
    for _ in range(10):
        net(*random_pair(4))
    return net.set_train(False)


def expected_ring(image: np.ndarray, weights: Weights) -> np.ndarray:
    """Descriptors (64, W / 8)."""
    x = relu(conv_norm(image, weights, "rings.features.0", 2))
    x = relu(conv_norm(x, weights, "rings.features.1", 2))
    x = inverted_residual(inverted_residual(x, weights, "rings.features.2.", 2), weights, "rings.features.3.")
    bands = np.stack([rows.mean(axis=1) for rows in np.split(x, 4, axis=1)], axis=1)
    return conv_norm(bands.reshape(-1, 1, x.shape[2]), weights, "rings.describe")[:, 0]


def expected_answer(image: np.ndarray, other_image: np.ndarray, weights: Weights) -> np.ndarray:
    """The whole net in float64, the map of pairs cell by cell."""
    ring, other = expected_ring(image, weights), expected_ring(other_image, weights)
    width = ring.shape[1]
    x = np.empty((48, width, width))
    for shift in range(width):
        for column in range(width):
            here, there = ring[:, column], other[:, (column + shift) % width]
            alike = (here * there).reshape(8, 8).mean(axis=1)
            x[:, shift, column] = sum(weights[f"{name}.weight"][:, :, 0, 0] @ values for name, values in
                                      (("alone", here), ("other_alone", there), ("alike", alike)))
    x = relu(batch_norm(x, weights, "norm"))
    for block, dilation in enumerate((1, 2, 4, 8, 1)):
        kernel = np.zeros((48, 48, 2 * dilation + 1, 2 * dilation + 1))
        kernel[:, :, ::dilation, ::dilation] = weights[f"blocks.{block}.conv.weight"]
        around = np.pad(x, ((0, 0), (dilation, dilation), (dilation, dilation)), mode="wrap")
        x = relu(x + batch_norm(conv(around, kernel), weights, f"blocks.{block}.norm"))
    score, *vote = conv(x, weights["votes.weight"], weights["votes.bias"])
    share = np.exp(score) / np.exp(score).sum()
    answer = np.zeros((3, 4))
    for shift in range(width):
        for column in range(width):
            frame = yaw_matrix(8 * column + 0.5, 8 * width) @ np.diag([-1, 1, -1])  # columns begin behind
            place = frame @ [v[shift, column] for v in vote]
            answer += share[shift, column] * np.column_stack((yaw_matrix(8 * shift, 8 * width), place))
    return answer


def test_the_net_computes_its_layers():
    net = PoseNet()
    weights = randomized(net)
    image, other = random_pair(2)
    found = net.set_train(False)(image, other).asnumpy()
    expected = np.stack([expected_answer(a, b, weights) for a, b in
                         zip(image.asnumpy().astype(np.float64), other.asnumpy().astype(np.float64))])
    assert found.shape == expected.shape == (2, 3, 4)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-4)


class OneVote(nn.Cell):
    """In place of the last convolution: all weight on one cell, whose vote it knows."""

    def __init__(self, shift: int, column: int, vote: tuple[float, float, float]):
        super().__init__()
        values = np.zeros((1, 4, COLUMNS, COLUMNS), np.float32)
        values[0, 0, shift, column] = 100
        values[0, 1:, shift, column] = vote
        self.values = ms.Tensor(values)

    def construct(self, x):
        return self.values + 0 * x[:, :4]


@pytest.mark.parametrize(("shift", "column"), [(0, 4), (3, 1), (7, 6)])
def test_a_vote_is_a_turn_and_a_place_towards_its_column(shift, column):
    """A ring's column looks to the first of its eight pixels; so many of them lie between matches."""
    net = PoseNet().set_train(False)
    net.votes = OneVote(shift, column, (0, 0.5, 2))
    answer = net(*random_pair(1)).asnumpy()[0]
    np.testing.assert_allclose(answer[:, :3], yaw_matrix(8 * shift, WIDTH), atol=1e-5)
    level = directions(HEIGHT, WIDTH)[HEIGHT // 2, 8 * column] * [1, 0, 1]
    np.testing.assert_allclose(answer[:, 3], 2 * level / np.linalg.norm(level) + [0, 0.5, 0], atol=1e-5)


@pytest.mark.parametrize(("columns", "other_columns"), [(8, 0), (0, 24), (40, 16)])
def test_turned_panoramas_turn_the_answer(net, columns, other_columns):
    assert net.stride == 8
    image, other = random_pair(2)
    answer = net(image, other).asnumpy()
    turned = net(*(ms.Tensor(np.roll(view.asnumpy(), k, -1))
                   for view, k in ((image, columns), (other, other_columns)))).asnumpy()
    first, second = yaw_matrix(columns, WIDTH), yaw_matrix(other_columns, WIDTH)
    assert np.abs(answer[:, 0]).max(axis=1).min() > 1e-2
    np.testing.assert_allclose(turned[:, :, :3], second @ answer[:, :, :3] @ first.T, atol=1e-5)
    np.testing.assert_allclose(turned[:, :, 3], answer[:, :, 3] @ first.T, atol=1e-5)


def test_the_net_is_small_and_takes_any_size(net):
    assert sum(p.size for p in net.trainable_params()) == 196_628
    answer = net(*random_pair(1, 64, 128)).asnumpy()
    assert answer.shape == (1, 3, 4) and np.isfinite(answer).all()


def exported(net: PoseNet, path: Path) -> tuple[str, ...]:
    inputs = [TensorSpec(name, (3, HEIGHT, WIDTH)) for name in ("image", "other_image")]
    return export_onnx(net, inputs, [TensorSpec("pose", (3, 4))], path, {}, {})


def test_exported_files_are_the_net(net, tmp_path):
    pair = random_pair(3)
    expected, images = net(*pair).asnumpy(), [view.asnumpy() for view in pair]
    assert exported(net, tmp_path / "m.onnx") == ("N",)
    np.testing.assert_allclose(onnx_runner(tmp_path / "m.onnx")(*images)[0], expected, atol=1e-5)
    ms.export(net, *pair, file_name=str(tmp_path / "m"), file_format="MINDIR")
    np.testing.assert_allclose(mindir_runner(tmp_path / "m.mindir")(*images)[0], expected, atol=1e-5)


def test_every_parameter_learns():
    net = PoseNet().set_train()
    sides = ms.Tensor(RNG.normal(size=(4, 3, 4)).astype(np.float32))

    def weighted(image, other_image):
        return (net(image, other_image) * sides).sum()

    parameters = net.trainable_params()
    gradients = ms.grad(weighted, None, ms.ParameterTuple(parameters))(*random_pair(4))
    sizes = {p.name: float(np.abs(g.asnumpy()).max()) for p, g in zip(parameters, gradients, strict=True)}
    assert all(0 < size < np.inf for size in sizes.values()), sizes


def turned_pairs(rng: np.random.Generator, pairs: int) -> list[np.ndarray]:
    """Smooth random panoramas, the same ones turned, and the poses (N, 4, 4)."""
    image = np.stack([smooth_scene(rng, (HEIGHT, WIDTH))[0] for _ in range(pairs)]) / np.float32(255)
    pose = np.tile(np.eye(4, dtype=np.float32), (pairs, 1, 1))
    columns = rng.integers(WIDTH, size=pairs)
    pose[:, :3, :3] = [yaw_matrix(k, WIDTH) for k in columns]
    other = np.stack([np.roll(one, k, axis=1) for one, k in zip(image, columns)])
    return [np.ascontiguousarray(view.transpose(0, 3, 1, 2)) for view in (image, other)] + [pose]


def test_compiled_steps_teach_it_to_find_a_turn():
    ms.set_seed(0)
    net = PoseNet().set_train()
    objective = PoseObjective(net, SimpleNamespace(pose_rate=(1, 1)))
    optimizer = nn.Adam(net.trainable_params(), 3e-3)

    def loss(image, other_image, pose):
        return objective(image, other_image, pose).sum()

    gradient = ms.value_and_grad(loss, None, optimizer.parameters)

    def step(image, other_image, pose):
        value, gradients = gradient(image, other_image, pose)
        return ops.depend(value, optimizer(gradients))

    compiled, rng = ms.jit(step), np.random.default_rng(0)
    for _ in range(15):
        compiled(*map(ms.Tensor, turned_pairs(rng, 8)))
    *images, pose = turned_pairs(rng, 32)
    answers = net.set_train(False)(*map(ms.Tensor, images)).asnumpy()
    errors = pose_errors(pose_matrices(answers), pose.astype(np.float64))
    assert np.median(errors["rotation_deg"]) < 10
