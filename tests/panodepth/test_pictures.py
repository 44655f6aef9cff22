# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The pictures and the point cloud of an exactly ray-cast room."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

from src.geometry.sphere import edge_mask, neighbour_indices
from src.panodepth.pictures import panorama_cloud, panorama_pictures
from src.visualize import DEPTH_COLORS, ERROR_COLORS
from tests.geometry.panorama_scene import PILLAR_M, ROOM_M, Panorama, pixel_directions, rotation

HEIGHT, WIDTH = 128, 256
VIEW = Panorama((0.3, -0.2, -0.4), rotation(40, 12, -7))
PILLAR = Panorama(VIEW.centre_m, VIEW.turn, pillar=True)
GREY = [128, 128, 128]


def seen(view: Panorama) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Picture, depth, exact normals and surface numbers."""
    depth_m, image = view.picture(HEIGHT, WIDTH)
    _, normal, surface = view.trace(pixel_directions(HEIGHT, WIDTH))
    rgb = np.rint(np.moveaxis(image, 0, -1) * 255).astype(np.uint8)
    return rgb, depth_m.astype(np.float32), normal, surface


def to_surface_m(points: np.ndarray, box_m: np.ndarray) -> np.ndarray:
    """Distance (K,) from points of the world to the faces of a box."""
    outside = np.maximum(np.maximum(box_m[0] - points, points - box_m[1]), 0)
    inside = np.minimum(points - box_m[0], box_m[1] - points).min(axis=1)
    return np.where(outside.any(axis=1), np.linalg.norm(outside, axis=1), inside)


def in_world(points: np.ndarray, view: Panorama) -> np.ndarray:
    return points.astype(np.float64) @ view.turn.T + view.centre_m


def decoded(picture: np.ndarray, colors: int, low: float, high: float) -> np.ndarray:
    """The values (H, W) that a colour map shows, to 1.5 levels: OpenCV has colours twice in a row."""
    levels = cv2.cvtColor(cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], colors), cv2.COLOR_BGR2RGB)
    number = {tuple(color): level for level, color in enumerate(levels[0].tolist())}
    return np.array([[number[tuple(c)] for c in row] for row in picture.tolist()]) / 255 * (high - low) + low


def test_the_cloud_of_a_room_lies_on_its_walls_and_has_its_colours():
    rgb, depth_m, _, _ = seen(VIEW)
    stored_m = (np.rint(depth_m * 1000) / 1000).astype(np.float32)  # as files hold it
    points, colors = panorama_cloud(rgb, stored_m, 0.1)
    assert len(points) > 0.99 * depth_m.size and points.dtype == np.float32
    world = in_world(points, VIEW)
    assert to_surface_m(world, ROOM_M).max() < 1e-3
    assert np.isclose(world[:, None], ROOM_M, atol=1e-3).any(axis=0).all()  # on all six
    exact = np.rint(VIEW.colour(points) * 255)
    assert np.abs(colors - exact).max() <= 3 and colors.dtype == np.uint8  # a millimetre moves a colour


def test_no_point_flies_between_a_pillar_and_the_walls():
    """A net blurs outlines: of the blurred map's points some fly, of the cloud's none."""
    rgb, depth_m, _, surface = seen(PILLAR)
    blurred_m = cv2.blur(depth_m, (3, 3), borderType=cv2.BORDER_REPLICATE)
    near_outline = ((surface > 5).ravel()[neighbour_indices(HEIGHT, WIDTH)] != (surface > 5)).any(axis=0)
    blurred_m = np.where(near_outline, blurred_m, depth_m)

    def flying(points: np.ndarray) -> int:
        world = in_world(points, PILLAR)
        return int((np.minimum(to_surface_m(world, ROOM_M), to_surface_m(world, PILLAR_M)) > 0.05).sum())

    everything = panorama_cloud(rgb, blurred_m, np.inf)[0]
    points, colors = panorama_cloud(rgb, blurred_m, 0.1)
    assert len(everything) == depth_m.size and flying(everything) > 100
    assert flying(points) <= 0.03 * flying(everything) and len(points) > 0.95 * depth_m.size
    assert len(points) == len(colors) == (~edge_mask(blurred_m)).sum()


@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf])
def test_holes_have_no_point_and_no_colour(hole):
    rgb, depth_m, _, _ = seen(VIEW)
    kept = len(panorama_cloud(rgb, depth_m, np.inf)[0])
    holed_m = depth_m.copy()
    holed_m[30:40, 50:70] = hole
    points, colors = panorama_cloud(rgb, holed_m, np.inf)
    assert len(points) == len(colors) == kept - 200 and np.isfinite(points).all()
    pictures = panorama_pictures(rgb, depth_m, holed_m)
    for name in ("depth_pred", "norm_pred", "depth_err"):
        assert (pictures[name][30:40, 50:70] == GREY).all(), name
    assert (pictures["norm_pred"][29, 50:70] == GREY).all()  # nor beside them
    assert not (pictures["depth_truth"][:, :WIDTH] == GREY).all(axis=-1).any()
    pictures = panorama_pictures(rgb, holed_m, depth_m)
    for name in ("depth_truth", "depth_err"):
        assert (pictures[name][30:40, 50:70] == GREY).all(), name
    assert not (pictures["depth_pred"][:, :WIDTH] == GREY).all(axis=-1).any()
    assert {picture.shape[0] for picture in pictures.values()} == {HEIGHT}


def test_depth_and_error_can_be_read_off_the_pictures():
    rgb, truth_m, _, _ = seen(VIEW)
    factor = np.linspace(0.7, 1.3, WIDTH, dtype=np.float32)
    pictures = panorama_pictures(rgb, truth_m, truth_m * factor, max_rel=0.4)
    assert list(pictures) == ["rgb", "depth_pred", "norm_pred", "depth_err", "depth_truth"]
    low, high = np.percentile(truth_m, (2, 98))
    step_m = (high - low) / 255
    for name, depth_m in (("depth_pred", truth_m * factor), ("depth_truth", truth_m)):
        shown_m = decoded(pictures[name][:, :WIDTH], DEPTH_COLORS, low, high)
        assert np.abs(shown_m - np.clip(depth_m, low, high)).max() < 1.51 * step_m
    error = decoded(pictures["depth_err"][:, :WIDTH], ERROR_COLORS, 0, 0.4)
    assert np.abs(error - np.abs(factor - 1)).max() < 1.51 * 0.4 / 255
    np.testing.assert_array_equal(pictures["rgb"], rgb)
    for name in ("depth_pred", "depth_truth", "depth_err"):  # a scale beside it
        assert pictures[name].shape[1] > WIDTH and len(np.unique(pictures[name][:, WIDTH + 2], axis=0)) > 100


def test_normals_are_constant_on_each_wall_within_a_degree():
    rgb, depth_m, exact, surface = seen(VIEW)
    picture = panorama_pictures(rgb, depth_m, depth_m)["norm_pred"]
    inner = (surface.ravel()[neighbour_indices(HEIGHT, WIDTH)] == surface).all(axis=0)
    shown = picture / 255 * 2 - 1
    for wall in range(6):
        own = shown[inner & (surface == wall)]
        unit = own / np.linalg.norm(own, axis=1, keepdims=True)
        off = np.linalg.norm(unit - exact[surface == wall][0], axis=1)
        assert len(own) > 500 and np.degrees(2 * np.arcsin(off / 2)).max() < 1


def test_without_truth_the_prediction_has_its_own_scale():
    rgb, depth_m, _, _ = seen(VIEW)
    pictures = panorama_pictures(rgb, np.zeros_like(depth_m), depth_m)
    low, high = np.percentile(depth_m, (2, 98))
    shown_m = decoded(pictures["depth_pred"][:, :WIDTH], DEPTH_COLORS, low, high)
    assert np.abs(shown_m - np.clip(depth_m, low, high)).max() < 1.51 * (high - low) / 255
    assert all((pictures[name][:, :WIDTH] == GREY).all() for name in ("depth_truth", "depth_err"))


@pytest.mark.parametrize("columns", [1, 100])
def test_what_is_drawn_rolls_with_the_panorama(columns):
    """All but the normals, which turn: nothing is special at the seam."""
    rgb, depth_m, _, _ = seen(PILLAR)
    pictures = panorama_pictures(rgb, depth_m, 1.1 * depth_m)
    rolled = panorama_pictures(*(np.roll(a, columns, axis=1) for a in (rgb, depth_m, 1.1 * depth_m)))
    for name in ("rgb", "depth_pred", "depth_err", "depth_truth"):
        np.testing.assert_array_equal(rolled[name][:, :WIDTH],
                                      np.roll(pictures[name][:, :WIDTH], columns, axis=1))
    found = [np.sort(panorama_cloud(np.roll(rgb, k, axis=1), np.roll(depth_m, k, axis=1), 0.1)[0][:, 1])
             for k in (0, columns)]
    np.testing.assert_allclose(*found, atol=1e-6)
