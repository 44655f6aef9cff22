# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The pinhole camera against ray-cast planes and spheres."""
from __future__ import annotations

import numpy as np
import pytest

from src.errors import UserError
from src.geometry.pinhole import Intrinsics, back_project, edge_mask, normals

CAMERA = Intrinsics(fx_px=90.0, fy_px=95.0, cx_px=58.5, cy_px=44.0, width_px=120, height_px=80)


def ray(camera: Intrinsics, u: int, v: int) -> np.ndarray:
    """The ray with z = 1 through one pixel's centre, from the definition."""
    return np.array([(u + 0.5 - camera.cx_px) / camera.fx_px, (v + 0.5 - camera.cy_px) / camera.fy_px, 1.0])


def plane_depth(camera: Intrinsics, normal, offset_m: float) -> np.ndarray:
    """Depth of the plane normal . P = offset, pixel by pixel."""
    return np.array([[offset_m / (ray(camera, u, v) @ normal) for u in range(camera.width_px)]
                     for v in range(camera.height_px)])


def sphere_depth(camera: Intrinsics, centre, radius_m: float, wall_m: float) -> np.ndarray:
    """Depth of the near side of a sphere in front of a wall z = wall_m."""
    depth = np.full((camera.height_px, camera.width_px), wall_m)
    for v in range(camera.height_px):
        for u in range(camera.width_px):
            d = ray(camera, u, v)
            a, b, c = d @ d, d @ centre, centre @ centre - radius_m**2
            if b * b > a * c:
                depth[v, u] = (b - np.sqrt(b * b - a * c)) / a
    return depth


def test_rays_and_matrix_agree():
    rays = CAMERA.rays()
    assert rays.shape == (80, 120, 3)
    np.testing.assert_allclose(rays[11, 37], ray(CAMERA, 37, 11))
    projected = (rays * 2.7) @ CAMERA.matrix().T
    u, v = np.meshgrid(np.arange(120) + 0.5, np.arange(80) + 0.5)
    np.testing.assert_allclose(projected[..., :2] / projected[..., 2:], np.stack([u, v], -1))


def test_back_projected_points_lie_on_the_sphere():
    centre = np.array([0.1, -0.05, 3.0])
    depth = sphere_depth(CAMERA, centre, 0.8, 5.0)
    distance = np.linalg.norm(back_project(depth, CAMERA) - centre, axis=-1)
    on_sphere = depth < 5
    assert on_sphere.sum() > 1000
    np.testing.assert_allclose(distance[on_sphere], 0.8, rtol=1e-12)
    assert back_project(depth.astype(np.float32), CAMERA).dtype == np.float32


def test_crop_resize_and_flip_see_the_same_points():
    """A pixel of the changed image back-projects to the point that the original camera sees there."""
    normal, offset = np.array([0.2, -0.1, 0.9]), 2.0
    points = back_project(plane_depth(CAMERA, normal, offset), CAMERA)
    window = CAMERA.cropped(30, 20, 50, 40)
    cropped = back_project(plane_depth(CAMERA, normal, offset)[20:60, 30:80], window)
    np.testing.assert_allclose(cropped, points[20:60, 30:80])
    mirrored = back_project(plane_depth(CAMERA, normal, offset)[:, ::-1], CAMERA.flipped())
    np.testing.assert_allclose(mirrored * [-1, 1, 1], points[:, ::-1])
    # Three times smaller: the centre of each 3 x 3 block is a pixel centre of both images.
    small = CAMERA.cropped(0, 0, 120, 78).resized(40, 26)
    third = plane_depth(CAMERA, normal, offset)[1:78:3, 1::3]
    np.testing.assert_allclose(back_project(third, small), points[1:78:3, 1::3])
    # Padded by 8 and cropped back.
    assert CAMERA.cropped(-8, -8, 136, 96).cropped(8, 8, 120, 80) == CAMERA
    assert CAMERA.flipped().flipped() == CAMERA


def test_scaled_k_is_the_same_for_every_size():
    k = CAMERA.scaled_k()
    np.testing.assert_allclose(CAMERA.resized(320, 77).scaled_k(), k)
    np.testing.assert_allclose(k @ [0, 0, 1], [58.5 / 120, 44 / 80, 1])


@pytest.mark.parametrize("fov_deg", [20.0, 60.0, 90.0, 140.0])
def test_field_of_view_spans_the_image_from_edge_to_edge(fov_deg):
    camera = Intrinsics.from_fov(fov_deg, 640, 480)
    left, right = (np.degrees(np.arctan((x - camera.cx_px) / camera.fx_px)) for x in (0, 640))
    assert (left, right) == pytest.approx((-fov_deg / 2, fov_deg / 2))
    assert (camera.fy_px, camera.cy_px) == (camera.fx_px, 240)


@pytest.mark.parametrize("fov_deg", [0.0, -10.0, 180.0, float("nan")])
def test_impossible_field_of_view_is_refused(fov_deg):
    with pytest.raises(UserError, match="field of view"):
        Intrinsics.from_fov(fov_deg, 640, 480)


@pytest.mark.parametrize("change", [{"fx_px": 0.0}, {"fy_px": -1.0}, {"cx_px": float("nan")}, {"width_px": 0},
                                    {"fx_px": float("inf")}])
def test_impossible_camera_is_refused(change):
    values = {"fx_px": 1.0, "fy_px": 1.0, "cx_px": 0.0, "cy_px": 0.0, "width_px": 2, "height_px": 2}
    with pytest.raises(UserError, match="not a camera"):
        Intrinsics(**{**values, **change})


def test_depth_of_another_size_is_refused():
    with pytest.raises(UserError, match=r"\(120, 80\).*\(80, 120\)"):
        back_project(np.ones((120, 80)), CAMERA)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.3, 0, 1), (0, -0.4, 1), (0.5, 0.3, 0.8), (-0.2, 0.6, 0.7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normals_of_planes_are_exact_and_face_the_camera(normal, dtype):
    unit = np.array(normal) / np.linalg.norm(normal)
    depth = plane_depth(CAMERA, unit, 1.5)
    points = back_project(depth.astype(dtype), CAMERA)
    computed, exists = normals(points, np.ones(depth.shape, bool), rel_jump=1.0)
    assert exists[1:-1, 1:-1].all()
    assert not (exists[0].any() or exists[-1].any() or exists[:, 0].any() or exists[:, -1].any())
    tolerance = 1e-3 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(computed[exists] + unit, 0, atol=tolerance)
    assert computed.dtype == dtype
    assert not computed[~exists].any()


def sphere_error_deg(camera: Intrinsics) -> float:
    """Largest angle between computed and exact normals where a sphere is seen at less than 45 degrees."""
    centre, radius = np.array([0.1, -0.05, 3.0]), 0.8
    depth = sphere_depth(camera, centre, radius, 5.0)
    points = back_project(depth, camera)
    computed, exists = normals(points, np.ones(depth.shape, bool))
    np.testing.assert_allclose(np.linalg.norm(computed[exists], axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(computed[exists & (depth == 5)] + [0, 0, 1], 0, atol=1e-12)  # the wall behind
    exact = (points - centre) / radius
    towards_camera = -np.sum(exact * points, axis=-1) / np.linalg.norm(points, axis=-1)
    seen = (depth < 5) & (towards_camera > np.cos(np.pi / 4))
    assert exists[seen].all()
    assert seen.sum() > 0.05 * seen.size
    return float(np.degrees(np.arccos(np.sum(computed * exact, axis=-1)[seen].clip(-1, 1))).max())


def test_normals_of_a_sphere_point_away_from_its_centre():
    coarse, fine = sphere_error_deg(CAMERA), sphere_error_deg(CAMERA.resized(240, 160))
    assert coarse < 0.3
    assert coarse / fine == pytest.approx(4, rel=0.2)  # central differences are of second order


def test_neither_a_silhouette_nor_a_hole_enters_a_normal():
    depth = np.full((20, 30), 4.0)
    depth[:, 12:] = 2.0
    depth[5, 20], depth[12, 4] = 0, np.nan
    camera = Intrinsics.from_fov(60, 30, 20)
    valid = np.isfinite(depth) & (depth > 0)
    computed, exists = normals(back_project(depth, camera), valid)
    expected = np.zeros(depth.shape, bool)
    expected[1:-1, 1:-1] = True
    expected[:, 11:13] = False
    for v, u in ((5, 20), (12, 4)):
        for dv, du in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)):
            expected[v + dv, u + du] = False
    np.testing.assert_array_equal(exists, expected)
    np.testing.assert_allclose(computed[exists] + [0, 0, 1], 0, atol=1e-12)


def test_coinciding_points_have_no_normal():
    computed, exists = normals(np.ones((5, 5, 3)), np.ones((5, 5), bool))
    assert not exists.any()
    assert not computed.any()


def test_edge_mask_marks_jumps_and_flying_pixels_only():
    depth = np.full((6, 9), 1.0)
    depth[:, 5:] = 3.0
    depth[:, 4] = 1.8  # a flying pixel between 1 and 3 m
    depth[0, 0], depth[3, 8] = 0, np.nan
    expected = np.zeros(depth.shape, bool)
    expected[:, 3:6] = True
    np.testing.assert_array_equal(edge_mask(depth, 0.1), expected)
    np.testing.assert_array_equal(edge_mask(depth.T, 0.1), expected.T)


def test_edge_threshold_is_relative_to_the_nearer_side():
    for near_m in (0.5, 40.0):
        step = np.array([[near_m, near_m * 1.25]])
        assert edge_mask(step, 0.24).all()
        assert not edge_mask(step, 0.26).any()
