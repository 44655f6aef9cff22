# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Training columns of small curved scenes, and DDRNet's loss of them in NumPy float64, from the formulas."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from src.geometry import pinhole
from src.geometry.pinhole import Intrinsics

HEIGHT, WIDTH = 14, 18
CAMERAS = (Intrinsics(60.0, 55.0, 9.3, 6.6, WIDTH, HEIGHT), Intrinsics(80.0, 85.0, -4.0, 15.0, WIDTH, HEIGHT))
LOW_M, UP_M = 0.5, 3.0
_STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def make_batch(seed: int = 0, cameras=CAMERAS) -> dict[str, np.ndarray]:
    """Columns of the objective: bumps with holes before a background, which is no part of the mask."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    images = []
    for number, camera in enumerate(cameras):
        bumps_m = 0.05 * np.sin(u / 2.6 + number) * np.cos(v / 2.3)
        reference_m = 1.1 + 0.3 * number + bumps_m - 0.002 * u * number
        reference_m[:, 14:] += 0.9  # a silhouette inside of the mask
        reference_m = reference_m.astype(np.float32)
        mask = np.ones((HEIGHT, WIDTH), bool)
        mask[:2, :5 + number] = False
        mask[5 + number, 4] = mask[10, 11 - number] = False  # holes
        _, surface = pinhole.normals(pinhole.back_project(reference_m, camera), mask)
        reference_m = np.where(mask, reference_m, np.float32(0))
        raw_m = np.where(mask, reference_m + rng.normal(0, 0.004, mask.shape), 1.7)
        grey, albedo = rng.uniform(0.2, 0.8, mask.shape), rng.uniform(0.4, 1.0, mask.shape)
        raw = 2 * (raw_m - LOW_M) / (UP_M - LOW_M) - 1
        images.append({"raw": raw[None], "grey": 2 * grey[None] - 1, "reference_m": reference_m[None],
                       "mask": mask[None], "surface": surface[None],
                       "camera": [camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px],
                       "albedo": albedo[None]})
    return {name: np.array([image[name] for image in images]).astype(np.float32) for name in images[0]}


def _points_m(depth_m: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """(H, W, 3) of depth (H, W) and fx, fy, cx, cy, pixel centres at +0.5."""
    fx, fy, cx, cy = camera
    v, u = np.mgrid[:depth_m.shape[0], :depth_m.shape[1]]
    return np.stack(((u + 0.5 - cx) / fx * depth_m, (v + 0.5 - cy) / fy * depth_m, depth_m), -1)


def _normal(points: np.ndarray, v: int, u: int) -> np.ndarray:
    """Of the plane spanned by the central differences, towards the camera."""
    spanned = np.cross(points[v, u + 1] - points[v, u - 1], points[v + 1, u] - points[v - 1, u])
    unit = spanned / np.sqrt(spanned @ spanned)
    return -unit if unit @ points[v, u] > 0 else unit


def _harmonics(n: np.ndarray) -> np.ndarray:
    x, y, z = n
    return np.array([1, y, z, x, x * y, y * z, -x * x - y * y + 2 * z * z, z * x, x * x - y * y])


def _huber(error: float, delta: float) -> float:
    """Huber's loss, quadratic up to delta, divided by delta."""
    return (error**2 / 2 if abs(error) <= delta else delta * (abs(error) - delta / 2)) / delta


class ImageReference:
    """(sum, count) of every term of one image, with loops over its pixels.

    Args:
        columns: of one image, as of `make_batch` but without the leading axis; "albedo" may be missing.
        denoised, refined: (H, W) in [-1, 1].
        settings: huber_delta, fidelity, shading_ridge.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], denoised: np.ndarray, refined: np.ndarray,
                 settings):
        wide = {name: np.asarray(values, np.float64) for name, values in columns.items()}
        self.camera, self.settings = wide["camera"], settings
        self.reference_m, self.grey = wide["reference_m"][0], (wide["grey"][0] + 1) / 2
        self.albedo = wide["albedo"][0] if "albedo" in wide else np.ones_like(self.grey)
        self.mask = [tuple(p) for p in np.argwhere(wide["mask"][0] > 0)]
        self.surface = [tuple(p) for p in np.argwhere(wide["surface"][0] > 0)]
        self.pairs = [(p, q) for p in self.surface for q in ((p[0], p[1] + 1), (p[0] + 1, p[1]))
                      if q in set(self.surface)]
        self.denoised_m, self.refined_m = ((d.astype(np.float64) + 1) / 2 * (UP_M - LOW_M) + LOW_M
                                           for d in (denoised, refined))
        points, refined_points = (_points_m(d, self.camera) for d in (self.reference_m, self.refined_m))
        self.normals = {p: _normal(points, *p) for p in self.surface}
        self.refined_normals = {p: _normal(refined_points, *p) for p in self.surface}

    def terms(self) -> dict[str, tuple[float, int]]:
        off_dn, off_dt = ([1000 * (d[p] - self.reference_m[p]) for p in self.mask]
                          for d in (self.denoised_m, self.refined_m))
        n, delta = len(self.mask), self.settings.huber_delta
        power = 2 if self.settings.fidelity == "l2" else 1
        shading = self.shading_errors()
        edges = [shading[p] - shading[q] for p, q in self.pairs]
        turns = [self.refined_normals[p] - self.refined_normals[q] for p, q in self.pairs]
        return {
            "dn_l1": (sum(abs(e) for e in off_dn), n),
            "dn_l2": (sum(e * e for e in off_dn), n),
            "dn_huber": (sum(_huber(e, delta) for e in off_dn), n),
            "dn_normal_dot": (self.normal_dot_mm2(), len(self.surface)),
            "dt_fidelity": (sum(abs(e) ** power for e in off_dt), n),
            "dt_shading": (sum(e * e for e in shading.values()), len(self.surface)),
            "dt_shading_gradient": (sum(e * e for e in edges), len(self.pairs)),
            "dt_smoothness": (sum(t @ t for t in turns), len(self.pairs)),
        }

    def normal_dot_mm2(self) -> float:
        points_mm = 1000 * _points_m(self.denoised_m, self.camera)
        return sum(((points_mm[v, u] - points_mm[v + dv, u + du]) @ self.normals[v, u])**2
                   for v, u in self.surface for dv, du in _STEPS)

    def light(self) -> np.ndarray:
        """Least squares of the picture, with sqrt(ridge * pixels) times the light beside it."""
        if not self.surface:
            return np.zeros(9)
        rows = [self.albedo[p] * _harmonics(self.normals[p]) for p in self.surface]
        rows += list(np.sqrt(self.settings.shading_ridge * len(self.surface)) * np.eye(9))
        target = [self.grey[p] for p in self.surface] + [0.0] * 9
        return np.linalg.lstsq(np.array(rows), np.array(target), rcond=None)[0]

    def shading_errors(self) -> dict[tuple[int, int], float]:
        light = self.light()
        irradiance = {p: light @ _harmonics(self.refined_normals[p]) for p in self.surface}
        return {p: np.clip(self.albedo[p] * irradiance[p], 0, 1) - self.grey[p] for p in self.surface}


def reference_terms(columns: Mapping[str, np.ndarray], denoised: np.ndarray, refined: np.ndarray,
                    settings) -> dict[str, np.ndarray]:
    """(sum, count) of every term over the batch; predictions (N, 1, H, W)."""
    images = []
    for i in range(len(denoised)):
        image = {name: values[i] for name, values in columns.items()}
        images.append(ImageReference(image, denoised[i, 0], refined[i, 0], settings).terms())
    return {name: sum(np.array(image[name], np.float64) for image in images) for name in images[0]}
