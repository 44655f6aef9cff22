# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The tool that lists panoramas: what it writes, what it says and what it refuses."""
from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scripts.generate_csv import main
from src.datasets.panorama import read_panoramas
from src.datasets.panorama_files import read_pose
from src.errors import run_command
from tests.panorama_files import (
    box_depth_m,
    write_depth,
    write_picture,
    write_pose,
    write_seed_view,
    write_stanford_view,
    yawed,
)

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "generate_csv.py"
ROOMS = ("r0", "r1", "r2", "r3", "r4")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five rooms of two panoramas, 0.6 m apart."""
    root = tmp_path / "data"
    for k, room in enumerate(ROOMS):
        for n in (0, 1):
            write_seed_view(root, room, str(n), yawed(0.1 * k, (0.6 * n, 0.1, 0.0)))
    return root


def run(root: Path, output_dir: Path, *argv: object, layout: str = "seed") -> None:
    main([str(arg) for arg in (root, "--layout", layout, "--output_dir", output_dir, *argv)])


def refusal(capsys, *argv: object) -> str:
    assert run_command(main, [str(arg) for arg in argv]) == 2
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
    return text


def rooms_of(path: Path) -> set[str]:
    with path.open(newline="") as file:
        return {row["image"].split("/pan/")[0].split("/")[-1] for row in csv.DictReader(file)}


def test_lists_are_split_by_place_and_can_be_read(root, tmp_path, capsys):
    run(root, tmp_path / "lists", "--valid_share", "0.2")
    out = capsys.readouterr().out
    train, valid = (read_panoramas(tmp_path / "lists" / f"{name}.csv", 1000) for name in ("train", "valid"))
    assert (len(train), len(valid), train.has_pair) == (8, 2, False)
    taken = [rooms_of(tmp_path / "lists" / f"{name}.csv") for name in ("train", "valid")]
    assert not taken[0] & taken[1] and taken[0] | taken[1] == set(ROOMS)
    assert train.rows[0][0].startswith("../data/r")  # relative to the list
    view = train.read(0)
    pose = read_pose(tmp_path / "lists" / train.rows[0][2])
    np.testing.assert_allclose(view.depth_m, box_depth_m(pose), atol=0.00051)
    assert sorted(f.name for f in (tmp_path / "lists").iterdir()) == ["train.csv", "valid.csv"]
    for part in ("train.csv: 8 panoramas", "valid.csv: 2 panoramas", "places: 4 in train.csv, 1 in valid.csv",
                 "pictures 64x32 (10)", "1000 units a metre (--depth_scale 1000)", "depth of 10 panoramas",
                 "0.0 % without a reading"):
        assert part in out
    low, high, middle = (np.quantile([box_depth_m(yawed(0.1 * k, (0.6 * n, 0.1, 0.0)))[::4, ::4]
                                      for k in range(5) for n in (0, 1)], q) for q in (0.01, 0.99, 0.5))
    assert f"{low:.2f} to {high:.2f} m (1 to 99 %), median {middle:.2f} m" in out


def test_the_seed_decides_the_split(root, tmp_path):
    splits = []
    for n, seed in enumerate((1, 1, 2, 3, 4)):
        run(root, tmp_path / str(n), "--seed", seed)
        splits.append((tmp_path / str(n) / "valid.csv").read_text())
    assert splits[0] == splits[1] and len(set(splits)) > 1


def test_pairs_are_written_beside_the_lists(root, tmp_path, capsys):
    write_seed_view(root, "r5", "0", yawed(0.0, (0.0, 0.0, 0.0)))  # alone in its room
    run(root, tmp_path, "--pairs", "--valid_share", "0.2")
    out = capsys.readouterr().out
    assert "train_pairs.csv" in out and " pairs" in out
    for name in ("train", "valid"):
        pairs = read_panoramas(tmp_path / f"{name}_pairs.csv", 1000)
        assert pairs.has_pair
        assert rooms_of(tmp_path / f"{name}_pairs.csv") == rooms_of(tmp_path / f"{name}.csv") - {"r5"}
        for k, row in enumerate(pairs.rows):
            assert row[0].replace("/0.", "/1.") == row[3] or row[0].replace("/1.", "/0.") == row[3]
            apart_m = np.linalg.norm(pairs.read(k).camera_to_world[:3, 3]
                                     - pairs.read(k, second=True).camera_to_world[:3, 3])
            assert apart_m == pytest.approx(0.6)
    run(root, tmp_path, "--valid_share", "0")
    out = capsys.readouterr().out
    for stale in ("valid.csv", "train_pairs.csv", "valid_pairs.csv"):
        assert f"{stale} is of an earlier run" in out
    assert rooms_of(tmp_path / "train.csv") == {*ROOMS, "r5"}


def test_test_places_are_held_out(root, tmp_path, capsys):
    (root / "test.csv").write_text("image,depth\nr1/pan/images/0.jpg,r1/depth/0.png\n")
    other = root / "other.csv"
    other.write_text("r2/pan/images/1.jpg\n")
    for extra, gone in (((), "r1"), (("--without", other), "r2")):
        run(root, tmp_path, *extra)
        assert rooms_of(tmp_path / "train.csv") | rooms_of(tmp_path / "valid.csv") == set(ROOMS) - {gone}
        assert "places held out for tests: 1" in capsys.readouterr().out
    other.write_text("elsewhere.jpg\n")
    assert "names no file of the panoramas" in refusal(capsys, root, "--layout", "seed", "--without", other)
    assert "no index" in refusal(capsys, root, "--layout", "seed", "--without", root / "no.csv")
    other.write_text("\n".join(f"{room}/pan/images/0.jpg" for room in ROOMS))
    assert "no places that are not held out" in refusal(capsys, root, "--layout", "seed", "--without", other)


def test_a_list_of_pictures_at_another_size_holds_out(root, tmp_path, capsys):
    write_picture(root / "r1" / "pan" / "high" / "0.jpg")
    (root / "test.csv").write_text("image,depth\nr1/pan/high/0.jpg,r1/depth/0.png\n")
    run(root, tmp_path)
    assert rooms_of(tmp_path / "train.csv") | rooms_of(tmp_path / "valid.csv") == set(ROOMS) - {"r1"}
    (root / "test.csv").write_text("image,depth\nr9/pan/high/0.jpg,r9/depth/0.png\n")
    text = refusal(capsys, root, "--layout", "seed", "--output_dir", tmp_path / "lists")
    assert f"{root / 'test.csv'} names no file of the panoramas in {root}" in text
    assert not (tmp_path / "lists").exists()


def test_bad_poses_are_named(root, tmp_path, capsys):
    (root / "r3" / "pose" / "1.txt").write_text("nan\n")
    (root / "r4" / "pose" / "0.txt").write_text("x\n")
    text = refusal(capsys, root, "--layout", "seed", "--output_dir", tmp_path / "lists")
    assert "r3/pose/1.txt is an array (1, 1)" in text and "cannot read the pose" in text
    assert "r4/pose/0.txt" in text and not (tmp_path / "lists").exists()


def test_poses_may_have_folders_of_their_own(tmp_path):
    for place, name, x_m in (("a", "0", 0.0), ("a", "1", 0.6), ("b", "0", 0.3), ("b", "1", 0.9)):
        folder = tmp_path / "own" / place / name
        write_picture(folder / "rgb.jpg")
        write_depth(folder / "depth.png", box_depth_m(yawed(0.0, (x_m, 0.0, 0.0))), 1000)
        write_pose(folder / "pose.txt", yawed(0.0, (x_m, 0.0, 0.0)))
    main([str(tmp_path / "own"), "--output_dir", str(tmp_path / "own"), "--pairs", "--valid_share", "0", *own(
        *("--image_files", "{place}/{name}/rgb.jpg", "--depth_files", "{place}/{name}/depth.png"),
        *("--pose_files", "{place}/{name}/pose.txt", "--depth_scale", 1000))])
    rows = read_panoramas(tmp_path / "own" / "train_pairs.csv", 1000).rows
    assert [(row[0], row[3]) for row in rows] == [  # never of another place, though that is nearer
        ("a/0/rgb.jpg", "a/1/rgb.jpg"), ("a/1/rgb.jpg", "a/0/rgb.jpg"),
        ("b/0/rgb.jpg", "b/1/rgb.jpg"), ("b/1/rgb.jpg", "b/0/rgb.jpg")]


def test_pairs_of_stanford_stay_in_one_world(tmp_path, capsys):
    root = tmp_path / "S"
    for area, x in (("area_1", 0.0), ("area_1", 0.5), ("area_5a", 0.0), ("area_5b", 0.3)):
        write_stanford_view(root, area, f"{area}{x}", yawed(0.0, (x, 0.0, 0.0)))
    run(root, tmp_path, "--pairs", "--valid_share", "0", layout="stanford2d3d")
    assert "--depth_scale 512" in capsys.readouterr().out
    found = read_panoramas(tmp_path / "train_pairs.csv", 512)
    assert len(found) == 2 and all("area_1" in row[0] and "area_1" in row[3] for row in found.rows)
    assert len(read_panoramas(tmp_path / "train.csv", 512)) == 4


def test_mistakes_are_refused_before_anything_is_written(root, tmp_path, capsys):
    out = tmp_path / "lists"
    seed = ("--layout", "seed", "--output_dir", out)
    assert "no data folder" in refusal(capsys, tmp_path / "no", *seed)
    assert "--layout" in refusal(capsys, root, "--output_dir", out)
    assert "invalid choice" in refusal(capsys, root, "--layout", "kitti")
    assert "holds no panoramas" in refusal(capsys, root, "--layout", "3d60", "--output_dir", out)
    for flag, value in (("--valid_share", 1), ("--valid_share", "x"), ("--seed", -1), ("--max_distance_m", 0),
                        ("--min_overlap", 2)):
        assert f"argument {flag}: '{value}' is not possible" in refusal(capsys, root, *seed, flag, value)
    assert "no two training panoramas" in refusal(capsys, root, *seed, "--pairs", "--max_distance_m", 0.5)
    write_depth(root / "r3" / "depth" / "1.png", np.ones((32, 60)), 1000)
    assert "depth r3/depth/1.png is 60x32, not twice as wide" in refusal(capsys, root, *seed)
    (root / "r3" / "depth" / "1.png").unlink()
    assert "r3/pan/images/1.jpg has no r3/depth/1.png" in refusal(capsys, root, *seed)
    assert not out.exists()


def test_sets_without_poses_places_or_readings_are_refused(tmp_path, capsys):
    write_seed_view(tmp_path, "only", "0", None)
    argv = (tmp_path, "--layout", "seed", "--output_dir", tmp_path / "lists")
    assert "--pairs needs poses" in refusal(capsys, *argv, "--pairs", "--valid_share", 0)
    assert "all panoramas are of one place" in refusal(capsys, *argv)
    write_depth(tmp_path / "only" / "depth" / "0.png", np.zeros((32, 64)), 1000)
    assert "no reading at all" in refusal(capsys, *argv, "--valid_share", 0)
    assert not (tmp_path / "lists").exists()


def test_the_command_itself(root, tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, "data", "--layout", "seed", "--output_dir", "lists"],
                          cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "lists" / "train.csv").is_file()
    done = subprocess.run([sys.executable, SCRIPT, "nowhere", "--layout", "seed"], cwd=tmp_path,
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: no data folder nowhere\n"


def own(*argv: object) -> list[str]:
    return ["--layout", "own", *map(str, argv)]


def test_own_patterns_find_what_the_layout_finds(root, tmp_path):
    run(root, tmp_path / "seed", "--pairs")
    main([str(root), "--output_dir", str(tmp_path / "own"), "--pairs", *own(
        "--image_files", "{place}/pan/images/{name}.jpg", "--depth_files", "{place}/depth/{name}.png",
        "--pose_files", "{place}/pose/{name}.txt", "--depth_scale", 1000)])
    lists = [{file.name: file.read_text() for file in (tmp_path / folder).iterdir()}
             for folder in ("seed", "own")]
    assert len(lists[0]) == 4 and lists[0] == lists[1]


def test_a_part_that_comes_twice_is_the_same_twice(tmp_path):
    for room in ROOMS:
        folder = tmp_path / "flat" / room
        folder.mkdir(parents=True)
        write_picture(folder / f"{room}_1.jpg")
        write_picture(folder / "other_2.jpg")
        write_depth(folder / f"{room}_1_depth.png", box_depth_m(np.eye(4)), 500)
    main([str(tmp_path / "flat"), "--output_dir", str(tmp_path), *own(
        "--image_files", "{place}/{place}_{name}.jpg", "--depth_files", "{place}/{place}_{name}_depth.png",
        "--depth_scale", 500)])
    train = read_panoramas(tmp_path / "train.csv", 500)
    assert len(train) == len(ROOMS) - 1 and "other" not in "".join(map("".join, train.rows))
    np.testing.assert_allclose(train.read(0).depth_m, box_depth_m(np.eye(4)), atol=0.00101)


IMAGES = ("--image_files", "{place}/pan/images/{name}.jpg")
FILES = (*IMAGES, "--depth_files", "{place}/depth/{name}.png", "--depth_scale", 1000)


@pytest.mark.parametrize("argv, reason", [
    (own(), "--layout own needs --image_files"),
    (own("--image_files", "{name}.jpg", "--depth_files", "{name}.png", "--depth_scale", 1), "have {place}"),
    (own("--image_files", "{place}/{name}.jpg", "--depth_files", "{room}.png", "--depth_scale", 1), "{room}"),
    (own("--image_files", "/{place}/{name}.jpg", *FILES[2:]), "give a path below DATA_DIR"),
    (own(*IMAGES, "--depth_files", "/{place}/{name}.png", "--depth_scale", 1), "--depth_files /{place}/"),
    (own(*IMAGES, "--depth_files", "{place}/{Name}.png", "--depth_scale", 1), "{lower_case} names"),
    (own(*IMAGES, "--depth_files", "{}/{name}.png", "--depth_scale", 1), "{lower_case} names"),
    (own(*IMAGES, "--depth_files", "{place}/{name.png", "--depth_scale", 1), "{lower_case} names"),
    (own(*FILES, "--pose_files", "{place}/{name!r}.txt"), "{lower_case} names"),
    (own(*FILES, "--pose_files", "{place}/poses/{name}.txt"), "fits no file in"),
    (("--layout", "seed", "--image_files", "x"), "is for --layout own")])
def test_wrong_patterns_are_refused(root, capsys, argv, reason):
    assert reason in refusal(capsys, root, *argv)


def test_a_layout_may_have_another_scale(root, tmp_path, capsys):
    run(root, tmp_path, "--depth_scale", 4000)
    assert "4000 units a metre" in capsys.readouterr().out
