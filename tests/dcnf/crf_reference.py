# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The CRF of Liu et al. in NumPy float64, straight from its formulas; one image, K similarities (K, n, n)."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Image(NamedTuple):
    """What the likelihood of an image depends on."""

    z: np.ndarray
    similarity: np.ndarray
    log_depth: np.ndarray
    valid: np.ndarray


def matrix(similarity: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """A = I + D - R."""
    weights = np.tensordot(beta, similarity.astype(np.float64), 1)
    return np.eye(len(weights)) + np.diag(weights.sum(axis=1)) - weights


def most_probable(z: np.ndarray, similarity: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """y = A^-1 z."""
    return np.linalg.solve(matrix(similarity, beta), z)


def energy(y: np.ndarray, z: np.ndarray, similarity: np.ndarray, beta: np.ndarray) -> float:
    """Unary and pairwise potentials, pair by pair."""
    n = len(y)
    pairs = sum(b * s[p, q] * (y[p] - y[q]) ** 2 for b, s in zip(beta, similarity)
                for p in range(n) for q in range(n))
    return float(np.sum((y - z) ** 2) + 0.5 * pairs)


def published_nll(y: np.ndarray, z: np.ndarray, similarity: np.ndarray, beta: np.ndarray) -> float:
    """-log p = y'Ay - 2z'y + z'A^-1 z - 1/2 log|A| + n/2 log pi; every superpixel has a truth."""
    a = matrix(similarity, beta)
    quadratic = y @ a @ y - 2 * z @ y + z @ np.linalg.solve(a, z)
    return float(quadratic - 0.5 * np.linalg.slogdet(a)[1] + 0.5 * len(y) * np.log(np.pi))


def published_gradients(y: np.ndarray, z: np.ndarray, similarity: np.ndarray,
                        beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of `published_nll` for z and beta, as published."""
    a = matrix(similarity, beta)
    inverse = np.linalg.inv(a)
    expected = inverse @ z
    laplacians = [np.diag(s.sum(axis=1)) - s for s in similarity.astype(np.float64)]
    by_beta = [y @ j @ y - expected @ j @ expected - 0.5 * np.trace(inverse @ j) for j in laplacians]
    return 2 * (expected - y), np.array(by_beta)


def marginal_nll(image: Image, beta: np.ndarray) -> float:
    """-log of the normal density of the known depths: their block of the covariance (2 A)^-1."""
    known = image.valid > 0
    covariance = np.linalg.inv(2 * matrix(image.similarity, beta))[np.ix_(known, known)]
    error = (image.log_depth - most_probable(image.z, image.similarity, beta))[known]
    log_volume = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return float(0.5 * error @ np.linalg.solve(covariance, error) + 0.5 * log_volume)


def finite_differences(function, at: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Central differences of a function of a vector."""
    sides = step * np.eye(len(at))
    return np.array([(function(at + side) - function(at - side)) / (2 * step) for side in sides])


def grid_similarity(rows: int, columns: int, rng: np.random.Generator, low: float = 0.0, high: float = 1.0,
                    kinds: int = 3) -> np.ndarray:
    """Random similarities (K, n, n) of a grid's neighbours: each with about six, as superpixels have."""
    index = np.arange(rows * columns).reshape(rows, columns)
    edges = ((index[:, :-1], index[:, 1:]), (index[:-1], index[1:]), (index[:-1, :-1], index[1:, 1:]))
    similarity = np.zeros((kinds, index.size, index.size), np.float32)
    for a, b in edges:
        values = rng.uniform(low, high, (kinds, a.size))
        similarity[:, a.ravel(), b.ravel()] = similarity[:, b.ravel(), a.ravel()] = values
    return similarity


def random_image(rows: int, columns: int, rng: np.random.Generator, known: float = 1.0) -> Image:
    """A smooth truth around 3 m, a unary prediction that is wrong by 0.3, and a share of known truths."""
    n = rows * columns
    y = 1.0 + 0.5 * np.sin(np.arange(n) / columns) + 0.1 * rng.standard_normal(n)
    valid = (rng.random(n) < known).astype(np.float32)
    return Image((y + 0.3 * rng.standard_normal(n)).astype(np.float32),
                 grid_similarity(rows, columns, rng), (y * valid).astype(np.float32), valid)
