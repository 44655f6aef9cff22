# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""From maps to figures, against float64 calculations of their own, which share no code with src/."""
from __future__ import annotations

import csv
import json
import tracemalloc

import cv2
import numpy as np
import pytest

from src.config import load_settings
from src.depthnet.method import DepthNet
from src.errors import UserError
from src.evaluation import Evaluation, chosen_protocols
from src.method import Sample
from src.prediction import predict, read_samples
from src.protocols import protocol_named
from tests.nyu_files import method_of, scene, settings_of, smooth

HEIGHT, WIDTH = 480, 640
RESULTS = ("fine:log_depth", "coarse:log_depth")


def sample_of(seed: int) -> Sample:
    rgb, truth_m = scene(seed, HEIGHT, WIDTH)
    return Sample(f"s{seed}", {}, rgb, truth_m)


def map_of(seed: int) -> np.ndarray:
    """A network-size map from 5 cm to 14 m: beyond every clip."""
    return smooth(np.random.default_rng(1000 + seed), 55, 74, 0.05, 14.0)


SAMPLES = [sample_of(seed) for seed in range(3)]
MAPS = [map_of(seed) for seed in range(3)]


def evaluated(*argv: object, samples=SAMPLES, maps=MAPS, **options) -> Evaluation:
    method = method_of(*argv)
    evaluation = Evaluation(method, chosen_protocols(method), **options)
    for sample, map_m in zip(samples, maps):
        evaluation.add(sample, {"fine:log_depth": map_m})
    return evaluation


def metrics_of(evaluation: Evaluation, net: str = "fine") -> dict[str, dict[str, float]]:
    return {r["protocol"]["name"]: r["metrics"] for r in evaluation.report()["results"] if r["net"] == net}


def seven(p: np.ndarray, g: np.ndarray, inclusive: bool) -> dict[str, float]:
    """The ModelZoo's seven figures of one image in float64 (METHODS 4.6)."""
    ratio = np.maximum(p / g, g / p)
    within = np.less_equal if inclusive else np.less
    return {**{f"delta{k}": within(ratio, 1.25 ** k).mean() for k in (1, 2, 3)},
            "abs_rel": (np.abs(p - g) / g).mean(), "sq_rel": ((p - g) ** 2 / g).mean(),
            "rmse": np.sqrt(((p - g) ** 2).mean()), "rmse_log": np.sqrt((np.log(p / g) ** 2).mean())}


def averaged(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def enlarged(map_m: np.ndarray, height: int, width: int) -> np.ndarray:
    """Linear interpolation in float64 with pixel centres at + 0.5 and repeated edges."""
    def weights(count: int, source: int) -> np.ndarray:
        at = np.clip((np.arange(count) + 0.5) * source / count - 0.5, 0, source - 1)
        low = np.minimum(np.floor(at).astype(int), source - 2)
        matrix = np.zeros((count, source))
        matrix[np.arange(count), low] = 1 - (at - low)
        matrix[np.arange(count), low + 1] = at - low
        return matrix

    return weights(height, map_m.shape[0]) @ map_m.astype(np.float64) @ weights(width, map_m.shape[1]).T


def test_modelzoo_protocol():
    rows = []
    for sample, map_m in zip(SAMPLES, MAPS):
        truth = sample.truth_m[12:12 + 456, 16:16 + 608].astype(np.float64)
        g = np.clip(cv2.resize(truth, (74, 55), interpolation=cv2.INTER_LINEAR), 0.1, 10)
        rows.append(seven(np.clip(map_m.astype(np.float64), 0.1, 10), g, inclusive=True))
    found = metrics_of(evaluated())["modelzoo"]
    assert {name: found[name] for name in rows[0]} == pytest.approx(averaged(rows), rel=1e-5)


def test_nyu_eigen_protocol():
    rows = []
    for sample, map_m in zip(SAMPLES, MAPS):
        placed = np.pad(enlarged(map_m, 456, 608), ((12, 12), (16, 16)), mode="edge")  # rows 468:471 count
        truth = sample.truth_m.astype(np.float64)
        measured = np.zeros(truth.shape, bool)
        measured[45:471, 41:601] = True
        measured &= (truth > 1e-3) & (truth <= 10)
        rows.append(seven(np.clip(placed[measured], 1e-3, 10), truth[measured], inclusive=False))
    found = metrics_of(evaluated())["nyu_eigen"]
    expected = averaged(rows)
    deltas = ("delta1", "delta2", "delta3")  # may differ by single pixels beside the threshold
    assert {k: found[k] for k in deltas} == pytest.approx({k: expected[k] for k in deltas}, abs=1e-4)
    rest = set(expected) - set(deltas)
    assert {k: found[k] for k in rest} == pytest.approx({k: expected[k] for k in rest}, rel=1e-5)


def test_predictions_in_holes_never_enter_under_nyu_eigen():
    changed = Evaluation(method_of(), chosen_protocols(method_of("--protocol", "nyu_eigen")))
    plain = Evaluation(method_of(), changed.protocols)
    for sample, map_m in zip(SAMPLES, MAPS):
        full_m = cv2.resize(map_m, (WIDTH, HEIGHT))
        plain.add_external(sample, full_m)
        for value in (0.0, 9.0, np.nan):
            nonsense = np.where(sample.truth_m > 0, full_m, np.float32(value))
            changed.add_external(sample, nonsense)
    expected = plain.report()["results"][0]
    found = changed.report()["results"][0]
    assert found["metrics"] == pytest.approx(expected["metrics"], rel=1e-12)
    assert found["num_valid"] == 3 * expected["num_valid"]


def test_under_modelzoo_holes_count_as_published():
    """The control to the test above: without a mask a prediction in a hole does change the figures."""
    method = method_of("--protocol", "modelzoo")
    results = []
    for value in (1.0, 9.0):
        evaluation = Evaluation(method, chosen_protocols(method))
        evaluation.add_external(SAMPLES[0], np.where(SAMPLES[0].truth_m > 0, 3.0, value).astype(np.float32))
        results.append(evaluation.report()["results"][0]["metrics"]["abs_rel"])
    assert results[1] > 1.1 * results[0]


def test_rows_average_to_the_reports_figures(tmp_path):
    method = method_of()
    evaluation = Evaluation(method, chosen_protocols(method), keep_rows=True)
    for sample, map_m, other_m in zip(SAMPLES, MAPS, MAPS[::-1]):
        evaluation.add(sample, dict(zip(RESULTS, (map_m, other_m))))
    evaluation.write_csv(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(SAMPLES) * 2 * 2
    for result in evaluation.report()["results"]:
        key = (result["net"], result["protocol"]["name"])
        mine = [row for row in rows if (row["net"], row["protocol"]) == key]
        assert [row["name"] for row in mine] == ["s0", "s1", "s2"]
        assert sum(int(row["num_valid"]) for row in mine) == result["num_valid"]
        for name, value in result["metrics"].items():
            assert np.mean([float(row[name]) for row in mine]) == pytest.approx(value, rel=1e-9)


def test_images_without_a_reading_are_counted_not_averaged(tmp_path):
    empty = Sample("empty", {}, None, np.zeros((HEIGHT, WIDTH), np.float32))
    evaluation = evaluated("--protocol", "nyu_eigen", samples=[*SAMPLES, empty], maps=[*MAPS, MAPS[0]],
                           keep_rows=True)
    report = evaluation.report()
    assert (report["num_images"], report["results"][0]["num_skipped"]) == (4, 1)
    assert metrics_of(evaluation) == metrics_of(evaluated("--protocol", "nyu_eigen"))
    evaluation.write_csv(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert (last["name"], last["num_valid"], last["abs_rel"]) == ("empty", "0", "")


def test_a_broken_prediction_names_its_sample_and_net():
    with pytest.raises(UserError, match="sample s1, fine: the prediction is not finite"):
        evaluated(maps=[MAPS[0], np.full((55, 74), np.nan, np.float32)])


def test_settings_vary_the_protocols():
    method = method_of("--protocol", "nyu_eigen,kitti_garg", "--alignment", "median", "--pooling", "pixel",
                       "--max_depth_m", 50, "--flip_average")
    for protocol, name in zip(chosen_protocols(method), ("nyu_eigen", "kitti_garg")):
        assert (protocol.name, protocol.alignment, protocol.pooling) == (name, "median", "pixel")
        assert (protocol.max_depth_m, protocol.flip_average) == (50, True)
    assert [p.name for p in chosen_protocols(method_of())] == ["modelzoo", "nyu_eigen"]


def test_median_alignment_forgives_scale():
    scaled = metrics_of(evaluated("--protocol", "nyu_eigen", "--alignment", "median",
                                  maps=[0.5 * np.maximum(m, 1) for m in MAPS]))["nyu_eigen"]
    plain = metrics_of(evaluated("--protocol", "nyu_eigen", "--alignment", "median",
                                 maps=[np.maximum(m, 1) for m in MAPS]))["nyu_eigen"]
    assert scaled == pytest.approx(plain, rel=1e-4)


def test_published_figures_are_printed_and_written(tmp_path, capsys):
    settings = settings_of("--output_json", tmp_path / "f.json", "--output_csv", tmp_path / "f.csv")
    evaluation = evaluated(keep_rows=True)
    evaluation.publish(settings)
    shown = capsys.readouterr().out
    saved = json.loads((tmp_path / "f.json").read_text())
    assert {k: saved[k] for k in ("method", "num_images", "results")} == evaluation.report()
    assert saved["settings"]["output_csv"] == str(tmp_path / "f.csv")
    by_name = metrics_of(evaluation)
    assert f"delta1_loss: {by_name['modelzoo']['delta1']:.6f}" in shown
    assert f"rmse_log_loss: {by_name['modelzoo']['rmse_log']:.6f}" in shown
    assert f"silog: {by_name['nyu_eigen']['silog']:.6f}" in shown
    for result in saved["results"]:
        assert result["protocol"]["name"] + ": " in shown


class Virtual:
    """Pictures that exist while they are read."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        truth_m = np.full((240, 320), 1 + index % 5, np.float32)
        return Sample(str(index), {"image": np.zeros((3, 228, 304), np.float32)},
                      np.zeros((240, 320, 3), np.uint8), truth_m)


def test_memory_does_not_grow_with_the_number_of_images():
    method = method_of("--eval_batch_size", 2)
    runners = {"coarse": lambda image: (np.zeros((len(image), 1, 55, 74), np.float32),),
               "fine": lambda image, coarse: (coarse + 1,)}

    def peak_bytes(count: int) -> int:
        tracemalloc.start()
        evaluation = Evaluation(method, chosen_protocols(method)[1:], keep_rows=True)
        for sample, maps in predict(method, method.graph, runners, read_samples(method, Virtual(count))):
            evaluation.add(sample, maps)
        assert evaluation.report()["num_images"] == count
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    picture = Virtual(1)[0]
    half = (picture.rgb.nbytes + picture.truth_m.nbytes + picture.inputs["image"].nbytes) // 2
    peak_bytes(2)  # what is made once
    assert peak_bytes(40) < peak_bytes(10) + 30 * half


def test_each_result_is_measured_against_the_truth_of_its_own_view():
    """As two cameras need it: the second result's truth lies in `extras`."""
    class TwoViews(DepthNet):
        def view_of(self, result, sample):
            return sample.rgb, sample.truth_m if result.startswith("fine") else sample.extras["right_m"]

    method = TwoViews(load_settings("eval", "", []))
    rng = np.random.default_rng(0)
    left_m, right_m = (rng.uniform(1, 5, (480, 640)).astype(np.float32) for _ in range(2))
    sample = Sample("0", {}, None, left_m, {"right_m": right_m})
    evaluation = Evaluation(method, [protocol_named("modelzoo")])
    evaluation.add(sample, {"fine:log_depth": method.truth_at_network(left_m),
                            "coarse:log_depth": method.truth_at_network(right_m)})
    assert [result["metrics"]["abs_rel"] for result in evaluation.report()["results"]] == [0, 0]
