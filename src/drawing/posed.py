# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a posed set with matplotlib: depth, distances, orientation, paths from above, speed."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from src.datasets.posed import PosedSet, Recording
from src.datasets.posed_statistics import (
    PERCENTS,
    DepthSample,
    Neighbours,
    all_poses,
    neighbours,
    spread,
    steps,
)
from src.geometry.trajectory import UP_AXES, ground_axes, yaw_pitch_roll_deg

_FILL, _LINE, _FAINT = "#7aa6d8", "#1f3f66", "#9aa3ad"
_KINDS = {"next": ("to the next camera", _FILL, "."), "nearest": ("to the nearest camera", "#e39a4f", "o")}
_SHOWN = 6  # recordings in one picture
_ARROWS = 40  # on a path
_NAME_LENGTH = 24
_HALF_RANGES_DEG = (6, 15, 45, 90, 180)


def draw_all(posed: PosedSet, depth: DepthSample, up: str) -> dict[str, Figure]:
    """Return all pictures of a set by name.

    Args:
        posed: the set.
        depth: of some of its maps.
        up: a name in `UP_AXES`.
    """
    pairs = neighbours(posed)
    return {"depth": depth_figure(posed, depth), "distances": distance_figure(pairs),
            "orientation": orientation_figure(posed, pairs, up), "paths": path_figure(posed, up),
            "speed": speed_figure(posed)}


def depth_figure(posed: PosedSet, depth: DepthSample) -> Figure:
    """Draw the distribution of depth, with percentiles, and that of the maps' shares without reading."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    edges = np.linspace(0, float(depth.depth_m[-1]), 101)
    counts, _ = np.histogram(depth.depth_m, edges, weights=depth.weight)
    left.stairs(counts / counts.sum(), edges, fill=True, color=_FILL)
    left.set_yscale("log")
    for rank, (percent, at_m) in enumerate(depth.percentiles_m(PERCENTS).items()):
        left.axvline(at_m, color=_LINE, linewidth=0.8, linestyle="-" if percent == 50 else ":")
        left.annotate(f"{percent} %", (at_m, 1), xycoords=("data", "axes fraction"), fontsize=7, color=_LINE,
                      xytext=(0, 3 + 9 * (rank % 2)), textcoords="offset points", ha="center")
    kind, area = ("along the ray", "solid angle") if posed.is_panoramic else ("z", "pixels")
    left.set(xlabel=f"depth ({kind}), m", ylabel=f"share of {area}, {edges[1]:.2g} m a bar",
             xlim=(0, edges[-1]))
    left.set_title(f"{len(depth.unread_share)} maps, median {depth.percentiles_m([50])[50]:.2f} m", pad=24)
    right.hist(depth.unread_share, bins=np.linspace(0, max(0.1, depth.unread_share.max()), 26), color=_FILL)
    right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.set(xlabel="share without reading", ylabel="maps")
    right.set_title(f"{depth.unread_share.mean():.1%} without reading", pad=24)
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def distance_figure(pairs: Mapping[str, Neighbours]) -> Figure:
    """Draw the distances between neighbouring cameras, and how they go with the angles between them."""
    figure = Figure(figsize=(13, 3.8), layout="constrained")
    *axes, both = figure.subplots(1, 3)
    for axis, (kind, (title, color, marker)) in zip(axes, _KINDS.items()):
        pair = pairs[kind]
        _histogram(axis, pair.distance_m, None, color)
        axis.set(title=_titled(title, pair.distance_m, " m"), xlabel="distance, m", ylabel="cameras")
        both.plot(pair.distance_m, pair.angle_deg, marker, color=color, fillstyle="none", label=title)
    both.set(title="distance and angle", xlabel="distance, m", ylabel="angle, degrees")
    both.legend(fontsize=8)
    for axis in figure.axes:
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
    return figure


def orientation_figure(posed: PosedSet, pairs: Mapping[str, Neighbours], up: str) -> Figure:
    """Draw where cameras look, how they are tilted, and the angles between neighbours."""
    yaw, pitch, roll = yaw_pitch_roll_deg(all_poses(posed), UP_AXES[up])
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    _draw_yaw(upper.add_subplot(1, 3, 1, projection="polar"), yaw, up)
    for place, name, positive, values in ((2, "pitch", "up", pitch), (3, "roll", "right side down", roll)):
        axis = upper.add_subplot(1, 3, place)
        largest = np.nanmax(np.abs(values), initial=0)
        half = next(half for half in _HALF_RANGES_DEG if largest <= half)
        _histogram(axis, values, np.linspace(-half, half, 31), _FILL)
        axis.set(title=_titled(name, values, "°"), xlabel=f"degrees, {positive} is positive",
                 ylabel="cameras", xticks=np.linspace(-half, half, 7))
    for axis, (kind, (title, color, _)) in zip(lower.subplots(1, 2), _KINDS.items()):
        _histogram(axis, pairs[kind].angle_deg, np.linspace(0, 180, 91), color)
        axis.set(title=_titled(f"angle {title}", pairs[kind].angle_deg, "°"), xlabel="degrees",
                 ylabel="cameras", xticks=np.arange(0, 181, 30), xlim=(0, 180))
    return figure


def path_figure(posed: PosedSet, up: str) -> Figure:
    """Draw recordings from above, each in its world: places in order, arrows where the cameras look."""
    shown = spread(posed.recordings, _SHOWN)
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    size = (7, 6) if len(shown) == 1 else (4 * columns, 4 * rows + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, recording in zip(axes, shown):
        _draw_path(axis, recording, up)
    for axis in axes[len(shown):]:
        axis.axis("off")
    order = "time" if posed.has_times else "the order of names"
    figure.suptitle(f"{_part(posed, shown)} from above: in {order} from dark to light, the first in a ring",
                    fontsize=10)
    return figure


def speed_figure(posed: PosedSet) -> Figure:
    """Draw how fast cameras move and turn over time; where no times are known, the steps between them."""
    shown = spread(posed.recordings, _SHOWN)
    figure = Figure(figsize=(10, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for recording in shown:
        path = steps(recording)
        if recording.time_s is None:
            at, moved, turned = np.arange(1, len(recording)), path.length_m, path.angle_deg
        else:
            middle_s = (recording.time_s[1:] + recording.time_s[:-1]) / 2
            at, moved, turned = middle_s - recording.time_s[0], path.speed_mps, path.turning_dps
        marker = "." if len(at) < 50 else None
        upper.plot(at, moved, linewidth=1, marker=marker, label=_short(recording.name))
        lower.plot(at, turned, linewidth=1, marker=marker)
    if posed.has_times:
        upper.set(ylabel="speed, m/s")
        lower.set(ylabel="turning, °/s", xlabel="time, s")
    else:
        upper.set(ylabel="step, m")
        lower.set(ylabel="turn in a step, °", xlabel="step, in the order of names")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axis in (upper, lower):
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    if len(posed.recordings) > 1:
        figure.legend(loc="outside right upper", fontsize=8, title_fontsize=8, title=_part(posed, shown))
    return figure


def _draw_yaw(rose: Axes, yaw_deg: np.ndarray, up: str) -> None:
    right, ahead = map(_axis_name, ground_axes(UP_AXES[up]))
    counts, edges = np.histogram(yaw_deg[np.isfinite(yaw_deg)], np.linspace(-180, 180, 37))
    rose.set_theta_zero_location("N")
    rose.set_theta_direction(-1)
    rose.bar(np.radians(edges[:-1]), counts, np.radians(10), align="edge", color=_FILL, edgecolor="white")
    rose.set_xticks(np.radians(np.arange(0, 360, 45)),
                    [f"0° ({ahead})", "45°", f"90° ({right})", "135°", "180°", "-135°", "-90°", "-45°"])
    rose.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    rose.set_rlabel_position(22.5)
    rose.tick_params(labelsize=8)
    rose.tick_params(axis="x", pad=5)
    rose.set_xlabel("yaw from above, cameras in 10°")


def _draw_path(axis: Axes, recording: Recording, up: str) -> None:
    right, ahead = ground_axes(UP_AXES[up])
    ground = np.stack((right, ahead), axis=1)
    poses = recording.camera_to_world
    places_m = poses[:, :3, 3] @ ground
    reach_m = max(np.ptp(places_m, axis=0).max(), 0.1)
    axis.plot(*places_m.T, color=_FAINT, linewidth=1, linestyle=":" if recording.time_s is None else "-")
    chosen = np.array(spread(range(len(poses)), _ARROWS))
    arrows_m = poses[chosen, :3, 2] @ ground * reach_m / 8
    axis.quiver(*places_m[chosen].T, *arrows_m.T, chosen, cmap="viridis", angles="xy", scale_units="xy",
                scale=1, width=0.006, clim=(0, 1.1 * len(poses)))
    axis.update_datalim(places_m[chosen] + arrows_m)
    axis.plot(*places_m[0], "o", color=_LINE, markerfacecolor="none", markersize=9)
    axis.set(title=f"{_short(recording.name)}: {len(poses)} cameras",
             xlabel=f"{_axis_name(right)}, m", ylabel=f"{_axis_name(ahead)}, m")
    axis.set_aspect("equal", adjustable="datalim")
    axis.margins(0.1)
    axis.autoscale_view()
    axis.grid(alpha=0.3)
    axis.title.set_fontsize(9)


def _histogram(axis: Axes, values: np.ndarray, edges: np.ndarray | None, color: str) -> None:
    values = values[np.isfinite(values)]
    if values.size:
        edges = np.linspace(0, max(1e-3, float(values.max())), 41) if edges is None else edges
        axis.hist(values, bins=edges, color=color)
        axis.axvline(np.median(values), color=_LINE, linewidth=0.8)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))


def _titled(title: str, values: np.ndarray, unit: str) -> str:
    values = values[np.isfinite(values)]
    return f"{title}: median {np.median(values):.3g}{unit}" if values.size else f"{title}: none"


def _axis_name(direction: np.ndarray) -> str:
    return next(name for name, axis in UP_AXES.items() if np.array_equal(axis, direction))


def _part(posed: PosedSet, shown: Sequence[Recording]) -> str:
    return "cameras" if len(posed.recordings) == 1 else f"{len(shown)} of {len(posed.recordings)} recordings"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH - 1]}…"
