# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""`scripts/datasets.py pack`: every method trains and evaluates from records as from files, bit by bit."""
from __future__ import annotations

import dataclasses
import pickle
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from scripts import datasets as command
from src.config import load_settings
from src.datasets.loader import TrainLoader
from src.datasets.mindrecord import Records, shards_of, write_records
from src.errors import UserError, run_command
from src.method import Method, build_method
from tests import dcnf_files
from tests.ddrnet_files import write_ddrnet
from tests.mergedepth_files import SMALL, write_own_list, write_seed_layout, write_streets
from tests.panorama_files import write_rooms
from tests.samples import save, write_nyu

PARTS = ("train", "test")
Where = dict[str, tuple[object, ...]]  # by part, the settings that name its files


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """Folder of all sets; each is made once, and read only."""
    return tmp_path_factory.mktemp("sets")


def once(name: str, write: Callable[[Path], object]) -> Callable[[Path], Path]:
    """Return a function that gives the folder of a set in `base`, and makes it if it is not there."""
    def folder(base: Path) -> Path:
        if not (base / name).exists():
            write(base / name)
        return base / name
    return folder


def rooms_of_another_scale(folder: Path) -> None:
    """A panorama with holes as Matterport3D marks them, 4000 units a metre."""
    units = np.random.default_rng(1).integers(0, 65536, (16, 32), np.uint16)
    units[:4] = 65535
    save(folder / "depth.png", units)
    save(folder / "picture.jpg", np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8))
    (folder / "list.csv").write_text("picture.jpg,depth.png\n")


def own_pairs(folder: Path) -> None:
    """Lists of pictures and depth: PNGs for training, arrays for tests, a fifth of a millimetre a unit."""
    root = write_nyu(folder, 0, 4) / "Test"
    for i in range(2, 4):
        np.save(root / f"{i}.npy", np.random.default_rng(i).normal(5000, 5000, (60, 80)))
    for part, numbers, depth in (("train", (0, 1), "0000{}_depth.png"), ("test", (2, 3), "{}.npy")):
        lines = [f"0000{i}_colors.png {depth.format(i)}\n" for i in numbers]
        (root / f"{part}.txt").write_text("".join(lines))


nyu = once("nyu", lambda folder: write_nyu(folder, 4, 2))
pairs = once("pairs", own_pairs)
mat = once("mat", lambda folder: dcnf_files.write_mat(folder, 3, 2))
frames = once("frames", write_ddrnet)
fine_frames = once("fine_frames", lambda folder: write_ddrnet(folder, units_per_m=5000))
rooms = once("rooms", lambda folder: write_rooms(folder, 8, 4))
far_rooms = once("far_rooms", rooms_of_another_scale)
streets = once("streets", lambda folder: write_streets(folder, 4, 4))


def seed_streets(base: Path) -> Path:
    return once("seed", lambda folder: write_seed_layout(folder, streets(base)))(base)


def in_folder(folder: Callable[[Path], Path], *argv: object, inside: str = "") -> Callable[[Path], Where]:
    return lambda base: dict.fromkeys(PARTS, ("--data_url", folder(base) / inside, *argv))


def in_lists(folder: Callable[[Path], Path], inside: str, *argv: object) -> Callable[[Path], Where]:
    return lambda base: {part: ("--data_list", folder(base) / inside.format(part), *argv) for part in PARTS}


def bare_frames(base: Path) -> Where:
    root = frames(base)
    return dict.fromkeys(PARTS, ("--index_file", root / "train_bare_albedo.csv", "--test_index_file",
                                 root / "test_bare_albedo.csv"))


def own_streets(base: Path) -> Where:
    raw = streets(base)
    rig = ("--depth_scale", 256, "--fx_px", 72, "--baseline_m", 0.5, "--right_cx_px", 40.5)
    return {part: ("--data_list", write_own_list(base / f"{part}.csv", raw, part), *rig) for part in PARTS}


DDRNET = ("--method", "ddrnet", "--image_size", 32, "--rand_scale", "true")
STREETS = ("--method", "mergedepth", *SMALL)
ROOMS = ("--method", "panodepth", "--image_height", 32, "--image_width", 64)
PICTURES = ("--method", "depthnet", "--augmentation", "paper")
DCNF = ("--method", "dcnf", *dcnf_files.SMALL)
BOTH_M = {"left_depth_m", "right_depth_m"}
CASES = {  # settings, files, the columns that depth comes in
    "hu": (PICTURES, in_folder(nyu), {"depth_m", "depth_mm"}),
    "own pairs": (PICTURES, in_lists(pairs, "Test/{}.txt", "--depth_scale", 5000), {"depth_m"}),
    "ddrnet": (DDRNET, in_folder(frames), {"raw_depth_mm", "reference_depth_mm"}),
    "ddrnet, albedo and no mask": ((*DDRNET, "--has_mask", "false", "--has_abd", "true"), bare_frames,
                                   {"raw_depth_mm", "reference_depth_mm"}),
    "own frames": (DDRNET, in_lists(fine_frames, "{}.csv", "--depth_scale", 5000),
                   {"raw_depth_m", "reference_depth_m"}),
    "scans": (STREETS, in_folder(streets), BOTH_M),
    "depth PNGs": (STREETS, in_folder(streets, "--ground_truth", "png"), BOTH_M),
    "arrays and JPEGs": (STREETS, in_folder(seed_streets), BOTH_M),
    "own streets": (STREETS, own_streets, BOTH_M),
    "panoramas": (ROOMS, in_folder(rooms), {"depth_mm"}),
    "pairs of panoramas": ((*ROOMS, "--rate", "0.1,0.1,0.8,0,0,0.1"), in_folder(rooms),
                           {"depth_mm", "second_depth_mm"}),
    "panoramas in 1/4000 m": (ROOMS, in_lists(far_rooms, "list.csv", "--depth_scale", 4000), {"depth_m"}),
    "dcnf, labelled": (DCNF, in_folder(mat, inside=dcnf_files.MAT), {"depth_m"}),
    "dcnf, grid": ((*DCNF, "--superpixels", "grid", "--block_px", 20), in_folder(nyu),
                   {"depth_m", "depth_mm"}),
}


def method_of(*argv: object) -> Method:
    return build_method(load_settings("train", "", [str(arg) for arg in argv]))


def pack(*argv: object) -> None:
    command.main(["pack", *(str(arg) for arg in argv), "--workers", "1"])


def assert_same(one: object, other: object) -> None:
    """Compare arrays, tables and dataclasses of these bit by bit."""
    if dataclasses.is_dataclass(one):
        one, other = vars(one), vars(other)
    if isinstance(one, Mapping):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


@pytest.mark.parametrize("case", CASES)
def test_samples_of_records_are_those_of_the_files(base, tmp_path, case):
    argv, files_in, depth_columns = CASES[case]
    where, folder = files_in(base), tmp_path / "records"
    if where["train"] == where["test"] and "--data_list" not in where["train"]:
        pack(*argv, *where["train"], "--output_dir", folder, "--shards", 2)
        assert len(shards_of(folder / "train.mindrecord")) == 2
    else:
        for part in PARTS:
            pack(*argv, *where[part], "--parts", part, "--output_dir", folder, "--shards", 1)
    found = {name for part in PARTS for name in Records(folder / f"{part}.mindrecord").columns
             if "depth" in name}
    assert found == depth_columns
    files = {part: method_of(*argv, *where[part]) for part in PARTS}
    records = method_of(*argv, "--data_url", folder)
    for stage in records.settings.stages or records.stage_names:
        one, other = (method.train_samples(stage) for method in (files["train"], records))
        assert len(one) == len(other)
        batches = [TrainLoader(samples, 1, 5, 2).batches(0, 2 * len(one)) for samples in (one, other)]
        for first, second in zip(*batches, strict=True):
            assert_same(first.columns, second.columns)
        assert other.describe(0).startswith(f"{folder}/train.mindrecord ")
    for one, other in ((files["test"].eval_samples(), records.eval_samples()),
                       (files["train"].calibration_samples(), records.calibration_samples())):
        assert len(one) == len(other)
        for i in range(len(one)):
            assert_same(one[i], other[i])


@pytest.mark.parametrize("case", ["hu", "ddrnet", "scans", "pairs of panoramas", "dcnf, labelled"])
def test_rows_come_from_other_processes(base, case):
    """What is sent to them can be pickled, and gives the same there."""
    argv, files_in, _ = CASES[case]
    rows = method_of(*argv, *files_in(base)["train"]).record_rows("train")
    sent = pickle.loads(pickle.dumps(rows))
    assert sent.names == rows.names
    assert_same(sent.row(1), rows.row(1))


def test_pictures_keep_their_files(base):
    """A JPEG would be ten times as large as a PNG."""
    root = nyu(base)
    jpeg = (root / "Train/room_0/1.jpg").read_bytes()
    assert method_of("--data_url", root).record_rows("train").row(0)["rgb"] == jpeg


def test_pairs_are_packed_for_the_stage_that_needs_them(base):
    method = method_of(*ROOMS, "--stages", "pose", "--data_url", rooms(base))
    assert "second_rgb" in method.record_rows("train").row(0)
    assert "second_rgb" not in method.record_rows("test").row(0)


def test_superpixels_are_packed(base, tmp_path):
    pack(*DCNF, "--data_url", nyu(base), "--output_dir", tmp_path)
    assert method_of(*DCNF, "--data_url", tmp_path).train_samples("unary").pairs.stored
    with pytest.raises(UserError, match="holds superpixels made with --superpixels slic --num_superpixels 2"):
        method_of(*DCNF, "--data_url", tmp_path, "--num_superpixels", 15).train_samples("unary")


def test_streets_without_ground_truth(base, tmp_path):
    pack(*STREETS, "--data_url", streets(base), "--ground_truth", "none", "--output_dir", tmp_path)
    files, records = (method_of(*STREETS, "--data_url", folder) for folder in (streets(base), tmp_path))
    assert not any("depth" in name for name in Records(tmp_path / "train.mindrecord").columns)
    one, other = (method.train_samples("unsupervised").read(0, np.random.default_rng(1))
                  for method in (files, records))
    assert_same(one, other)
    with pytest.raises(UserError, match="has no left_depth_mm and no left_depth_m"):
        records.train_samples("supervised")


def test_a_list_may_be_a_record_and_wins_over_data_url(base, tmp_path):
    pack(*ROOMS, "--data_url", rooms(base), "--output_dir", tmp_path)
    for name in ("--train_list", "--data_list"):
        chosen = method_of(*ROOMS, "--data_url", tmp_path, name, tmp_path / "test.mindrecord0")
        assert chosen.train_samples("depth").describe(0).startswith(f"{tmp_path}/test.mindrecord0 ")
    listed = method_of(*ROOMS, "--data_url", tmp_path, "--train_list", rooms(base) / "valid.csv")
    assert listed.train_samples("depth").describe(0).endswith(".txt")
    pack(*DDRNET, "--data_url", frames(base), "--output_dir", tmp_path / "f")
    chosen = method_of(*DDRNET, "--test_index_file", tmp_path / "f/train.mindrecord")
    assert len(chosen.eval_samples()) == 3
    raw = shutil.copytree(streets(base), tmp_path / "raw")
    pack(*STREETS, "--data_url", raw, "--output_dir", raw)
    where = [method_of(*STREETS, "--data_url", raw, *more).train_samples("supervised").describe(0)
             for more in ((), ("--train_list", raw / "train.txt"))]
    assert where[0].startswith(f"{raw}/train.mindrecord ") and where[1].startswith("2011_09_26/")


@pytest.mark.parametrize(("argv", "folder"), [(STREETS, streets), (ROOMS, rooms), (PICTURES, nyu),
                                              (DDRNET, frames), (DCNF, nyu)])
def test_validation_takes_records(base, tmp_path, argv, folder):
    pack(*argv, "--data_url", folder(base), "--output_dir", tmp_path)
    method = method_of(*argv, "--data_url", folder(base), "--val_list", tmp_path / "train.mindrecord")
    assert len(method.validation_samples()) == len(Records(tmp_path / "train.mindrecord"))
    method = method_of(*argv, "--data_url", tmp_path)
    assert len(method.validation_samples()) == len(Records(tmp_path / "test.mindrecord"))


def refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    capsys.readouterr()
    assert run_command(command.main, ["pack", *(str(arg) for arg in argv)]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


def test_mistakes_are_told(tmp_path, capsys):
    root, out = write_nyu(tmp_path / "nyu", 2, 2), tmp_path / "out"
    assert "required: --output_dir" in refused(capsys, "--data_url", root)
    text = refused(capsys, "--data_url", root, "--output_dir", out, "--batchsizes", 3)
    assert "unknown setting --batchsizes; did you mean --batchsize?" in text
    assert "invalid choice: 'valid'" in refused(capsys, "--data_url", root, "--output_dir", out, "--parts",
                                                "valid")
    text = refused(capsys, "--data_list", "own.txt", "--output_dir", out)
    assert "--data_list names the samples of one part; give --parts train or --parts test" in text
    assert "no data folder" in refused(capsys, "--data_url", tmp_path / "no", "--output_dir", out)
    assert not out.exists()
    broken = root / "Train/room_0/1.jpg"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:300])
    text = refused(capsys, "--data_url", root, "--output_dir", out, "--workers", 1)
    assert str(broken) in text and not shards_of(out / "train.mindrecord")
    broken.write_bytes(whole)
    pack("--data_url", root, "--output_dir", out)
    assert capsys.readouterr().out == (f"2 train and 2 test samples in {out}/*.mindrecord; train with "
                                       f"--method depthnet --data_url {out}\n")
    assert "exists; --force" in refused(capsys, "--data_url", root, "--output_dir", out)
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in out.iterdir())  # others may read them
    pack("--data_url", root, "--output_dir", out, "--force", "--parts", "test")
    text = refused(capsys, "--data_url", out, "--output_dir", tmp_path / "again")
    assert text == f"error: {out}/train.mindrecord is a record already; name the files that it was made of"


@pytest.mark.parametrize(("argv", "kind", "words"), [
    ((*DDRNET, "--has_abd", "true"), "frames", "has no albedo_rgb, only mask, raw_depth_mm"),
    (DDRNET, "pairs", "has no mask, only depth_m, rgb"),
    ((*DDRNET, "--has_mask", "false"), "pairs", "has no raw_depth_mm and no raw_depth_m"),
    (STREETS, "frames", "has no left_rgb and no right_rgb"),
    (ROOMS, "frames", "has no depth_mm and no depth_m"),
    ((*ROOMS, "--rate", "0,0,0,0,0,1"), "pairs", "train.mindrecord names single panoramas"),
    (("--method", "depthnet"), "frames", "has no depth_mm and no depth_m, only mask, raw_depth_mm")])
def test_records_of_another_kind_are_refused(base, tmp_path, argv, kind, words):
    rows = {"pairs": {"rgb": np.zeros((2, 4, 3), np.uint8), "depth_m": np.ones((2, 4), np.float32)},
            "frames": method_of(*DDRNET, "--data_url", frames(base)).record_rows("train").row(0)}
    write_records(tmp_path / "train.mindrecord", ["a"], lambda index: rows[kind])
    method = method_of(*argv, "--data_url", tmp_path)
    with pytest.raises(UserError) as caught:
        method.train_samples(method.stage_names[0])
    assert words in str(caught.value)
    assert str(tmp_path / "train.mindrecord") in str(caught.value)


def test_a_method_without_records_says_so():
    with pytest.raises(UserError, match="depthnet reads no records; its data stay files"):
        Method.record_rows(method_of(), "train")
