# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What devices make of a view: a photograph with exposure, blur and noise; the holes of a Kinect."""
from __future__ import annotations

from statistics import NormalDist

import cv2
import numpy as np

_BLUR_SIGMA_PX = 0.6
# Quantiles of the normal distribution: a table look-up draws noise five times as fast as standard_normal.
_NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)], np.float32)
# Linear light (16 bits) to display values: gamma 2.2.
_DISPLAY = np.round(255 * np.linspace(0, 1, 65536) ** (1 / 2.2)).astype(np.uint8)


def photograph(rng: np.random.Generator, radiance: np.ndarray) -> np.ndarray:
    """Expose linear radiance (3, H, W) and return the picture as 8-bit RGB (H, W, 3).

    The exposure goes a third of the way towards a mean of 0.3, as a camera's automatic does within its
    limits, so that a dark place still looks darker. Noise is shot noise plus read noise.
    """
    height, width = radiance.shape[1:]
    gain = (0.3 / max(float(radiance.mean()), 1e-3)) ** (1 / 3) * np.exp(rng.normal(0, 0.08))
    balance = np.exp(rng.normal(0, 0.03, 3))
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    vignette = 1 - np.float32(rng.uniform(0.03, 0.12)) * (x * x + y * y)
    planes = []
    for plane, white in zip(radiance, gain * balance):
        linear = cv2.GaussianBlur(plane * (vignette * np.float32(white)), (3, 3), _BLUR_SIGMA_PX)
        noise = _NORMAL[rng.integers(0, 256, linear.shape, dtype=np.uint8)]
        linear += noise * np.sqrt(np.float32(2e-4) * linear + np.float32(4e-6))
        planes.append(_DISPLAY[(np.clip(linear, 0, 1) * np.float32(65535)).astype(np.uint16)])
    return cv2.merge(planes)


def kinect_holes(rng: np.random.Generator, z_m: np.ndarray, facing: np.ndarray,
                 glows: np.ndarray) -> np.ndarray:
    """Return a mask (H, W), true where a structured-light camera reads nothing: 5 to 10 % of the pixels.

    Holes come, in irregular patches, where depth jumps, where surfaces are slanted or far, and on lamps and
    panes.

    Args:
        rng: decides the share and the patches.
        z_m: (H, W) depth.
        facing: (H, W) cosine between the normal and the direction to the camera.
        glows: (H, W) bool.
    """
    height, width = z_m.shape
    knots = rng.random((20, 27), dtype=np.float32)
    score = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    # On a plane 1/z is linear in the pixel position, so its Laplacian shows jumps and ignores slant.
    jump = np.abs(cv2.Laplacian(1 / z_m, cv2.CV_32F)) * z_m > 0.06
    band = max(3, 2 * round(width / 260) + 1)
    score += cv2.blur(jump.astype(np.float32), (band, band)) * 2
    score += 0.6 * (1 - facing) ** 3 + 0.03 * z_m + 0.5 * glows
    share = rng.uniform(0.05, 0.1)
    return score > np.quantile(score[::3, ::3], 1 - share)
