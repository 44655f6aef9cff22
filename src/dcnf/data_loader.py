# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DCNF's samples: pictures divided into superpixels, what the networks take of these, and their truth."""
from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

from src.config import Settings
from src.datasets.augment import dropout, scale_colors, to_chw
from src.datasets.pair_sets import PairSet
from src.datasets.record_sets import RecordPairs
from src.dcnf.features import describe, pooling, similarity
from src.dcnf.patches import PATCH_PX, patches
from src.dcnf.superpixels import limit_edge, segment
from src.dcnf.truth import superpixel_truth
from src.errors import UserError
from src.method import Sample

STRIDE = 8  # of the cells that features are pooled from
# What superpixels depend on; records tell it beside the superpixels that they hold.
_DIVIDED_BY = {"slic": ("superpixels", "num_superpixels", "slic_regularizer", "max_edge_px"),
               "grid": ("superpixels", "block_px", "max_edge_px")}


class Divided(NamedTuple):
    """A picture and its superpixels.

    Attributes:
        rgb: (H, W, 3) uint8, no longer than `max_edge_px`.
        labels: (H, W) uint16, the number of each pixel's superpixel.
        edges: (E, 2) uint16, pairs of neighbours.
        distances: (E, 3) float32 of their features, see `features.Described`.
    """

    rgb: np.ndarray
    labels: np.ndarray
    edges: np.ndarray
    distances: np.ndarray

    def mirrored(self) -> Divided:
        """Return the mirrored picture; its superpixels are as alike as before."""
        return self._replace(rgb=np.ascontiguousarray(self.rgb[:, ::-1]),
                             labels=np.ascontiguousarray(self.labels[:, ::-1]))


def divide(rgb: np.ndarray, settings: Settings) -> Divided:
    """Divide a picture (H, W, 3) uint8 into superpixels and describe these."""
    small = limit_edge(rgb, settings.max_edge_px)
    found = describe(small, segment(small, settings))
    return Divided(small, found.labels, found.edges, found.distances)


def superpixel_row(rgb: np.ndarray, settings: Settings) -> dict[str, Any]:
    """Return the further columns of a record for a picture: its superpixels, and how they were made."""
    found = divide(rgb, settings)
    return {"labels": found.labels, "edges": found.edges, "distances": found.distances,
            "divided_by": _divided_by(settings)}


def _divided_by(settings: Settings) -> np.ndarray:
    text = " ".join(f"--{name} {settings[name]}" for name in _DIVIDED_BY[settings.superpixels])
    return np.frombuffer(text.encode(), np.uint8)


class DividedPairs:
    """Pairs of picture and depth, the pictures divided: as a record holds them, or when they are read.

    Args:
        pairs: of any source.
        settings: how to divide.
    """

    def __init__(self, pairs: PairSet, settings: Settings):
        self.pairs = pairs
        self.settings = settings
        self.names = pairs.names
        self.stored = isinstance(pairs, RecordPairs) and "labels" in pairs.records.columns
        if self.stored and len(pairs):
            self._check_stored()

    def _check_stored(self) -> None:
        made = self.pairs.records.read(0, ("divided_by",))["divided_by"].tobytes().decode()
        wanted = _divided_by(self.settings).tobytes().decode()
        if made != wanted:
            raise UserError(f"{self.pairs.records.path} holds superpixels made with {made}, and {wanted} are "
                            "wanted; give those settings, or convert it again")

    def __len__(self) -> int:
        return len(self.pairs)

    def describe(self, index: int) -> str:
        """Return where a sample comes from."""
        return self.pairs.describe(index)

    def read(self, index: int) -> tuple[Divided, np.ndarray, np.ndarray]:
        """Return the divided picture, the picture (H, W, 3) uint8 itself and its depth (H, W) in metres."""
        rgb, depth_m = self.pairs.read(index)
        if not self.stored:
            return divide(rgb, self.settings), rgb, depth_m
        row = self.pairs.records.read(index, ("labels", "edges", "distances"))
        return Divided(limit_edge(rgb, self.settings.max_edge_px), **row), rgb, depth_m


def network_inputs(picture: Divided, settings: Settings,
                   with_similarity: bool = True) -> dict[str, np.ndarray]:
    """Return the graph's inputs: image and pool, or patches, and similarity."""
    s = settings
    if s.unary == "patches":
        inputs = {"patches": _patches(picture, s)}
    else:
        size_wh = s.image_width, s.image_height
        shrinks = size_wh[0] < picture.rgb.shape[1] or size_wh[1] < picture.rgb.shape[0]
        resized = cv2.resize(picture.rgb, size_wh,
                             interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        cells_hw = s.image_height // STRIDE, s.image_width // STRIDE
        inputs = {"image": to_chw(resized / np.float32(255)),
                  "pool": pooling(picture.labels, cells_hw, s.max_superpixels)}
    if with_similarity:
        inputs["similarity"] = similarity(picture.edges, picture.distances, s.similarities, s.max_superpixels)
    return inputs


def _patches(picture: Divided, settings: Settings) -> np.ndarray:
    """Return a patch for each superpixel, (N, 3, P, P) float32 in [0, 1], black for padding."""
    found = patches(picture.rgb, picture.labels, settings.box_px, PATCH_PX[settings.reduced])
    filled = np.zeros((settings.max_superpixels, *found.shape[1:]), np.float32)
    np.divide(found, np.float32(255), out=filled[:len(found)])
    return filled


class TrainSamples:
    """Augmented training samples.

    Columns, all float32: image (3, H, W) in [0, 1] and pool (N, cells), or patches (N, 3, P, P); similarity
    (K, N, N), but for stage "unary"; log_depth (N,), the natural logarithm of metres, and valid (N,); and
    keep (N, units) where units are dropped.

    Args:
        pairs: pictures and depth.
        settings: sizes and augmentation.
        with_similarity: whether the stage needs it.
        dropout_units: so many of the head's units can be dropped; 0 where the stage drops none.
    """

    def __init__(self, pairs: DividedPairs, settings: Settings, with_similarity: bool, dropout_units: int):
        self.pairs = pairs
        self.settings = settings
        self.with_similarity = with_similarity
        self.dropout_units = dropout_units

    def __len__(self) -> int:
        return len(self.pairs)

    def describe(self, index: int) -> str:
        """Return where a sample comes from."""
        return self.pairs.describe(index)

    def read(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the columns of one sample; what is random comes from `rng` alone."""
        s = self.settings
        picture, _, depth_m = self.pairs.read(index)
        if s.rand_flip and rng.random() < 0.5:
            picture, depth_m = picture.mirrored(), depth_m[:, ::-1]
        columns = network_inputs(picture, s, self.with_similarity)
        factors = rng.uniform(1 - s.color_range, 1 + s.color_range, 3)
        for name in columns.keys() & {"image", "patches"}:
            columns[name] = scale_colors(np.moveaxis(columns[name], -3, -1), factors)
            columns[name] = np.ascontiguousarray(np.moveaxis(columns[name], -1, -3))
        columns["log_depth"], columns["valid"] = superpixel_truth(depth_m, picture.labels, s.max_superpixels,
                                                                  s.min_truth_share)
        if self.dropout_units:
            columns["keep"] = dropout(rng, (s.max_superpixels, self.dropout_units), s.dropout)
        return columns


class EvalSamples:
    """Pictures for evaluation, with full-size truth.

    Extras are what `decode` paints with: labels (h, w) uint16 and picture (h, w, 3) uint8 of that size.
    """

    def __init__(self, pairs: DividedPairs, settings: Settings):
        self.pairs = pairs
        self.settings = settings

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        picture, rgb, truth_m = self.pairs.read(index)
        return sample_of(str(self.pairs.names[index]), picture, rgb, self.settings, truth_m)


def sample_of(name: str, picture: Divided, rgb: np.ndarray, settings: Settings,
              truth_m: np.ndarray | None = None) -> Sample:
    """Return a divided picture as a sample of evaluation or inference."""
    return Sample(name, network_inputs(picture, settings), rgb, truth_m,
                  {"labels": picture.labels, "picture": picture.rgb})
