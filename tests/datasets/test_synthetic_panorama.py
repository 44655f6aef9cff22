# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Synthetic panoramas: depth against walls, mesh and each other, and their files against the layout."""
from __future__ import annotations

import csv
import hashlib
import uuid
from collections import Counter

import cv2
import numpy as np
import pytest

from src.datasets.panorama import read_panoramas
from src.datasets.synthetic import layout_panorama
from src.datasets.synthetic.__main__ import main
from src.datasets.synthetic.camera import Panorama, look
from src.datasets.synthetic.interiors import NEAREST_M, posed_interior
from src.datasets.synthetic.mesh import obj_text
from src.datasets.synthetic.render import render, trace
from src.datasets.synthetic.scene import Light, Scene
from src.datasets.synthetic.shapes import Box, Enclosure, Sphere
from src.datasets.synthetic.textures import SIZE, Atlas, Texture
from src.errors import run_command

WIDTH, HEIGHT = 128, 64


def make(folder, *extra):
    own = ("--layout", "panorama", "--output_dir", str(folder), "--workers", "1")
    return run_command(main, [*own, "--width", str(WIDTH), "--height", str(HEIGHT), *extra])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """22 training panoramas in six rooms and 5 for tests in two, without holes."""
    folder = tmp_path_factory.mktemp("synthetic") / "panorama"
    assert make(folder, "--num_train", "22", "--num_test", "5", "--seed", "3", "--holes", "0") == 0
    return folder


def rows(folder, name):
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rays():
    """The unit vectors (H, W, 3) of a panorama: x right, y down, z to the middle."""
    theta = 2 * np.pi * (np.arange(WIDTH) + 0.5) / WIDTH - np.pi
    phi = (np.pi / 2 - np.pi * (np.arange(HEIGHT) + 0.5) / HEIGHT)[:, None]
    return np.stack(np.broadcast_arrays(np.cos(phi) * np.sin(theta), -np.sin(phi),
                                        np.cos(phi) * np.cos(theta)), axis=-1)


def read_depth(folder, row):
    return cv2.imread(str(folder / row["depth"]), cv2.IMREAD_UNCHANGED) / 1000


def read_obj(path):
    """The objects of an .obj: name -> (vertices (V, 3), faces as tuples of indices into these)."""
    vertices, objects, name = [], {}, None
    for line in path.read_text().splitlines():
        kind, *fields = line.split()
        if kind == "o":
            name = fields[0]
            objects[name] = []
        elif kind == "v":
            vertices.append([float(field) for field in fields])
        elif kind == "f":
            objects[name].append(tuple(int(field) - 1 for field in fields))
        else:
            assert kind == "#"
    return np.array(vertices), objects


def triangles_hit(origin, directions, triangles):
    """Distance (N,) to the first of the triangles (T, 3, 3), by Moeller and Trumbore, in float64."""
    distance = np.full(len(directions), np.inf)
    for a, b, c in triangles:
        p = np.cross(directions, c - a)
        det = p @ (b - a)
        det = np.where(np.abs(det) < 1e-12, np.nan, det)
        u = p @ (origin - a) / det
        q = np.cross(origin - a, b - a)
        v, t = directions @ q / det, q @ (c - a) / det
        hit = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (t > 0)
        distance = np.where(hit, np.minimum(distance, t), distance)
    return distance


def ball_hit(origin, directions, centre, radius):
    along = directions @ (centre - origin)
    half_squared = radius**2 - ((centre - origin) @ (centre - origin) - along**2)
    near = along - np.sqrt(np.maximum(half_squared, 0))
    return np.where((half_squared > 0) & (near > 0), near, np.inf)


def empty_room(size, shapes=()):
    texture = Texture(np.full((SIZE, SIZE, 3), 102, np.uint8), 1.0)
    return Scene(Enclosure(np.zeros(3), np.array(size), (0,) * 6), tuple(shapes), Atlas([texture]), (),
                 Light(1.0, 0.0, 1.0))


def test_depth_of_an_empty_room_is_that_of_its_walls():
    place, size = np.array([1.0, 2.5, 1.4]), np.array([4.0, 3.0, 2.6])
    for yaw_deg in (0, 90):
        pose = look(place, np.radians(yaw_deg), 0.0)
        seen = Panorama(WIDTH, HEIGHT).rays(pose)
        depth_m = trace(empty_room(size), seen.origin_m, seen.directions).distance_m.reshape(HEIGHT, WIDTH)
        # Camera x, y, z in the room's axes: ahead is x at yaw 0 and y at yaw 90, right is -y and x.
        ahead, right = (((3.0, 1.0), (2.5, 0.5)), ((0.5, 2.5), (3.0, 1.0)))[yaw_deg // 90]
        to_wall = (right, (1.4, 1.2), ahead)  # metres towards + and - of each axis
        with np.errstate(divide="ignore"):
            expected = np.min([np.where(r > 0, plus, minus) / np.abs(r)
                               for r, (plus, minus) in zip(np.moveaxis(rays(), -1, 0), to_wall)], axis=0)
        np.testing.assert_allclose(depth_m, expected, rtol=2e-6)
        assert layout_panorama.camera_to_world(pose)[:3, 3] == pytest.approx([1.0, -1.4, 2.5])
    level = layout_panorama.camera_to_world(look(place, np.pi / 2, 0.0))
    np.testing.assert_allclose(level[:3, :3], np.eye(3), atol=1e-12)


@pytest.mark.parametrize("row", [0, 9, 19])
def test_files_agree_with_the_mesh(data, row):
    row = rows(data, "train")[row]
    pose = np.loadtxt(data / row["pose"])
    room = row["image"].split("/")[0]
    vertices, objects = read_obj(data / room / "obj" / f"{room}.obj")
    directions = rays().reshape(-1, 3) @ pose[:3, :3].T
    distance = np.full(len(directions), np.inf)
    for name, faces in objects.items():
        if name.startswith("ball"):
            own = vertices[sorted({k for face in faces for k in face})]
            centre = (own.min(axis=0) + own.max(axis=0)) / 2
            found = ball_hit(pose[:3, 3], directions, centre, np.linalg.norm(own - centre, axis=1).mean())
        else:
            found = triangles_hit(pose[:3, 3], directions,
                                  [vertices[[a, b, c]] for a, b, c, d in faces for b, c in ((b, c), (c, d))])
        distance = np.minimum(distance, found)
    off = np.abs(read_depth(data, row).ravel() - distance)
    assert np.mean(off > 0.0006) < 0.003  # half a millimetre but for rays that graze a silhouette


def test_meshes_are_closed_and_face_the_viewer():
    shapes = [Box(np.array([1.0, 1.0, 0.5]), np.array([0.4, 0.2, 0.5]), 0.3, 0),
              Sphere(np.array([2.5, 2.0, 1.0]), 0.3, 0)]
    volumes = {"room": -4 * 3 * 2.5, "box_0": 8 * 0.4 * 0.2 * 0.5, "ball_1": 4 / 3 * np.pi * 0.3**3}

    class Path:
        read_text = staticmethod(lambda: obj_text(empty_room((4.0, 3.0, 2.5), shapes),
                                                  layout_panorama.TO_FILE, "a room"))

    vertices, objects = read_obj(Path)
    assert set(objects) == set(volumes)
    np.testing.assert_allclose(vertices[:8].min(axis=0), [0, -2.5, 0], atol=1e-5)
    for name, faces in objects.items():
        edges = Counter(edge for face in faces for edge in zip(face, face[1:] + face[:1]))
        assert set(edges.values()) == {1} and all(edge[::-1] in edges for edge in edges), name
        # Of a closed mesh, by tetrahedra from the origin; negative where the faces point inwards.
        volume = sum(np.linalg.det(vertices[[f[0], b, c]]) / 6 for f in faces for b, c in zip(f[1:], f[2:]))
        assert volume == pytest.approx(volumes[name], rel=0.05)


def test_panoramas_of_a_room_see_the_same_surfaces(data):
    listed = read_panoramas(data / "train_pairs.csv", 1000)
    shares = []
    for index in range(0, len(listed), 3):
        first, second = listed.read(index), listed.read(index, second=True)
        motion = np.linalg.inv(second.camera_to_world) @ first.camera_to_world
        assert 0.2 <= np.linalg.norm(motion[:3, 3]) < 12
        points = (rays() * first.depth_m[..., None]).reshape(-1, 3) @ motion[:3, :3].T + motion[:3, 3]
        expected = np.linalg.norm(points, axis=1)
        column = (np.arctan2(points[:, 0], points[:, 2]) / (2 * np.pi) + 0.5) * WIDTH
        row = (np.arcsin(points[:, 1] / expected) / np.pi + 0.5) * HEIGHT
        at = row.astype(int), column.astype(int) % WIDTH
        wrapped = np.pad(second.depth_m, ((0, 0), (1, 1)), mode="wrap")
        around = np.ones((3, 3), np.uint8)
        nearest, farthest = (f(wrapped, around)[:, 1:-1][at] / expected for f in (cv2.erode, cv2.dilate))
        # What one sees is seen by the other, within its pixel's neighbours, or something stands in the way.
        assert np.mean(nearest > 1.02) < 0.005
        shares.append(np.mean((nearest < 1.02) & (farthest > 0.98)))
    assert min(shares) > 0.4 and np.mean(shares) > 0.7


def test_a_surface_looks_the_same_from_everywhere():
    rng = np.random.default_rng(8)
    scene, poses = posed_interior(rng, 3, tilt_deg=0)
    camera = Panorama(256, 128)
    first, second = (render(scene, camera.rays(pose)) for pose in poses[:2])
    points = poses[0].position_m[:, None] + first.hits.distance_m * camera.rays(poses[0]).directions
    offset = points - poses[1].position_m[:, None]
    x, y, z = poses[1].rotation.T @ offset
    distance = np.linalg.norm(offset, axis=0)
    column = ((np.arctan2(x, z) / (2 * np.pi) + 0.5) * 256).astype(int) % 256
    row = np.minimum(((np.arcsin(y / distance) / np.pi + 0.5) * 128).astype(int), 127)
    at = row * 256 + column
    same = (np.abs(second.hits.distance_m[at] / distance - 1) < 0.02) & (
        second.hits.surface[at] == first.hits.surface)
    apart = np.abs(first.radiance - second.radiance[:, at]).mean(axis=0)[same]
    assert same.mean() > 0.4
    assert np.median(apart) < 0.02  # colours are up to 1; texture and shadows' edges are beside the pixel
    assert first.radiance.mean() > 0.1


def test_files_follow_the_layout(data):
    lists = {name: rows(data, name) for name in ("train", "valid", "test")}
    assert {name: len(found) for name, found in lists.items()} == {"train": 20, "valid": 2, "test": 5}
    rooms = {name: {row["image"].split("/")[0] for row in found} for name, found in lists.items()}
    assert {name: len(found) for name, found in rooms.items()} == {"train": 5, "valid": 1, "test": 2}
    assert not rooms["train"] & rooms["valid"] and not (rooms["train"] | rooms["valid"]) & rooms["test"]
    assert {f.name for f in data.iterdir() if f.is_dir()} == set().union(*rooms.values())
    for room in set().union(*rooms.values()):
        assert str(uuid.UUID(room)) == room
        assert {f.name for f in (data / room).iterdir()} == {"depth", "obj", "pose", "pan"}
        assert [f.name for f in (data / room / "pan").iterdir()] == ["images"]
    for row in lists["train"]:
        image = cv2.imread(str(data / row["image"]), cv2.IMREAD_UNCHANGED)
        depth = cv2.imread(str(data / row["depth"]), cv2.IMREAD_UNCHANGED)
        assert (image.shape, image.dtype, depth.shape, depth.dtype) == (
            (HEIGHT, WIDTH, 3), np.uint8, (HEIGHT, WIDTH), np.uint16)
        assert image.std() > 8 and depth.min() >= 1000 * NEAREST_M - 1 and depth.max() < 12500
        # Across the seam the picture goes on: as alike as two columns in its middle.
        steps = np.abs(np.diff(image.astype(float), axis=1, append=image[:, :1])).mean(axis=(0, 2))
        assert steps[-1] < 3 * np.quantile(steps, 0.9)


def test_pairs_join_two_panoramas_of_one_room(data):
    singles = {row["image"] for name in ("train", "valid", "test") for row in rows(data, name)}
    counts = {name: len(rows(data, f"{name}_pairs")) for name in ("train", "valid", "test")}
    assert counts == {"train": 20, "valid": 2, "test": 4}  # the last room has one panorama
    for name in counts:
        for row in rows(data, f"{name}_pairs"):
            first, second = row["image"], row["image2"]
            assert first != second and {first, second} <= singles
            assert first.split("/")[0] == second.split("/")[0]
            for column, folder, suffix in (("depth2", "depth", "png"), ("pose2", "pose", "txt")):
                assert row[column] == second.replace("pan/images", folder).replace("jpg", suffix)


def test_cameras_are_level_and_look_the_same_way(data, tmp_path):
    assert make(tmp_path / "tilted", "--num_train", "24", "--num_test", "0", "--tilt_deg", "8") == 0
    for folder, tilt_deg in ((data, 0), (tmp_path / "tilted", 8)):
        tilts, yaws = [], {}
        for row in rows(folder, "train"):
            pose = np.loadtxt(folder / row["pose"])
            np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-9)
            assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
            assert -2.01 <= pose[1, 3] <= -0.79  # y points down: the cameras stand on the floor
            tilts.append(np.degrees(np.arccos(min(pose[1, 1], 1))))
            yaws.setdefault(row["image"].split("/")[0], []).append(pose[:3, 2])
        assert max(tilts) <= tilt_deg * 1.01 + 1e-6
        assert tilt_deg == 0 or max(tilts) > 4
        for ahead in yaws.values():
            assert np.min(np.array(ahead) @ np.array(ahead).T) > np.cos(np.radians(30 + 2 * tilt_deg))
        firsts = np.array([ahead[0] for ahead in yaws.values()])
        assert np.min(firsts @ firsts.T) < 0  # rooms are turned as they like


def test_holes_scale_and_sizes_are_options(data, tmp_path):
    numbers = ("--num_train", "4", "--num_test", "0", "--seed", "3")
    assert make(tmp_path / "full", *numbers, "--pan_sizes", "1", "--depth_scale", "4000") == 0
    row, whole = rows(tmp_path / "full", "train")[0], rows(data, "train")[0]
    assert row == whole
    assert not (tmp_path / "full" / "valid.csv").exists()  # one room
    depth_m, whole_m = 4 * read_depth(tmp_path / "full", row) / 16, read_depth(data, whole)
    read = depth_m > 0
    assert 0.8 < read.mean() < 0.96
    np.testing.assert_allclose(depth_m[read], whole_m[read], atol=0.0007)
    image = tmp_path / "full" / row["image"]
    pictures = {size: cv2.imread(str(image.parent.parent / size / image.name)).astype(float)
                for size in ("high", "images", "low")}
    assert [picture.shape[1] for picture in pictures.values()] == [256, 128, 64]
    for size in ("high", "images"):
        small = cv2.resize(pictures[size], (64, 32), interpolation=cv2.INTER_AREA)
        assert np.abs(small - pictures["low"]).mean() < 4


def test_same_seed_same_files_whatever_the_workers(tmp_path):
    numbers = ("--num_train", "8", "--num_test", "2")
    assert make(tmp_path / "one", *numbers) == 0
    assert make(tmp_path / "two", *numbers, "--workers", "2") == 0
    hashes = [{str(f.relative_to(tmp_path / name)): hashlib.sha256(f.read_bytes()).hexdigest()
               for f in (tmp_path / name).rglob("*") if f.is_file()} for name in ("one", "two")]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 3 * 10 + 3 + 6 + 1  # panoramas, meshes, lists, record


def test_bad_arguments_are_refused(tmp_path, capsys):
    new = tmp_path / "new"
    for extra, message in ((("--width", "100"), "--width 100 --height 64"),
                           (("--depth_scale", "8000"), "--depth_scale 8000"),
                           (("--tilt_deg", "-1"), "--tilt_deg -1"), (("--tilt_deg", "nan"), "--tilt_deg nan"),
                           (("--layout", "nyu", "--tilt_deg", "3"), "--tilt_deg belongs to --layout pano")):
        assert make(new, *extra) == 2, extra
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and message in error
    assert not new.exists()
