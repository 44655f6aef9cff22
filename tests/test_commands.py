# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""eval, preprocess, postprocess, infer on DepthNet with a small coarse net, and --help of every command."""
from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from src.config import load_schema
from tests.commands import assert_same_figures, figures, refusal, run
from tests.nyu_files import TINY, method_of, scene, write_nyu_test, write_training

NUM = 5
COMMANDS = ("train", "eval", "export", "preprocess", "postprocess", "infer")


@pytest.fixture(scope="module")
def nyu(tmp_path_factory) -> Path:
    return write_nyu_test(tmp_path_factory.mktemp("nyu"), NUM)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "Model"
    write_training(folder, *TINY)
    run("export", "--train_url", folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(nyu, trained, tmp_path_factory) -> Path:
    """What one evaluation writes: figures.json, rows.csv, maps/, panels/."""
    folder = tmp_path_factory.mktemp("evaluated")
    run("eval", "--test_data", nyu, "--train_url", trained, "--output_json", folder / "figures.json",
        "--output_csv", folder / "rows.csv", "--save_predictions", folder / "maps",
        "--save_images", folder / "panels")
    return folder


def evaluate(nyu: Path, folder: Path, *argv: object) -> dict[tuple[str, str], dict[str, float]]:
    run("eval", "--test_data", nyu, "--output_json", folder / "figures.json", *argv)
    return figures(folder / "figures.json")


# --- eval.py

def test_eval_takes_the_network_from_the_trainings_config(capsys, nyu, trained, tmp_path):
    evaluate(nyu, tmp_path, "--train_url", trained, "--limit", 1)
    said = f"depthnet as trained in {trained}/config.yaml: coarse_net eigen, fc_width 16"
    assert f"{said}\n" in capsys.readouterr().out
    line = refusal(capsys, "eval", "--test_data", nyu, "--train_url", trained, "--coarse_net", "modelzoo")
    assert "FinalCoarseNet.ckpt does not fit CoarseNet" in line  # what is given wins


def test_eval_in_batches_equals_one_by_one(nyu, trained, evaluated, tmp_path):
    found = evaluate(nyu, tmp_path, "--train_url", trained, "--eval_batch_size", 3)
    assert_same_figures(found, figures(evaluated / "figures.json"), rel=1e-5)


def test_eval_writes_maps_panels_and_rows(evaluated):
    report = json.loads((evaluated / "figures.json").read_text())
    assert (report["method"], report["num_images"]) == ("depthnet", NUM)
    names = {f"{i:05d}" for i in range(NUM)}
    for net in ("coarse", "fine"):
        assert {path.stem for path in (evaluated / "maps" / net).iterdir()} == names
        for name in names:
            with Image.open(evaluated / f"panels/{name}_{net}.png") as panel:
                assert panel.width > 4 * 240
    depth_m = np.load(evaluated / "maps/fine/00000.npy")
    assert depth_m.shape == (120, 160) and depth_m.dtype == np.float32 and depth_m.std() > 1e-3
    with (evaluated / "rows.csv").open(newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} == names


def test_the_maps_that_eval_saved_score_the_same_as_another_programs(nyu, evaluated, tmp_path):
    for net in ("coarse", "fine"):
        found = evaluate(nyu, tmp_path, "--predictions", evaluated / "maps" / net, "--protocol", "nyu_eigen")
        expected = figures(evaluated / "figures.json")[net, "nyu_eigen"]
        assert found["external", "nyu_eigen"] == pytest.approx(expected, rel=1e-6)


def test_eval_names_the_first_missing_prediction(capsys, nyu, evaluated, tmp_path):
    (tmp_path / "00000.npy").write_bytes((evaluated / "maps/fine/00000.npy").read_bytes())
    line = refusal(capsys, "eval", "--test_data", nyu, "--predictions", tmp_path)
    assert "neither 00001.npy nor 00001.png" in line


def test_flip_average_and_shuffled_inputs_reach_the_figures(nyu, trained, evaluated, tmp_path):
    plain = figures(evaluated / "figures.json")["coarse", "nyu_eigen"]["abs_rel"]
    given = ("--train_url", trained, "--protocol", "nyu_eigen")
    for control in ("--flip_average", "--shuffle_inputs"):
        changed = evaluate(nyu, tmp_path, *given, control)["coarse", "nyu_eigen"]["abs_rel"]
        assert abs(changed - plain) > 1e-4 * plain


def test_eval_never_runs_random_weights(capsys, nyu, trained, tmp_path):
    line = refusal(capsys, "eval", "--test_data", nyu, "--train_url", tmp_path)
    assert f"no checkpoint {tmp_path}/Ckpt/FinalCoarseNet.ckpt; train first" in line
    given = ("eval", "--test_data", nyu, "--train_url", trained)
    line = refusal(capsys, *given, "--coarse_ckpt_model", trained / "Ckpt/FinalFineNet.ckpt",
                   "--fine_ckpt_model", trained / "Ckpt/FinalCoarseNet.ckpt")
    assert "FinalFineNet.ckpt does not fit EigenCoarseNet" in line
    (tmp_path / "cut.ckpt").write_bytes((trained / "Ckpt/FinalFineNet.ckpt").read_bytes()[:1000])
    line = refusal(capsys, *given, *TINY, "--fine_ckpt_model", tmp_path / "cut.ckpt")
    assert f"{tmp_path}/cut.ckpt" in line


# --- preprocess.py and postprocess.py

@pytest.fixture(scope="module")
def bundle(nyu, trained, tmp_path_factory) -> Path:
    """The bundle P with the networks' results in R, as the C++ program leaves them."""
    from src.deploy.runtimes import open_runners

    folder = tmp_path_factory.mktemp("bundle")
    run("preprocess", "--dataset_path", nyu / "Test", "--train_url", trained, "--output_path", folder / "P")
    (folder / "R").mkdir()
    method = method_of("--train_url", trained, *TINY)
    runners = open_runners(method, method.graph, str(trained / "ONNX"))
    for i in range(NUM):
        image = np.fromfile(folder / f"P/img_data/{i:05d}_0.bin", np.float32).reshape(1, 3, 228, 304)
        for k, values in enumerate(method.graph.run(runners, {"image": image}).values()):
            values.tofile(folder / f"R/{i:05d}_{k}.bin")
    return folder


def postprocess(bundle: Path, folder: Path, *argv: object) -> dict[tuple[str, str], dict[str, float]]:
    run("postprocess", "--result_path", bundle / "R", "--label_file", bundle / "P/label",
        "--output_json", folder / "figures.json", *argv)
    return figures(folder / "figures.json")


def test_postprocess_gives_evals_figures(bundle, evaluated, tmp_path):
    found = postprocess(bundle, tmp_path)
    assert_same_figures(found, figures(evaluated / "figures.json"), rel=1e-4, abs=1e-5)


def test_postprocess_may_vary_the_protocol(nyu, trained, bundle, tmp_path):
    given = ("--protocol", "nyu_eigen", "--alignment", "median", "--pooling", "pixel", "--max_depth_m", 6)
    found = postprocess(bundle, tmp_path, *given)
    assert list(found) == [("fine", "nyu_eigen"), ("coarse", "nyu_eigen")]
    assert_same_figures(found, evaluate(nyu, tmp_path, "--train_url", trained, *given), rel=1e-4, abs=1e-5)


def test_postprocess_refuses_what_the_cpp_program_cannot_do(capsys, bundle, tmp_path):
    given = ("postprocess", "--result_path", bundle / "R", "--label_file", bundle / "P/label")
    assert "--flip_average is eval.py's alone" in refusal(capsys, *given, "--flip_average")
    assert "run preprocess.py first" in refusal(capsys, "postprocess", "--label_file", tmp_path / "label")
    assert "did the C++ program run through?" in refusal(
        capsys, "postprocess", "--label_file", bundle / "P/label", "--result_path", tmp_path)


# --- infer.py

@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A landscape, a portrait with EXIF, and one whose name sorts after 9 only in natural order."""
    folder = tmp_path_factory.mktemp("pictures")
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 28  # FocalLengthIn35mmFilm
    for i, (name, height, width) in enumerate((("10", 90, 120), ("9", 120, 160), ("portrait", 160, 90))):
        options = {"exif": exif} if name == "portrait" else {}
        Image.fromarray(scene(i, height, width)[0]).save(folder / f"{name}.jpg", quality=95, **options)
    return folder


def infer(source: Path, model: Path, folder: Path, *argv: object) -> dict:
    run("infer", source, model, "--output_dir", folder, *argv)
    return json.loads((folder / "index.json").read_text())


def test_infer_agrees_from_checkpoints_mindir_and_onnx(pictures, trained, tmp_path):
    for kind, model in (("ckpt", trained), ("mindir", trained / "MindIR/FinalFineNet.mindir"),
                        ("onnx", trained / "ONNX/FinalFineNet.onnx")):
        index = infer(pictures, model, tmp_path / kind, "--save", "npy")
        assert [sample["name"] for sample in index["samples"]] == ["9", "10", "portrait"]
        for sample in index["samples"]:
            depth_m = np.load(tmp_path / kind / f"{sample['name']}.npy")
            np.testing.assert_allclose(depth_m, np.load(tmp_path / f"ckpt/{sample['name']}.npy"), rtol=1e-4)


def test_infer_gives_what_eval_gives(nyu, trained, evaluated, tmp_path):
    infer(nyu / "Test/00003_colors.png", trained, tmp_path, "--save", "npy")
    depth_m, expected_m = np.load(tmp_path / "00003_colors.npy"), np.load(evaluated / "maps/fine/00003.npy")
    seen = depth_m > 0
    assert seen.mean() == pytest.approx(0.95 ** 2, abs=0.01)
    np.testing.assert_allclose(depth_m[seen], expected_m[seen], rtol=1e-5)


def test_a_portrait_picture_is_seen_in_its_middle(pictures, trained, tmp_path):
    path = pictures / "portrait.jpg"
    (sample,) = infer(path, trained / "ONNX", tmp_path / "crop", "--save", "npy")["samples"]
    depth_m = np.load(tmp_path / "crop/portrait.npy")
    assert depth_m.shape == (160, 90)
    rows, columns = np.nonzero(depth_m)
    # 95 % of the widest 4:3 rectangle: 86 x 64
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (48, 111, 2, 87)
    assert (depth_m[48:112, 2:88] > 0).all()
    assert sample["seen_share"] == pytest.approx((depth_m > 0).mean())
    given = ("--save", "npy", "--fit", "stretch")
    (sample,) = infer(path, trained / "ONNX", tmp_path / "all", *given)["samples"]
    assert sample["seen_share"] == pytest.approx(0.95 ** 2, abs=0.01)


def test_everything_that_infer_can_save(pictures, trained, tmp_path):
    given = ("--save", "npy,png,color,normal,ply")
    (sample,) = infer(pictures / "portrait.jpg", trained / "ONNX", tmp_path / "exif", *given)["samples"]
    assert set(sample["files"]) == {"portrait.npy", "portrait_depth.png", "portrait_color.png",
                                    "portrait_normal.png", "portrait.ply"}
    assert all((tmp_path / "exif" / name).stat().st_size > 500 for name in sample["files"])
    focal_px = 28 / np.hypot(36, 24) * np.hypot(160, 90)
    expected = {"fx_px": focal_px, "fy_px": focal_px, "cx_px": 45, "cy_px": 80}
    assert sample["camera"] == pytest.approx(expected, rel=1e-4)
    given += ("--fov_deg", 90)
    (sample,) = infer(pictures / "9.jpg", trained / "ONNX", tmp_path / "fov", *given)["samples"]
    assert sample["camera"]["fx_px"] == pytest.approx(80)


def test_infer_of_a_list_in_batches(pictures, trained, tmp_path):
    rows = tmp_path / "list.txt"
    rows.write_text(f"{pictures}/portrait.jpg\n{pictures}/9.jpg\n{pictures}/9.jpg\n")
    index = infer(rows, trained / "ONNX", tmp_path / "out", "--save", "npy", "--eval_batch_size", 2)
    assert [sample["name"] for sample in index["samples"]] == ["portrait", "00001_9", "00002_9"]
    first, second = (np.load(tmp_path / f"out/0000{i}_9.npy") for i in (1, 2))
    np.testing.assert_allclose(first, second, rtol=1e-5)
    assert first.shape == (120, 160)


def test_infer_of_a_video(trained, tmp_path):
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 8, (160, 120))
    for i in range(4):
        writer.write(scene(i, 120, 160)[0])
    writer.release()
    index = infer(path, trained / "ONNX", tmp_path / "R")
    assert index["samples"] == [{"name": "clip", "net": "fine", "files": ["clip_depth.mp4"],
                                 "frames": 4}]
    video = cv2.VideoCapture(str(tmp_path / "R/clip_depth.mp4"))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(8)
    frames = [video.read() for _ in range(5)]
    assert [more for more, _ in frames] == [True] * 4 + [False]
    assert frames[0][1].shape[0] == 120 and frames[0][1].shape[1] > 160  # the map and its scale
    assert {path.name for path in (tmp_path / "R").iterdir()} == {"clip_depth.mp4", "index.json"}
    index = infer(path, trained / "ONNX", tmp_path / "S", "--save", "npy")
    assert [sample["name"] for sample in index["samples"][:-1]] == [f"clip_{i:06d}" for i in range(4)]
    assert np.load(tmp_path / "S/clip_000003.npy").shape == (120, 160)


def test_infer_refuses_in_one_line(capsys, pictures, trained, tmp_path):
    given = ("--output_dir", tmp_path / "R")
    line = refusal(capsys, "infer", pictures / "9.jpg", trained / "ONNX", *given, "--save", "ply")
    assert "needs the camera" in line
    assert "no such picture" in refusal(capsys, "infer", tmp_path / "gone.jpg", trained, *given)
    assert "no model" in refusal(capsys, "infer", pictures, tmp_path / "gone.onnx", *given)
    assert "holds no complete set" in refusal(capsys, "infer", pictures, tmp_path, *given)
    (tmp_path / "cut.jpg").write_bytes((pictures / "9.jpg").read_bytes()[:700])
    assert "cut.jpg" in refusal(capsys, "infer", tmp_path / "cut.jpg", trained / "ONNX", *given)
    for kind in ("ONNX", "MindIR"):
        swapped = tmp_path / kind
        swapped.mkdir()
        for net, other in (("Coarse", "Fine"), ("Fine", "Coarse")):
            content = (trained / kind / f"Final{other}Net.{kind.lower()}").read_bytes()
            (swapped / f"Final{net}Net.{kind.lower()}").write_bytes(content)
        line = refusal(capsys, "infer", pictures, swapped, *given)
        assert f"FinalCoarseNet.{kind.lower()} does not take inputs (1, 3, 228, 304)" in line
    assert not (tmp_path / "R/index.json").exists()


# --- all

@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_setting(capsys, command):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(command).main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"python {command}.py" in shown
    common, methods = load_schema()
    for section in (*common, methods["depthnet"]):
        for option in section.options:
            assert f"--{option.name}" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_typos_are_answered_with_the_nearest_setting(capsys, command):
    assert "did you mean --train_url?" in refusal(capsys, command, "--train_ulr", "x")
