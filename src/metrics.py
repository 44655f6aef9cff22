# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Every evaluation figure of a depth map, and the one accumulator over images.

With p the prediction and g the truth in metres, d = ln p - ln g, and means over the measured pixels (weighted
if the protocol weights):

    delta_k = mean(max(p/g, g/p) < 1.25^k)     abs_rel = mean(|p - g| / g)      sq_rel = mean((p - g)^2 / g)
    rmse = sqrt(mean (p - g)^2)                rmse_log = sqrt(mean d^2)        mae = mean |p - g|
    log10 = mean |log10 p - log10 g|           silog = 100 sqrt(mean d^2 - (mean d)^2)

Sources: Eigen et al. 2014 (delta, abs_rel, sq_rel, rmse, rmse_log), Liu et al. 2015 (log10), KITTI's depth
benchmark (silog). sq_rel, rmse and mae are metres, silog is in percent, the others have no unit. Only float64
sums are kept: memory does not grow with the number of images, and evaluation can be split and merged.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.errors import UserError
from src.protocols import METRICS, SCALED_METRICS, Protocol

MODELZOO_NAMES = {
    "delta1": "delta1_loss",
    "delta2": "delta2_loss",
    "delta3": "delta3_loss",
    "abs_rel": "abs_relative_loss",
    "sq_rel": "sqr_relative_loss",
    "rmse": "rmse_linear_loss",
    "rmse_log": "rmse_log_loss",
}
"""The seven names under which the ModelZoo prints its figures (higher is better for its delta "losses")."""


@dataclass(frozen=True)
class ImageScore:
    """What one image adds: the number of measured pixels and weighted sums over them (float64).

    Attributes:
        num_valid: number of measured pixels; 0 for an image without any.
        sums: "weight" and the sum of each pixel term, see `_pixel_terms`.
    """

    num_valid: int
    sums: Mapping[str, float]

    def figures(self) -> dict[str, float]:
        """Return `METRICS` of this image alone; `UserError` where no pixel was measured."""
        if self.num_valid == 0:
            raise UserError("no measurable pixel in this image: check the truth's unit and the protocol")
        return _figures(self.sums)


def score(pred_depth_m: np.ndarray, truth_depth_m: np.ndarray, protocol: Protocol,
          weights: np.ndarray | None = None) -> ImageScore:
    """Compare one predicted depth map with the truth.

    Args:
        pred_depth_m: (H, W) metres. Values where nothing is measured are never looked at.
        truth_depth_m: (H, W) metres; 0 or non-finite means no reading.
        protocol: what to measure.
        weights: (H, W), at least 0, multiplied with the protocol's; 0 (or False) leaves a pixel out.

    Raises:
        UserError: shapes differ, a measured prediction is not finite, or it cannot be aligned. The caller
            knows the file's name and adds it.
    """
    pred, truth = np.asarray(pred_depth_m), np.asarray(truth_depth_m)
    if pred.shape != truth.shape or pred.ndim != 2:
        raise UserError(f"prediction {pred.shape} and truth {truth.shape} must be maps of one size (H, W): "
                        "resize the prediction")
    if weights is not None and np.shape(weights) != truth.shape:
        raise UserError(f"weights {np.shape(weights)} and truth {truth.shape} differ in size")
    weight = _pixel_weights(truth, protocol, weights)
    measured = weight > 0
    pred, truth = pred[measured].astype(np.float64), truth[measured].astype(np.float64)
    weight = weight[measured]
    broken = int(np.count_nonzero(~np.isfinite(pred)))
    if broken:
        raise UserError(f"the prediction is not finite at {broken} of {pred.size} measured pixels")
    if not protocol.mask:
        truth = np.clip(np.where(np.isfinite(truth), truth, 0.0), protocol.min_depth_m, protocol.max_depth_m)
    if pred.size:
        pred = _align(pred, truth, weight, protocol.alignment)
    pred = np.clip(pred, protocol.min_prediction_m, protocol.max_depth_m)
    sums = {name: float(np.sum(weight * term))
            for name, term in _pixel_terms(pred, truth, protocol.delta_inclusive).items()}
    return ImageScore(num_valid=pred.size, sums={"weight": float(np.sum(weight)), **sums})


class Accumulator:
    """The figures of a set of images in constant memory; parts evaluated elsewhere merge exactly."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.num_images = 0  # with at least one measured pixel
        self.num_skipped = 0  # without any
        self.num_valid = 0  # measured pixels
        self._totals: dict[str, float] = {}  # of pixel terms (pooling "pixel") or of image figures ("image")

    def add(self, image: ImageScore) -> None:
        """Add one image; one without measured pixels is counted as skipped."""
        if image.num_valid == 0:
            self.num_skipped += 1
            return
        self.num_images += 1
        self.num_valid += image.num_valid
        self._add_totals(image.sums if self.protocol.pooling == "pixel" else image.figures())

    def merge(self, other: Accumulator) -> None:
        """Add the images of `other`; `UserError` where it measured by another protocol."""
        if other.protocol != self.protocol:
            raise UserError("cannot merge figures of different protocols: "
                            f"[{self.protocol.describe()}] and [{other.protocol.describe()}]")
        self.num_images += other.num_images
        self.num_skipped += other.num_skipped
        self.num_valid += other.num_valid
        self._add_totals(other._totals)

    def result(self) -> dict[str, float]:
        """Return the protocol's figures, name -> value; `UserError` where no image had a measured pixel."""
        if self.num_images == 0:
            raise UserError(f"no measurable pixel in any of {self.num_skipped} images: check the truth's "
                            f"unit and the protocol ({self.protocol.describe()})")
        if self.protocol.pooling == "pixel":
            metrics = _figures(self._totals)
        else:
            metrics = {name: total / self.num_images for name, total in self._totals.items()}
        return reported(metrics, self.protocol)

    def counts(self) -> dict[str, int]:
        """Return num_images, num_skipped (images without a measured pixel) and num_valid (pixels)."""
        return {"num_images": self.num_images, "num_skipped": self.num_skipped, "num_valid": self.num_valid}

    def state(self) -> dict[str, Any]:
        """Return everything in JSON types, for `from_state` in another process."""
        return {"protocol": self.protocol.as_dict(), **self.counts(), "totals": dict(self._totals)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Accumulator:
        """Return the accumulator that `state` describes."""
        accumulator = cls(Protocol.from_dict(state["protocol"]))
        accumulator.num_images = state["num_images"]
        accumulator.num_skipped = state["num_skipped"]
        accumulator.num_valid = state["num_valid"]
        accumulator._totals = dict(state["totals"])
        return accumulator

    def _add_totals(self, terms: Mapping[str, float]) -> None:
        for name, value in terms.items():
            self._totals[name] = self._totals.get(name, 0.0) + value


def reported(metrics: Mapping[str, float], protocol: Protocol) -> dict[str, float]:
    """Return the figures that `protocol` reports, given `METRICS` of an image or of a set."""
    scaled = {name: factor * metrics[source] for name, (source, factor) in SCALED_METRICS.items()}
    return {name: {**metrics, **scaled}[name] for name in protocol.figures}


def printed(metrics: Mapping[str, float], protocol: Protocol) -> dict[str, float]:
    """Return the figures under the names to print: the source's seven for `modelzoo`, else as they are."""
    if protocol.name != "modelzoo":
        return dict(metrics)
    return {name: metrics[metric] for metric, name in MODELZOO_NAMES.items()}


def _pixel_weights(truth: np.ndarray, protocol: Protocol, weights: np.ndarray | None) -> np.ndarray:
    """Return the weight of each pixel, (H, W) float64, 0 where nothing is measured."""
    top, bottom, left, right = protocol.crop_box(*truth.shape)
    weight = np.zeros(truth.shape)
    weight[top:bottom, left:right] = protocol.row_weights(truth.shape[0])[top:bottom, None]
    if weights is not None:
        if not np.all(np.isfinite(weights) & (np.asarray(weights) >= 0)):
            raise UserError("weights must be finite and at least 0")
        weight *= weights
    if protocol.mask:
        # A comparison with NaN is False, so a hole of either kind drops out here.
        weight[~((truth > protocol.min_depth_m) & (truth <= protocol.max_depth_m))] = 0
    return weight


def _align(pred: np.ndarray, truth: np.ndarray, weight: np.ndarray, alignment: str) -> np.ndarray:
    """Return the prediction (N,) brought to the scale of the truth (N,), N > 0."""
    if alignment == "median":
        median_m = np.median(pred)
        if median_m <= 0:
            raise UserError(f"median alignment needs a positive prediction, its median is {median_m:g} m")
        return pred * (np.median(truth) / median_m)
    if alignment == "lstsq":
        pred_mean, truth_mean = np.average(pred, weights=weight), np.average(truth, weights=weight)
        variance = np.average((pred - pred_mean) ** 2, weights=weight)
        covariance = np.average((pred - pred_mean) * (truth - truth_mean), weights=weight)
        scale = covariance / variance if variance > 0 else 0.0  # a constant prediction becomes the mean
        return truth_mean + scale * (pred - pred_mean)
    return pred


def _pixel_terms(pred: np.ndarray, truth: np.ndarray, delta_inclusive: bool) -> dict[str, np.ndarray]:
    """Return what each pixel adds to each sum; pred and truth (N,) float64 metres, positive."""
    error, log_error = pred - truth, np.log(pred) - np.log(truth)
    ratio = np.maximum(pred / truth, truth / pred)
    within = np.less_equal if delta_inclusive else np.less
    return {
        "delta1": within(ratio, 1.25),
        "delta2": within(ratio, 1.25**2),
        "delta3": within(ratio, 1.25**3),
        "abs_rel": np.abs(error) / truth,
        "sq_rel": error**2 / truth,
        "abs": np.abs(error),
        "sq": error**2,
        "abs_log": np.abs(log_error),
        "log": log_error,
        "sq_log": log_error**2,
    }


def _figures(sums: Mapping[str, float]) -> dict[str, float]:
    """Return `METRICS` from the sums of `_pixel_terms` and their "weight", which is positive."""
    mean = {name: total / sums["weight"] for name, total in sums.items()}
    figures = {
        "rmse": mean["sq"] ** 0.5,
        "rmse_log": mean["sq_log"] ** 0.5,
        "log10": mean["abs_log"] / float(np.log(10)),
        "silog": 100 * max(0.0, mean["sq_log"] - mean["log"] ** 2) ** 0.5,  # rounding may leave -1e-17
        "mae": mean["abs"],
    }
    return {name: figures[name] if name in figures else mean[name] for name in METRICS}
