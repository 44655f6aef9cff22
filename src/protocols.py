# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Evaluation protocols: which pixels are measured, how, and how images become one figure."""
from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any

import numpy as np

from src.errors import UserError

METRICS = ("delta1", "delta2", "delta3", "abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "mae")
"""The figures of every protocol, in the order in which they are printed; formulas in `src.metrics`."""

SCALED_METRICS = {
    "mae_mm": ("mae", 1e3),
    "rmse_mm": ("rmse", 1e3),
    "rmse_log10": ("rmse_log", float(1 / np.log(10))),  # panorama papers print this one as "RMSE log"
}
"""Figures that are another one in other units: name -> (figure, factor)."""

CROPS = {
    "none": (0, 1, 0, 1),
    "nyu_eigen": (Fraction(45, 480), Fraction(471, 480), Fraction(41, 640), Fraction(601, 640)),
    "kitti_garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
    "kitti_eigen": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
}
"""First row, end row, first column, end column as fractions of height and width, rounded down to pixels."""

_CHOICES = {
    "space": ("full", "network"),
    "crop": tuple(CROPS),
    "alignment": ("none", "median", "lstsq"),
    "pooling": ("image", "pixel"),
    "weighting": ("none", "latitude"),
}


@dataclass(frozen=True)
class Protocol:
    """One way of measuring depth maps, printed and saved beside every figure it gave.

    Attributes:
        name: what the command line calls it.
        space: where maps are compared. "full": at the resolution of the truth; "network": at the size of the
            network's own map. The caller resizes, `src.metrics.score` takes equal shapes.
        crop: a key of `CROPS`; readings outside it are not measured.
        min_depth_m: readings at or below it are not measured (clipped to it without `mask`).
        max_depth_m: readings above it are not measured (clipped to it without `mask`); predictions end there.
        min_prediction_m: predictions below it count as this depth.
        alignment: "median" multiplies the prediction with median(truth) / median(prediction); "lstsq" fits
            scale and shift in depth by weighted least squares. Both per image, on the measured pixels, before
            clamping.
        flip_average: the caller averages the prediction with that of the mirrored image, mirrored back.
        pooling: "image" averages the figures of the images, "pixel" takes all pixels of all images together.
        mask: False measures every pixel, one without a reading as `min_depth_m`.
        delta_inclusive: delta_k counts ratios of at most 1.25^k, otherwise strictly below it.
        weighting: "latitude" weights row v of a panorama by cos(pi/2 - pi (v + 0.5) / H), its share of the
            sphere.
        figures: names of the figures to report, of `METRICS` and `SCALED_METRICS`.

    Raises:
        UserError: a value is not among the choices or the range of depth is empty.
    """

    name: str
    min_depth_m: float
    max_depth_m: float
    space: str = "full"
    crop: str = "none"
    min_prediction_m: float = 1e-3
    alignment: str = "none"
    flip_average: bool = False
    pooling: str = "image"
    mask: bool = True
    delta_inclusive: bool = False
    weighting: str = "none"
    figures: tuple[str, ...] = METRICS

    def __post_init__(self) -> None:
        for field, choices in _CHOICES.items():
            _require_choice(f"protocol {self.name}: {field}", getattr(self, field), choices)
        for figure in self.figures:
            _require_choice(f"protocol {self.name}: figure", figure, (*METRICS, *SCALED_METRICS))
        if not 0 < self.min_depth_m < self.max_depth_m < np.inf:
            raise UserError(f"protocol {self.name}: the depth range ({self.min_depth_m}, {self.max_depth_m}] "
                            "is not possible: give 0 < min_depth_m < max_depth_m")
        if not 0 < self.min_prediction_m < self.max_depth_m:
            raise UserError(f"protocol {self.name}: min_prediction_m {self.min_prediction_m} is not "
                            f"possible: give one between 0 and max_depth_m {self.max_depth_m}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Protocol:
        """Return the protocol that `as_dict` (or its JSON) gives; `UserError` for wrong or missing fields."""
        names = {field.name for field in fields(cls)}
        missing = {"name", "min_depth_m", "max_depth_m"} - set(values)
        if missing or set(values) - names:
            raise UserError(f"a saved protocol has wrong fields {sorted(set(values) - names)} or lacks "
                            f"{sorted(missing)}: it was written by another version")
        return cls(**{**values, "figures": tuple(values.get("figures", METRICS))})

    def as_dict(self) -> dict[str, Any]:
        """Return every field in JSON types, to save beside the figures."""
        return {**asdict(self), "figures": list(self.figures)}

    def describe(self) -> str:
        """Return one line for the log."""
        space = "full resolution" if self.space == "full" else "the network's map size"
        limits = f"{self.min_depth_m:g}, {self.max_depth_m:g}] m"
        parts = [space, f"crop {self.crop}",
                 f"truth in ({limits}" if self.mask else f"no mask, truth clipped to [{limits}",
                 f"prediction clamped to [{self.min_prediction_m:g}, {self.max_depth_m:g}] m",
                 f"alignment {self.alignment}", f"flip average {'on' if self.flip_average else 'off'}",
                 f"mean over {self.pooling}s", f"delta {'<=' if self.delta_inclusive else '<'} 1.25^k"]
        if self.weighting != "none":
            parts.append(f"weighted by {self.weighting}")
        return f"{self.name}: " + ", ".join(parts)

    def crop_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return (first row, end row, first column, end column) of the measured part of a height x width map.

        `nyu_eigen` is rows 45:471, columns 41:601 of 480 x 640 (the customary ones) and the same fractions of
        any other size; the KITTI crops are fractions in their sources too, rounded down as there.
        """
        top, bottom, left, right = CROPS[self.crop]
        return int(top * height), int(bottom * height), int(left * width), int(right * width)

    def row_weights(self, height: int) -> np.ndarray:
        """Return the weight of each row, (height,) float64 in (0, 1]."""
        if self.weighting == "none":
            return np.ones(height)
        return np.cos(np.pi / 2 - np.pi * (np.arange(height) + 0.5) / height)


def _require_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"{what} {value!r} is not known: choose one of {', '.join(choices)}{hint}")


_PANORAMA_FIGURES = (*METRICS, "rmse_log10")

PROTOCOLS = {protocol.name: protocol for protocol in (
    # The MindSpore ModelZoo's DepthNet: 55 x 74 maps, truth and prediction clipped to [0.1, 10] m, no mask.
    # Its evaluation takes rmse_log from the raw output, its postprocessing from the clipped: clipped here.
    Protocol("modelzoo", 0.1, 10.0, space="network", min_prediction_m=0.1, mask=False, delta_inclusive=True),
    # Eigen et al. 2014 on the 654 labelled test images.
    Protocol("nyu_eigen", 1e-3, 10.0, crop="nyu_eigen"),
    # Garg et al. 2016 and Eigen et al. 2014 on KITTI raw. Name the truth's source: on raw lidar abs_rel is
    # about twice what it is on the accumulated, "improved" maps.
    Protocol("kitti_garg", 1e-3, 80.0, crop="kitti_garg"),
    Protocol("kitti_eigen", 1e-3, 80.0, crop="kitti_eigen"),
    # Liu et al. 2015: C1 up to 70 m, C2 everything, pooled over the pixels of all images. 82 m holds every
    # reading: the laser ends just below it.
    Protocol("make3d_c1", 1e-3, 70.0, pooling="pixel"),
    Protocol("make3d_c2", 1e-3, 82.0, pooling="pixel"),
    # 360-degree papers (UniFuse 2021) count every pixel alike, which favours the poles: hence the second one.
    Protocol("panorama", 1e-3, 10.0, figures=_PANORAMA_FIGURES),
    Protocol("panorama_latitude", 1e-3, 10.0, weighting="latitude", figures=_PANORAMA_FIGURES),
    # The range DDRNet was made for; a background pushed to 0.5 m is not a surface, hence outside.
    Protocol("kinect_mm", 0.5, 3.0, pooling="pixel", figures=(*METRICS, "mae_mm", "rmse_mm")),
)}
"""The protocols `--protocol` knows; vary one with `dataclasses.replace(protocol, max_depth_m=50.0)`."""


def protocol_named(name: str) -> Protocol:
    """Return the protocol called `name`; `UserError` with the nearest name where there is none."""
    _require_choice("protocol", name, tuple(PROTOCOLS))
    return PROTOCOLS[name]
