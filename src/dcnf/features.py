# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What the CRF knows of superpixels: how alike neighbours are, in texture, colour histogram and colour.

Feature order, distances and boxes are those of the published DCNF; Liu et al. 2016, section 3.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from src.datasets.sparse import cells
from src.dcnf.superpixels import areas, boxes, check_number, edges_of

GAMMAS = {"texture": 50.0, "histogram": 25.0, "colour": 0.1}  # in the order of `Described.distances`
NUM_LEVELS = 11  # of a colour histogram, a channel
NUM_PATTERNS = 58
BOX_PX = 8  # edge of what is looked at for a superpixel's texture
_GREY = np.array([299, 587, 114])  # BT.601 in whole numbers: which of two pixels is brighter is exact
_CLOCKWISE = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


@dataclass(frozen=True)
class Described:
    """Superpixels of a picture, as they are stored.

    Attributes:
        labels: (H, W) uint16, the number of each pixel's superpixel.
        edges: (E, 2) uint16, pairs of neighbours, the smaller number first.
        distances: (E, 3) float32 of their features in the order of `GAMMAS`, see `distance`.
    """

    labels: np.ndarray
    edges: np.ndarray
    distances: np.ndarray


def describe(rgb: np.ndarray, labels: np.ndarray) -> Described:
    """Return what is stored of a picture (H, W, 3) uint8 with superpixels (H, W): once, at conversion."""
    edges = edges_of(labels)
    features = (texture(rgb, labels), histogram(rgb, labels), colour(rgb, labels))
    distances = np.stack([distance(feature, edges) for feature in features], axis=1)
    return Described(labels.astype(np.uint16), edges.astype(np.uint16), distances.astype(np.float32))


def distance(feature: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return |s_p - s_q| / sqrt(dim) of neighbours (E,), of features (n, dim)."""
    difference = feature[edges[:, 0]] - feature[edges[:, 1]]
    return np.sqrt(np.mean(np.square(difference), axis=1))


def similarity(edges: np.ndarray, distances: np.ndarray, kinds: tuple[str, ...],
               max_superpixels: int) -> np.ndarray:
    """Return S_pq = exp(-gamma |s_p - s_q| / sqrt(dim)) as the network takes it.

    Args:
        edges: (E, 2), as in `Described`.
        distances: (E, 3), as there.
        kinds: those of `GAMMAS` to use.
        max_superpixels: N.

    Returns:
        (K, N, N) float32: symmetric, 0 where superpixels do not touch, on the diagonal and in the padding.

    Raises:
        UserError: there are more superpixels than N.
    """
    if edges.size:
        check_number(int(edges.max()) + 1, max_superpixels)
    first, second = edges.T.astype(np.intp)
    matrices = np.zeros((len(kinds), max_superpixels, max_superpixels), np.float32)
    for matrix, kind in zip(matrices, kinds):
        values = np.exp(-GAMMAS[kind] * distances[:, tuple(GAMMAS).index(kind)])
        matrix[first, second] = values
        matrix[second, first] = values
    return matrices


def pooling(labels: np.ndarray, cells_hw: tuple[int, int], max_superpixels: int) -> np.ndarray:
    """Return what share of each superpixel's pixels is in each cell of a map, (N, rows * columns) float32.

    Its product with a map (rows * columns, C) is the mean over each superpixel of the map, enlarged to the
    labels' size by nearest neighbours. Rows sum to 1, those of the padding to 0.

    Raises:
        UserError: there are more superpixels than N, `max_superpixels`.
    """
    number = int(labels.max()) + 1
    check_number(number, max_superpixels)
    rows, columns = (cells(size, out) for size, out in zip(labels.shape, cells_hw))
    num_cells = cells_hw[0] * cells_hw[1]
    places = labels.astype(np.intp) * num_cells + (rows[:, None] * cells_hw[1] + columns)
    counts = np.bincount(places.ravel(), minlength=number * num_cells).reshape(number, num_cells)
    pool = np.zeros((max_superpixels, num_cells), np.float32)
    np.divide(counts, areas(labels)[:, None], out=pool[:number], casting="same_kind")
    return pool


def colour(rgb: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean CIE LUV colour of each superpixel, (n, 3): L* 0 to 100, u*, v*, for white D65."""
    luv = cv2.cvtColor(rgb.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Luv)
    sums = [np.bincount(labels.ravel(), luv[..., channel].ravel()) for channel in range(3)]
    return np.stack(sums, axis=1) / areas(labels)[:, None]


def histogram(rgb: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how a superpixel's pixels spread over 11 equal levels of R, G and B, (n, 33); each sums to 1."""
    level = (np.arange(256) * NUM_LEVELS // 256).astype(np.intp)
    places = labels.astype(np.intp)[..., None] * (3 * NUM_LEVELS) + np.arange(3) * NUM_LEVELS + level[rgb]
    counts = np.bincount(places.ravel(), minlength=(int(labels.max()) + 1) * 3 * NUM_LEVELS)
    return counts.reshape(-1, 3 * NUM_LEVELS) / areas(labels)[:, None]


def texture(rgb: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the local binary patterns around the middle of each superpixel's bounding box, (n, 58).

    As VLFeat's vl_lbp makes of one cell of 8 x 8 pixels, black where the picture ends: of the 6 x 6 inner
    pixels, which of the eight neighbours are brighter; patterns are counted with weights that fall off
    from the middle; the root of their shares, so that a feature's length is 1.
    """
    sides = boxes(labels)
    corners = (sides[:, :2] + sides[:, 2:] - BOX_PX) // 2
    padded = np.pad(rgb, ((BOX_PX, BOX_PX), (BOX_PX, BOX_PX), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (BOX_PX, BOX_PX), axis=(0, 1))
    around = windows[corners[:, 0] + BOX_PX, corners[:, 1] + BOX_PX]  # (n, 3, 8, 8)
    codes = _BINS[binary_patterns(np.tensordot(around.astype(int), _GREY, (1, 0)))]
    slope = 1 - np.abs((np.arange(1, BOX_PX - 1) + 0.5) / BOX_PX - 0.5)
    weights = np.broadcast_to(np.outer(slope, slope) / slope.sum() ** 2, codes.shape)
    places = np.arange(len(around))[:, None, None] * NUM_PATTERNS + codes
    shares = np.bincount(places.ravel(), weights.ravel(), len(around) * NUM_PATTERNS)
    return np.sqrt(shares).reshape(-1, NUM_PATTERNS)


def binary_patterns(grey: np.ndarray) -> np.ndarray:
    """Return the 8-bit pattern of each inner pixel, (..., H - 2, W - 2) int.

    Bit 0 says that the neighbour to the east is brighter, bit 1 south-east, and so on clockwise.
    """
    height, width = grey.shape[-2:]
    centre = grey[..., 1:-1, 1:-1]
    patterns = np.zeros(centre.shape, int)
    for bit, (row, column) in enumerate(_CLOCKWISE):
        neighbour = grey[..., 1 + row:height - 1 + row, 1 + column:width - 1 + column]
        patterns |= (neighbour > centre).astype(int) << bit
    return patterns


def _bins() -> np.ndarray:
    """Return the bin of each pattern, (256,): one for each run of ones, one for flat, one for all others."""
    table = np.full(256, NUM_PATTERNS - 1)
    table[[0, 255]] = NUM_PATTERNS - 2
    for start in range(8):
        for length in range(1, 8):
            run = ((1 << length) - 1) << start
            table[(run | run >> 8) & 255] = start * 7 + length - 1
    return table


_BINS = _bins()
