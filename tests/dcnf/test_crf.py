# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The CRF against its formulas in float64: likelihood, gradients, solver, padding, export."""
from __future__ import annotations

import math
import time
from collections.abc import Callable

import mindspore as ms
import numpy as np
import onnx
import onnxruntime
import pytest
from mindspore import ops

from src.dcnf.crf import BETA_START, Crf, conjugate_gradients
from src.deploy.onnx_export import export_onnx
from src.deploy.runtimes import onnx_runner
from src.graph import TensorSpec
from tests.dcnf.crf_reference import (
    Image,
    energy,
    finite_differences,
    grid_similarity,
    marginal_nll,
    matrix,
    most_probable,
    published_gradients,
    published_nll,
    random_image,
)

SIZES = {"small": (4, 5), "700": (25, 28), "1000": (25, 40)}
BETA = np.array([0.4, 3.0, 1.5])


def columns(*images: Image) -> list[ms.Tensor]:
    return [ms.Tensor(np.stack(column)) for column in zip(*images, strict=True)]


def crf_with(beta: np.ndarray, cg_steps: int = 20) -> Crf:
    """Return a CRF with these betas; 20 steps, as many as superpixels in the small images, are exact."""
    crf = Crf(len(beta), cg_steps=cg_steps)
    crf.beta_logit.set_data(ms.Tensor(np.log(beta / (crf.beta_max - beta)).astype(np.float32)))
    np.testing.assert_allclose(crf.beta().asnumpy(), beta, rtol=1e-5)
    return crf


def gradient_of(crf: Crf) -> Callable:
    """Return the function of a batch to ((sum, each image's value), (gradient for z, (for beta_logit,)))."""

    def total(*batch):
        values = crf.negative_log_likelihood(*batch)
        return values.sum(), values

    return ms.value_and_grad(total, 0, ms.ParameterTuple([crf.beta_logit]), has_aux=True)


def nll_and_gradients(crf: Crf, *batch: ms.Tensor,
                      compiled: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each image's value, and the sum's gradients for z and beta."""
    gradient = ms.jit(gradient_of(crf)) if compiled else gradient_of(crf)
    (_, values), (by_z, (by_logit,)) = gradient(*batch)
    beta = crf.beta().asnumpy().astype(np.float64)
    by_beta = by_logit.asnumpy() / (beta * (1 - beta / crf.beta_max))
    return values.asnumpy(), by_z.asnumpy(), by_beta


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_reference_is_consistent(rng):
    """The likelihood is the same pair by pair, as matrices and as a marginal density."""
    image = random_image(3, 4, rng)
    y, z, similarity = (np.asarray(a, np.float64) for a in (image.log_depth, image.z, image.similarity))
    a, best = matrix(similarity, BETA), most_probable(z, similarity, BETA)
    np.testing.assert_allclose(a.sum(axis=1), 1.0)
    assert np.linalg.eigvalsh(a)[0] > 1 - 1e-9
    value = published_nll(y, z, similarity, BETA)
    by_energy = energy(y, z, similarity, BETA) - energy(best, z, similarity, BETA)
    constant = 0.5 * len(y) * np.log(np.pi) - 0.5 * np.linalg.slogdet(a)[1]
    assert value == pytest.approx(by_energy + constant, rel=1e-9)
    assert value == pytest.approx(marginal_nll(image, BETA), rel=1e-9)
    by_z, by_beta = published_gradients(y, z, similarity, BETA)
    expected = finite_differences(lambda v: published_nll(y, v, similarity, BETA), z)
    np.testing.assert_allclose(by_z, expected, atol=1e-7)
    expected = finite_differences(lambda v: published_nll(y, z, similarity, v), BETA)
    np.testing.assert_allclose(by_beta, expected, atol=1e-7)


@pytest.mark.parametrize("size", SIZES)
def test_likelihood_and_gradients_are_the_papers(size, rng):
    images = [random_image(*SIZES[size], rng) for _ in range(2)]
    values, by_z, by_beta = nll_and_gradients(crf_with(BETA), *columns(*images), compiled=True)
    expected_by_beta = np.zeros(3)
    for value, gradient, image in zip(values, by_z, images, strict=True):
        y, z = (np.asarray(a, np.float64) for a in (image.log_depth, image.z))
        assert value == pytest.approx(published_nll(y, z, image.similarity, BETA), rel=1e-4)
        expected, own = published_gradients(y, z, image.similarity, BETA)
        np.testing.assert_allclose(gradient, expected, atol=1e-4 * np.abs(expected).max())
        expected_by_beta += own
    np.testing.assert_allclose(by_beta, expected_by_beta, rtol=1e-4)


def test_unknown_depths_are_integrated_out(rng):
    """Value and gradients are those of the known depths' own normal density, by finite differences."""
    images = [random_image(4, 5, rng, known) for known in (0.6, 0.2)]
    values, by_z, by_beta = nll_and_gradients(crf_with(BETA), *columns(*images))
    expected_by_beta = np.zeros(3)
    for value, gradient, image in zip(values, by_z, images, strict=True):
        assert value == pytest.approx(marginal_nll(image, BETA), rel=1e-4)
        expected = finite_differences(lambda z, i=image: marginal_nll(i._replace(z=z), BETA),
                                      image.z.astype(np.float64))
        np.testing.assert_allclose(gradient, expected, atol=1e-4 * np.abs(expected).max())
        expected_by_beta += finite_differences(lambda b, i=image: marginal_nll(i, b), BETA)
    np.testing.assert_allclose(by_beta, expected_by_beta, rtol=1e-4)


def test_what_stands_in_holes_does_not_matter(rng):
    image = random_image(4, 5, rng, 0.6)
    plain = nll_and_gradients(crf_with(BETA), *columns(image))
    for filling in (-7.0, 1e30):
        log_depth = np.where(image.valid > 0, image.log_depth, np.float32(filling))
        filled = nll_and_gradients(crf_with(BETA), *columns(image._replace(log_depth=log_depth)))
        for a, b in zip(plain, filled, strict=True):
            np.testing.assert_array_equal(a, b)


def test_an_image_without_truth_adds_nothing(rng):
    image = random_image(4, 5, rng)
    empty = image._replace(valid=np.zeros_like(image.valid))
    values, by_z, by_beta = nll_and_gradients(crf_with(BETA), *columns(image, empty))
    alone = nll_and_gradients(crf_with(BETA), *columns(image))
    assert abs(values[1]) < 1e-5 and np.abs(by_z[1]).max() < 1e-5
    np.testing.assert_allclose(values[:1], alone[0], rtol=1e-6)
    np.testing.assert_allclose(by_beta, alone[2], rtol=1e-5)


def padded(image: Image, more: int) -> Image:
    """Append superpixels of padding: no neighbours, no truth, any z."""
    similarity = np.pad(image.similarity, ((0, 0), (0, more), (0, more)))
    return Image(np.pad(image.z, (0, more), constant_values=5), similarity,
                 np.pad(image.log_depth, (0, more)), np.pad(image.valid, (0, more)))


def permuted(image: Image, order: np.ndarray) -> Image:
    return Image(image.z[order], image.similarity[:, order][:, :, order], image.log_depth[order],
                 image.valid[order])


@pytest.mark.parametrize("known", [1.0, 0.6])
def test_padding_changes_nothing(known, rng):
    image, crf = random_image(4, 5, rng, known), crf_with(BETA)
    plain, found = (nll_and_gradients(crf, *columns(i)) for i in (image, padded(image, 7)))
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-5)
    np.testing.assert_allclose(found[1][:, :20], plain[1], atol=1e-5)
    np.testing.assert_array_equal(found[1][:, 20:], 0)
    np.testing.assert_allclose(found[2], plain[2], rtol=1e-4)
    y, more = (crf(*columns(i)[:2]).asnumpy() for i in (image, padded(image, 7)))
    np.testing.assert_allclose(more[:, :20], y, atol=1e-5)
    np.testing.assert_array_equal(more[:, 20:], 5)


def test_the_order_of_superpixels_does_not_matter(rng):
    image, crf, order = random_image(4, 5, rng, 0.7), crf_with(BETA), rng.permutation(20)
    plain, found = (nll_and_gradients(crf, *columns(i)) for i in (image, permuted(image, order)))
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], plain[1][:, order], atol=1e-5)
    y, moved = (crf(*columns(i)[:2]).asnumpy() for i in (image, permuted(image, order)))
    np.testing.assert_allclose(moved, y[:, order], atol=1e-5)


def test_a_batch_is_its_images(rng):
    images, crf = [random_image(4, 5, rng, known) for known in (1.0, 0.6)], crf_with(BETA)
    together, *alone = (nll_and_gradients(crf, *columns(*part)) for part in (images, images[:1], images[1:]))
    for k in (0, 1):
        np.testing.assert_allclose(together[k], np.concatenate([a[k] for a in alone]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together[2], alone[0][2] + alone[1][2], rtol=1e-4)
    y = crf(*columns(*images)[:2]).asnumpy()
    np.testing.assert_allclose(y, np.concatenate([crf(*columns(i)[:2]).asnumpy() for i in images]), atol=1e-6)


def uniform(rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """Every superpixel looks the same: the largest row sums of R that there are with six neighbours."""
    return grid_similarity(rows, columns, rng, low=1.0, high=1.0)


def test_every_call_gives_the_same_bits(rng):
    """A resumed training counts calls anew; some kernels of the processor change with their calls."""
    batch = columns(random_image(*SIZES["700"], rng, 0.8))
    compiled, calls = ms.jit(gradient_of(Crf())), set()
    for _ in range(20):
        (total, _), (by_z, (by_logit,)) = compiled(*batch)
        calls.add(b"".join(a.asnumpy().tobytes() for a in (total, by_z, by_logit)))
    assert len(calls) == 1


@pytest.mark.parametrize("size", ["700", "1000"])
@pytest.mark.parametrize("similarity", [grid_similarity, uniform])
def test_64_steps_solve_with_the_largest_betas(similarity, size, rng):
    """To 1e-4 of depth, with row sums up to 180, from z that is wrong by 0.5 everywhere."""
    crf = crf_with(np.full(3, 9.999), Crf().cg_steps)
    s = similarity(*SIZES[size], rng)
    n = s.shape[1]
    z = (1.0 + 0.5 * rng.standard_normal(n)).astype(np.float32)
    expected = most_probable(z, s, np.full(3, 9.999))
    assert np.abs(expected - z).max() > 1.0
    found = crf(ms.Tensor(z[None]), ms.Tensor(s[None])).asnumpy()[0]
    assert np.abs(np.expm1(found - expected)).max() < 1e-4


@pytest.mark.parametrize("steps", [2, 5, 10, 15])
def test_the_error_is_within_its_bound(steps, rng):
    s = grid_similarity(25, 28, rng)
    coupling = np.tensordot(np.ones(3), s, 1).astype(np.float32)
    z = (1.0 + 0.5 * rng.standard_normal(700)).astype(np.float32)
    found = conjugate_gradients(ms.Tensor(coupling[None]), ms.Tensor(z[None]), steps).asnumpy()[0]
    d = coupling.sum(axis=1).max()
    c = math.sqrt(1 + 2 * d)
    bound = 2 * math.sqrt(2 * d) * np.linalg.norm(z - z.mean()) * ((c - 1) / (c + 1)) ** steps
    error = np.abs(found - most_probable(z, s, np.ones(3))).max()
    assert 1e-5 < error < bound


def test_a_solution_stays_one(rng):
    """Constant z, and no neighbours: the first residual is 0, and steps divide by it."""
    for z, s in ((np.full((1, 20), 1.5), grid_similarity(4, 5, rng)[None]),
                 (rng.standard_normal((1, 20)), np.zeros((1, 3, 20, 20)))):
        found = Crf(cg_steps=20)(ms.Tensor(z.astype(np.float32)), ms.Tensor(s.astype(np.float32))).asnumpy()
        np.testing.assert_allclose(found, z, atol=1e-6)


def test_new_betas_are_used_after_compiling(rng):
    image, crf = random_image(4, 5, rng), Crf(cg_steps=20)
    for beta in (np.full(3, BETA_START), BETA):
        ops.assign(crf.beta_logit, ms.Tensor(np.log(beta / (crf.beta_max - beta)).astype(np.float32)))
        found = crf(*columns(image)[:2]).asnumpy()[0]
        np.testing.assert_allclose(found, most_probable(image.z, image.similarity, beta), atol=1e-5)


@pytest.mark.parametrize("logit", [-100.0, -1.0, 0.0, 2.0, 100.0])
def test_betas_stay_in_their_range(logit):
    crf = Crf(2, beta_max=4.0)
    crf.beta_logit.set_data(ms.Tensor(np.full(2, logit, np.float32)))
    beta = crf.beta().asnumpy()
    assert beta.shape == (2,) and (beta >= 0).all() and (beta <= 4.0).all()
    np.testing.assert_allclose(beta, 4.0 / (1 + np.exp(-logit)), rtol=1e-5, atol=1e-30)


def test_exported_solves_are_exact_and_quick(rng, tmp_path):
    """Matrix products only, any batch; 50 ms an image of 700 superpixels in one thread."""
    images = [random_image(*SIZES["700"], rng) for _ in range(3)]
    crf, path = crf_with(np.full(3, 5.0), 64), tmp_path / "crf.onnx"
    inputs = [TensorSpec("z", (700,)), TensorSpec("similarity", (3, 700, 700))]
    assert export_onnx(crf.set_train(False), inputs, [TensorSpec("depth", (700,))], path, {}, {}) == ("N",)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert kinds <= {"Add", "Constant", "Div", "MatMul", "Mul", "ReduceSum", "Reshape", "Sigmoid", "Sub"}
    z, similarity = (column.asnumpy() for column in columns(*images)[:2])
    found = onnx_runner(path)(z, similarity)[0]
    expected = [most_probable(i.z, i.similarity, np.full(3, 5.0)) for i in images]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    times = []
    for _ in range(10):
        start = time.process_time()
        session.run(None, {"z": z[:1], "similarity": similarity[:1]})
        times.append(time.process_time() - start)
    assert min(times) < 0.05
