# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The equirectangular camera of a panorama in NumPy: directions, points, places, sampling, normals, edges.

Panorama frame: x right, y down, z forward, metres, seen from the image's middle. Depth is the distance along
the ray. The centre of pixel (row v, column u) lies at (u + 0.5, v + 0.5) = (u_px, v_px), whose longitude
theta = 2 pi u_px / W - pi grows to the right and whose latitude phi = pi / 2 - pi v_px / H grows upwards.

The image has no border: the last column's right neighbour is the first column, and above the first row comes
the first row again, half a turn away, across the pole (exact for even W). Near a pole columns lie much closer
together than rows, so close that noise would drown any difference. Hence a pixel's neighbours to the left and
right are as many columns away as make up the distance of two rows, at least one and at most a quarter turn.
"""
from __future__ import annotations

import numpy as np

_BAND_PX = 256


def directions(height_px: int, width_px: int) -> np.ndarray:
    """Return the unit vector through every pixel's centre, (H, W, 3) float64."""
    theta, phi = _angles(height_px, width_px)
    return _stack(np.cos(phi) * np.sin(theta), -np.sin(phi), np.cos(phi) * np.cos(theta))


def points(depth_m: np.ndarray) -> np.ndarray:
    """Return the point seen by every pixel, (H, W, 3) metres in depth's float type, of depth (H, W)."""
    return (directions(*depth_m.shape) * depth_m[..., None]).astype(depth_m.dtype)


def project(vectors: np.ndarray, height_px: int, width_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where points or directions (..., 3) of any length lie in a panorama of H x W pixels.

    Returns:
        u_px in [0, W) and v_px in [0, H], (...) float64 each; NaN for a vector of length 0.
    """
    x, y, z = np.moveaxis(np.asarray(vectors, np.float64), -1, 0)
    level = np.hypot(x, z)
    nowhere = (level == 0) & (y == 0)
    u_px = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * width_px % width_px
    v_px = (np.arctan2(y, level) / np.pi + 0.5) * height_px
    return np.where(nowhere, np.nan, u_px), np.where(nowhere, np.nan, v_px)


def sample(values: np.ndarray, u_px: np.ndarray, v_px: np.ndarray) -> np.ndarray:
    """Return values (H, W) or (H, W, C) interpolated bilinearly at places, across the seam and the poles.

    Args:
        values: of a panorama.
        u_px: (...), any multiple of a turn may be added.
        v_px: (...) in [0, H]; a place that is NaN gets NaN.
    """
    height, width = values.shape[:2]
    rows = np.concatenate((_turned(values[:1]), values, _turned(values[-1:])))
    unknown = np.isnan(u_px) | np.isnan(v_px)
    x, y = np.where(unknown, 0.5, u_px) - 0.5, np.where(unknown, 0.5, v_px) + 0.5
    column, row = np.floor(x).astype(int), np.clip(np.floor(y).astype(int), 0, height)
    right, down = (np.reshape(a, np.shape(a) + (1,) * (values.ndim - 2)) for a in (x - column, y - row))
    before, after = column % width, (column + 1) % width
    upper = rows[row, before] * (1 - right) + rows[row, after] * right
    lower = rows[row + 1, before] * (1 - right) + rows[row + 1, after] * right
    blended = upper * (1 - down) + lower * down
    blended[unknown] = np.nan
    return blended


def resized(values: np.ndarray, height_px: int, width_px: int) -> np.ndarray:
    """Return values (H, W) or (H, W, C) at another size, linearly, across the seam and the poles.

    It is for enlarging: where it shrinks, pixels between the sampled ones are left out.
    """
    height, width = values.shape[:2]
    if (height, width) == (height_px, width_px):
        return values
    u_px = (np.arange(width_px) + 0.5) * width / width_px
    v_px = (np.arange(height_px) + 0.5) * height / height_px
    bands = np.array_split(v_px, -(-height_px // _BAND_PX))  # what is in between takes much memory
    return np.concatenate([sample(values, *np.meshgrid(u_px, band)).astype(values.dtype) for band in bands])


def yaw_matrix(columns: int, width_px: int) -> np.ndarray:
    """Return the rotation (3, 3) from a panorama's frame to that of its image rolled by so many columns.

    `np.roll(image, columns, axis=1)` moves what it shows to the right: a point keeps its place in the room
    and gets other coordinates, as if the camera had turned to the left.
    """
    angle = 2 * np.pi * columns / width_px
    return np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])


def latitude_weights(height_px: int) -> np.ndarray:
    """Return cos(latitude) of every row, (H,) float64: proportional to the area that its pixels cover."""
    return np.cos(_latitudes(height_px))


def neighbour_indices(height_px: int, width_px: int) -> np.ndarray:
    """Return the pixels right of, left of, below and above each pixel, (4, H, W), as indices into H * W."""
    step = _column_steps(height_px, width_px)[:, None]
    pixels = np.arange(height_px * width_px).reshape(height_px, width_px)
    column = np.arange(width_px)
    right, left = (np.take_along_axis(pixels, (column + way * step) % width_px, axis=1) for way in (1, -1))
    rows = np.concatenate((_turned(pixels[:1]), pixels, _turned(pixels[-1:])))
    return np.stack((right, left, rows[2:], rows[:-2]))


def slope_vectors(height_px: int, width_px: int) -> np.ndarray:
    """Return what turns differences of neighbours into slopes over the sphere, (2, H, W, 3) float64.

    With f(r) = m . r on unit vectors r, (f_right - f_left) * first + (f_below - f_above) * second is the
    part of m that is perpendicular to the pixel's direction, exactly and at any distance of the neighbours.
    """
    theta, phi = _angles(height_px, width_px)
    step = 2 * np.pi / width_px * _column_steps(height_px, width_px)[:, None]
    right = _stack(np.cos(theta), 0 * theta, -np.sin(theta)) / (2 * np.sin(step) * np.cos(phi))[..., None]
    down = _stack(np.sin(phi) * np.sin(theta), np.cos(phi), np.sin(phi) * np.cos(theta))
    return np.stack((right, down / (2 * np.sin(np.pi / height_px))))


def edge_mask(depth_m: np.ndarray, rel_jump: float = 0.1) -> np.ndarray:
    """Return where depth (H, W) jumps, (H, W) bool; the rule of `src.geometry.pinhole.edge_mask`.

    A pixel is marked when one of its four neighbours is nearer or farther by more than `rel_jump` times the
    nearer of the two. Pixels without a reading (0 or not finite) are no edges and make no neighbour one.
    """
    depth = np.where(_has_reading(depth_m), depth_m, np.nan)
    near = depth.ravel()[neighbour_indices(*depth.shape)]
    return np.any(np.abs(near - depth) > rel_jump * np.minimum(near, depth), axis=0)


def normals(depth_m: np.ndarray, rel_jump: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return unit surface normals in the panorama's frame that point out of the surface, to the camera.

    On a plane m . P = 1 the inverse depth along r is m . r, and m is the sum of its part along r, the inverse
    depth itself, and its slope over the sphere. Central differences of inverse depth give that exactly, where
    those of points would not be: the normal is -m / |m|. It exists where a pixel and its four neighbours have
    readings and none of them lies across an edge (`edge_mask`); at the seam and the poles, too.

    Args:
        depth_m: (H, W) metres along the ray; 0 or not finite = no reading.
        rel_jump: relative difference of depth that makes an edge.

    Returns:
        normals (H, W, 3) in the type of depth, 0 where there is none, and where there is one (H, W) bool. The
        floor's is (0, -1, 0).
    """
    reading = _has_reading(depth_m)
    neighbours = neighbour_indices(*depth_m.shape)
    exists = reading & reading.ravel()[neighbours].all(axis=0) & ~edge_mask(depth_m, rel_jump)
    inverse = 1 / np.where(reading, depth_m, 1).astype(np.float64)
    right, left, below, above = inverse.ravel()[neighbours][..., None]
    across, down = slope_vectors(*depth_m.shape)
    slope = (right - left) * across + (below - above) * down
    inwards = inverse[..., None] * directions(*depth_m.shape) + slope
    unit = -inwards / np.linalg.norm(inwards, axis=-1, keepdims=True)
    return np.where(exists[..., None], unit, 0).astype(depth_m.dtype), exists


def _latitudes(height_px: int) -> np.ndarray:
    return np.pi / 2 - np.pi * (np.arange(height_px) + 0.5) / height_px


def _angles(height_px: int, width_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Return theta and phi of the pixels' centres, (H, W) each."""
    theta = 2 * np.pi * (np.arange(width_px) + 0.5) / width_px - np.pi
    return tuple(np.meshgrid(theta, _latitudes(height_px)))


def _column_steps(height_px: int, width_px: int) -> np.ndarray:
    """Return how many columns to the right the neighbour is, (H,) int."""
    steps = np.rint(width_px / (2 * height_px * latitude_weights(height_px)))
    return np.clip(steps, 1, max(1, width_px // 4)).astype(int)


def _turned(rows: np.ndarray) -> np.ndarray:
    """Return rows (R, W, ...) turned by half: what lies across the pole."""
    return np.roll(rows, rows.shape[1] // 2, axis=1)


def _has_reading(depth_m: np.ndarray) -> np.ndarray:
    return np.isfinite(depth_m) & (depth_m > 0)


def _stack(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.stack((x, y, z), axis=-1)
