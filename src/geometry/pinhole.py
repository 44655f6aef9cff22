# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The pinhole camera in NumPy: intrinsics, back-projection, surface normals, depth edges.

Camera frame: x right, y down, z forward, metres. Depth is z, not the distance along the ray. The centre of
pixel (row v, column u) lies at (u + 0.5, v + 0.5), so the image spans [0, W] x [0, H], and resizing or
mirroring is a plain multiplication or W - x. A calibration made with centres at integers (OpenCV, KITTI,
Kinect) gets +0.5 on cx and cy once, where it is read.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from src.errors import UserError


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera for images of one size: focal lengths and principal point in pixels.

    Raises:
        UserError: a focal length or a size is not positive, or a value is not finite.
    """

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        finite = all(math.isfinite(v) for v in (self.fx_px, self.fy_px, self.cx_px, self.cy_px))
        if not (finite and min(self.fx_px, self.fy_px) > 0 and min(self.width_px, self.height_px) > 0):
            raise UserError(f"{self} is not a camera: focal lengths and size must be positive, values finite")

    @classmethod
    def from_fov(cls, fov_deg: float, width_px: int, height_px: int) -> Intrinsics:
        """Return the camera with square pixels, centred, and `fov_deg` (0 to 180) from left to right edge."""
        if not 0 < fov_deg < 180:
            raise UserError(f"a field of view of {fov_deg} degrees is not possible: give 0 to 180, exclusive")
        focal_px = width_px / 2 / math.tan(math.radians(fov_deg) / 2)
        return cls(focal_px, focal_px, width_px / 2, height_px / 2, width_px, height_px)

    def cropped(self, x0_px: int, y0_px: int, width_px: int, height_px: int) -> Intrinsics:
        """Return the camera of the window from column x0, row y0 on (negative where the image is padded)."""
        return replace(self, cx_px=self.cx_px - x0_px, cy_px=self.cy_px - y0_px,
                       width_px=width_px, height_px=height_px)

    def resized(self, width_px: int, height_px: int) -> Intrinsics:
        """Return the camera of the image resized to width x height."""
        x_scale, y_scale = width_px / self.width_px, height_px / self.height_px
        return Intrinsics(self.fx_px * x_scale, self.fy_px * y_scale,
                          self.cx_px * x_scale, self.cy_px * y_scale, width_px, height_px)

    def flipped(self) -> Intrinsics:
        """Return the camera of the image mirrored left to right."""
        return replace(self, cx_px=self.width_px - self.cx_px)

    def matrix(self) -> np.ndarray:
        """Return K, (3, 3) float64: K @ (x, y, z) / z = (u_px, v_px, 1)."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]], np.float64)

    def scaled_k(self) -> np.ndarray:
        """Return K for coordinates u / W and v / H, (3, 3) float64: the same for every size of the image."""
        return np.diag([1 / self.width_px, 1 / self.height_px, 1]) @ self.matrix()

    def rays(self) -> np.ndarray:
        """Return the direction with z = 1 through every pixel centre, (H, W, 3) float64."""
        x = (np.arange(self.width_px) + 0.5 - self.cx_px) / self.fx_px
        y = (np.arange(self.height_px) + 0.5 - self.cy_px) / self.fy_px
        return np.stack([*np.meshgrid(x, y), np.ones((self.height_px, self.width_px))], axis=-1)


def back_project(depth_m: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """Return the point seen by every pixel: (H, W, 3) metres in the camera frame, in the depth's float type.

    Args:
        depth_m: (H, W) float, z in metres; where it holds no reading the point is just as meaningless.
        intrinsics: the camera of exactly this size.

    Raises:
        UserError: the sizes differ.
    """
    if depth_m.shape != (intrinsics.height_px, intrinsics.width_px):
        raise UserError(f"a depth map of shape {depth_m.shape} does not fit a camera of shape "
                        f"{(intrinsics.height_px, intrinsics.width_px)}: resize or crop both alike")
    return (intrinsics.rays() * depth_m[..., None]).astype(depth_m.dtype)


def edge_mask(depth_m: np.ndarray, rel_jump: float = 0.1) -> np.ndarray:
    """Return where depth jumps, (H, W) bool: both sides of a silhouette and the flying pixels between them.

    A pixel is marked when one of its four neighbours is nearer or farther by more than `rel_jump` times the
    nearer of the two. Pixels without a reading (0 or not finite) are no edges and make no neighbour one.
    """
    depth = np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.nan)
    edges = np.zeros(depth.shape, bool)
    for here, there in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        jump = np.abs(depth[here] - depth[there]) > rel_jump * np.minimum(depth[here], depth[there])
        edges[here] |= jump
        edges[there] |= jump
    return edges


def normals(points: np.ndarray, valid: np.ndarray, rel_jump: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return unit surface normals that point out of the surface, towards the camera at the origin.

    The normal is the cross product of the central differences of the four neighbours: exact on planes. It
    exists where the pixel and its four neighbours are valid and none of them lies across a depth edge
    (`edge_mask`), hence never on the image's border, beside a hole or at a silhouette.

    Args:
        points: (H, W, 3) metres, from `back_project`. A wall in front of the camera gets (0, 0, -1).
        valid: (H, W) bool, which points are readings.
        rel_jump: relative difference of z that makes an edge.

    Returns:
        normals (H, W, 3) in the type of `points`, 0 where there is none, and where there is one (H, W) bool.
    """
    measured = np.where(valid[..., None], points, 0).astype(np.float64)
    exists = np.zeros(valid.shape, bool)
    exists[1:-1, 1:-1] = (valid[1:-1, 1:-1] & valid[1:-1, :-2] & valid[1:-1, 2:] & valid[:-2, 1:-1]
                          & valid[2:, 1:-1])
    exists &= ~edge_mask(measured[..., 2], rel_jump)
    rows, columns = np.nonzero(exists)
    across = measured[rows, columns + 1] - measured[rows, columns - 1]
    down = measured[rows + 1, columns] - measured[rows - 1, columns]
    normal = np.cross(down, across)
    length = np.linalg.norm(normal, axis=-1)
    away = np.sum(normal * measured[rows, columns], axis=-1) > 0
    exists[rows, columns] = length > 0
    unit = np.where(away, -1, 1)[:, None] * normal / np.where(length > 0, length, 1)[:, None]
    result = np.zeros(points.shape, points.dtype)
    result[rows, columns] = unit
    return result, exists
