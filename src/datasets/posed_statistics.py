# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Numbers about a posed set: how far its surfaces are, how its cameras stand, how they move.

Each pixel of a pinhole's depth map counts the same; a panorama's by the solid angle that it covers, or else
floor and ceiling, which fill whole rows near the poles, would count as many times over.

Cameras are compared with two neighbours in their recording: the next one, and the one that stands nearest.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from src.datasets.posed import PosedSet, Recording
from src.errors import UserError
from src.geometry.sphere import latitude_weights
from src.geometry.trajectory import (
    UP_AXES,
    angle_between_deg,
    distance_between_m,
    ground_axes,
    nearest_camera,
    yaw_pitch_roll_deg,
)

PERCENTS = (1, 5, 25, 50, 75, 95, 99)
_PIXELS = 4_000_000  # of all maps together; larger sets are thinned out to it


@dataclass(frozen=True)
class DepthSample:
    """Readings of some depth maps of a set.

    Attributes:
        depth_m: (P,) float32, sorted.
        weight: (P,) float32, what each reading counts.
        unread_share: (M,) of each map, the share without a reading, by weight.
    """

    depth_m: np.ndarray
    weight: np.ndarray
    unread_share: np.ndarray

    def percentiles_m(self, percents: Sequence[float] = PERCENTS) -> dict[float, float]:
        """Return for each percent the least reading that has with all below it so much of the weight."""
        reached = np.cumsum(self.weight, dtype=np.float64)
        wanted = np.array(percents) / 100 * reached[-1] * (1 - 1e-12)
        return dict(zip(percents, self.depth_m[np.searchsorted(reached, wanted)].tolist()))


@dataclass(frozen=True)
class Neighbours:
    """Pairs of cameras: distance (K,) in metres and angle (K,) of the rotation between them in degrees."""

    distance_m: np.ndarray
    angle_deg: np.ndarray


@dataclass(frozen=True)
class Steps:
    """A recording's steps from camera to camera.

    Attributes:
        length_m, angle_deg: (N - 1,) of each step.
        duration_s: (N - 1,), or None where no times are known.
    """

    length_m: np.ndarray
    angle_deg: np.ndarray
    duration_s: np.ndarray | None

    @property
    def speed_mps(self) -> np.ndarray | None:
        """Metres a second (N - 1,), or None."""
        return None if self.duration_s is None else self.length_m / self.duration_s

    @property
    def turning_dps(self) -> np.ndarray | None:
        """Degrees a second (N - 1,), or None."""
        return None if self.duration_s is None else self.angle_deg / self.duration_s


def sample_depth(posed: PosedSet, limit: int) -> DepthSample:
    """Read `limit` maps at most, spread evenly over the set, and of each map enough pixels.

    Raises:
        UserError: a map is damaged, or none of them has a reading.
    """
    files = [file for recording in posed.recordings for file in recording.depth_files]
    chosen = spread(files, limit)
    depths, weights, unread = [], [], []
    for path in tqdm(chosen, unit="map", desc="depth", disable=None):
        depth_m = posed.read_depth(path)
        height, width = depth_m.shape
        rows = latitude_weights(height) if posed.is_panoramic else np.ones(height)
        weight = np.broadcast_to(rows[:, None], depth_m.shape).astype(np.float32)
        step = max(1, round((depth_m.size * len(chosen) / _PIXELS) ** 0.5))
        depth_m, weight = (values[step // 2::step, step // 2::step] for values in (depth_m, weight))
        read = depth_m > 0
        depths.append(depth_m[read])
        weights.append(weight[read])
        unread.append(1 - weights[-1].sum(dtype=np.float64) / weight.sum(dtype=np.float64))
    depth_m, weight = np.concatenate(depths), np.concatenate(weights)
    if not depth_m.size:
        raise UserError(f"{posed.folder}: {len(chosen)} depth maps that were looked at have no reading at "
                        "all; replace them")
    order = np.argsort(depth_m)
    return DepthSample(depth_m[order], weight[order], np.clip(unread, 0, 1))


def spread(items: Sequence, count: int) -> Sequence:
    """Return `count` of the items at most, spread evenly, the first and the last among them."""
    if len(items) <= count:
        return items
    return [items[round(k)] for k in np.linspace(0, len(items) - 1, count)]


def steps(recording: Recording) -> Steps:
    """Return the steps of a recording from each camera to the next."""
    before, after = recording.camera_to_world[:-1], recording.camera_to_world[1:]
    duration_s = None if recording.time_s is None else np.diff(recording.time_s)
    return Steps(distance_between_m(before, after), angle_between_deg(before, after), duration_s)


def neighbours(posed: PosedSet) -> dict[str, Neighbours]:
    """Return all cameras with the "next" one and with the "nearest" one of their recording."""
    pairs = {"next": [], "nearest": []}
    for recording in posed.recordings:
        poses = recording.camera_to_world
        pairs["next"].append((poses[:-1], poses[1:]))
        if len(recording) > 1:
            pairs["nearest"].append((poses, poses[nearest_camera(poses)]))
    found = {}
    for kind, parts in pairs.items():
        first, second = (np.concatenate(side) for side in zip(*parts)) if parts else np.empty((2, 0, 4, 4))
        found[kind] = Neighbours(distance_between_m(first, second), angle_between_deg(first, second))
    return found


def all_poses(posed: PosedSet) -> np.ndarray:
    """Return the poses of all recordings, (N, 4, 4)."""
    return np.concatenate([recording.camera_to_world for recording in posed.recordings])


def summary(posed: PosedSet, depth: DepthSample, up: str) -> dict[str, object]:
    """Return the numbers as they are written; a `distribution` of no values holds its count alone.

    Args:
        posed: the set.
        depth: of some of its maps.
        up: a name in `UP_AXES`.
    """
    poses = all_poses(posed)
    yaw, pitch, roll = yaw_pitch_roll_deg(poses, UP_AXES[up])
    mean_up = -poses[:, :3, 1].mean(axis=0)
    pairs = neighbours(posed)
    return {
        "folder": str(posed.folder), "layout": posed.layout, "frames": len(poses),
        "frames_without_pose": posed.num_unposed, "recordings": len(posed.recordings),
        "depth": _depth_summary(posed, depth),
        "distance_m": {kind: distribution(pair.distance_m) for kind, pair in pairs.items()},
        "angle_deg": {kind: distribution(pair.angle_deg) for kind, pair in pairs.items()},
        "orientation": {"up": up, "mean_camera_up": mean_up.round(6).tolist(), "yaw_deg": _yaw_summary(yaw),
                        "pitch_deg": distribution(pitch), "roll_deg": distribution(roll)},
        "motion": _motion_summary(posed, up),
    }


def distribution(values: np.ndarray) -> dict[str, float]:
    """Return count, mean, min, percentiles and max of what is finite in `values` (N,)."""
    values = values[np.isfinite(values)]
    if not values.size:
        return {"count": 0}
    p05, p50, p95 = np.percentile(values, (5, 50, 95))
    return {"count": values.size, **_rounded(mean=values.mean(), min=values.min(), p05=p05, p50=p50, p95=p95,
                                             max=values.max())}


def _depth_summary(posed: PosedSet, depth: DepthSample) -> dict[str, object]:
    percentiles = {str(percent): depth_m for percent, depth_m in depth.percentiles_m().items()}
    mean_m = np.average(depth.depth_m.astype(np.float64), weights=depth.weight)
    return {"kind": "distance along the ray" if posed.is_panoramic else "z",
            "weighting": "solid angle" if posed.is_panoramic else "pixels",
            "units_per_m": posed.units_per_m, "maps": len(depth.unread_share), "readings": depth.depth_m.size,
            **_rounded(without_reading=depth.unread_share.mean(), min_m=depth.depth_m[0], mean_m=mean_m,
                       max_m=depth.depth_m[-1]), "percentiles_m": _rounded(**percentiles)}


def _yaw_summary(yaw_deg: np.ndarray) -> dict[str, float]:
    """Return the mean direction and its strength: 1 = all look the same way, 0 = evenly around."""
    yaw_deg = yaw_deg[np.isfinite(yaw_deg)]
    if not yaw_deg.size:
        return {"count": 0}
    mean = np.exp(1j * np.radians(yaw_deg)).mean()
    return {"count": yaw_deg.size, **_rounded(mean=np.degrees(np.angle(mean)), strength=abs(mean))}


def _motion_summary(posed: PosedSet, up: str) -> dict[str, object]:
    paths = [steps(recording) for recording in posed.recordings]
    motion = _rounded(path_m=sum(path.length_m.sum() for path in paths))
    if posed.has_times:
        motion |= _rounded(duration_s=sum(path.duration_s.sum() for path in paths))
        motion["times"] = f"frame numbers, {posed.fps:g} a second" if posed.fps else "timestamps"
        motion["speed_mps"] = distribution(np.concatenate([path.speed_mps for path in paths]))
        motion["turning_dps"] = distribution(np.concatenate([path.turning_dps for path in paths]))
    axes = np.stack([*ground_axes(UP_AXES[up]), UP_AXES[up]], axis=1)
    motion["recordings"] = [_recording_summary(recording, path, axes)
                            for recording, path in zip(posed.recordings, paths)]
    return motion


def _recording_summary(recording: Recording, path: Steps, axes: np.ndarray) -> dict[str, object]:
    extent_m = np.ptp(recording.camera_to_world[:, :3, 3] @ axes, axis=0)
    timed = {} if path.duration_s is None else _rounded(duration_s=path.duration_s.sum())
    return {"name": recording.name, "frames": len(recording), **_rounded(path_m=path.length_m.sum()), **timed,
            "extent_m": _rounded(**dict(zip(("right", "ahead", "up"), extent_m)))}


def _rounded(**values: float) -> dict[str, float]:
    """Return numbers as they are written: a micrometre and a microdegree are nothing."""
    return {name: round(float(value), 6) for name, value in values.items()}
