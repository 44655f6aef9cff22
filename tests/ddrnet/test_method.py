# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet as the commands see it: graph, sizes, own samples, figures beside the raw depth's, files."""
from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

import eval as eval_command
from src.ddrnet.net import DENOISING_NETS, Hypercolumn
from src.deploy.pictures import find_files
from src.errors import UserError
from src.evaluation import Evaluation, chosen_protocols
from src.prediction import predict, read_samples
from tests.ddrnet_files import kinect, method_of, pictures, write_ddrnet
from tests.samples import save

WH = (94, 62)  # no multiple of 4
RESULTS = ("refine:refined", "denoise:denoised")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_ddrnet(tmp_path_factory.mktemp("ddrnet"), train=1, test=3, wh=WH)


@pytest.fixture
def method(folder):
    return method_of("--data_url", folder, command="eval")


@pytest.fixture
def sample(method):
    return method.eval_samples()[0]


def files_of(folder, *columns):
    return [folder / f"20170907/group1/{column}/frame_000001.png" for column in columns]


def by_kind(*files):
    return dict(zip(("raw depth", "colour", "mask"), files))


def refusal(*argv, command="train"):
    with pytest.raises(UserError) as caught:
        method_of(*argv, command=command)
    return str(caught.value)


# --- graph and sizes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nets", "inputs", "wires", "results"), [
    ((), ["raw", "grey"], {"denoise": ["input:raw"], "refine": ["denoise:denoised", "input:grey"]}, RESULTS),
    (("--dtnet", "None"), ["raw"], {"denoise": ["input:raw"]}, RESULTS[1:]),
    (("--dnnet", "None"), ["raw", "grey"], {"refine": ["input:raw", "input:grey"]}, RESULTS[:1])])
def test_each_net_may_be_left_out(nets, inputs, wires, results):
    graph = method_of(*nets).graph
    assert [spec.name for spec in graph.inputs] == inputs
    assert {model.name: [wire.source for wire in model.inputs] for model in graph.models} == wires
    assert graph.results == results
    specs = [*graph.inputs, *(output for model in graph.models for output in model.outputs)]
    assert {spec.shape for spec in specs} == {(1, "H", "W")}
    assert graph.sizes(dict.fromkeys(inputs, (1, 60, 92))) == {"H": 60, "W": 92}


def test_the_graph_runs_in_the_order_of_the_cascade():
    runners = {"denoise": lambda raw: (raw + 1,), "refine": lambda denoised, grey: (10 * denoised + grey,)}
    inputs = {"raw": np.full((2, 1, 8, 12), 3, np.float32), "grey": np.full((2, 1, 8, 12), 5, np.float32)}
    found = method_of().graph.run(runners, inputs)
    assert list(found) == list(RESULTS)
    assert np.all(found[RESULTS[1]] == 4) and np.all(found[RESULTS[0]] == 45)


def test_one_net_at_least():
    assert "leave no network" in refusal("--dnnet", "None", "--dtnet", "None")


@pytest.mark.parametrize(("low", "up"), [(3000, 500), (800, 800)])
def test_thresholds_must_leave_a_range(low, up):
    assert refusal("--low_thres", low, "--up_thres", up) == f"--low_thres {low} must be below --up_thres {up}"


STRIDES = {("convResnet", "hypercolumn"): 4, ("convResnet", "None"): 4, ("base", "hypercolumn"): 4,
           ("base", "None"): 1, ("None", "hypercolumn"): 4, ("unet", "hypercolumn"): 128,
           ("unet", "None"): 128}


@pytest.mark.parametrize("nets", STRIDES)
def test_sizes_are_filled_up_to_the_stride(folder, nets):
    own = ("--dnnet", nets[0], "--dtnet", nets[1], "--data_url", folder)
    method, stride = method_of(*own, "--frame_height", 62, "--frame_width", 94), STRIDES[nets]
    expected = {1: (62, 94), 4: (64, 96), 128: (128, 128)}[stride]
    assert method.size_step == {"H": stride, "W": stride}
    assert method.example_sizes == dict(zip("HW", expected))
    assert method.eval_samples()[0].inputs["raw"].shape == (1, *expected)
    assert method_of(*own).example_sizes == {"H": 512 if stride == 128 else 480, "W": 640}
    own_strides = [DENOISING_NETS[nets[0]].stride if nets[0] != "None" else 1,
                   Hypercolumn.stride if nets[1] != "None" else 1]
    assert stride == max(own_strides)


@pytest.mark.parametrize(("argv", "stride"), [
    (("--image_size", 50), 4), (("--dnnet", "unet", "--image_size", 192), 128),
    (("--dnnet", "base", "--image_size", 30), 4), (("--dnnet", "None", "--image_size", 30), 4)])
def test_crops_must_fit_the_stride(folder, argv, stride):
    method = method_of("--data_url", folder, *argv)
    with pytest.raises(UserError, match=rf"--image_size \d+ must be a multiple of {stride}"):
        method.train_samples("joint")
    assert len(method.eval_samples()) == 3  # it has no say in evaluation
    free = method_of("--data_url", folder, "--dnnet", "base", "--dtnet", "None", "--image_size", 37)
    sample = free.train_samples("joint").read(0, np.random.default_rng(0))
    assert sample["raw"].shape == (1, 37, 37)


# --- decoding and placing -------------------------------------------------------------------------------


def test_maps_are_metres_of_the_range(method, sample):
    raw = np.array([[[-1, -0.2, 0, 1]]], np.float32)
    np.testing.assert_allclose(method.decode(RESULTS[0], raw, sample), [[0.5, 1.5, 1.75, 3.0]], rtol=1e-6)
    other = method_of("--low_thres", 200, "--up_thres", 1200, command="eval")
    np.testing.assert_allclose(other.decode(RESULTS[1], raw, sample), [[0.2, 0.6, 0.7, 1.2]], rtol=1e-6)


def test_decoding_reverts_what_the_networks_see(method, sample):
    depth_m, seen = method.to_full(method.decode(RESULTS[1], sample.inputs["raw"], sample), sample)
    readings = sample.extras["raw_m"] > 0
    np.testing.assert_allclose(depth_m[readings], sample.extras["raw_m"][readings], atol=1e-6)
    np.testing.assert_array_equal(seen, sample.extras["mask"])


def test_what_fills_up_is_cut_off_again(method, sample):
    depth_m = np.random.default_rng(0).random((64, 96))
    full, _ = method.to_full(depth_m, sample)
    np.testing.assert_array_equal(full, depth_m[:62, :94])


def test_mirrored_twice_is_the_sample(method, sample):
    once = method.mirrored(sample)
    twice = method.mirrored(once)
    for name, values in sample.inputs.items():
        np.testing.assert_array_equal(once.inputs[name], values[:, :, ::-1])
        np.testing.assert_array_equal(twice.inputs[name], values)
    assert once.image_hw == sample.image_hw and once.name == sample.name


def test_flip_average_of_a_pointwise_net_is_its_map(folder):
    runners = {"denoise": lambda raw: (raw,), "refine": lambda denoised, grey: (denoised / 2 + grey / 4,)}

    def maps(*argv):
        method = method_of("--data_url", folder, *argv, command="eval")
        return [found for _, found in predict(method, method.graph, runners,
                                              read_samples(method, method.eval_samples()))]

    for plain, averaged in zip(maps(), maps("--flip_average", "--eval_batch_size", 2)):
        for result in RESULTS:
            np.testing.assert_allclose(averaged[result], plain[result], atol=1e-6)


# --- inference ------------------------------------------------------------------------------------------


def test_own_samples_with_a_mask(folder):
    method = method_of(command="infer")
    assert method.infer_files == ("raw depth", "colour", "mask")
    sample = method.prepare("own", by_kind(*files_of(folder, "depth_map", "color_map", "mask")))
    files = pictures(*WH, 1)
    assert sample.name == "own" and sample.truth_m is None and sample.camera == kinect(*WH)
    np.testing.assert_array_equal(sample.rgb, files["color_map"])
    np.testing.assert_array_equal(sample.extras["mask"], files["mask"] > 0)
    np.testing.assert_allclose(sample.extras["raw_m"], files["depth_map"] / 1000, atol=1e-6)
    outside = sample.inputs["grey"][0, :62, :94] == -1
    np.testing.assert_array_equal(outside, files["mask"] == 0)


def test_own_samples_without_a_mask(tmp_path):
    """Small holes of the raw depth are filled in the mask, large ones and readings out of range are not."""
    rng = np.random.default_rng(0)
    raw = rng.integers(1200, 1300, (62, 94)).astype(np.uint16)
    raw[:, :24] = 0
    raw[20:25, 50:54] = 0
    raw[40:62, 70:94] = 5000
    save(tmp_path / "raw.png", raw)
    save(tmp_path / "colour.jpg", rng.integers(64, 256, (62, 94, 3), np.uint8))
    method = method_of("--has_mask", "false", command="infer")
    assert method.infer_files == ("raw depth", "colour")
    sample = method.prepare("own", by_kind(tmp_path / "raw.png", tmp_path / "colour.jpg"))
    mask = sample.extras["mask"]
    assert mask.dtype == bool and mask.shape == (62, 94)
    assert mask[20:25, 50:54].all() and mask[raw == raw.clip(1200, 1300)].all()
    assert not mask[:, :14].any() and not mask[50:62, 80:94].any()
    assert np.all(sample.extras["raw_m"][raw == 5000] == 0)
    assert sample.inputs["grey"].min() > -1  # the network sees all of the picture, as in its training
    full, seen = method.to_full(method.decode(RESULTS[0], sample.inputs["raw"], sample), sample)
    assert full.shape == (62, 94) and seen is mask


def test_own_samples_of_a_folder_for_each_kind(folder):
    """16-bit depth maps, which a folder of pictures leaves out, are what is asked for here."""
    method = method_of(command="infer")
    folders = [path.parent for path in files_of(folder, "depth_map", "color_map", "mask")]
    rows = find_files(method, method.graph, ",".join(map(str, folders)))
    assert [name for name, _ in rows] == [f"frame_{number:06d}" for number in range(1, 5)]
    files = files_of(folder, "depth_map", "color_map", "mask")
    assert rows[0][1] == by_kind(*files)
    assert (method.prepare(*rows[0]).extras["raw_m"] > 0).any()
    assert find_files(method, method.graph, ",".join(map(str, files))) == rows[:1]
    with pytest.raises(UserError, match="give RAW_DEPTH,COLOUR,MASK .*one sample a line$"):
        find_files(method, method.graph, f"{folders[0]},{folders[1]}")


@pytest.mark.parametrize(("given", "training", "inference"), [
    ((), "raw.png,reference.png,colour.png,mask.png", "raw.png,colour.png,mask.png"),
    (("--has_mask", "false"), "raw.png,reference.png,colour.png", "raw.png,colour.png"),
    (("--has_mask", "false", "--has_abd", "true"), "raw.png,reference.png,colour.png,albedo.png",
     "raw.png,colour.png")])
def test_a_list_to_train_on_serves_inference_by_its_columns(tmp_path, given, training, inference):
    """The reference depth stands between raw depth and colour there: it is left out by its place."""
    method = method_of(*given, command="infer")
    (tmp_path / "list.csv").write_text(f"{training}\n{inference}\n")
    rows = [row for _, row in find_files(method, method.graph, str(tmp_path / "list.csv"))]
    kinds = {kind: tmp_path / f"{kind.split()[0]}.png" for kind in method.infer_files}
    assert rows == [kinds, kinds]


def test_own_depth_has_its_own_scale(tmp_path):
    depth_m = np.linspace(0.6, 2.9, 62 * 94).reshape(62, 94)
    save(tmp_path / "raw.png", np.rint(depth_m * 5000).astype(np.uint16))
    save(tmp_path / "colour.png", np.zeros((62, 94, 3), np.uint8))
    method = method_of("--depth_scale", 5000, "--has_mask", "false", command="infer")
    sample = method.prepare("own", by_kind(tmp_path / "raw.png", tmp_path / "colour.png"))
    np.testing.assert_allclose(sample.extras["raw_m"], depth_m, atol=1.01e-4)


# --- figures --------------------------------------------------------------------------------------------


def figures(method, *pairs) -> dict[str, dict[str, float]]:
    evaluation = Evaluation(method, chosen_protocols(method))
    for sample, maps in pairs:
        evaluation.add(sample, maps)
    assert evaluation.given == {"raw"}
    return {result["net"]: result["metrics"] for result in evaluation.report()["results"]}


def at_network(depth_m):
    """A full-size map as the networks make it, filled with nonsense up to the stride."""
    return np.pad(depth_m, ((0, 2), (0, 2)), constant_values=2.9)


def test_the_raw_depth_is_measured_beside_the_nets(method):
    samples = list(method.eval_samples())
    found = figures(method, *((s, {result: at_network(s.truth_m) for result in RESULTS}) for s in samples))
    assert list(found) == ["raw", "refine", "denoise"]
    raw_mm = np.concatenate([(s.extras["raw_m"] - s.truth_m)[(s.extras["raw_m"] > 0) & (s.truth_m > 0)]
                             for s in samples]).astype(np.float64) * 1000
    assert found["raw"]["mae_mm"] == pytest.approx(np.abs(raw_mm).mean(), rel=1e-5)
    assert found["raw"]["rmse_mm"] == pytest.approx(np.sqrt((raw_mm ** 2).mean()), rel=1e-5)
    assert 1.5 < found["raw"]["mae_mm"] < 2 and "hole_mae_mm" not in found["raw"]
    assert found["raw"]["normal_mean_deg"] > 3 and found["raw"]["median_mm"] == pytest.approx(2, abs=1e-3)
    for net in ("refine", "denoise"):
        perfect = found[net]
        errors = ("mae_mm", "rmse_mm", "abs_rel", "median_mm", "hole_mae_mm")
        assert [perfect[name] for name in errors] == [0] * 5
        assert perfect["delta1"] == perfect["normal_below_11.25"] == 1 and perfect["normal_mean_deg"] < 0.1


def test_errors_in_holes_change_the_figure_of_holes_only(method, sample):
    holes = (sample.extras["raw_m"] == 0) & (sample.truth_m > 0)
    outside = sample.truth_m == 0
    assert min(holes.sum(), outside.sum()) > 50
    found = []
    for wrong in (np.zeros_like(holes), holes, outside):
        depth_m = sample.truth_m + np.where(wrong, 0.1, 0.003)
        found.append(figures(method, (sample, {RESULTS[0]: at_network(depth_m)}))["refine"])
    plain, in_holes, beyond = found
    assert beyond == plain
    assert [f.pop("hole_mae_mm") for f in found] == pytest.approx([3, 100, 3], rel=1e-3)
    assert in_holes == plain and plain["mae_mm"] == pytest.approx(3, rel=1e-3)


def test_figures_weigh_every_reading_alike(method):
    """One sample is 1 mm off, one 9 mm, with different numbers of readings."""
    first, second = list(method.eval_samples())[:2]
    first.extras["raw_m"][20:] = 0
    found = figures(method, *((s, {RESULTS[0]: at_network(s.truth_m + np.float32(mm / 1000))})
                              for s, mm in ((first, 1), (second, 9))))["refine"]
    counts = [((s.extras["raw_m"] > 0) & (s.truth_m > 0)).sum() for s in (first, second)]
    assert counts[1] > 2 * counts[0] > 0
    assert found["mae_mm"] == pytest.approx((counts[0] * 1 + counts[1] * 9) / sum(counts), rel=1e-4)
    assert found["median_mm"] == pytest.approx(5, rel=1e-3)  # of whole images


def test_a_map_of_another_program_is_measured_alike(method, sample):
    evaluation = Evaluation(method, chosen_protocols(method))
    evaluation.add_external(sample, np.where(sample.truth_m > 0, sample.truth_m + np.float32(0.004), 0))
    (result,) = evaluation.report()["results"]
    assert result["net"] == "external"
    assert result["metrics"]["mae_mm"] == pytest.approx(4, rel=1e-3)
    assert result["metrics"]["hole_mae_mm"] == pytest.approx(4, rel=1e-3)


# --- files and pictures ---------------------------------------------------------------------------------


def test_eval_writes_16_bit_millimetres_and_0_outside_the_mask(folder, tmp_path, monkeypatch):
    """Through the command, with nets that are known: denoise adds 8 mm, refine takes half the range away."""
    runners = {"denoise": lambda raw: (raw + np.float32(0.008 / 1.25),),
               "refine": lambda denoised, grey: (denoised * 0,)}
    monkeypatch.setattr(eval_command, "_predicted",
                        lambda method, samples: predict(method, method.graph, runners, samples))
    eval_command.main(["--method", "ddrnet", "--data_url", str(folder), "--save_png", str(tmp_path / "png"),
                       "--output_json", str(tmp_path / "figures.json")])
    assert sorted(p.name for p in (tmp_path / "png").iterdir()) == sorted(
        f"{prefix}_frame_{number:06d}.png" for prefix in ("dn", "dt") for number in (2, 3, 4))
    for number in (2, 3, 4):
        files = pictures(*WH, number)
        seen = (files["mask"] > 0) & (files["high_quality_depth"] > 0)
        denoised, refined = (cv2.imread(str(tmp_path / f"png/{prefix}_frame_{number:06d}.png"), -1)
                             for prefix in ("dn", "dt"))
        for picture in (denoised, refined):
            assert picture.dtype == np.uint16 and picture.shape == WH[::-1] and not picture[~seen].any()
        raw = np.where(files["depth_map"] == 0, 500, files["depth_map"])  # no reading is the near end
        np.testing.assert_array_equal(denoised[seen], raw[seen] + 8)
        assert np.all(refined[seen] == 1750)
    report = json.loads((tmp_path / "figures.json").read_text())
    assert [result["net"] for result in report["results"]] == ["raw", "refine", "denoise"]
    assert {result["protocol"]["name"] for result in report["results"]} == {"kinect_mm"}


def test_file_prefixes_are_the_sources(method):
    assert [method.file_prefix(result) for result in (*RESULTS, "external")] == ["dt", "dn", "external"]


def test_training_shows_all_maps_in_one_picture(method, sample):
    maps = {result: sample.truth_m + np.float32(0.01 * k) for k, result in enumerate(RESULTS)}
    shown = method.pictures(sample, maps)
    panel = shown["cascade"]
    assert list(shown) == ["cascade"] and panel.dtype == np.uint8 and panel.shape[2] == 3
    height = round(62 * 240 / 94)
    assert panel.shape[0] == 3 * (22 + height) and panel.shape[1] == 5 * (240 + 6)
    picture = panel[22:22 + height, :240]
    expected = cv2.resize(sample.rgb, (240, height), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(picture, expected)
    raw, reference, denoised, refined = (panel[22:22 + height, k * 246:k * 246 + 240].astype(int)
                                         for k in range(1, 5))
    np.testing.assert_array_equal(refined, reference)  # the very same map
    assert min(np.abs(raw - reference).mean(), np.abs(denoised - reference).mean()) > 1
    np.testing.assert_array_equal(method.pictures(sample, maps)["cascade"], panel)


def test_the_objective_takes_the_samples_columns(folder):
    for name, albedo in (("train", "false"), ("train_albedo", "true")):
        method = method_of("--index_file", folder / f"{name}.csv", "--has_abd", albedo, "--image_size", 48)
        stage = method.build_stage("joint", {})
        sample = method.train_samples("joint").read(0, np.random.default_rng(0))
        assert sorted(stage.columns) == sorted(sample)


def test_float16_is_refused(tmp_path):
    method = method_of("--amp_level", "O2")
    with pytest.raises(UserError, match="round depth to about 1 mm"):
        method.build_stage("joint", method.build_networks())


@pytest.mark.parametrize("given", [
    ("--dn_l1_weight", "0", "--dt_fidelity_weight", "0", "--dt_shading_weight", "0"),
    ("--dnstop", "true", "--dn_l1_weight", "0"),
    ("--dtnet", "None", "--dn_l1_weight", "0"),
    ("--dt_fidelity_weight", "0", "--dt_shading_weight", "0")])
def test_a_network_that_no_term_reaches_is_refused(given):
    method = method_of(*given)
    with pytest.raises(UserError, match="no term of the loss reaches"):
        method.build_stage("joint", method.build_networks())


def test_the_local_start_is_for_the_net_that_corrects():
    with pytest.raises(UserError, match="made for convResnet"):
        method_of("--start", "local", "--dnnet", "base").build_networks()


def test_the_protocol_follows_the_thresholds():
    protocol, = chosen_protocols(method_of("--low_thres", "300", "--up_thres", "4000"))
    assert (protocol.min_depth_m, protocol.max_depth_m) == (0.3, 4.0)
    given, = chosen_protocols(method_of("--up_thres", "4000", "--max_depth_m", "2"))
    assert given.max_depth_m == 2.0


def test_files_in_the_wrong_order_and_units_are_refused(tmp_path):
    folder = write_ddrnet(tmp_path, 0, 1)
    raw, colour, mask = files_of(folder, "depth_map", "color_map", "mask")
    with pytest.raises(UserError, match="raw depth .* not a 16-bit"):
        method_of().prepare("own", by_kind(mask, colour, raw))
    with pytest.raises(UserError, match="no reading within 500 .. 3000 mm"):
        method_of("--depth_scale", "1").prepare("own", by_kind(raw, colour, mask))
