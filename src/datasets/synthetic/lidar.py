# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A spinning laser scanner with the beams of a Velodyne HDL-64E."""
from __future__ import annotations

import numpy as np

from src.datasets.synthetic.camera import Pose, Rays
from src.datasets.synthetic.render import render
from src.datasets.synthetic.scene import Scene

# Upper block: 32 beams from 2 to -8.33 degrees; lower block: 32 from -8.83 to -24.33.
_ELEVATION_RAD = np.radians(np.concatenate([np.linspace(2, -8.33, 32), np.linspace(-8.83, -24.33, 32)]))
_AZIMUTHS = 900
_RANGE_M = 80.0
_NOISE_M = 0.02


def scan(rng: np.random.Generator, scene: Scene, pose: Pose, losses: bool) -> np.ndarray:
    """Return one turn's echoes, (N, 4) float32: x ahead, y left, z up in metres, and reflectance 0..1.

    64 x 900 rays, beam by beam, less those that find nothing within 80 m and, with `losses`, one in twenty at
    random. Ranges have normal noise of 2 cm. The reflectance is the cosine of incidence.

    Args:
        rng: draws where the turn starts, the noise and the losses.
        scene: what is scanned.
        pose: scanner to world.
        losses: whether echoes get lost.
    """
    azimuth = np.arange(_AZIMUTHS) * (2 * np.pi / _AZIMUTHS) + rng.uniform(0, 2 * np.pi / _AZIMUTHS)
    elevation, azimuth = (a.ravel() for a in np.meshgrid(_ELEVATION_RAD, azimuth, indexing="ij"))
    level = np.cos(elevation)
    own = np.stack([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])
    rays = Rays(pose.position_m.astype(np.float32), (pose.rotation @ own).astype(np.float32), azimuth.shape,
                2 * np.pi / _AZIMUTHS)
    view = render(scene, rays)
    echo = ~view.glows & (view.hits.distance_m < _RANGE_M)
    if losses:
        echo &= rng.random(echo.size) > 0.05
    range_m = view.hits.distance_m + rng.normal(0, _NOISE_M, echo.size)
    return np.vstack([own * range_m, np.minimum(view.facing, 1)])[:, echo].T.astype(np.float32)
