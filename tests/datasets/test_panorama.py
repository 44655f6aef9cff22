# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Lists of panoramas, the files they name, the data sets they come from and the pairs in these."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.datasets.panorama import Panorama, nearest, problems, read_panoramas, write_panoramas
from src.datasets.panorama_files import read_distance, read_pose
from src.datasets.panorama_pairs import Seen, overlap, pair_up
from src.datasets.panorama_sets import SETS, View, find_views, set_of, split_by_place
from src.errors import UserError
from tests.panorama_files import (
    HEIGHT,
    WIDTH,
    box_depth_m,
    write_depth,
    write_picture,
    write_pose,
    write_seed_view,
    write_stanford_view,
    yawed,
)

HERE, THERE = yawed(0.4, (0.5, 0.1, -0.3)), yawed(-0.2, (-0.4, 0.0, 0.2))
ROW = ("room/pan/images/a.jpg", "room/depth/a.png", "room/pose/a.txt")
SECOND = ("room/pan/images/b.jpg", "room/depth/b.png", "room/pose/b.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_seed_view(tmp_path, "room", "a", HERE)
    write_seed_view(tmp_path, "room", "b", THERE)
    return tmp_path


def listed(root: Path, *lines: str) -> Path:
    path = root / "list.csv"
    path.write_text("".join(line + "\n" for line in lines))
    return path


def test_a_written_list_is_read_with_values_scale_and_pose(root):
    write_panoramas(root / "list.csv", [ROW + SECOND, SECOND + ROW])
    found = read_panoramas(root / "list.csv", 1000)
    assert (len(found), found.has_pair, found.names) == (2, True, ("a", "b"))
    for second, pose in ((False, HERE), (True, THERE)):
        view = found.read(0, second)
        assert (view.rgb.shape, view.rgb.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        np.testing.assert_array_equal(view.rgb, np.asarray(Image.open(root / (SECOND if second else ROW)[0])))
        assert view.depth_m.dtype == np.float32
        np.testing.assert_allclose(view.depth_m, box_depth_m(pose), atol=0.00051)
        np.testing.assert_allclose(view.camera_to_world, pose, atol=1e-12)
    assert ROW[0] in found.describe(0) and SECOND[2] in found.describe(0)


@pytest.mark.parametrize("lines", [
    (",".join(ROW[:2]),), ("image,depth", ",".join(ROW[:2])), ("depth, Image", f"{ROW[1]}, {ROW[0]}", "")])
def test_a_header_is_optional_and_may_have_another_order(root, lines):
    found = read_panoramas(listed(root, *lines), 1000)
    assert found.rows == (ROW[:2],)
    assert (found.has_pair, found.read(0).camera_to_world) == (False, None)
    with pytest.raises(UserError, match="the list has no pairs"):
        found.read(0, second=True)


def test_a_bad_pose_matters_to_pairs_alone(root):
    (root / ROW[2]).write_text("nan\n")
    single = read_panoramas(listed(root, ",".join(ROW)), 1000).read(0)
    assert single.camera_to_world is None and single.depth_m.shape == (HEIGHT, WIDTH)
    pairs = read_panoramas(listed(root, ",".join(ROW + SECOND)), 1000)
    with pytest.raises(UserError, match="the pose .*room/pose/a.txt"):
        pairs.read(0)
    np.testing.assert_allclose(pairs.read(0, second=True).camera_to_world, THERE, atol=1e-12)


def test_names_are_unique_where_stems_are_not(root):
    write_seed_view(root, "other", "a", None)
    found = read_panoramas(listed(root, ",".join(ROW[:2]), "other/pan/images/a.jpg,other/depth/a.png"), 1000)
    assert found.names == ("00000_a", "00001_a")


@pytest.mark.parametrize(("lines", "message"), [
    ((), "names no files"), (("image,depth",), "names no files"),
    (("image,depth,colour", "a,b,c"), "has the columns image, depth, colour"),
    (("image,depth,image2,depth2", "a,b,c,d"), "has the columns"),
    (("a.jpg,b.png,c.txt,d.jpg",), "row 1 has 4 columns, not 2, 3 or 6"),
    (("image,depth", "a.jpg,b.png,c.txt"), "row 2 has 3 columns, not 2"),
    ((",".join(ROW), ",".join(ROW[:2])), "row 2 has 2 columns"),
    ((f"{ROW[0]},",), "list.csv: depth is blank"),
    ((f"no.jpg,{ROW[1]}",), "image no.jpg is missing"), ((f"{ROW[0]},no.png",), "depth no.png is missing"),
    ((f"{ROW[0]},no.exr",), "depth no.exr is missing"), ((f"{ROW[0]},no.npy",), "depth no.npy is missing"),
    ((f"{ROW[0]},{ROW[1]},no.txt",), "pose no.txt is missing"),
    (("".join((ROW[1], ",", ROW[0])),), "is an 8-bit RGB JPEG, not a 16-bit grey PNG"),
    (("square.png," + ROW[1],), "image square.png is 64x64, not twice as wide as high"),
    ((f"{ROW[0]},square_depth.png",), "depth square_depth.png is 64x64, not twice"),
    ((f"{ROW[0]},byte.png",), "byte.png is an 8-bit grey PNG, not a 16-bit grey PNG"),
    ((f"{ROW[0]},square.npy",), "depth square.npy is 64x64"),
    ((f"{ROW[0]},flat.npy",), "flat.npy is an array (64,)"),
    ((f"{ROW[0]},fake.exr",), "fake.exr is not an OpenEXR file"),
    ((f"{ROW[0]},fake.npy",), "fake.npy is no NumPy array"),
    ((f"{ROW[0]},several.npy",), "several.npy is no NumPy array"),
    (tuple(f"no{n}.jpg,{ROW[1]}" for n in range(5)), "image no2.jpg is missing and 2 more; add, replace")])
def test_faulty_lists_are_refused(root, lines, message):
    write_picture(root / "square.png", 64, 64)
    write_depth(root / "square_depth.png", np.ones((64, 64)), 1000)
    np.save(root / "square.npy", np.ones((64, 64)))
    np.save(root / "flat.npy", np.ones(64))
    np.savez(root / "several.npz", np.ones((HEIGHT, WIDTH)))
    (root / "several.npz").rename(root / "several.npy")
    Image.fromarray(np.ones((HEIGHT, WIDTH), np.uint8)).save(root / "byte.png")
    for suffix in ("exr", "npy"):
        (root / f"fake.{suffix}").write_bytes(b"something else")
    path = listed(root, *lines)
    with pytest.raises(UserError, match="list.csv") as caught:
        read_panoramas(path, 1000)
    assert message in str(caught.value)


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(UserError, match="no index"):
        read_panoramas(tmp_path / "no.csv", 1000)


def test_what_is_no_reading_becomes_zero(tmp_path):
    depth_m = np.full((HEIGHT, WIDTH), 2.0)
    units = np.full((HEIGHT, WIDTH), 1024, np.uint16)
    units[0, 0], units[0, 1], units[0, 2] = 0, 65535, 65534
    Image.fromarray(units).save(tmp_path / "a.png")
    depth_m[0, :3] = np.nan, np.inf, -1
    write_depth(tmp_path / "a.npy", depth_m, 512)
    write_depth(tmp_path / "a.exr", depth_m, 512)
    for suffix in ("png", "npy", "exr"):
        found = read_distance(tmp_path / f"a.{suffix}", 512)
        assert found.dtype == np.float32 and found.shape == (HEIGHT, WIDTH)
        np.testing.assert_allclose(found[1:], 2)
        assert found[0, 0] == found[0, 1] == 0
        assert found[0, 2] == (np.float32(65534 / 512) if suffix == "png" else 0)


def test_openexr_is_read_in_a_new_process(tmp_path):
    # The decoder is chosen at its first use: here another test may have switched it on.
    write_depth(tmp_path / "a.exr", box_depth_m(HERE), 1)
    code = ("import sys; from pathlib import Path; from src.datasets.panorama_files import read_distance;"
            "print(read_distance(Path(sys.argv[1]), 1000).mean())")
    unset = {name: value for name, value in os.environ.items() if name != "OPENCV_IO_ENABLE_OPENEXR"}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.exr")], capture_output=True,
                          text=True, cwd=Path(__file__).resolve().parents[2], env=unset)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(box_depth_m(HERE).mean(), rel=1e-5)


def test_damaged_depth_is_refused(tmp_path):
    write_depth(tmp_path / "a.exr", box_depth_m(HERE), 1)
    whole = (tmp_path / "a.exr").read_bytes()
    (tmp_path / "a.exr").write_bytes(whole[:40])
    (tmp_path / "b.exr").write_bytes(b"no")
    for name in ("a", "b", "missing"):
        with pytest.raises(UserError, match=f"cannot read .*{name}.exr as an OpenEXR file"):
            read_distance(tmp_path / f"{name}.exr", 1)
    write_depth(tmp_path / "square.exr", np.ones((8, 8)), 1)
    with pytest.raises(UserError, match="8x8, not twice as wide as high"):
        read_distance(tmp_path / "square.exr", 1)


def test_poses_of_all_kinds(tmp_path):
    for suffix in ("txt", "json"):
        write_pose(tmp_path / f"a.{suffix}", HERE)
        found = read_pose(tmp_path / f"a.{suffix}")
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, HERE, atol=1e-9)
    np.savetxt(tmp_path / "short.txt", HERE[:3])
    np.testing.assert_allclose(read_pose(tmp_path / "short.txt"), HERE, atol=1e-9)


def test_stanfords_matrix_leads_from_the_world_to_the_camera(tmp_path):
    # At (2, 3, 1.5), z up, looking along the world's y: right is x, down is -z.
    (tmp_path / "a.json").write_text('{"camera_rt_matrix": [[1, 0, 0, -2], [0, 0, -1, 1.5], [0, 1, 0, -3]]}')
    expected = [[1, 0, 0, 2], [0, 0, 1, 3], [0, -1, 0, 1.5], [0, 0, 0, 1]]
    np.testing.assert_allclose(read_pose(tmp_path / "a.json"), expected, atol=1e-12)


@pytest.mark.parametrize(("name", "text", "message"), [
    ("no.txt", None, "no such pose"), ("a.txt", "1 2 three", "cannot read the pose"),
    ("a.txt", "1 0 0\n0 1 0\n0 0 1\n", r"is an array \(3, 3\)"),
    ("a.txt", "2 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "no rigid motion"),
    ("a.txt", "-1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "no rigid motion"),
    ("a.txt", "1 0 0 nan\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "no rigid motion"),
    ("a.txt", "1 0 0 0\n0 1 0 0\n0 0 1 0\n3 2 1 1\n", "no rigid motion"),
    ("a.json", "{}", "cannot read the pose"), ("a.json", "[1]", "cannot read the pose"),
    ("a.json", "{", "cannot read the pose"), ("a.json", '{"camera_rt_matrix": "x"}', "cannot read the pose")])
def test_faulty_poses_are_refused(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        read_pose(tmp_path / name)


def test_resizing_averages_colours_and_picks_distances():
    rgb = np.zeros((4, 8, 3), np.uint8)
    rgb[0, 0] = 200
    depth_m = np.arange(32, dtype=np.float32).reshape(4, 8)
    small = Panorama(rgb, depth_m, HERE).resized(4, 2)
    assert small.rgb[0, 0, 0] == 50 and small.rgb.sum() == 150
    assert small.depth_m.tolist() == [[9, 11, 13, 15], [25, 27, 29, 31]]
    assert small.camera_to_world is HERE
    assert nearest(depth_m, 24, 12)[1::3, 1::3].tolist() == depth_m.tolist()
    odd = nearest(depth_m[:3, :6], 2, 1)  # centres fall on pixel centres
    assert odd.tolist() == [[9, 12]]
    large = Panorama(rgb, depth_m, None).resized(16, 8)
    assert large.rgb.shape == (8, 16, 3) and large.depth_m.shape == (8, 16)


def test_growing_goes_on_across_the_seam():
    rgb = np.random.default_rng(0).integers(0, 256, (1, 16, 3), np.uint8).repeat(8, axis=0)
    none = np.zeros((1, 1), np.float32)
    large, turned = (Panorama(np.roll(rgb, k, axis=1), none, None).resized(32, 16).rgb for k in (0, 5))
    assert np.array_equal(np.roll(large, 10, axis=1), turned)
    across = (3 * rgb[4, 0].astype(float) + rgb[4, -1]) / 4  # the first column reaches beyond the seam
    np.testing.assert_allclose(large[8, 0], across, atol=0.5)


def test_the_source_tree_prefers_images_and_takes_what_there_is(tmp_path):
    write_seed_view(tmp_path, "b", "10", HERE, ("low", "high", "images"))
    write_seed_view(tmp_path, "b", "9", HERE, ("low", "high"))
    write_seed_view(tmp_path, "a", "1", HERE, ("low",), depth_suffix="npy")
    (tmp_path / "b" / "obj").mkdir()
    (tmp_path / "b" / "pan" / "images" / "notes.txt").write_text("not a picture")
    assert find_views(tmp_path, SETS["seed"]) == [
        View("a", ("a/pan/low/1.jpg", "a/depth/1.npy", "a/pose/1.txt"), "a"),
        View("b", ("b/pan/high/9.jpg", "b/depth/9.png", "b/pose/9.txt"), "b"),
        View("b", ("b/pan/images/10.jpg", "b/depth/10.png", "b/pose/10.txt"), "b")]


def test_poses_are_for_all_or_for_none(tmp_path):
    write_seed_view(tmp_path, "a", "1", None)
    assert find_views(tmp_path, SETS["seed"]) == [View("a", ("a/pan/images/1.jpg", "a/depth/1.png"), "a")]
    write_seed_view(tmp_path, "a", "2", HERE)
    with pytest.raises(UserError, match=r"a/pan/images/1.jpg has no a/pose/1.txt"):
        find_views(tmp_path, SETS["seed"])


def test_stanford2d3d(tmp_path):
    for area, name in (("area_5a", "0f"), ("area_5b", "1e"), ("area_1", "2d")):
        write_stanford_view(tmp_path, area, name, HERE)
    views = find_views(tmp_path, SETS["stanford2d3d"])
    assert [view.place for view in views] == ["area_1", "area_5", "area_5"]
    assert [view.world for view in views] == ["area_1", "area_5a", "area_5b"]
    image, depth, pose = views[1].row
    assert image == "area_5a/pano/rgb/camera_0f_office_1_frame_equirectangular_domain_rgb.png"
    np.testing.assert_allclose(read_distance(tmp_path / depth, SETS["stanford2d3d"].units_per_m),
                               box_depth_m(HERE), atol=1 / 1024 + 1e-5)
    np.testing.assert_allclose(read_pose(tmp_path / pose), HERE, atol=1e-9)


def test_matterport3d(tmp_path):
    files = ("17DRP5sb8fy/pano_skybox_color/0f.jpg", "17DRP5sb8fy/pano_depth/0f.png")
    write_picture(tmp_path / files[0])
    write_depth(tmp_path / files[1], box_depth_m(HERE), 4000)
    (view,) = find_views(tmp_path, SETS["matterport3d"])
    assert view == View("17DRP5sb8fy", files, "17DRP5sb8fy")
    found = read_distance(tmp_path / view.row[1], SETS["matterport3d"].units_per_m)
    np.testing.assert_allclose(found, box_depth_m(HERE), atol=1 / 8000 + 1e-5)


def test_3d60(tmp_path):
    building = "7812e14df5e746388ff6cfe8b043950a"
    stems = (f"Matterport3D/0_{building}1", f"Matterport3D/100_{building}1", "Stanford2D3D/area5a/7_area_5a1",
             "Stanford2D3D/area5b/8_area_5b1", "SunCG/2b074913f751c1d2ca2e21b7b09d728a1")
    depth_m = box_depth_m(HERE)
    depth_m[3, 4] = np.inf
    for stem in stems:
        write_picture(tmp_path / f"{stem}_color_0_Left_Down_0.0.png")
        write_picture(tmp_path / f"{stem}_color_0_Right_0.0.png")
        write_depth(tmp_path / f"{stem}_depth_0_Left_Down_0.0.exr", depth_m, 1)
    views = find_views(tmp_path, SETS["3d60"])
    assert [view.place for view in views] == [building, building, "area_5", "area_5",
                                              "2b074913f751c1d2ca2e21b7b09d728a"]
    assert views[1].row == (f"{stems[1]}_color_0_Left_Down_0.0.png", f"{stems[1]}_depth_0_Left_Down_0.0.exr")
    found = read_distance(tmp_path / views[0].row[1], SETS["3d60"].units_per_m)
    assert found[3, 4] == 0
    np.testing.assert_allclose(found[4:], depth_m[4:], rtol=1e-6)


def capitals(path: Path) -> None:
    path.rename(path.with_suffix(path.suffix.upper()))


def test_endings_may_be_in_capitals(tmp_path):
    write_seed_view(tmp_path / "seed", "a", "1", HERE)
    write_stanford_view(tmp_path / "stanford2d3d", "area_1", "0f", HERE)
    write_picture(tmp_path / "matterport3d/scan/pano_skybox_color/0f.jpg")
    write_depth(tmp_path / "matterport3d/scan/pano_depth/0f.png", box_depth_m(HERE), 4000)
    write_picture(tmp_path / "3d60/S/7_area_5a1_color_0_Left_Down_0.0.png")
    write_depth(tmp_path / "3d60/S/7_area_5a1_depth_0_Left_Down_0.0.exr", box_depth_m(HERE), 1)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        capitals(path)
    for layout, kind in SETS.items():
        (view,) = find_views(tmp_path / layout, kind)
        assert problems(tmp_path / layout, [view.row]) == []
        assert all(Path(file).suffix.isupper() for file in view.row)
        found = read_distance(tmp_path / layout / view.row[1], kind.units_per_m)
        np.testing.assert_allclose(found, box_depth_m(HERE), atol=0.002)
        for pose in view.row[2:]:
            np.testing.assert_allclose(read_pose(tmp_path / layout / pose), HERE, atol=1e-9)
    own = set_of("{place}/pan/images/{name}.jpg", "{place}/depth/{name}.png", None, 1000)
    assert find_views(tmp_path / "seed", own) == [View("a", ("a/pan/images/1.JPG", "a/depth/1.PNG"), "a")]


def test_parts_may_touch_and_names_hold_what_globs_use(tmp_path):
    for name in ("a[1]x", "b[1]x"):
        write_picture(tmp_path / "rgb[0]" / f"{name}.png")
        write_depth(tmp_path / "depth" / f"{name}.png", box_depth_m(HERE), 1000)
    own = set_of("rgb[0]/{place}[1]{name}.png", "depth/{place}[1]{name}.png", None, 1000)
    assert [view.place for view in find_views(tmp_path, own)] == ["a", "b"]
    own = set_of("rgb[0]/{place}{name}.png", "depth/{place}{name}.png", None, 1000)
    assert len(find_views(tmp_path, own)) == 2


def test_folders_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(UserError, match="no data folder"):
        find_views(tmp_path / "no", SETS["seed"])
    for layout in SETS:
        with pytest.raises(UserError, match="holds no panoramas .*is --layout right"):
            find_views(tmp_path, SETS[layout])
    write_picture(tmp_path / "scan" / "pano_skybox_color" / "a.jpg")
    with pytest.raises(UserError, match="pano_skybox_color/a.jpg has no scan/pano_depth/a.png"):
        find_views(tmp_path, SETS["matterport3d"])


def test_the_split_keeps_places_whole_and_the_share():
    counts = {"a": 190, "b": 299, "c": 85, "d": 258, "e": 373, "f": 208}
    views = [View(place, (f"{place}{n}", ""), place) for place, count in counts.items() for n in range(count)]
    shares, parts = [], set()
    for seed in range(12):
        train, valid = split_by_place(views, 0.1, seed)
        assert sorted(train + valid) == sorted(views)
        assert not {view.place for view in train} & {view.place for view in valid}
        assert split_by_place(views, 0.1, seed) == (train, valid)
        shares.append(len(valid) / len(views))
        parts.add(tuple(sorted({view.place for view in valid})))
    assert min(shares) >= 85 / 1413 and max(shares) < 0.2 and len(parts) > 1
    many = [View(str(place), (str(n), ""), "") for place in range(50) for n in range(4)]
    assert len(split_by_place(many, 0.1, 1)[1]) == 20
    assert split_by_place(many, 0, 1) == (many, [])
    train, valid = split_by_place([View("a", ("1", ""), "a"), View("b", ("2", ""), "b")], 0.9, 1)
    assert len(train) == len(valid) == 1  # training keeps a place
    huge = [View("a", ("0", ""), "a")] + [View("b", (str(n), ""), "b") for n in range(99)]
    assert split_by_place(huge, 0.3, 1)[1] == huge[:1]  # one too small is better than one far too large
    with pytest.raises(UserError, match="all panoramas are of one place"):
        split_by_place(views[:9], 0.1, 1)


def seen(pose, hidden=()):
    depth_m = box_depth_m(pose, 128, 64).astype(np.float32)
    for columns in hidden:
        depth_m[:, columns] = 0
    return Seen(depth_m, pose)


def test_overlap_is_the_share_that_both_see():
    assert overlap(seen(HERE), seen(HERE)) == 1
    assert overlap(seen(HERE), seen(THERE)) > 0.95  # an empty box hides nothing
    half = seen(HERE, [slice(0, 64)])
    assert overlap(seen(HERE), half) == pytest.approx(0.5, abs=1e-6)
    assert overlap(half, seen(HERE)) == 1
    # Behind its walls, which the first one's rays do not reach, everything is elsewhere.
    outside = Seen(seen(HERE).depth_m, yawed(0.0, (30.0, 0.0, 0.0)))
    assert overlap(seen(HERE), outside) < 0.05
    assert overlap(Seen(np.zeros((64, 128), np.float32), HERE), seen(HERE)) == 0
    wrong_yaw = Seen(seen(HERE).depth_m, yawed(2.0, (0.5, 0.1, -0.3)))
    assert overlap(seen(HERE), wrong_yaw) < 0.7  # floor and ceiling look the same


def test_pairs_are_near_and_overlapping():
    places = {"a/pose/1": (0, 0, 0), "a/pose/2": (1.0, 0, 0), "a/pose/3": (-0.5, 0, 0),
              "a/pose/4": (0.02, 0, 0), "a/pose/6": (0.25, 0, 0)}
    rows = [(f"{name} image", f"{name} depth", name) for name in places]
    views = [seen(yawed(0.3, at)) for at in places.values()]
    views[4] = seen(yawed(0.3, (0.25, 0, 0)), [slice(0, 100)])  # nearest of most, but sees little
    found = {row[2]: row[5] for row in pair_up(rows, views, max_distance_m=0.8, min_overlap=0.5)}
    assert found == {"a/pose/1": "a/pose/3", "a/pose/3": "a/pose/1", "a/pose/4": "a/pose/3"}
    found = {row[2]: row[5] for row in pair_up(rows, views, max_distance_m=2, min_overlap=0.1)}
    assert found == {"a/pose/1": "a/pose/6", "a/pose/2": "a/pose/6", "a/pose/3": "a/pose/1",
                     "a/pose/4": "a/pose/6", "a/pose/6": "a/pose/4"}
