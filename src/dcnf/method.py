# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""dcnf as the package knows it: log depth of superpixels, made to agree with their neighbours by a CRF."""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from src.config import Settings
from src.datasets.image_files import read_rgb
from src.datasets.pair_sets import open_pairs
from src.datasets.panorama import nearest
from src.datasets.record_rows import Rows, pair_rows
from src.dcnf import data_loader
from src.dcnf.features import GAMMAS
from src.dcnf.paint import depth_map
from src.dcnf.patches import PATCH_PX
from src.dcnf.superpixels import limited_hw
from src.errors import UserError
from src.graph import Graph, Model, TensorSpec, Wire
from src.method import Method, ParamGroup, Sample, Stage

if TYPE_CHECKING:
    from mindspore import nn

_STRIDE = 16  # of the trunks
_LOG_LIMIT = 10.0  # e^10 m is beyond every protocol; a diverged net must not overflow


class Dcnf(Method):
    """Liu, Shen, Lin, Reid, TPAMI 2016.

    "Learning Depth from Single Monocular Images Using Deep Convolutional Neural Fields". A picture's
    superpixels get a depth each from a convolutional network, the unary part; a continuous CRF pulls
    neighbours together that look alike.
    """

    name = "dcnf"
    stage_names = ("unary", "joint")
    protocols = ("nyu_eigen",)

    def __init__(self, settings: Settings):
        super().__init__(settings)
        s = settings
        for name in ("image_height", "image_width"):
            if s[name] % _STRIDE:
                raise UserError(f"--{name} {s[name]} must be a multiple of {_STRIDE}, by which the trunk "
                                "shrinks a picture")
        unknown = [kind for kind in s.similarities if kind not in GAMMAS]
        if unknown or not s.similarities or len(set(s.similarities)) < len(s.similarities):
            raise UserError(f"--similarities {','.join(s.similarities)} is not possible: give one or more of "
                            f"{', '.join(GAMMAS)}, each once")
        if s.superpixels == "slic" and s.num_superpixels > s.max_superpixels:
            raise UserError(f"--num_superpixels {s.num_superpixels} must not be above --max_superpixels "
                            f"{s.max_superpixels}, the room for them")

    @property
    def _unary_inputs(self) -> tuple[TensorSpec, ...]:
        s = self.settings
        if s.unary == "patches":
            patch_px = PATCH_PX[s.reduced]
            return (TensorSpec("patches", (s.max_superpixels, 3, patch_px, patch_px)),)
        cells = s.image_height // data_loader.STRIDE * (s.image_width // data_loader.STRIDE)
        return (TensorSpec("image", (3, s.image_height, s.image_width)),
                TensorSpec("pool", (s.max_superpixels, cells)))

    @property
    def graph(self) -> Graph:
        """One network, which gives log depth by the CRF and without it."""
        number = self.settings.max_superpixels
        pairs = TensorSpec("similarity", (len(self.settings.similarities), number, number))
        inputs = (*self._unary_inputs, pairs)
        outputs = (TensorSpec("depth", (number,)), TensorSpec("unary", (number,)))
        wires = tuple(Wire(spec.name, f"input:{spec.name}") for spec in inputs)
        return Graph(inputs, (Model("dcnf", "FinalDcnf", wires, outputs),), ("dcnf:depth", "dcnf:unary"))

    @property
    def inferred(self) -> tuple[str, ...]:
        """The CRF's depth; the unary part is for comparison."""
        return self.graph.results[:1]

    def net_of(self, result: str) -> str:
        """Return "dcnf", or "unary" for the depth without the CRF."""
        return "unary" if result == "dcnf:unary" else "dcnf"

    def build_networks(self) -> dict[str, nn.Cell]:
        """Return the unary network and the CRF in one."""
        from src.dcnf.crf import Crf
        from src.dcnf.net import DcnfNet, PatchUnary, PooledUnary

        s = self.settings
        unary = PatchUnary(s.reduced) if s.unary == "patches" else PooledUnary(s.trunk)
        cg_steps = s.cg_steps or math.ceil(20 * math.sqrt(s.beta_max))
        return {"dcnf": DcnfNet(unary, Crf(len(s.similarities), s.beta_max, cg_steps))}

    def build_stage(self, name: str, networks: Mapping[str, nn.Cell]) -> Stage:
        """Return the training of the unary network alone, or of all of it by the CRF's likelihood."""
        from src.dcnf.loss import DcnfObjective

        s, joint = self.settings, name == "joint"
        columns = tuple(spec.name for spec in self._unary_inputs)
        columns += ("keep",) if self._dropout_units else ()
        columns += ("similarity",) if joint else ()
        own_rate = s.joint_learning_rate if joint else s.unary_learning_rate
        return Stage(name, f"dcnf net, {name}", DcnfObjective(networks["dcnf"], name),
                     results=("dcnf:depth",) if joint else ("dcnf:unary",),
                     columns=(*columns, "log_depth", "valid"), trained=("dcnf",),
                     needs=("dcnf",) if joint else (), learning_rate=own_rate, epochs=s.epochs,
                     steps=(s.joint_steps if joint else s.unary_steps) or None,
                     groups=(ParamGroup(r"^crf\.", s.crf_lr_scale),))

    @property
    def _dropout_units(self) -> int:
        s = self.settings
        return 4096 + 128 if s.unary == "patches" and not s.reduced and s.dropout > 0 else 0

    def _pairs(self, part: str) -> data_loader.DividedPairs:
        return data_loader.DividedPairs(open_pairs(self.settings, part), self.settings)

    def train_samples(self, stage: str) -> data_loader.TrainSamples:
        """Return the training pictures."""
        return data_loader.TrainSamples(self._pairs("train"), self.settings, stage == "joint",
                                        self._dropout_units)

    def eval_samples(self) -> Sequence[Sample]:
        """Return the test pictures."""
        return data_loader.EvalSamples(self._pairs("test"), self.settings)

    def calibration_samples(self) -> Sequence[Sample]:
        """Return the training pictures."""
        return data_loader.EvalSamples(self._pairs("train"), self.settings)

    def record_rows(self, part: str) -> Rows:
        """Return the pictures with their superpixels, and the depth."""
        return pair_rows(open_pairs(self.settings, part),
                         partial(data_loader.superpixel_row, settings=self.settings))

    def prepare(self, name: str, files: Mapping[str, Path]) -> Sample:
        """Read one picture."""
        return self.prepare_frame(name, {"picture": read_rgb(files["picture"])})

    def prepare_frame(self, name: str, pictures: Mapping[str, np.ndarray]) -> Sample:
        """Take one picture."""
        rgb = pictures["picture"]
        return data_loader.sample_of(name, data_loader.divide(rgb, self.settings), rgb, self.settings)

    def shuffled(self, sample: Sample, other: Sample) -> Sample:
        """Take the other's superpixels, too, which its inputs are of."""
        return dataclasses.replace(sample, inputs=other.inputs, extras=other.extras)

    def mirrored(self, sample: Sample) -> Sample:
        """Mirror image and superpixels; these are as alike as before."""
        none = np.zeros((0, 2), np.uint16)
        mirror = data_loader.Divided(sample.extras["picture"], sample.extras["labels"], none, none).mirrored()
        inputs = data_loader.network_inputs(mirror, self.settings, with_similarity=False)
        return dataclasses.replace(sample, inputs={**sample.inputs, **inputs},
                                   extras={"labels": mirror.labels, "picture": mirror.rgb})

    def decode(self, result: str, raw: np.ndarray, sample: Sample) -> np.ndarray:
        """Paint the log depth (N,) of superpixels, and smooth it along the picture."""
        s, limited = self.settings, np.clip(raw, -_LOG_LIMIT, _LOG_LIMIT)
        return depth_map(limited, sample.extras["labels"], sample.extras["picture"], s.smoothing,
                         s.smooth_radius_px, s.smooth_epsilon)

    def to_full(self, depth_m: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Enlarge to the picture, all of which the network sees."""
        height, width = sample.image_hw
        if depth_m.shape != (height, width):
            depth_m = cv2.resize(depth_m, (width, height), interpolation=cv2.INTER_LINEAR)
        return depth_m, np.ones((height, width), bool)

    def truth_at_network(self, truth_m: np.ndarray) -> np.ndarray:
        """Return the nearest readings at the size that superpixels are made at."""
        height, width = limited_hw(truth_m.shape, self.settings.max_edge_px)
        return nearest(truth_m, width, height)
