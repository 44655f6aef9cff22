# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The continuous CRF over an image's superpixels (Liu, Shen, Lin and Reid, TPAMI 2016, section 3).

Depth y and the unary network's z are natural logarithms of metres, one a superpixel. With similarities S_k,
their weights beta_k >= 0 and R = sum_k beta_k S_k, the energy of y is

    E(y) = sum_p (y_p - z_p)^2 + 1/2 sum_pq R_pq (y_p - y_q)^2 = y^T A y - 2 z^T y + z^T z

with A = I + D - R, D the row sums of R on the diagonal. So p(y) ~ exp(-E) is the normal distribution of mean
A^-1 z and precision 2 A. A is one plus a graph's Laplacian: all its eigenvalues are 1 or more.
"""
from __future__ import annotations

import math

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from src.losses.base import repeatable_log

BETA_START = 1.0
_LOG_PI = math.log(math.pi)
_TINY = 1e-30  # added to squares of lengths: 0 / 0, where the solution is reached, becomes 0


class Crf(nn.Cell):
    """The CRF with its weights beta; calling it gives the most probable depth.

    beta = beta_max * sigmoid(beta_logit), elementwise: between 0 and `beta_max` whatever an optimizer does,
    and its steps are in proportion to small betas. Without an upper end the likelihood would drive beta into
    the hundreds where depth is smooth, because the energy fixes the unary's precision at 1 (it takes z to be
    wrong by 0.7): that smooths more than is good, and a fixed number of solver steps would no longer do.

    Args:
        similarities: K, the number of kinds of similarity.
        beta_max: upper end of each beta, above `BETA_START`, where they start.
        cg_steps: steps of `conjugate_gradients`.

    Inputs:
        z (N, n) log depth of the unary network;
        similarity (N, K, n, n) float32 >= 0, symmetric, 0 on the diagonal and where superpixels are no
        neighbours. A superpixel without neighbours, which padding is, keeps its z.

    Outputs:
        log depth (N, n), A^-1 z.
    """

    keep_float32 = True

    def __init__(self, similarities: int = 3, beta_max: float = 10.0, cg_steps: int = 64):
        super().__init__()
        start = math.log(BETA_START / (beta_max - BETA_START))
        self.beta_logit = Parameter(Tensor(np.full(similarities, start, np.float32)), name="beta_logit")
        self.beta_max = beta_max
        self.cg_steps = cg_steps

    def beta(self):
        """Return the weights of the similarities, (K,)."""
        return self.beta_max * ops.sigmoid(self.beta_logit)

    def coupling(self, similarity):
        """Return R = sum_k beta_k S_k, (N, n, n)."""
        kinds, n = similarity.shape[1], similarity.shape[2]
        weighted = ops.matmul(self.beta().reshape((1, kinds)), similarity.reshape((-1, kinds, n * n)))
        return weighted.reshape((-1, n, n))

    def construct(self, z, similarity):
        """Return the most probable log depth."""
        return conjugate_gradients(self.coupling(similarity), z, self.cg_steps)

    def negative_log_likelihood(self, z, similarity, log_depth, valid):
        """Return -log p of the depths that are known, each image's (N,).

        Where all are known it is the paper's -log p = E(y) - E(A^-1 z) - 1/2 log|A| + n/2 log pi. Unknown
        ones (U) are integrated out: with y_U = A_UU^-1 (z_U + R_UO y_O), the most probable depths there given
        the known ones, it is E(y) - E(A^-1 z) - 1/2 (log|A| - log|A_UU|) + n_O/2 log pi. Padding is unknown
        and adds nothing; an image without any truth has 0.

        y_U and A^-1 z minimise E, so the gradients of E there do not go through them, and that of log|A| for
        R needs nothing but A^-1: no gradient of a factorization or a solve is taken. By z it is
        2 (A^-1 z - y); by beta_k, with J_k = D_k - S_k, it is y^T J_k y - z^T A^-1 J_k A^-1 z - 1/2 tr(A^-1
        J_k) + 1/2 tr(A_UU^-1 J_k,UU).

        Args:
            z: as of `construct`.
            similarity: as of `construct`.
            log_depth: (N, n), natural logarithm of metres; anything where not valid.
            valid: (N, n), 1 where the depth is known, else 0.
        """
        coupling = self.coupling(similarity)
        unknown = 1.0 - valid
        fixed = ops.stop_gradient(coupling)
        determinant, inverse, inverse_unknown = _factorized(fixed, unknown)
        known = ops.where(valid > 0, log_depth, ops.zeros_like(log_depth))
        constant_z = ops.stop_gradient(z)
        filled = known + _apply(inverse_unknown, constant_z + _apply(fixed, known))
        expected = _apply(inverse, constant_z)
        unary = ops.square(filled - z).sum(axis=1) - ops.square(expected - z).sum(axis=1)
        pairs = coupling * (_square_differences(filled) - _square_differences(expected))
        covariance = inverse - inverse_unknown
        # 0 in value: the derivative of log|A| - log|A_UU| for R, which stands in `determinant` without one
        slope = (coupling - fixed) * _variances_of_differences(covariance)
        pairwise = 0.5 * (pairs - 0.5 * slope).sum(axis=(1, 2))
        return unary + pairwise - 0.5 * determinant + 0.5 * _LOG_PI * valid.sum(axis=1)


@ms.jit  # a hundred times as fast where all around it runs eagerly, as in evaluation
def conjugate_gradients(coupling, z, steps: int):
    """Solve (I + D - R) y = z from y = z by matrix products only, which files of every format hold.

    After k steps the error is at most 2 sqrt(2 d) |z - mean z| ((c - 1) / (c + 1))^k with c^2 = 1 + 2 d and d
    the largest row sum of R (Chebyshev's bound for eigenvalues between 1 and c^2). In fact it falls faster:
    with 20 sqrt(beta_max) steps betas of `beta_max` leave about 1e-4 of z's spread (`Crf`).

    Args:
        coupling: R (N, n, n).
        z: (N, n).
        steps: k.

    Returns:
        y (N, n).
    """
    diagonal = 1.0 + coupling.sum(axis=2, keepdims=True)                # (N, n, 1)
    y = z.expand_dims(2)
    residual = y - _product(diagonal, coupling, y)
    direction, square = residual, _dot(residual, residual)
    for _ in range(steps):
        image = _product(diagonal, coupling, direction)
        length = square / (_dot(direction, image) + _TINY)              # (N, 1, 1)
        y = y + length * direction
        residual = residual - length * image
        next_square = _dot(residual, residual)
        direction = residual + next_square / (square + _TINY) * direction
        square = next_square
    return y.reshape((-1, z.shape[1]))


def _product(diagonal, coupling, y):
    """Return A y for y (N, n, 1)."""
    return diagonal * y - ops.matmul(coupling, y)


def _dot(a, b):
    """Return the scalar products (N, 1, 1) of vectors (N, n, 1)."""
    return (a * b).sum(axis=1, keepdims=True)


def _apply(matrix, vector):
    """Return the product (N, n) of matrices (N, n, n) and vectors (N, n)."""
    return ops.matmul(matrix, vector.expand_dims(2)).reshape((-1, vector.shape[1]))


def _factorized(coupling, unknown):
    """Return log|A| - log|A_UU|, (N,), A^-1, and A_UU^-1 with zeros around it, (N, n, n).

    Cholesky's factors give all of it: log|A| is a sum of logarithms (|A| itself overflows), and solving for
    the unit matrix takes a tenth of the time of `ops.inverse` on a CPU.
    """
    batch, n = unknown.shape
    eye = ops.eye(n, n, coupling.dtype).expand_dims(0)
    whole = eye * (1.0 + coupling.sum(axis=2, keepdims=True)) - coupling
    block = unknown.expand_dims(1) * unknown.expand_dims(2)
    matrices = ops.concat((whole, eye + block * (whole - eye)), 0)
    factors = ops.cholesky(matrices)
    logarithms = 2.0 * repeatable_log((factors * eye).sum(axis=2)).sum(axis=1)
    inverses = ops.cholesky_solve(eye + ops.zeros_like(matrices), factors)
    return logarithms[:batch] - logarithms[batch:], inverses[:batch], block * inverses[batch:]


def _square_differences(y):
    """Return (y_p - y_q)^2, (N, n, n), of y (N, n)."""
    return ops.square(y.expand_dims(2) - y.expand_dims(1))


def _variances_of_differences(covariance):
    """Return C_pp + C_qq - 2 C_pq of C (N, n, n)."""
    eye = ops.eye(covariance.shape[2], covariance.shape[2], covariance.dtype)
    variances = (covariance * eye).sum(axis=2)
    return variances.expand_dims(1) + variances.expand_dims(2) - 2.0 * covariance
