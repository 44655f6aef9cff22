# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The synthetic scenes against independent geometry in float64, and their files against the layout."""
from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import pytest

from src.datasets.synthetic import layout_nyu
from src.datasets.synthetic.__main__ import main
from src.datasets.synthetic.camera import Pinhole, look, z_depth_m
from src.datasets.synthetic.render import FIRST_SHAPE, render, trace
from src.datasets.synthetic.rooms import corridor, room
from src.datasets.synthetic.scene import Light, Scene
from src.datasets.synthetic.sensor import kinect_holes, photograph
from src.datasets.synthetic.shapes import FACES, Box, Enclosure, Sphere, rays_near
from src.datasets.synthetic.textures import SIZE, Atlas, Texture, bricks, glowing, planks, value_noise
from src.datasets.synthetic.views import random_views
from src.errors import UserError, run_command

SMALL = Pinhole(120.0, 118.0, 83.0, 57.0, 160, 120)
SIZE_ARGS = ("--width", "160", "--height", "120")


def random_case(kind, seed):
    """A scene, a pose that sees it well, and the small camera's view of it."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        scene = kind(rng)
        poses = random_views(rng, scene, SMALL, 1, 0.5, 10.0)
        if poses:
            rays = SMALL.rays(poses[0])
            return scene, poses[0], rays, render(scene, rays)
    raise AssertionError("no view in 20 scenes")


def back_project(z_m, pose):
    """World points (N, 3) of a depth map by the pinhole equations, in float64."""
    v, u = np.mgrid[0:SMALL.height, 0:SMALL.width] + 0.5
    z = z_m.reshape(u.shape).astype(np.float64)
    camera = np.stack([(u - SMALL.cx_px) / SMALL.fx_px * z, (v - SMALL.cy_px) / SMALL.fy_px * z, z], axis=-1)
    return camera.reshape(-1, 3) @ pose.rotation.T + pose.position_m


def box_frame(box, points):
    """Points (N, 3) in the box's own axes."""
    c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    return (points - box.centre_m) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def outside_m(shape, points):
    """Signed distance of points (N, 3) to the shape's surface, by the textbook formulas; negative inside."""
    if isinstance(shape, Sphere):
        return np.linalg.norm(points - shape.centre_m, axis=1) - shape.radius_m
    q = np.abs(box_frame(shape, points)) - shape.half_m
    return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(axis=1), 0)


@pytest.mark.parametrize(("kind", "seed"), [(room, 1), (room, 2), (room, 3), (corridor, 4), (corridor, 5)])
def test_every_pixel_lies_on_its_surface_and_nothing_is_in_front(kind, seed):
    scene, pose, rays, view = random_case(kind, seed)
    points = back_project(z_depth_m(view.hits.distance_m, rays, pose), pose)
    low, high = scene.enclosure.low_m, scene.enclosure.high_m
    assert np.all(points > low - 1e-3)
    assert np.all(points < high + 1e-3)
    for face, name in enumerate(FACES):
        on_face = view.hits.surface == face
        plane = (low, high)[face % 2][face // 2]
        np.testing.assert_allclose(points[on_face, face // 2], plane, atol=1e-3, err_msg=name)
    for k, shape in enumerate(scene.shapes):
        distance = outside_m(shape, points)
        on_shape = view.hits.surface == FIRST_SHAPE + k
        np.testing.assert_allclose(distance[on_shape], 0, atol=1e-3)
        # Sampled between camera and hit point, no ray passes through any shape.
        for share in (0.25, 0.5, 0.75, 0.95):
            between = pose.position_m + share * (points - pose.position_m)
            assert outside_m(shape, between).min() > -1e-3


@pytest.mark.parametrize(("kind", "seed"), [(room, 6), (corridor, 7)])
def test_normals_are_the_gradient_of_the_surface(kind, seed):
    scene, pose, rays, view = random_case(kind, seed)
    points = back_project(z_depth_m(view.hits.distance_m, rays, pose), pose)
    normals = view.normals.T.astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert np.all((normals * rays.directions.T).sum(axis=1) < 1e-3)
    for face, inward in enumerate(([1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1])):
        assert np.all(normals[view.hits.surface == face] == inward)
    for k, shape in enumerate(scene.shapes):
        on_shape = view.hits.surface == FIRST_SHAPE + k
        # One centimetre along the normal is one centimetre away from the surface.
        away = outside_m(shape, points[on_shape] + 0.01 * normals[on_shape])
        np.testing.assert_allclose(away, 0.01, atol=1.5e-3)


def empty_room(shapes=(), size=(4.0, 3.0, 2.5), texture=None):
    """A room with one material, given shapes and only ambient light of 1."""
    texture = texture or Texture(np.full((SIZE, SIZE, 3), 102, np.uint8), 1.0)
    enclosure = Enclosure(np.zeros(3), np.array(size), (0,) * 6)
    return Scene(enclosure, tuple(shapes), Atlas([texture]), (), Light(1.0, 0.0, 1.0))


def test_floor_depth_follows_the_plane_equation():
    height_m, pitch_rad = 1.3, -0.4
    pose = look(np.array([0.5, 1.5, height_m]), 0.0, pitch_rad)
    rays = SMALL.rays(pose)
    hits = trace(empty_room(), rays.origin_m, rays.directions)
    z_m = z_depth_m(hits.distance_m, rays, pose)
    y = (np.repeat(np.arange(SMALL.height), SMALL.width) + 0.5 - SMALL.cy_px) / SMALL.fy_px
    floor = hits.surface == 4
    assert floor.sum() > 1000
    # A ray (x, y, 1) falls by y cos(pitch) - sin(pitch) a metre of z.
    expected = height_m / (y * np.cos(pitch_rad) - np.sin(pitch_rad))
    np.testing.assert_allclose(z_m[floor], expected[floor], rtol=1e-5)


def test_known_distances_along_the_axes():
    scene = empty_room([Box(np.array([3.0, 1.5, 1.0]), np.array([0.2, 0.3, 0.4]), 0.0, 0),
                        Sphere(np.array([1.0, 2.5, 1.0]), 0.25, 0)])
    # Exactly parallel to four of the six faces: the slab test must survive the zeros.
    directions = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32).T
    hits = trace(scene, np.array([1.0, 1.5, 1.0], np.float32), directions)
    np.testing.assert_allclose(hits.distance_m, [1.8, 1.0, 0.75, 1.5, 1.5, 1.0], atol=1e-6)
    assert hits.surface.tolist() == [FIRST_SHAPE, 0, FIRST_SHAPE + 1, 2, 5, 4]


def test_shapes_are_solid_from_inside_and_unseen_from_behind():
    ray = np.array([[1], [0], [0]], np.float32)
    for shape in (Box(np.zeros(3), np.ones(3), 0.3, 0), Sphere(np.zeros(3), 1.0, 0)):
        assert shape.hit(np.zeros(3, np.float32), ray)[0] == 0
        assert shape.hit(np.array([3, 0, 0], np.float32), ray)[0] == np.inf
        assert shape.hit(np.array([-3, 0, 2], np.float32), ray)[0] == np.inf


def test_culling_drops_no_ray_that_hits():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(3, 20000)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    origin = np.zeros(3, np.float32)
    for _ in range(20):
        box = Box(rng.uniform(-3, 3, 3), rng.uniform(0.1, 0.8, 3), rng.uniform(-3, 3), 0)
        hit = np.flatnonzero(np.isfinite(box.hit(origin, directions)))
        assert np.isin(hit, rays_near(origin, directions, box)).all()


def test_pose_and_intrinsics():
    pose = look(np.zeros(3), 0.7, -0.3, 0.1)
    np.testing.assert_allclose(pose.rotation.T @ pose.rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose.rotation) == pytest.approx(1)
    level = np.cos(0.3)
    np.testing.assert_allclose(pose.forward, [level * np.cos(0.7), level * np.sin(0.7), -np.sin(0.3)])
    assert look(np.zeros(3), 0.0, 0.0).rotation[2, 1] == -1  # the picture's y points down
    half = layout_nyu.CAMERA.resized(320, 240)
    assert (half.fx_px, half.cy_px) == (layout_nyu.CAMERA.fx_px / 2, layout_nyu.CAMERA.cy_px / 2)
    # A pixel of the half camera sees the mean direction of the four pixels that it covers.
    full_rays = layout_nyu.CAMERA.rays(pose).directions.reshape(3, 480, 640)
    block = full_rays[:, 100:102, 200:202].mean(axis=(1, 2))
    half_ray = half.rays(pose).directions.reshape(3, 240, 320)[:, 50, 100]
    np.testing.assert_allclose(half_ray, block / np.linalg.norm(block), atol=1e-6)


def test_ambient_light_shows_the_albedo():
    scene = empty_room(size=(8.0, 8.0, 8.0))
    rays = SMALL.rays(look(np.array([4.0, 4.0, 4.0]), 0.0, 0.0))
    radiance = render(scene, rays).radiance.reshape(3, 120, 160)
    np.testing.assert_allclose(radiance[:, 60, 80], 102 / 255, rtol=0.05)  # far from the darker corners
    assert radiance[0, 0, 0] < radiance[0, 60, 80]


def test_flash_falls_off_with_distance():
    flash = Light(0.0, 1.0, 2.0)
    centre = []
    for distance_m in (1.0, 2.0, 4.0):
        base = empty_room(size=(20.0, 20.0, 20.0))
        scene = Scene(base.enclosure, (), base.atlas, (), flash)
        rays = SMALL.rays(look(np.array([20 - distance_m, 10.0, 10.0]), 0.0, 0.0))
        centre.append(render(scene, rays).radiance.reshape(3, 120, 160)[0, 57, 83])
    np.testing.assert_allclose(np.array(centre) / centre[1], [1.6, 1.0, 0.4], rtol=0.02)  # 2 / (1 + d^2 / 4)


def test_textures_have_real_sizes_and_no_seams():
    rng = np.random.default_rng(3)
    colour, accent = np.full(3, 0.6, np.float32), np.full(3, 0.3, np.float32)
    wall = bricks(rng, colour, accent)
    mortar = np.all(wall.rgb == round(0.45 * 255), axis=2)
    rows = np.flatnonzero(np.diff(mortar.mean(axis=1) > 0.9, prepend=False).astype(bool))
    courses_m = np.diff(rows[::2]) * wall.tile_m / SIZE
    np.testing.assert_allclose(courses_m, 0.075, atol=1.01 * wall.tile_m / SIZE)
    assert 12 * 0.07 <= planks(rng, colour, accent).tile_m <= 12 * 0.2
    noise = value_noise(rng, 7, 5)
    step = np.abs(np.diff(noise, axis=1)).max()
    assert np.abs(noise[:, -1] - noise[:, 0]).max() <= step + 1e-6
    assert np.ptp(noise) > 0.5


def test_atlas_reads_the_right_texel_and_level():
    rgb = np.zeros((SIZE, SIZE, 3), np.uint8)
    rgb[10, 20] = (255, 128, 51)
    atlas = Atlas([glowing(np.ones(3, np.float32), 1.0), Texture(rgb, 2.0)])
    at = np.array([20.5, 20.5 + SIZE]) * 2.0 / SIZE
    albedo = atlas.albedo(np.array([1, 1], np.uint8), at, np.full(2, 10.5 * 2.0 / SIZE), np.full(2, 1e-4))
    np.testing.assert_allclose(albedo.T, [[1, 128 / 255, 0.2]] * 2, atol=1e-6)
    coarse = atlas.albedo(np.array([1, 0], np.uint8), at, at, np.full(2, 1.0))
    assert coarse[:, 0].max() < 0.01  # one texel in 65536 hardly counts from afar
    assert coarse[:, 1].min() == 1


def test_photograph_is_noisy_and_brighter_where_more_light_is():
    radiance = np.full((3, 100, 100), 0.05, np.float32)
    radiance[:, :, 50:] = 0.4
    rgb = photograph(np.random.default_rng(0), radiance)
    assert (rgb.shape, rgb.dtype) == ((100, 100, 3), np.uint8)
    assert rgb[:, 60:].mean() > rgb[:, :40].mean() + 50
    assert 0.3 < rgb[40:60, 70:90, 0].std() < 8


def test_kinect_holes_prefer_edges_and_keep_their_share():
    z_m = np.full((240, 320), 3.0, np.float32)
    z_m[:, 160:] = 1.5
    ones, none = np.ones_like(z_m), np.zeros(z_m.shape, bool)
    holes = kinect_holes(np.random.default_rng(0), z_m, ones, none)
    assert 0.045 < holes.mean() < 0.105
    assert holes[:, 158:162].mean() > 0.6
    slanted = 1 / np.broadcast_to(np.linspace(0.1, 1, 320, dtype=np.float32), (240, 320))
    columns = kinect_holes(np.random.default_rng(0), slanted, ones, none).mean(axis=0)
    assert columns.max() < 0.6  # a slanted plane is no edge


def make(folder, *extra):
    """Run the command on a small set and return its exit code."""
    own = ("--layout", "nyu", "--output_dir", str(folder), "--workers", "1")
    return run_command(main, [*own, *SIZE_ARGS, *extra])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """60 training and 40 test frames of 160 x 120."""
    folder = tmp_path_factory.mktemp("synthetic") / "nyu"
    assert make(folder, "--num_train", "62", "--num_test", "40", "--seed", "5") == 0
    return folder


def train_depths(folder):
    files = sorted((folder / "Train").glob("*/*.png"))
    return np.stack([cv2.imread(str(f), cv2.IMREAD_UNCHANGED) for f in files])


def test_depths(folder):
    files = sorted((folder / "Test").glob("*_depth.png"))
    return np.stack([cv2.imread(str(f), cv2.IMREAD_UNCHANGED) for f in files])


test_depths.__test__ = False


def hashes(folder):
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
            for f in sorted(folder.rglob("*")) if f.is_file()}


def test_files_follow_the_layout(data):
    scenes = sorted(f.name for f in (data / "Train").iterdir())
    assert len(scenes) == 16
    assert all(name.endswith("_out") for name in scenes)
    assert sorted(f.name for f in (data / "Train" / scenes[0]).iterdir()) == sorted(
        f"{n}.{kind}" for n in (1, 2, 3, 4) for kind in ("jpg", "png"))
    assert len(list((data / "Train" / scenes[-1]).iterdir())) == 4  # 62 = 15 * 4 + 2 frames
    assert sorted(f.name for f in (data / "Test").iterdir())[:2] == ["00000_colors.png", "00000_depth.png"]
    train, test = train_depths(data), test_depths(data)
    assert (train.shape, train.dtype) == ((62, 120, 160), np.uint8)
    assert (test.shape, test.dtype) == ((40, 120, 160), np.uint16)
    assert train[train > 0].min() >= round(0.5 / 10 * 255)
    assert test[test > 0].min() >= 500
    assert test.max() <= 10000
    for name in (f"Train/{scenes[0]}/1.jpg", "Test/00000_colors.png"):
        picture = cv2.imread(str(data / name), cv2.IMREAD_UNCHANGED)
        assert (picture.shape, picture.dtype) == ((120, 160, 3), np.uint8)
        assert picture.std() > 5


def test_depth_files_hold_the_exact_depth_rounded(data):
    settings = layout_nyu.Settings("nyu", 62, 40, 5, True, 160, 120)
    camera = layout_nyu.CAMERA.resized(160, 120)
    for job, decode, half_step_m in ((layout_nyu.jobs(settings)[0], 10 / 255, 5 / 255),
                                     (layout_nyu.jobs(settings)[16], 1e-3, 0.5e-3)):
        rng = np.random.default_rng([5, 0 if job.split == "Train" else 1, 0])
        scene, poses = layout_nyu.random_scene(rng, camera, len(job.files))
        rays = camera.rays(poses[0])
        hits = trace(scene, rays.origin_m, rays.directions)
        z_m = z_depth_m(hits.distance_m, rays, poses[0]).reshape(120, 160)
        stored = cv2.imread(str(data / job.files[0][1]), cv2.IMREAD_UNCHANGED)
        read = stored > 0
        assert read.mean() > 0.85
        np.testing.assert_allclose(stored[read] * decode, z_m[read], atol=half_step_m * 1.001 + 1e-6)


def test_holes_are_modest_and_optional(data, tmp_path):
    for depths in (train_depths(data), test_depths(data)):
        share = (depths == 0).mean(axis=(1, 2))
        assert share.min() > 0.03
        assert share.max() < 0.15
        assert 0.05 < share.mean() < 0.1
    assert make(tmp_path / "full", "--num_train", "4", "--num_test", "3", "--holes", "0") == 0
    assert (train_depths(tmp_path / "full") == 0).mean() < 0.002
    assert (test_depths(tmp_path / "full") == 0).mean() < 0.002


def test_a_constant_map_does_badly(data):
    """The best constant map of the training set: geometric mean, mean or median of each pixel."""
    train, test_m = train_depths(data) / 255 * 10, test_depths(data) / 1000
    known = np.where(train > 0, train, np.nan)
    valid = test_m > 0
    geometric_mean = np.exp(np.nanmean(np.log(known), axis=0))
    for constant in (geometric_mean, np.nanmean(known, axis=0), np.nanmedian(known, axis=0)):
        ratio = np.broadcast_to(constant, test_m.shape)[valid] / test_m[valid]
        assert np.mean(np.maximum(ratio, 1 / ratio) < 1.25) < 0.45


def test_no_two_scenes_are_alike(data):
    pictures = [cv2.resize(cv2.imread(str(f)), (16, 12), interpolation=cv2.INTER_AREA).astype(float).ravel()
                for pattern in ("Train/*/1.jpg", "Test/*_colors.png") for f in sorted(data.glob(pattern))]
    pictures = np.stack(pictures)
    apart = np.abs(pictures[:, None] - pictures[None]).mean(axis=2) + 255 * np.eye(len(pictures))
    assert apart.min() > 2


def test_same_seed_same_files_whatever_the_workers(tmp_path):
    numbers = ("--num_train", "6", "--num_test", "3")
    assert make(tmp_path / "one", *numbers) == 0
    assert make(tmp_path / "two", *numbers, "--workers", "2") == 0
    assert make(tmp_path / "other", *numbers, "--seed", "2") == 0
    one, other = hashes(tmp_path / "one"), hashes(tmp_path / "other")
    assert len(one) == 6 * 2 + 3 * 2 + 1
    assert one == hashes(tmp_path / "two")
    assert not set(one.values()) & set(other.values())


def test_a_second_call_completes_and_then_does_nothing(tmp_path, capsys):
    folder, numbers = tmp_path / "set", ("--num_train", "5", "--num_test", "1")
    assert make(folder, *numbers) == 0
    before = hashes(folder)
    (folder / "Train/scene_0001_out/1.png").unlink()
    assert make(folder, *numbers) == 0
    assert hashes(folder) == before
    times = {f: f.stat().st_mtime_ns for f in folder.rglob("*")}
    capsys.readouterr()
    assert make(folder, *numbers) == 0
    assert "already complete" in capsys.readouterr().out
    assert times == {f: f.stat().st_mtime_ns for f in folder.rglob("*")}
    assert json.loads((folder / "synthetic.json").read_text())["num_train"] == 5


def test_foreign_folders_and_bad_arguments_are_refused(tmp_path, capsys):
    own = tmp_path / "own"
    own.mkdir()
    (own / "holiday.jpg").write_bytes(b"x")
    made, file, new = tmp_path / "made", tmp_path / "file", tmp_path / "new"
    file.write_bytes(b"")
    assert make(made, "--num_train", "1", "--num_test", "0") == 0
    capsys.readouterr()
    for folder, extra, message in (
            (own, (), "not empty"), (file, (), "is a file"),
            (made, ("--num_train", "2", "--num_test", "0"), "num_train 1 instead of 2"),
            (new, ("--num_train", "-1"), "--num_train -1"), (new, ("--seed", "-2"), "--seed -2"),
            (new, ("--num_train", "0", "--num_test", "0"), "at least one"),
            (new, ("--width", "8"), "--width 8"), (new, ("--workers", "0"), "--workers 0"),
            (new, ("--layout", "makeup"), "choose from: nyu")):
        assert make(folder, *extra) == 2, extra
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert message in error
    assert [f.name for f in own.iterdir()] == ["holiday.jpg"]
    assert not new.exists()
    with pytest.raises(UserError, match="choose from"):
        main(["--layout", "makeup", "--output_dir", str(new)])
