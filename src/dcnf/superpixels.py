# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Superpixels: connected parts of a picture, numbered 0 to n - 1, and which of them touch."""
from __future__ import annotations

import cv2
import numpy as np

from src.config import Settings
from src.datasets.sparse import cells
from src.errors import UserError

MAX_SUPERPIXELS = 1000
_ITERATIONS = 10
_MIN_PERCENT = 25  # of the average area: smaller pieces join a neighbour


def limit_edge(rgb: np.ndarray, max_edge_px: int) -> np.ndarray:
    """Return the picture (h, w, 3) uint8, made smaller where its longer edge is beyond `max_edge_px`."""
    height_px, width_px = limited_hw(rgb.shape[:2], max_edge_px)
    if (height_px, width_px) == rgb.shape[:2]:
        return rgb
    return cv2.resize(rgb, (width_px, height_px), interpolation=cv2.INTER_AREA)


def limited_hw(image_hw: tuple[int, int], max_edge_px: int) -> tuple[int, int]:
    """Return the height and width that `limit_edge` brings a picture to."""
    scale = min(1.0, max_edge_px / max(image_hw))
    return tuple(max(1, round(size_px * scale)) for size_px in image_hw)


def slic(rgb: np.ndarray, number: int, regularizer: float = 0.1,
         max_superpixels: int = MAX_SUPERPIXELS) -> np.ndarray:
    """Return SLIC superpixels (Achanta et al. 2012) of about equal area.

    A pixel joins the centre with the least |difference of RGB in [0, 1]|^2 + regularizer * (distance /
    spacing of the centres)^2: VLFeat's measure, and so that of the published DCNF.

    Args:
        rgb: (H, W, 3) uint8.
        number: how many are wanted; of ordinary pictures it comes out to within some per cent.
        regularizer: how square they are: at 0.01 they follow every edge, at 1 they are hardly more than a
            grid.
        max_superpixels: more than that never come out.

    Returns:
        (H, W) int32 labels 0 to n - 1 in the order of their first pixels. Each is 4-connected and, but for
        pictures of a few pixels, larger than a quarter of the average area.

    Raises:
        UserError: the picture is a stripe of more than `max_superpixels` squares.
    """
    blurred = cv2.GaussianBlur(rgb, (3, 3), 0)  # or coarse grain makes crumbs, which then join to huge parts
    height_px, width_px = rgb.shape[:2]
    wanted_px = round((height_px * width_px / min(number, max_superpixels)) ** 0.5)
    shorter_px = min(height_px, width_px)
    # With wider spacing OpenCV has no centre inside the picture, or divides by 0.
    for spacing_px in range(max(1, min(wanted_px, shorter_px)), 2 * shorter_px):
        parts = cv2.ximgproc.createSuperpixelSLIC(blurred, cv2.ximgproc.SLIC, spacing_px,
                                                  255 * regularizer ** 0.5)
        parts.iterate(_ITERATIONS)
        parts.enforceLabelConnectivity(_MIN_PERCENT)
        if parts.getNumberOfSuperpixels() <= max_superpixels:
            return parts.getLabels()
    raise UserError(f"a picture of {width_px} x {height_px} is too narrow for at most {max_superpixels} "
                    "superpixels; give more --max_superpixels")


def grid(image_hw: tuple[int, int], block_px: int, max_superpixels: int = MAX_SUPERPIXELS) -> np.ndarray:
    """Return square blocks as labels (H, W) int32, row by row; those at the right and lower end may be cut.

    Raises:
        UserError: there are more of them than `max_superpixels`.
    """
    rows, columns = (np.arange(size_px, dtype=np.int32) // block_px for size_px in image_hw)
    labels = rows[:, None] * (columns[-1] + 1) + columns
    check_number(labels[-1, -1] + 1, max_superpixels)
    return labels


def segment(rgb: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the superpixels (H, W) int32 of a picture (H, W, 3) uint8 as the settings want them."""
    if settings.superpixels == "grid":
        return grid(rgb.shape[:2], settings.block_px, settings.max_superpixels)
    return slic(rgb, settings.num_superpixels, settings.slic_regularizer, settings.max_superpixels)


def check_number(number: int, max_superpixels: int) -> None:
    """Refuse more superpixels than there is room for.

    Raises:
        UserError: there are.
    """
    if number > max_superpixels:
        raise UserError(f"a picture has {number} superpixels and --max_superpixels is {max_superpixels}; "
                        "give more, or larger superpixels (--block_px, --num_superpixels)")


def resize_labels(labels: np.ndarray, image_hw: tuple[int, int]) -> np.ndarray:
    """Return the label at the centre of each pixel of a map of another size (of the same view)."""
    if labels.shape == tuple(image_hw):
        return labels
    rows, columns = (cells(out, size) for size, out in zip(labels.shape, image_hw))
    return labels[rows[:, None], columns]


def edges_of(labels: np.ndarray) -> np.ndarray:
    """Return the pairs (E, 2) int32 of superpixels that share a 4-connected boundary.

    Each pair stands once, the smaller number first, in ascending order.
    """
    number = int(labels.max()) + 1
    touching = np.zeros((number, number), bool)
    touching[labels[:, :-1], labels[:, 1:]] = True
    touching[labels[:-1], labels[1:]] = True
    return np.argwhere(np.triu(touching | touching.T, 1)).astype(np.int32)


def areas(labels: np.ndarray) -> np.ndarray:
    """Return the number of pixels of each superpixel, (n,)."""
    return np.bincount(labels.ravel())


def centroids(labels: np.ndarray) -> np.ndarray:
    """Return the mean place of each superpixel's pixels, (n, 2): row and column, pixel centres at + 0.5."""
    rows, columns = (np.arange(size) + 0.5 for size in labels.shape)
    flat = labels.ravel()
    row = np.bincount(flat, np.repeat(rows, len(columns)))
    column = np.bincount(flat, np.tile(columns, len(rows)))
    return np.stack((row, column), axis=1) / areas(labels)[:, None]


def boxes(labels: np.ndarray) -> np.ndarray:
    """Return each superpixel's bounding box, (n, 4) int: first row, first column, end row, end column."""
    number = int(labels.max()) + 1
    sides = []
    for axis, size in enumerate(labels.shape):
        present = np.zeros((number, size), bool)
        present[labels, np.arange(size).reshape((-1, 1) if axis == 0 else (1, -1))] = True
        sides.append((present.argmax(1), size - present[:, ::-1].argmax(1)))
    (top, bottom), (left, right) = sides
    return np.stack((top, left, bottom, right), axis=1)
