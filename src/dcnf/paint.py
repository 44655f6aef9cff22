# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""From one value a superpixel to a map: painted, then smoothed where the picture has no edge."""
from __future__ import annotations

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from src.dcnf.superpixels import centroids

_AROUND = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0))


def depth_map(log_depth: np.ndarray, labels: np.ndarray, rgb: np.ndarray, smoothing: str = "guided",
              radius_px: int = 10, epsilon: float = 3e-3) -> np.ndarray:
    """Return depth (H, W) float32 in metres from the log depth of superpixels, (N,), which may be padded.

    Args:
        log_depth: natural logarithm of metres; what is smoothed, too.
        labels: (H, W).
        rgb: (H, W, 3) uint8, the picture of the labels.
        smoothing: "guided", see `guided`; "colourise", see `colourise`; "none" leaves the superpixels.
        radius_px: of the guided filter.
        epsilon: of the guided filter.
    """
    if smoothing == "colourise":
        return np.exp(colourise(log_depth, labels, rgb))
    painted = log_depth.astype(np.float32)[labels]
    return np.exp(painted if smoothing == "none" else guided(painted, rgb, radius_px, epsilon))


def guided(painted: np.ndarray, rgb: np.ndarray, radius_px: int, epsilon: float) -> np.ndarray:
    """Return the map (H, W) float32, smoothed by the guided filter (He et al. 2013).

    In each window the map becomes the linear function of the picture's colours that is nearest to it.

    Args:
        painted: (H, W) float32.
        rgb: (H, W, 3) uint8, the guide.
        radius_px: of the windows; about half the edge of a superpixel.
        epsilon: variance of the colours, in [0, 1], below which a window counts as flat.
    """
    # Bytes, not a guide in [0, 1]: OpenCV takes determinants of 3 x 3 variances below 1e-6 for 0.
    return cv2.ximgproc.guidedFilter(rgb, painted, radius_px, epsilon * 255**2)


def colourise(values: np.ndarray, labels: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """Return the map (H, W) float32 by colourisation (Levin et al. 2004), as the published DCNF.

    Every pixel is the mean of the eight around it, weighted by how alike their grey is; in the middle of
    each superpixel its value is added with weight 1. This sparse linear system is solved exactly, which
    takes seconds at 640 x 480.

    Args:
        values: (N,) of the superpixels, may be padded.
        labels: (H, W).
        rgb: (H, W, 3) uint8.
    """
    known = np.zeros(labels.size)
    known[seeds(labels)] = 1
    system = sparse.eye(labels.size, format="csc") - affinities(rgb) + sparse.diags(known, format="csc")
    # the pattern is symmetric and the diagonal large: half the time of SuperLU's general way
    factors = splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0,
                   options={"SymmetricMode": True})
    solved = factors.solve(known * values[labels.ravel()])
    return solved.reshape(labels.shape).astype(np.float32)


def seeds(labels: np.ndarray) -> np.ndarray:
    """Return the pixel of each superpixel that is nearest to its centroid, (n,) flat index."""
    place = np.stack(np.unravel_index(np.arange(labels.size), labels.shape), axis=1) + 0.5
    far = np.square(place - centroids(labels)[labels.ravel()]).sum(1)
    order = np.argsort(-far, kind="stable")
    nearest = np.empty(int(labels.max()) + 1, int)
    nearest[labels.ravel()[order]] = order  # the last one that is written stays
    return nearest


def affinities(rgb: np.ndarray) -> sparse.csr_matrix:
    """Return the weights w_rs of the eight pixels s around each pixel r, (H W, H W); rows sum to 1.

    w_rs is in proportion to exp(-(g_r - g_s)^2 / sigma_r), g the grey in [0, 1], with sigma_r 0.6 of the
    variance of the nine; at least so large that the most alike neighbour has 0.01, and 2e-6.
    """
    grey = rgb.astype(np.float64) @ (0.299, 0.587, 0.114) / 255
    pixel = np.pad(np.arange(grey.size).reshape(grey.shape), 1, constant_values=-1)
    other = np.stack([_shifted(pixel, step) for step in _AROUND])  # (8, H, W), -1 beyond the picture
    there = other >= 0
    around = np.stack([_shifted(np.pad(grey, 1), step) for step in _AROUND])
    count = there.sum(0) + 1
    mean = (around.sum(0) + grey) / count
    variance = (np.square(around).sum(0) + np.square(grey)) / count - np.square(mean)
    apart = np.where(there, np.square(around - grey), np.inf)
    sigma = np.maximum(np.maximum(0.6 * variance, apart.min(0) / -np.log(0.01)), 2e-6)
    weights = np.exp(-apart / sigma)
    weights /= weights.sum(0)
    row = np.broadcast_to(np.arange(grey.size).reshape(grey.shape), other.shape)[there]
    return sparse.csr_matrix((weights[there], (row, other[there])), (grey.size, grey.size))


def _shifted(padded: np.ndarray, step: tuple[int, int]) -> np.ndarray:
    """Return the map that was padded by 1, moved: at each pixel what is `step` (rows, columns) from it."""
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    return padded[1 + step[0]:1 + step[0] + height, 1 + step[1]:1 + step[1] + width]
