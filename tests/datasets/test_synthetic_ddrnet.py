# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The synthetic still lifes against analytic shapes, light and sensor models, and their files."""
from __future__ import annotations

import csv
import hashlib
import json

import cv2
import numpy as np
import pytest

from src.datasets.synthetic import layout_ddrnet
from src.datasets.synthetic.__main__ import main
from src.datasets.synthetic.lighting import irradiance, lamp, shading_normals
from src.datasets.synthetic.objects import Object, Paint, Relief, Solid, cast
from src.datasets.synthetic.sensor import expose_linear, ir_shadow, kinect_depth, kinect_dropouts
from src.datasets.synthetic.settings import Settings
from src.errors import run_command
from src.geometry.harmonics import harmonics

WIDTH, HEIGHT = 160, 120
CAMERA = layout_ddrnet.CAMERA.resized(WIDTH, HEIGHT)
LUMA = np.array([0.299, 0.587, 0.114])
SMOOTH = Relief(*(np.zeros((0, 3)), np.zeros(0)) * 2, np.zeros(0), np.zeros(0, bool))
GREY = Paint(np.full((1, 3), 0.5), np.zeros((0, 3)), np.zeros(0))


def pixel_points(z_m):
    """Points (N, 3) of the pixels with depth, by the pinhole equations, and their rays."""
    v, u = np.nonzero(np.isfinite(z_m))
    rays = np.stack([(u + 0.5 - CAMERA.cx_px) / CAMERA.fx_px, (v + 0.5 - CAMERA.cy_px) / CAMERA.fy_px,
                     np.ones(u.size)], axis=1)
    return rays * z_m[v, u][:, None], rays


def seen(solid, relief=SMOOTH):
    return cast([Object(solid, relief, GREY)], CAMERA)


def test_a_ball_is_seen_where_and_as_far_as_it_is():
    centre, radius = np.array([0.1, -0.05, 1.4]), 0.35
    view = seen(Solid("ellipsoid", np.full(3, radius), cv2.Rodrigues(np.array([0.3, 0.2, 0.1]))[0], centre))
    points, rays = pixel_points(view.z_m)
    offset = points - centre
    np.testing.assert_allclose(np.linalg.norm(offset, axis=1), radius, atol=1e-12)
    assert np.all((offset * rays).sum(axis=1) < 0)  # its near side
    _, everywhere = pixel_points(np.ones((HEIGHT, WIDTH)))
    angle = np.arccos(everywhere @ centre / np.linalg.norm(everywhere, axis=1) / np.linalg.norm(centre))
    inside = (angle < np.arcsin(radius / np.linalg.norm(centre))).reshape(HEIGHT, WIDTH)
    assert np.array_equal(np.isfinite(view.z_m), inside)
    assert np.array_equal(view.surface, np.where(inside, 0, -1))


def test_box_and_cylinder_lie_on_their_surfaces():
    half, centre = np.array([0.3, 0.25, 0.2]), np.array([-0.05, 0.1, 1.5])
    turn = cv2.Rodrigues(np.array([0.5, -0.7, 0.3]))[0]
    for kind in ("box", "cylinder"):
        points, rays = pixel_points(seen(Solid(kind, half, turn, centre)).z_m)
        assert len(points) > 2000

        def level(at, kind=kind):  # 1 on the surface, less inside
            q = (at - centre) @ turn / half
            side = np.hypot(q[:, 0], q[:, 2])
            return np.abs(q).max(axis=1) if kind == "box" else np.maximum(side, np.abs(q[:, 1]))

        np.testing.assert_allclose(level(points), 1, atol=1e-10)
        assert level(points - 1e-4 * rays).min() > 1
    wall = seen(Solid("box", np.array([5, 5, 0.25]), np.eye(3), np.array([0, 0, 1.75]))).z_m
    np.testing.assert_allclose(wall, 1.5, atol=1e-12)


def test_relief_is_added_to_z():
    wall = Solid("box", np.array([5, 5, 0.25]), np.eye(3), np.array([0, 0, 1.75]))
    vector = np.array([[60.0, 30.0, 0.0]])
    relief = Relief(vector, np.array([0.4]), np.zeros((1, 3)), np.zeros(1), np.array([0.01]),
                    np.zeros(1, bool))
    points, rays = pixel_points(seen(wall, relief).z_m)
    wave = np.sin(1.5 * rays[:, :2] @ vector[0, :2] + 0.4)
    np.testing.assert_allclose(points[:, 2], 1.5 + 0.6 * 0.01 * wave, atol=1e-12)


def test_the_nearest_object_hides_others_and_paint_sticks_to_it():
    paint = Paint(np.array([[0.9, 0.1, 0.1], [0.1, 0.1, 0.9]]), np.array([[1.0, 0, 0]]), np.zeros(1))
    far = Object(Solid("ellipsoid", np.full(3, 0.4), np.eye(3), np.zeros(3)), SMOOTH, paint)
    near = Object(Solid("ellipsoid", np.full(3, 0.1), np.eye(3), np.array([0, 0, -0.8])), SMOOTH, GREY)
    group = [near.moved(np.eye(3), np.array([0, 0, 1.8])), far.moved(np.eye(3), np.array([0, 0, 1.8]))]
    view, swapped = cast(group, CAMERA), cast(group[::-1], CAMERA)
    np.testing.assert_array_equal(view.z_m, swapped.z_m)
    v, u = int(CAMERA.cy_px), int(CAMERA.cx_px)
    assert view.surface[v, u] == 0
    np.testing.assert_allclose(view.albedo[v, [u, u - 20, u + 20]], [[0.5] * 3, *paint.colours], rtol=1e-6)
    half_turn = np.diag([-1.0, 1.0, -1.0])
    turned = cast([far.moved(half_turn, np.array([0, 0, 1.8]))], CAMERA)
    np.testing.assert_allclose(turned.albedo[v, [u - 20, u + 20]], paint.colours[::-1], rtol=1e-6)


def sphere_normals(count):
    """Evenly spread unit vectors (count, 3): a Fibonacci spiral."""
    z = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    return np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)


def test_a_lamp_lights_matt_surfaces_as_lambert_says():
    normal = sphere_normals(20000)
    basis = np.stack(np.broadcast_arrays(*harmonics(*normal.T)), axis=1)
    for towards in ((0, 0, -1), (0.6, -0.48, -0.64), (-2 / 3, 2 / 3, -1 / 3)):
        received = np.maximum(normal @ towards, 0)
        fitted = np.linalg.lstsq(basis, received, rcond=None)[0]
        np.testing.assert_allclose(lamp(np.array(towards)), fitted, atol=1e-3)
        np.testing.assert_allclose(irradiance(lamp(np.array(towards)), normal), received, atol=0.1)


def test_the_camera_is_linear_with_little_noise():
    radiance = np.broadcast_to(np.linspace(0.05, 0.9, 200)[:, None], (200, 300))[..., None].repeat(3, axis=2)
    rgb = expose_linear(np.random.default_rng(0), radiance)
    error = rgb - 255 * radiance
    assert np.abs(error.mean(axis=(1, 2))).max() < 0.3
    assert 0.9 < error[:20].std() < 1.3
    assert 1.7 < error[-20:].std() < 2.2


def wall_errors_mm(z_m, facing=1.0):
    """Readings (480, 640) of a wall that spans some steps of the sensor, and how far off they are."""
    wall_m = np.broadcast_to(np.linspace(z_m - 0.05, z_m + 0.05, 640), (480, 640))
    raw = kinect_depth(np.random.default_rng(0), wall_m, np.zeros(wall_m.shape, int),
                       np.full(wall_m.shape, facing))
    assert raw.dtype == np.uint16
    return raw, raw - 1000 * wall_m


def test_kinect_steps_and_noise_grow_with_the_square_of_depth():
    mean_error = []
    for z_m in (0.8, 1.6, 2.4):
        raw, error = wall_errors_mm(z_m)
        levels = np.unique(raw)
        step = np.diff(levels[np.abs(levels - 1000 * z_m) < 50]).mean()
        # An eighth of a pixel of disparity, 580 px * 75 mm / z.
        assert step == pytest.approx(1000 * z_m**2 / (8 * 580 * 0.075), rel=0.1)
        sigma = 1.2 + 1.9 * (z_m - 0.4) ** 2
        assert error.std() == pytest.approx(np.hypot(sigma, step / 12**0.5), rel=0.1)
        assert abs(error.mean()) < 0.15 * sigma
        beside, apart = ((error[:, :-k] * error[:, k:]).mean() / error.var() for k in (1, 8))
        assert beside > 0.5  # patches of some pixels, not single ones
        assert abs(apart) < 0.1
        mean_error.append(np.abs(error).mean())
    assert 1.5 * mean_error[0] < mean_error[1] < 0.7 * mean_error[2]
    assert wall_errors_mm(1.6, facing=0.3)[1].std() > 1.5 * wall_errors_mm(1.6)[1].std()


def test_kinect_smears_relief_but_not_silhouettes():
    z_m = np.full((480, 640), 1.0)
    z_m[:, :320] += 0.02 * np.sin(np.arange(320) * 2 * np.pi / 8)
    z_m[:, 320:] = 3.0
    surface = (z_m == 3).astype(int)
    mean_mm = np.mean([kinect_depth(np.random.default_rng(n), z_m, surface, np.ones_like(z_m)).mean(axis=0)
                       for n in range(4)], axis=0)
    assert np.ptp(mean_mm[20:300]) < 0.5 * 40
    assert mean_mm[318] < 1050
    assert mean_mm[321] > 2950


def test_the_projector_throws_shadows_to_the_left():
    z_m = np.full((4, 640), 2.0)
    z_m[:, 300:400] = 1.0
    shadow = ir_shadow(z_m)
    columns = np.flatnonzero(shadow.all(axis=0))
    assert np.array_equal(shadow.any(axis=0), shadow.all(axis=0))
    width_px = 580 * 0.075 * (1 / 1.0 - 1 / 2.0)
    assert columns.max() == 299
    assert columns.size == pytest.approx(width_px, abs=1)


def test_readings_drop_out_at_silhouettes_grazing_and_dark():
    shape = (240, 320)
    z_m, facing, albedo = np.full(shape, 3.0), np.ones(shape), np.full(shape, 0.8)
    z_m[40:200, 60:260] = 1.2
    facing[40:80, 60:160], albedo[160:200, 160:260] = 0.15, 0.1
    objects = z_m < 2
    holes = np.mean([kinect_dropouts(np.random.default_rng(n), z_m, facing, albedo, objects)
                     for n in range(20)], axis=0)
    assert 0.06 < holes[objects].mean() < 0.14
    plain = holes[100:150, 100:220].mean()
    assert 0 < plain < 0.06
    rim = np.concatenate([holes[100:150, 60], holes[100:150, 259]])
    assert rim.mean() > 5 * plain
    assert holes[50:70, 80:150].mean() > 2 * plain
    assert holes[170:190, 180:240].mean() > 2 * plain


def make(folder, *extra):
    own = ("--layout", "ddrnet", "--output_dir", str(folder), "--width", str(WIDTH), "--height", str(HEIGHT))
    return run_command(main, [*own, "--workers", "1", *extra])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six training frames of two scenes, twelve test frames."""
    folder = tmp_path_factory.mktemp("synthetic") / "ddrnet"
    assert make(folder, "--num_train", "6", "--num_test", "12", "--seed", "3") == 0
    return folder


def read_rows(folder, name):
    with (folder / name).open(newline="") as file:
        return list(csv.reader(file))


def read(folder, row):
    return [cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED) for name in row]


def all_rows(folder):
    return read_rows(folder, "train_albedo.csv") + read_rows(folder, "test_albedo.csv")


def hashes(folder):
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
            for f in sorted(folder.rglob("*")) if f.is_file()}


def test_indices_name_every_frame(data):
    kinds = ["depth_map", "high_quality_depth", "color_map", "mask", "albedo"]
    for split, frames in (("train", [(0, n) for n in range(4)] + [(1, 0), (1, 1)]),
                          ("test", [(n, 0) for n in range(12)])):
        expected = [[f"{split}/scene_{s:04d}/{kind}/frame_{n:06d}.png" for kind in kinds] for s, n in frames]
        assert read_rows(data, f"{split}_albedo.csv") == expected
        assert read_rows(data, f"{split}.csv") == [row[:4] for row in expected]
    named = {name for row in all_rows(data) for name in row}
    filled = {row[0].replace("depth_map", "depth_filled") for row in all_rows(data)}
    assert named | filled == {str(f.relative_to(data)) for f in data.rglob("*.png")}


def test_pictures_have_the_formats_of_the_data_set(data):
    for row in all_rows(data):
        raw, reference, rgb, mask, albedo = read(data, row)
        filled = cv2.imread(str(data / row[0].replace("depth_map", "depth_filled")), cv2.IMREAD_UNCHANGED)
        for depth in (raw, reference, filled):
            assert (depth.shape, depth.dtype) == ((HEIGHT, WIDTH), np.uint16)
        assert (rgb.shape, rgb.dtype) == ((HEIGHT, WIDTH, 3), np.uint8)
        assert (albedo.shape, albedo.dtype) == ((HEIGHT, WIDTH), np.uint8)
        foreground = reference > 0
        assert 0.25 < foreground.mean() < 0.6
        assert 690 < reference[foreground].min() < np.quantile(reference, 0.999) < 2450
        assert np.array_equal(filled[raw > 0], raw[raw > 0])
        assert np.array_equal(mask, np.where((filled > 0) & foreground, 255, 0))
        assert np.array_equal(albedo > 0, foreground)
        assert 0.395 < albedo[foreground].min() / 255 <= albedo.max() / 255 < 0.955
        assert 0.045 < (raw[foreground] == 0).mean() < 0.155


def test_raw_is_near_the_reference_and_holes_are_at_silhouettes(data):
    errors, rim_holes, inner_holes = [], [], []
    for row in all_rows(data):
        raw, reference = read(data, row[:2])
        both = (raw > 0) & (reference > 0)
        errors.append(np.abs(raw[both].astype(float) - reference[both]).mean())
        inner = cv2.erode((reference > 0).astype(np.uint8), np.ones((5, 5))) > 0
        rim_holes.append((raw[(reference > 0) & ~inner] == 0).mean())
        inner_holes.append((raw[inner] == 0).mean())
    assert 2.5 < np.mean(errors) < 8
    assert max(errors) < 12
    assert np.mean(rim_holes) > 3 * np.mean(inner_holes) > 0


def test_files_are_the_exact_scene_under_the_light_written(data):
    settings = Settings("ddrnet", 6, 12, 3, True, WIDTH, HEIGHT)
    job = next(job for job in layout_ddrnet.jobs(settings) if job.split == "test" and job.index == 4)
    scene = layout_ddrnet.random_scene(np.random.default_rng([3, 1, 4]), CAMERA, 1)
    view = cast(scene.views[0], CAMERA)
    raw, reference, bgr, _, albedo = read(data, job.files[0][:5])
    foreground = np.isfinite(view.z_m)
    np.testing.assert_array_equal(reference > 0, foreground)
    np.testing.assert_allclose(reference[foreground], 1000 * view.z_m[foreground], atol=0.5 + 1e-9)
    record = json.loads((data / "test/scene_0004/light.json").read_text())
    camera = {k: getattr(CAMERA, k) for k in ("fx_px", "fy_px", "cx_px", "cy_px", "width_px", "height_px")}
    assert record["camera"] == camera
    normal = shading_normals(np.where(foreground, view.z_m, 0), CAMERA)[foreground]
    basis = np.stack(np.broadcast_arrays(*harmonics(*normal.T)), axis=1)
    expected = albedo[foreground] * (basis @ record["light"]["frame_000000"])
    error = bgr[foreground] @ LUMA[::-1] - expected
    assert abs(error.mean()) < 0.1
    # The noise of 1 to 2 steps a channel, averaged by the luma.
    assert 0.6 < error.std() < 2 * np.linalg.norm(LUMA)
    assert np.abs(error).max() < 6


def test_light_neither_burns_out_nor_hides(data):
    for row in all_rows(data):
        _, reference, bgr, _, albedo = read(data, row)
        shown = bgr[reference > 0]
        assert (shown.max(axis=1) == 255).mean() < 0.01
        assert (shown.max(axis=1) == 0).mean() < 0.01
        received = shown @ LUMA[::-1] / albedo[reference > 0]
        low, high = np.quantile(received, (0.02, 0.98))
        assert low > 0.06
        assert high - low > 0.2
        assert high < 0.94


def test_frames_and_scenes_differ(data):
    rows = all_rows(data)
    small = [cv2.resize(read(data, [row[1]])[0].astype(np.float32), (16, 12)).ravel() for row in rows]
    lights = [tuple(json.loads(f.read_text())["light"].items()) for f in sorted(data.glob("*/*/light.json"))]
    values = {tuple(light) for frames in lights for _, light in frames}
    assert len(values) == len(rows) == 18
    apart = np.abs(np.stack(small)[:, None] - np.stack(small)[None]).mean(axis=2) + 1e6 * np.eye(len(rows))
    assert apart.min() > 20


def test_same_seed_same_files_whatever_the_workers_and_a_second_call_completes(tmp_path, capsys):
    numbers = ("--num_train", "5", "--num_test", "2")
    assert make(tmp_path / "one", *numbers) == 0
    assert "wrote 7 frames" in capsys.readouterr().out
    assert make(tmp_path / "two", *numbers, "--workers", "2") == 0
    one = hashes(tmp_path / "one")
    assert len(one) == 7 * 6 + 4 + 4 + 1
    assert one == hashes(tmp_path / "two")
    for name in ("train.csv", "test/scene_0001/light.json", "train/scene_0001/mask/frame_000000.png"):
        (tmp_path / "one" / name).unlink()
    assert make(tmp_path / "one", *numbers) == 0
    assert hashes(tmp_path / "one") == one
    capsys.readouterr()
    assert make(tmp_path / "one", *numbers) == 0
    assert "already complete" in capsys.readouterr().out


def test_holes_and_splits_are_optional(tmp_path):
    assert make(tmp_path, "--num_train", "0", "--num_test", "2", "--holes", "0", "--seed", "9") == 0
    assert sorted(f.name for f in tmp_path.iterdir()) == ["synthetic.json", "test", "test.csv",
                                                          "test_albedo.csv"]
    for row in read_rows(tmp_path, "test_albedo.csv"):
        raw, reference, _, mask, _ = read(tmp_path, row)
        assert raw.min() > 0
        assert np.array_equal(mask > 0, reference > 0)
