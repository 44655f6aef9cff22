# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet as users run it, on synthetic frames: from training to the C++ program, own data, all its nets."""
from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import mindspore as ms
import numpy as np
import pytest

from src.errors import UserError
from tests.commands import assert_same_figures, evaluate, figures, run
from tests.cpp_program import build_cpp_program, needs_cpp, run_cpp_program
from tests.ddrnet_files import kinect, rays_of, write_index
from tests.e2e.raw_depth import foreground, raw_figures, read_mm, rows_of, unit_normals
from tests.samples import save
from tests.script_runner import REPOSITORY, ScriptFolder
from tests.training.test_logs import events
from tests.training.test_trainer import rows, weights

ODD_WH = (101, 77)  # no multiple of the networks' stride
PADDED_HW = (80, 104)
NETS = {"refine", "denoise"}
TOLERANCE = 1e-3  # between the figures of eval.py and of the C++ program


def synthetic(folder: Path, wh: tuple[int, int]) -> Path:
    command = [sys.executable, "-m", "src.datasets.synthetic", "--layout", "ddrnet", "--output_dir", folder,
               "--num_train", 4, "--num_test", 2, "--width", wh[0], "--height", wh[1]]
    subprocess.run([str(part) for part in command], cwd=REPOSITORY, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return synthetic(tmp_path_factory.mktemp("odd") / "DDRNet", ODD_WH)


@pytest.fixture(scope="module")
def larger(tmp_path_factory) -> Path:
    return synthetic(tmp_path_factory.mktemp("larger") / "DDRNet", (160, 120))


def train(data: Path, folder: Path, *argv: object) -> Path:
    """Two steps; files of fixed size are exported for frames of `ODD_WH`."""
    run("train", "--method", "ddrnet", "--device_target", "CPU", "--data_url", data, "--train_url", folder,
        "--batch_size", 2, "--max_steps", 2, "--image_size", 32, "--log_every", 1, "--diff_thres", 0,
        "--frame_width", ODD_WH[0], "--frame_height", ODD_WH[1], *argv)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data) -> Path:
    """The published nets, start and losses; the exported files lie beside the checkpoints."""
    folder = train(data, tmp_path_factory.mktemp("trained"))
    run("export", "--train_url", folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, trained, data) -> Path:
    """Everything that eval.py writes."""
    return evaluate(tmp_path_factory.mktemp("evaluated"), trained, data)


def frames_of(data: Path) -> list[tuple[str, list[Path]]]:
    """Return name and files of each; every scene's frames are numbered from 0, so the row is in the name."""
    return [(f"{i:05d}_{row[1].stem}", row) for i, row in enumerate(rows_of(data / "test.csv"))]


def test_training_leaves_networks_rows_and_a_picture(trained):
    assert {f"{kind}{net}Net.ckpt" for kind in ("Final", "Best") for net in ("Denoise", "Refine")} | {
        "last.ckpt"} == {path.name for path in (trained / "Ckpt").glob("*.ckpt")}
    steps = [row for row in rows(trained) if "loss" in row]
    assert [row["step"] for row in steps] == [0, 1]
    for row in steps:
        terms = row["terms"]
        assert terms.keys() == {"dn_l1", "dt_fidelity", "dt_shading"}
        assert row["loss"] == pytest.approx(terms["dn_l1"] + terms["dt_fidelity"] + 100 * terms["dt_shading"])
    validation = rows(trained)[-1]["validation"]
    assert validation.keys() == NETS | {"raw"} and "normal_median_deg" in validation["raw"]
    picture = cv2.imread(str(trained / "images/joint_000002_cascade.png"))
    shown = [value.image for event in events(trained) for value in event.summary.value
             if value.tag.startswith("joint/cascade")]
    assert [(image.height, image.width) for image in shown] == [picture.shape[:2]]
    stored = cv2.imdecode(np.frombuffer(shown[0].encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(stored, picture)


def test_figures_stand_beside_the_raw_depths(evaluated, data):
    found = figures(evaluated / "figures.json")
    assert found.keys() == {(net, "kinect_mm") for net in NETS | {"raw"}}
    expected = raw_figures(data / "test.csv")
    num_valid = expected.pop("num_valid")
    measured = found["raw", "kinect_mm"]
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    report = json.loads((evaluated / "figures.json").read_text())
    assert {result["num_valid"] for result in report["results"]} == {num_valid}
    assert "hole_mae_mm" in found["refine", "kinect_mm"] and "hole_mae_mm" not in measured
    with (evaluated / "figures.csv").open(newline="") as file:
        listed = list(csv.DictReader(file))
    assert [(row["name"], row["net"]) for row in listed] == [
        (name, net) for name, _ in frames_of(data) for net in ("raw", "refine", "denoise")]
    for net in NETS | {"raw"}:
        counts, maes = zip(*((int(row["num_valid"]), float(row["mae_mm"]))
                             for row in listed if row["net"] == net))
        assert np.average(maes, weights=counts) == pytest.approx(found[net, "kinect_mm"]["mae_mm"])


def test_pngs_are_millimetres_within_the_mask(evaluated, data):
    errors_mm = {net: [] for net in NETS}
    for name, (raw, reference, _, mask) in frames_of(data):
        truth_mm, inside = read_mm(reference), foreground(mask)
        for net, prefix in (("denoise", "dn"), ("refine", "dt")):
            png_mm = read_mm(evaluated / f"png/{prefix}_{name}.png")
            depth_m = np.load(evaluated / f"maps/{net}/{name}.npy")
            assert png_mm.shape == depth_m.shape == ODD_WH[::-1]
            np.testing.assert_array_equal(png_mm, np.where(inside, np.rint(depth_m * 1000.0), 0))
            assert png_mm[inside].min() >= 499
            errors_mm[net].append(np.abs(depth_m * 1000.0 - truth_mm)[inside & (read_mm(raw) > 0)])
    assert len(list((evaluated / "png").iterdir())) == 4
    assert len(list((evaluated / "panels").iterdir())) == 4
    for net, found in errors_mm.items():
        expected = figures(evaluated / "figures.json")[net, "kinect_mm"]["mae_mm"]
        assert np.concatenate(found).mean() == pytest.approx(expected, rel=1e-5)


@needs_cpp
def test_the_cpp_program_gives_evals_figures(trained, evaluated, data, tmp_path):
    """Frames of any size: filled up to the stride for the program, cut again for the figures."""
    prepared = tmp_path / "P"
    run("preprocess", "--train_url", trained, "--dataset_path", data, "--output_path", prepared)
    manifest = json.loads((prepared / "manifest.json").read_text())
    assert [spec["shape"] for spec in manifest["inputs"]] == [[1, *PADDED_HW]] * 2
    models = {net: trained / f"MindIR/Final{net.capitalize()}Net.mindir" for net in NETS}
    run_cpp_program(prepared, models, tmp_path / "R")
    run("postprocess", "--result_path", tmp_path / "R", "--label_file", prepared / "label", "--output_json",
        tmp_path / "figures.json")
    expected, found = figures(evaluated / "figures.json"), figures(tmp_path / "figures.json")
    assert all("normal_median_deg" in metrics for metrics in expected.values())
    assert_same_figures(found, expected, abs=TOLERANCE)


def own_list(path: Path, data: Path) -> Path:
    """Write infer.py's list of the test frames: raw depth, colour, mask."""
    path.write_text("".join(f"{raw}, {colour}, {mask}\n" for raw, _, colour, mask, *_ in
                            rows_of(data / "test.csv")))
    return path


def infer(listed: Path, model: Path, folder: Path, *argv: object) -> list[dict]:
    run("infer", listed, model, "--output_dir", folder, *argv)
    return json.loads((folder / "index.json").read_text())["samples"]


@pytest.mark.parametrize(("model", "net"), [
    ("", "refine"), ("ONNX", "refine"), ("MindIR", "refine"), ("ONNX/FinalDenoiseNet.onnx", "denoise")])
def test_infer_gives_evals_maps(trained, evaluated, data, tmp_path, model, net):
    samples = infer(own_list(tmp_path / "frames.csv", data), trained / model, tmp_path / "R")
    assert len(samples) == 2
    for sample, (name, (*_, mask)) in zip(samples, frames_of(data)):
        depth_m = np.load(tmp_path / "R" / f"{sample['name']}.npy")
        expected_m = np.load(evaluated / f"maps/{net}/{name}.npy")
        inside = foreground(mask)
        np.testing.assert_allclose(depth_m, np.where(inside, expected_m, 0), atol=1e-5)
        png_mm = read_mm(tmp_path / "R" / f"{sample['name']}_depth.png")
        np.testing.assert_allclose(png_mm, depth_m * 1000.0, atol=0.51)


def test_infer_takes_other_sizes_than_the_exported_one(trained, larger, tmp_path):
    listed = own_list(tmp_path / "frames.csv", larger)
    by_file = infer(listed, trained / "ONNX/FinalRefineNet.onnx", tmp_path / "onnx", "--save", "npy")
    infer(listed, trained, tmp_path / "ckpt", "--save", "npy")
    for sample, (*_, mask) in zip(by_file, rows_of(larger / "test.csv")):
        depth_m, expected_m = (np.load(tmp_path / kind / f"{sample['name']}.npy")
                               for kind in ("onnx", "ckpt"))
        np.testing.assert_allclose(depth_m, expected_m, atol=1e-5)
        np.testing.assert_array_equal(depth_m > 0, foreground(mask))
    with pytest.raises(UserError, match=r"FinalDenoiseNet\.mindir does not take inputs \(1, 1, 120, 160\)"):
        infer(listed, trained / "MindIR", tmp_path / "mindir")


def test_normals_and_points_know_the_camera(trained, data, tmp_path):
    samples = infer(own_list(tmp_path / "frames.csv", data), trained / "ONNX", tmp_path, "--save",
                    "npy,normal,ply", "--edge_threshold", 10)
    camera = kinect(*ODD_WH)
    for sample in samples:
        assert sample["camera"] == pytest.approx({name: getattr(camera, name) for name in sample["camera"]})
        depth_m = np.load(tmp_path / f"{sample['name']}.npy").astype(np.float64)
        points = (rays_of(camera) * depth_m[..., None])[depth_m > 0]
        header, _, body = (tmp_path / f"{sample['name']}.ply").read_bytes().partition(b"end_header\n")
        found = np.frombuffer(body, [("position", "<f4", 3), ("color", "u1", 3)])
        assert f"element vertex {len(points)}\n".encode() in header and len(points) > 500
        np.testing.assert_allclose(found["position"], points, atol=1e-5)
        shown = cv2.imread(str(tmp_path / f"{sample['name']}_normal.png"))[1:-1, 1:-1, ::-1] / 127.5 - 1
        exists = np.abs(np.linalg.norm(shown, axis=-1) - 1) < 0.02  # grey elsewhere
        expected = unit_normals(depth_m)[exists]
        assert exists.sum() > 300
        np.testing.assert_allclose(shown[exists], expected, atol=0.01)


def scaled_copy(data: Path, folder: Path, units_per_m: float) -> Path:
    """Copy the indices and depth files, in other units."""
    for split in ("train", "test"):
        listed = []
        for raw, reference, *others in rows_of(data / f"{split}.csv"):
            row = []
            for file in (raw, reference):
                stored = np.rint(read_mm(file) * units_per_m / 1000).astype(np.uint16)
                row.append(save(folder / file.relative_to(data), stored).relative_to(folder).as_posix())
            listed.append([*row, *map(str, others)])
        write_index(folder / f"{split}.csv", listed)
    return folder


def test_own_data_in_own_units(trained, evaluated, data, tmp_path):
    """The same frames with 5000 units a metre are the same data: batches, figures and maps."""
    own = scaled_copy(data, tmp_path / "own", 5000)
    train(tmp_path / "no", tmp_path / "run", "--data_list", own / "train.csv", "--val_list", own / "test.csv",
          "--depth_scale", 5000, "--picture_every", 0)
    for name in ("FinalDenoiseNet", "FinalRefineNet"):
        assert weights(tmp_path / f"run/Ckpt/{name}.ckpt") == weights(trained / f"Ckpt/{name}.ckpt")
    assert rows(tmp_path / "run") == rows(trained)
    given = ("--train_url", trained, "--data_list", own / "test.csv", "--depth_scale", 5000)
    run("eval", *given, "--output_json", tmp_path / "figures.json")
    assert figures(tmp_path / "figures.json") == figures(evaluated / "figures.json")
    for folder, units in ((data, 1000), (own, 5000)):
        infer(own_list(tmp_path / f"{units}.csv", folder), trained / "ONNX", tmp_path / str(units), "--save",
              "npy", "--depth_scale", units)
    for path in (tmp_path / "1000").glob("*.npy"):
        np.testing.assert_array_equal(np.load(path), np.load(tmp_path / "5000" / path.name))


def test_dnstop_trains_the_denoising_net_as_alone(trained, data, tmp_path):
    """With albedo, too; what reaches it otherwise are the refining net's gradients."""
    alone = train(data, tmp_path / "alone", "--dtnet", "None", "--picture_every", 0)
    stopped = train(data, tmp_path / "stopped", "--dnstop", "true", "--has_abd", "true", "--index_file",
                    data / "train_albedo.csv", "--test_index_file", data / "test_albedo.csv")
    found = {folder.name: ms.load_checkpoint(str(folder / "Ckpt/FinalDenoiseNet.ckpt"))
             for folder in (alone, stopped, trained)}
    for name, parameter in found["alone"].items():
        np.testing.assert_allclose(found["stopped"][name].asnumpy(), parameter.asnumpy(), atol=1e-6)
    assert any(np.abs(found[trained.name][name].asnumpy() - parameter.asnumpy()).max() > 1e-4
               for name, parameter in found["alone"].items())
    first, with_albedo = (rows(folder)[0]["terms"] for folder in (trained, stopped))
    assert with_albedo.pop("dt_shading") != pytest.approx(first.pop("dt_shading"), rel=1e-2)
    assert with_albedo == pytest.approx(first)
    assert not (alone / "Ckpt/FinalRefineNet.ckpt").exists()


@pytest.mark.parametrize("argv", [
    ("--dnnet", "None"), ("--dtnet", "None"), ("--dnnet", "base"),
    pytest.param(("--dnnet", "unet", "--image_size", 128, "--frame_width", 160, "--frame_height", 120),
                 marks=pytest.mark.slow)], ids=["refine", "denoise", "base", "unet"])
def test_every_net_trains_and_exports(request, tmp_path, argv):
    data = request.getfixturevalue("larger" if "unet" in argv else "data")
    train(data, tmp_path, *argv, "--max_steps", 1, "--picture_every", 0)
    run("export", "--train_url", tmp_path)
    nets = {"Refine"} if argv == ("--dnnet", "None") else {"Denoise"} if "--dtnet" in argv else {
        "Denoise", "Refine"}
    for kind in ("MindIR", "ONNX"):
        assert {path.name for path in (tmp_path / kind).iterdir()} == {
            "config.yaml", *(f"Final{net}Net.{kind.lower()}" for net in nets)}
    for kind, model in (("ckpt", tmp_path), ("onnx", tmp_path / "ONNX"), ("mindir", tmp_path / "MindIR")):
        infer(own_list(tmp_path / "frames.csv", data), model, tmp_path / kind, "--save", "npy")
    for path in (tmp_path / "ckpt").glob("*.npy"):
        for kind in ("onnx", "mindir"):
            np.testing.assert_allclose(np.load(tmp_path / kind / path.name), np.load(path), atol=1e-4)


@needs_cpp
def test_scripts_from_training_to_the_cpp_program(larger, tmp_path):
    build_cpp_program()
    scripts = ScriptFolder(tmp_path)
    scripts.run("run_standalone_train_ascend.sh", larger, 0, "--method", "ddrnet", "--preset", "cpu",
                "--max_steps", 3, "--batch_size", 2, "--image_size", 64, "--frame_width", 160,
                "--frame_height", 120)
    scripts.run("run_eval.sh", larger)
    scripts.run("run_export.sh", "denoise")
    scripts.run("run_export.sh", "refine", scripts.model / "Ckpt/FinalRefineNet.ckpt", "--file_format",
                "ONNX,MINDIR")
    scripts.run("run_infer_310.sh", f"denoise={scripts.model}/MindIR/FinalDenoiseNet.mindir",
                f"refine={scripts.model}/MindIR/FinalRefineNet.mindir", larger, 0)
    expected, found = scripts.printed_figures("eval.log"), scripts.printed_figures("acc.log")
    assert expected.keys() == {(net, "kinect_mm") for net in NETS | {"raw"}}
    assert {"mae_mm", "normal_median_deg"} <= expected["raw", "kinect_mm"].keys()
    assert_same_figures(found, expected, abs=TOLERANCE)
    assert len(list((scripts.path / "result_Files").glob("*_0.bin"))) == 2
