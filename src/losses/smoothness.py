# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Edge-aware smoothness: depth may change where the picture does."""
from __future__ import annotations

from mindspore import ops

from src.geometry.warp import MIN_DEPTH_M
from src.losses.base import safe_divide


def edge_aware_smoothness(depth_m, image, mask):
    """Return the roughness of each image's inverse depth (N,), first order.

    With i = inverse depth divided by its mean over the image: the mean of |d i| exp(-|d I|) over the
    horizontal pairs of neighbours plus that over the vertical ones, |d I| averaged over channels (Godard et
    al. 2017, eq. 3; 2019, section 3.3). Due to the division it does not fall when all depths grow.

    Args:
        depth_m: (N, 1, H, W) metres; below a millimetre counts as a millimetre.
        image: (N, C, H, W) in [0, 1].
        mask: (N, 1, H, W), 1 where depth counts; elsewhere it may be anything. A pair counts where both of
            its pixels do. An image without any pair has roughness 0.
    """
    inverse = 1.0 / ops.maximum(ops.where(mask > 0, depth_m, ops.ones_like(depth_m)), MIN_DEPTH_M)
    mean = safe_divide(_per_image(inverse * mask), _per_image(mask)).reshape((-1, 1, 1, 1))
    inverse = safe_divide(inverse, mean)
    return _roughness(inverse, image, mask, 3) + _roughness(inverse, image, mask, 2)


def _roughness(inverse, image, mask, axis: int):
    """Return each image's mean weighted step between neighbours along an axis (2 or 3)."""
    before, after = _neighbours(mask, axis)
    pairs = before * after
    weight = ops.exp(-ops.abs(_step(image, axis)).mean(axis=1, keep_dims=True))
    return safe_divide(_per_image(ops.abs(_step(inverse, axis)) * weight * pairs), _per_image(pairs))


def _step(values, axis: int):
    before, after = _neighbours(values, axis)
    return after - before


def _neighbours(values, axis: int):
    if axis == 2:
        return values[:, :, :-1], values[:, :, 1:]
    return values[:, :, :, :-1], values[:, :, :, 1:]


def _per_image(values):
    return values.sum(axis=(1, 2, 3))
