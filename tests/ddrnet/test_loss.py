# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet's objective against the formulas in float64: sums, counts, gradients, and what must not matter."""
from __future__ import annotations

import functools

import mindspore as ms
import numpy as np
import pytest
from mindspore import Parameter, ParameterTuple, nn

from src.config import load_settings
from src.ddrnet import loss
from src.ddrnet.loss import DENOISING_TERMS, REFINING_TERMS, CascadeObjective
from tests.ddrnet.cascade_reference import CAMERAS, HEIGHT, WIDTH, make_batch, reference_terms

DEFAULTS = load_settings("train", "", ["--method", "ddrnet"])
TERMS = DENOISING_TERMS + REFINING_TERMS
WEIGHTS = dict(zip(TERMS, (1.0, 0.1, 0.5, 0.01, 1.5, 100.0, 30.0, 3.0), strict=True))
RNG = np.random.default_rng(7)
# What the nets of the tests add to raw and to denoised depth: 5 mm, alike for all images of a batch.
ADDED = {net: RNG.normal(0, 0.004, (1, 1, HEIGHT, WIDTH)).astype(np.float32) for net in ("denoise", "refine")}


class Adding(nn.Cell):
    """In the place of a network: the depth that it is given and what it holds."""

    def __init__(self, values: np.ndarray, name: str):
        super().__init__()
        self.values = Parameter(ms.Tensor(values), name=name)

    def construct(self, depth, grey=None):
        return depth + self.values


def settings_with(weights=WEIGHTS, **others):
    """The defaults with these weights of the terms, all others 0.

    The ridge is a larger one: the smaller it is, the more digits float32 loses in the light.
    """
    return DEFAULTS.replace(**{"shading_ridge": 1e-2, **others},
                            **{f"{term}_weight": weights.get(term, 0.0) for term in TERMS})


def build(settings, nets=("denoise", "refine"), dtype=np.float32, added=ADDED) -> CascadeObjective:
    return CascadeObjective({net: Adding(added[net].astype(dtype), net) for net in nets}, settings)


def columns_of(batch, albedo: bool = True) -> dict[str, np.ndarray]:
    return {name: values for name, values in batch.items() if albedo or name != "albedo"}


def part_of(columns, images: slice) -> dict[str, np.ndarray]:
    return {name: values[images] for name, values in columns.items()}


def tensors(columns, dtype=np.float32) -> list[ms.Tensor]:
    return [ms.Tensor(values.astype(dtype)) for values in columns.values()]


def sums_and_counts(objective, columns) -> tuple[np.ndarray, np.ndarray]:
    """Of the objective as it is, not compiled."""
    given = tensors(columns)
    return objective(*given).asnumpy(), objective.counts(*given).asnumpy()


class Compiled:
    """An objective with all terms, compiled as the trainer does it."""

    def __init__(self, dtype, fidelity: str, dnstop: bool):
        self.dtype = dtype
        objective = build(settings_with(fidelity=fidelity, dnstop=dnstop), dtype=dtype)
        held = ParameterTuple([objective.denoise.values, objective.refine.values])

        def total(weights, columns):
            sums = objective(*columns)
            return (sums * weights).sum(), sums, objective.counts(*columns)

        gradient = ms.value_and_grad(total, None, held, has_aux=True)

        @ms.jit
        def run(weights, *columns):
            return gradient(weights, columns)

        self.run = run

    def sums_and_counts(self, columns) -> tuple[np.ndarray, np.ndarray]:
        (_, *values), _ = self.run(self._weights(WEIGHTS.values()), *tensors(columns, self.dtype))
        return tuple(v.asnumpy() for v in values)

    def gradients(self, columns, weights=WEIGHTS) -> list[np.ndarray]:
        """Of the weighted sums, by what the denoising and the refining net hold."""
        factors = self._weights(weights.get(term, 0.0) for term in TERMS)
        return [g.asnumpy() for g in self.run(factors, *tensors(columns, self.dtype))[1]]

    def _weights(self, values) -> ms.Tensor:
        return ms.Tensor(np.array(list(values), self.dtype))


_compile_once = functools.cache(Compiled)


def compiled(dtype=np.float32, fidelity: str = "l1", dnstop: bool = False) -> Compiled:
    return _compile_once(dtype, fidelity, dnstop)


def expected_terms(columns, settings, added=ADDED) -> dict[str, np.ndarray]:
    denoised = columns["raw"].astype(np.float64) + added["denoise"]
    return reference_terms(columns, denoised, denoised + added["refine"], settings)


def test_the_batch_holds_what_the_tests_are_about():
    """Holes, a silhouette inside of the mask, two cameras."""
    batch = make_batch()
    mask, surface = batch["mask"] > 0, batch["surface"] > 0
    assert not np.any(surface & ~mask) and 0.9 < mask.mean() < 1 and 0.5 < surface.mean() < 0.7
    assert not surface[..., 13:15].any() and not np.array_equal(surface[0], surface[1])
    assert np.abs(batch["camera"][0] - batch["camera"][1]).min() > 5
    assert np.all(batch["reference_m"][~mask] == 0)


@pytest.mark.parametrize("fidelity, albedo", [("l1", True), ("l2", False)])
def test_sums_counts_and_total_are_the_formulas(fidelity, albedo):
    settings, columns = settings_with(fidelity=fidelity), columns_of(make_batch(), albedo)
    objective = build(settings)
    assert objective.terms == TERMS and objective.weights == tuple(WEIGHTS.values())
    expected = expected_terms(columns, settings)
    total = sum(WEIGHTS[term] * e[0] / e[1] for term, e in expected.items())
    for (sums, counts), rtol in ((sums_and_counts(objective, columns), 1e-5),
                                 (compiled(np.float64, fidelity).sums_and_counts(columns), 1e-9)):
        for term, seen, count in zip(TERMS, sums, counts, strict=True):
            assert seen == pytest.approx(expected[term][0], rel=rtol), term
            assert count == expected[term][1] > 200, term
        assert np.dot(objective.weights, sums / counts) == pytest.approx(total, rel=rtol)


def test_at_the_default_ridge_shading_is_right_to_the_digits_of_the_light():
    assert DEFAULTS.shading_ridge <= 1e-5
    settings, columns = settings_with(shading_ridge=DEFAULTS.shading_ridge), make_batch()
    sums, _ = sums_and_counts(build(settings), columns)
    expected = expected_terms(columns, settings)
    np.testing.assert_allclose(sums, [expected[term][0] for term in TERMS], rtol=5e-4)


@pytest.mark.parametrize("delta", [0.5, 5.0, 1000.0])
def test_huber_at_any_delta(delta):
    settings, columns = settings_with({"dn_huber": 1.0}, huber_delta=delta), make_batch()
    sums, _ = sums_and_counts(build(settings), columns)
    assert sums == pytest.approx([expected_terms(columns, settings)["dn_huber"][0]], rel=1e-5)


def test_the_defaults_are_the_published_loss():
    objective, columns = build(DEFAULTS), columns_of(make_batch(), albedo=False)
    assert objective.terms == ("dn_l1", "dt_fidelity", "dt_shading")
    assert objective.weights == (1.0, 1.0, 100.0)
    expected = expected_terms(columns, DEFAULTS)
    total = sum(w * expected[t][0] / expected[t][1] for t, w in zip(objective.terms, objective.weights))
    sums, counts = sums_and_counts(objective, columns)
    assert np.dot(objective.weights, sums / counts) == pytest.approx(total, rel=1e-4)


def test_compiling_changes_nothing():
    columns = make_batch()
    plain = sums_and_counts(build(settings_with()), columns)
    fast = compiled().sums_and_counts(columns)
    np.testing.assert_allclose(fast[0], plain[0], rtol=1e-5)
    np.testing.assert_array_equal(fast[1], plain[1])


def test_terms_of_weight_0_are_neither_named_nor_computed(monkeypatch):
    """A function that is called for nothing fails here."""
    columns, needed = columns_of(make_batch()), {
        "dn_l1": {"l1_mm"}, "dn_l2": {"l2_mm"}, "dn_huber": {"huber_mm"}, "dn_normal_dot": {"normal_dot"},
        "dt_fidelity": {"l1_mm"}, "dt_shading": {"solve_light", "shade"},
        "dt_shading_gradient": {"solve_light", "shade", "neighbour_differences"},
        "dt_smoothness": {"neighbour_differences"}}
    every = set().union(*needed.values())
    for term in TERMS:
        def unwanted(*_, term=term):
            raise AssertionError(f"computed for {term} alone")

        objective = build(settings_with({term: 0.25}))
        assert (objective.terms, objective.weights) == ((term,), (0.25,))
        with monkeypatch.context() as patch:
            for function in every - needed[term]:
                patch.setattr(loss, function, unwanted)
            sums, counts = sums_and_counts(objective, columns)
        assert sums.shape == counts.shape == (1,) and sums[0] > 0


@pytest.mark.parametrize("nets, terms", [(("denoise",), DENOISING_TERMS), (("refine",), REFINING_TERMS)])
def test_one_network_alone_has_its_own_terms(nets, terms):
    """Without the denoising net the raw depth is refined."""
    settings, columns = settings_with(), make_batch()
    objective = build(settings, nets)
    assert objective.terms == terms and objective.weights == tuple(WEIGHTS[term] for term in terms)
    sums, counts = sums_and_counts(objective, columns)
    added = {net: ADDED[net] if net in nets else 0 * ADDED[net] for net in ADDED}
    expected = expected_terms(columns, settings, added=added)
    np.testing.assert_allclose(sums, [expected[term][0] for term in terms], rtol=1e-5)
    assert counts.tolist() == [expected[term][1] for term in terms]


def differences(columns, settings, net: str, direction: np.ndarray) -> dict[str, float]:
    """Derivative of each term's sum where what a network holds moves along `direction`."""
    step, ends = 1e-6, []
    for sign in (step, -step):
        moved = {**ADDED, net: ADDED[net] + sign * direction}
        ends.append(expected_terms(columns, settings, added=moved))
    return {term: (ends[0][term][0] - ends[1][term][0]) / (2 * step) for term in TERMS}


@pytest.mark.parametrize("fidelity, albedo", [("l1", True), ("l2", False)])
def test_gradients_by_finite_differences(fidelity, albedo):
    """Of every term by both networks, along random directions of all pixels and of a few."""
    columns, case = columns_of(make_batch(), albedo), compiled(np.float64, fidelity)
    seen = {term: case.gradients(columns, {term: 1.0}) for term in TERMS}
    for number, net in enumerate(ADDED):
        for share in (1.0, 0.05):
            direction = RNG.normal(size=(1, 1, HEIGHT, WIDTH)) * (RNG.random((HEIGHT, WIDTH)) < share)
            expected = differences(columns, settings_with(fidelity=fidelity), net, direction)
            for term in TERMS:
                slope = np.sum(seen[term][number] * direction)
                scale = np.linalg.norm(seen[term][number]) * np.linalg.norm(direction)
                assert slope == pytest.approx(expected[term], abs=1e-6 * scale), (net, term)
    for term in TERMS:  # no term leaves its network alone, and the refining net's reach the denoising net
        by_denoise, by_refine = (np.abs(g).max() for g in seen[term])
        assert by_denoise > 0 and (by_refine > 0) == (term in REFINING_TERMS)


def test_gradients_in_float32_are_those_of_float64():
    near, exact = (compiled(dtype).gradients(make_batch()) for dtype in (np.float32, np.float64))
    for a, b in zip(near, exact, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())


def test_dnstop_keeps_the_refining_terms_from_the_denoising_net():
    columns, stopped, free = make_batch(), compiled(dnstop=True), compiled()
    sums, free_sums = (case.sums_and_counts(columns)[0] for case in (stopped, free))
    np.testing.assert_allclose(sums, free_sums, rtol=1e-6)
    denoising, refining = (dict.fromkeys(terms, 1.0) for terms in (DENOISING_TERMS, REFINING_TERMS))
    by_denoise, by_refine = stopped.gradients(columns, refining)
    free_by_denoise, free_by_refine = free.gradients(columns, refining)
    assert not by_denoise.any() and np.abs(free_by_denoise).max() > 0
    np.testing.assert_allclose(by_refine, free_by_refine, atol=1e-5 * np.abs(by_refine).max())
    by_denoise, free_by_denoise = (case.gradients(columns, denoising)[0] for case in (stopped, free))
    np.testing.assert_allclose(by_denoise, free_by_denoise, atol=1e-5 * np.abs(by_denoise).max())
    assert DEFAULTS.dnstop is False


def test_counts_depend_on_the_masks_alone():
    columns, case = make_batch(), compiled()
    expected = case.sums_and_counts(columns)[1]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        wild = {name: values if name in ("mask", "surface") else rng.uniform(-3, 3, values.shape)
                for name, values in columns.items()}
        np.testing.assert_array_equal(case.sums_and_counts(wild)[1], expected)
    surface, mask = columns["surface"], columns["mask"]
    pairs = np.sum(surface[..., 1:] * surface[..., :-1]) + np.sum(surface[:, :, 1:] * surface[:, :, :-1])
    by_term = {"dn_normal_dot": surface.sum(), "dt_shading": surface.sum(), "dt_shading_gradient": pairs,
               "dt_smoothness": pairs}
    assert expected.tolist() == [by_term.get(term, mask.sum()) for term in TERMS]


def test_an_image_without_any_valid_pixel_weighs_nothing():
    columns, case = make_batch(), compiled()
    for name in ("mask", "surface", "reference_m"):
        columns[name][1] = 0
    columns["raw"][1] = -1
    sums, counts = case.sums_and_counts(columns)
    alone = sums_and_counts(build(settings_with()), part_of(columns, slice(1)))
    np.testing.assert_allclose(sums, alone[0], rtol=1e-5)
    np.testing.assert_array_equal(counts, alone[1])
    assert all(np.isfinite(g).all() and g.any() for g in case.gradients(columns))
    for name in ("mask", "surface", "reference_m"):
        columns[name][:] = 0
    assert [a.tolist() for a in case.sums_and_counts(columns)] == [[0.0] * len(TERMS)] * 2
    assert not any(g.any() for g in case.gradients(columns))


def test_what_stands_outside_the_mask_never_matters():
    """Predictions, reference, picture and albedo there; and no gradient reaches the predictions there."""
    columns, case = make_batch(), compiled()
    outside = columns["mask"] == 0
    assert outside.any(axis=(1, 2, 3)).all()
    plain, gradients = case.sums_and_counts(columns)[0], case.gradients(columns)
    rng = np.random.default_rng(3)
    for name, values in (("raw", rng.uniform(-1, 1, outside.shape)), ("raw", -1.0), ("reference_m", 7.0),
                         ("reference_m", rng.uniform(0, 3, outside.shape)), ("grey", -1.0), ("albedo", 0.0)):
        other = {**columns, name: np.where(outside, values, columns[name]).astype(np.float32)}
        np.testing.assert_array_equal(case.sums_and_counts(other)[0], plain)
        for a, b in zip(case.gradients(other), gradients, strict=True):
            np.testing.assert_array_equal(a, b)
    both = outside.all(axis=0)
    assert both.any() and not any(g[0][both].any() for g in gradients)


def test_terms_of_the_surface_do_not_look_across_its_edges():
    """Beyond a silhouette and in holes the denoised and refined depth may be anything."""
    columns, case = make_batch(), compiled()
    surface = columns["surface"] > 0
    near = surface.copy()
    for axis in (2, 3):
        for shift in (1, -1):
            near |= np.roll(surface, shift, axis)  # never on the border: nothing wraps around
    assert np.mean(~near) > 0.05
    moved = {**columns, "raw": np.where(near, columns["raw"], np.float32(0.9))}
    plain, other = (dict(zip(TERMS, case.sums_and_counts(c)[0], strict=True)) for c in (columns, moved))
    assert all(other[term] > plain[term] for term in ("dn_l1", "dn_l2", "dn_huber", "dt_fidelity"))
    for term in ("dn_normal_dot", "dt_shading", "dt_shading_gradient", "dt_smoothness"):
        assert other[term] == plain[term]


def test_parts_of_a_batch_sum_to_the_batch():
    cameras = (*CAMERAS, CAMERAS[1].flipped(), CAMERAS[0].cropped(3, -2, WIDTH, HEIGHT))
    columns = make_batch(seed=4, cameras=cameras)
    whole = sums_and_counts(build(settings_with()), columns)
    halves = [compiled().sums_and_counts(part_of(columns, half)) for half in (slice(2), slice(2, 4))]
    np.testing.assert_allclose(whole[0], halves[0][0] + halves[1][0], rtol=1e-5)
    np.testing.assert_array_equal(whole[1], halves[0][1] + halves[1][1])
    assert np.abs(halves[0][0] - halves[1][0]).min() > 0


def test_predicting_the_reference_costs_only_what_the_light_leaves():
    """All errors in depth vanish; the shading's is the least squares' rest."""
    columns, settings = make_batch(), settings_with()
    columns["raw"] = (columns["reference_m"] * 0.8 - 1.4).astype(np.float32)
    added = {net: 0 * ADDED[net] for net in ADDED}
    sums, counts = sums_and_counts(build(settings, added=added), columns)
    means = dict(zip(TERMS, sums / counts, strict=True))
    assert all(means[term] < 1e-3 for term in ("dn_l1", "dn_l2", "dn_huber", "dt_fidelity"))
    rest = expected_terms(columns, settings, added=added)["dt_shading"]
    assert means["dt_shading"] == pytest.approx(rest[0] / rest[1], rel=1e-3)
    grey = (columns["grey"] + 1) / 2
    assert means["dt_shading"] < np.mean(grey[columns["surface"] > 0]**2)


def test_the_true_plane_has_no_normal_dot_and_no_smoothness_term():
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    columns, camera = {n: a[:1] for n, a in make_batch().items()}, CAMERAS[0]
    x, y = (u + 0.5 - camera.cx_px) / camera.fx_px, (v + 0.5 - camera.cy_px) / camera.fy_px
    plane_m = (1.3 / (1 + 0.4 * x - 0.3 * y))[None, None]
    inner = np.pad(np.ones((1, 1, HEIGHT - 2, WIDTH - 2)), ((0, 0), (0, 0), (1, 1), (1, 1)))
    columns.update(raw=plane_m * 0.8 - 1.4, reference_m=plane_m, mask=np.ones_like(plane_m), surface=inner)
    weights = {"dn_normal_dot": 1.0, "dt_smoothness": 1.0}
    flat = {net: 0 * ADDED[net] for net in ADDED}
    off = [np.divide(*sums_and_counts(build(settings_with(weights), added=added), columns))
           for added in (flat, ADDED)]
    assert off[0][0] < 1e-4 and off[0][1] < 1e-6
    assert off[1][0] > 50 and off[1][1] > 0.1  # 5 mm of noise
