# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Figures of a depth camera's raw depth, from the PNGs with OpenCV and NumPy alone."""
from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from tests.ddrnet_files import kinect, rays_of

NEAR_MM, FAR_MM = 500, 3000
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def rows_of(index: Path) -> list[list[Path]]:
    """Return the files of each frame of a CSV index."""
    with index.open(newline="") as file:
        return [[index.parent / name for name in row] for row in csv.reader(file)]


def read_mm(file: Path) -> np.ndarray:
    """Return a depth PNG (H, W) as it is stored, in float64."""
    stored = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16 and stored.ndim == 2
    return stored.astype(np.float64)


def foreground(file: Path) -> np.ndarray:
    """Return a mask (H, W) bool."""
    return cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) > 127


def raw_figures(index: Path) -> dict[str, float]:
    """Return the figures of the raw depth where mask, reference and raw depth all have a reading."""
    errors_mm, medians_mm, angles_deg, angle_medians_deg = [], [], [], []
    for raw_file, reference_file, _, mask_file, *_ in rows_of(index):
        raw_mm, reference_mm = read_mm(raw_file), read_mm(reference_file)
        seen = foreground(mask_file) & _in_range(raw_mm) & _in_range(reference_mm)
        error_mm = np.abs(raw_mm - reference_mm)[seen]
        errors_mm.append(error_mm)
        medians_mm.append(np.median(error_mm))
        angle_deg = _angles_deg(raw_mm, reference_mm, seen)
        angles_deg.append(angle_deg)
        angle_medians_deg.append(np.median(angle_deg))
    error_mm, angle_deg = np.concatenate(errors_mm), np.concatenate(angles_deg)
    return {"mae_mm": error_mm.mean(), "rmse_mm": np.sqrt(np.mean(error_mm ** 2)),
            "median_mm": np.mean(medians_mm), "normal_mean_deg": angle_deg.mean(),
            "normal_median_deg": np.mean(angle_medians_deg), "normal_below_30": np.mean(angle_deg < 30),
            "num_valid": error_mm.size}


def unit_normals(depth_mm: np.ndarray) -> np.ndarray:
    """Return the normals (H - 2, W - 2, 3) towards the camera of all pixels but the border's."""
    points = rays_of(kinect(*depth_mm.shape[::-1])) * depth_mm[..., None]
    normals = np.cross(points[2:, 1:-1] - points[:-2, 1:-1], points[1:-1, 2:] - points[1:-1, :-2])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-12
    away = np.sum(normals * points[1:-1, 1:-1], axis=-1, keepdims=True) > 0
    return np.where(away, -normals, normals)


def _in_range(depth_mm: np.ndarray) -> np.ndarray:
    return (depth_mm >= NEAR_MM) & (depth_mm <= FAR_MM)


def _angles_deg(raw_mm: np.ndarray, reference_mm: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the angles between normals where all neighbours are seen and the reference has no silhouette."""
    whole = cv2.erode(seen.astype(np.uint8), _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    for step in _NEIGHBOURS:
        neighbour_mm = np.roll(reference_mm, step, (0, 1))
        whole &= np.abs(neighbour_mm - reference_mm) <= 0.02 * np.minimum(neighbour_mm, reference_mm)
    cosine = np.sum(unit_normals(raw_mm) * unit_normals(reference_mm), axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))[whole[1:-1, 1:-1]]
