# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What devices make of a view: photographs with noise; the depth of a Kinect and its holes."""
from __future__ import annotations

from statistics import NormalDist

import cv2
import numpy as np

from src.geometry.pinhole import edge_mask

_BLUR_SIGMA_PX = 0.6
# Quantiles of the normal distribution: a table look-up draws noise five times as fast as standard_normal.
_NORMAL = np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)], np.float32)
# Linear light (16 bits) to display values: gamma 2.2.
_DISPLAY = np.round(255 * np.linspace(0, 1, 65536) ** (1 / 2.2)).astype(np.uint8)
# The Kinect's infrared camera, for 640 columns; disparity times depth with its baseline of 75 mm.
_FOCAL_PX = 580
_DISPARITY_PX_M = _FOCAL_PX * 0.075
_LEVELS_M = 8 * _DISPARITY_PX_M
_WINDOW_SIGMA_PX = 1.8  # that of a box of +-3 px
_NOISE_SIGMA_PX = 1.2


def photograph(rng: np.random.Generator, radiance: np.ndarray) -> np.ndarray:
    """Expose linear radiance (3, H, W) and return the picture as 8-bit RGB (H, W, 3)."""
    return photographs(rng, [radiance])[0]


def photographs(rng: np.random.Generator, views: list[np.ndarray]) -> list[np.ndarray]:
    """Expose views (3, H, W) of one scene alike, each with noise of its own; return 8-bit RGB (H, W, 3).

    Noise is shot noise plus read noise.
    """
    height, width = views[0].shape[1:]
    gains = _exposure(rng, views)
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    vignette = 1 - np.float32(rng.uniform(0.03, 0.12)) * (x * x + y * y)
    return [_develop(rng, radiance, vignette, gains) for radiance in views]


def panorama_photographs(rng: np.random.Generator, views: list[np.ndarray]) -> list[np.ndarray]:
    """Expose panoramas (3, H, W) of one scene alike, as `photographs` does, without vignette or seam."""
    gains = _exposure(rng, views)
    even = np.ones((1, 1), np.float32)
    wrapped = [np.pad(radiance, ((0, 0), (0, 0), (1, 1)), mode="wrap") for radiance in views]
    return [_develop(rng, radiance, even, gains)[:, 1:-1] for radiance in wrapped]


def _exposure(rng: np.random.Generator, views: list[np.ndarray]) -> np.ndarray:
    """Return the gain (3,) of each colour for all views of a scene.

    The exposure goes a third of the way towards a mean of 0.3, as a camera's automatic does within its
    limits, so that a dark place still looks darker.
    """
    mean = np.mean([float(radiance.mean()) for radiance in views])
    gain = (0.3 / max(mean, 1e-3)) ** (1 / 3) * np.exp(rng.normal(0, 0.08))
    return gain * np.exp(rng.normal(0, 0.03, 3))


def _develop(rng: np.random.Generator, radiance: np.ndarray, vignette: np.ndarray,
             gains: np.ndarray) -> np.ndarray:
    planes = []
    for plane, gain in zip(radiance, gains):
        linear = cv2.GaussianBlur(plane * (vignette * np.float32(gain)), (3, 3), _BLUR_SIGMA_PX)
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


def expose_linear(rng: np.random.Generator, radiance: np.ndarray) -> np.ndarray:
    """Return linear radiance (H, W, 3) in [0, 1] as 8 bits, still linear, with noise of 1 to 2 steps.

    Read noise of 1/255 and shot noise that makes it 2/255 at full brightness.
    """
    noise = _NORMAL[rng.integers(0, 256, radiance.shape, dtype=np.uint8)]
    steps = 255 * np.clip(radiance, 0, 1)
    return np.clip(np.rint(steps + noise * np.sqrt(1 + 3 / 255 * steps)), 0, 255).astype(np.uint8)


def kinect_depth(rng: np.random.Generator, z_m: np.ndarray, surface: np.ndarray,
                 facing: np.ndarray) -> np.ndarray:
    """Return what a Kinect (the first) measures, without holes: (H, W) uint16, mm.

    Matching windows smear depth over some pixels of each surface. Noise, alike in neighbouring pixels, has
    the standard deviations that Nguyen et al. (3DIMPVT 2012) measured along the axis and across it, where it
    moves readings up and down slanted surfaces. Readings are steps of 1/8 px of disparity, 2.9 mm at 1 m and
    growing with the square of z. Lengths in pixels are for 640 columns and shrink with the picture.

    Args:
        rng: draws the noise.
        z_m: (H, W) exact depth.
        surface: (H, W) integers, which surface a pixel shows.
        facing: (H, W) cosine between the normal and the direction to the camera.
    """
    scale = z_m.shape[1] / 640
    inverse = _smeared((1 / z_m).astype(np.float32), surface, _WINDOW_SIGMA_PX * scale)
    noise = _NORMAL[rng.integers(0, 256, z_m.shape, dtype=np.uint8)]
    noise = cv2.GaussianBlur(noise, (0, 0), _NOISE_SIGMA_PX * scale)
    inverse = inverse + noise / noise.std() * _kinect_sigma_m(z_m, facing) / z_m**2
    levels = np.maximum(np.rint(inverse * _LEVELS_M), 1)
    return np.minimum(np.rint(1000 * _LEVELS_M / levels), 65535).astype(np.uint16)


def _kinect_sigma_m(z_m: np.ndarray, facing: np.ndarray) -> np.ndarray:
    slant = np.minimum(np.arccos(np.clip(facing, 0, 1)), 1.4)
    grazing = slant / (np.pi / 2 - slant)
    axial_m = 0.0012 + 0.0019 * (z_m - 0.4) ** 2 + 0.0001 / np.sqrt(z_m) * grazing**2
    across_m = (0.8 + 0.035 * grazing) * z_m / _FOCAL_PX
    return np.hypot(axial_m, across_m * np.tan(slant))


def kinect_dropouts(rng: np.random.Generator, z_m: np.ndarray, facing: np.ndarray, albedo: np.ndarray,
                    foreground: np.ndarray) -> np.ndarray:
    """Return a mask (H, W), true where a Kinect reads nothing: 5 to 15 % of the foreground.

    That is where the projector's light does not reach, then, in irregular patches, at silhouettes, on
    grazing and dark surfaces and anywhere.

    Args:
        rng: decides the share and the patches.
        z_m: (H, W) exact depth, of the background too.
        facing: (H, W) cosine between the normal and the direction to the camera.
        albedo: (H, W) in [0, 1].
        foreground: (H, W) bool.
    """
    height, width = z_m.shape
    scale = width / 640
    score = np.zeros(z_m.shape, np.float32)
    for rows, weight in ((20, 0.8), (60, 0.5)):
        knots = rng.random((rows, rows * 4 // 3), dtype=np.float32)
        score += np.float32(weight) * cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    from_edge = cv2.distanceTransform((~edge_mask(z_m, 0.03)).astype(np.uint8), cv2.DIST_L2, 5)
    score += 1.2 * np.maximum(1 - from_edge / (6 * scale + 1), 0)
    score += 0.8 * (1 - facing) ** 3 + 1.2 * np.maximum(0.55 - albedo, 0)
    score += 3 * ir_shadow(z_m)
    return score > np.quantile(score[foreground], 1 - rng.uniform(0.06, 0.14))


def ir_shadow(z_m: np.ndarray) -> np.ndarray:
    """Return where (H, W) the Kinect's camera sees what its projector, to the right of it, does not.

    In the projector's picture a point lies left of where the camera sees it, by its disparity. Surfaces to
    the right that end up left of it are nearer and hide it.
    """
    disp_px = _DISPARITY_PX_M * z_m.shape[1] / 640 / z_m
    column = np.arange(z_m.shape[1]) - disp_px
    return np.minimum.accumulate(column[:, ::-1], axis=1)[:, ::-1] < column - 0.5


def _smeared(values: np.ndarray, surface: np.ndarray, sigma_px: float) -> np.ndarray:
    """Average values (H, W) over a window, but only within the surface that a pixel shows."""
    result = np.empty_like(values)
    for index in np.unique(surface):
        here = surface == index
        weight = cv2.GaussianBlur(here.astype(np.float32), (0, 0), sigma_px)
        average = cv2.GaussianBlur(np.where(here, values, np.float32(0)), (0, 0), sigma_px)
        result[here] = average[here] / weight[here]
    return result
