# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DepthNet as the package knows it: its stages, graph of models, samples and units."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.datasets.image_files import read_rgb
from src.datasets.pair_sets import open_pairs
from src.datasets.record_rows import Rows, pair_rows
from src.depthnet import data_loader
from src.graph import Graph, Model, TensorSpec, Wire
from src.method import Method, ParamGroup, Sample, Stage

if TYPE_CHECKING:
    from mindspore import nn

_LOG_DEPTH = TensorSpec("log_depth", (1, 55, 74))
# exp() of a diverged net must stay finite in float32, so that the figures show it instead of an overflow.
_LOG_LIMIT = 20.0


class DepthNet(Method):
    """Eigen, Puhrsch and Fergus, 2014.

    "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network".
    """

    name = "depthnet"
    stage_names = ("coarse", "fine")
    protocols = ("modelzoo", "nyu_eigen")
    graph = Graph(
        inputs=(TensorSpec("image", (3, 228, 304)),),
        models=(Model("coarse", "FinalCoarseNet", (Wire("image", "input:image"),), (_LOG_DEPTH,)),
                Model("fine", "FinalFineNet",
                      (Wire("image", "input:image"), Wire("coarse", "coarse:log_depth")), (_LOG_DEPTH,))),
        results=("fine:log_depth", "coarse:log_depth"))

    def build_networks(self) -> dict[str, nn.Cell]:
        """Return the coarse net that `--coarse_net` names, and the fine net."""
        from src.depthnet.net import CoarseNet, EigenCoarseNet, FineNet

        eigen = self.settings.coarse_net == "eigen"
        return {"coarse": EigenCoarseNet(self.settings.fc_width) if eigen else CoarseNet(), "fine": FineNet()}

    def build_stage(self, name: str, networks: Mapping[str, nn.Cell]) -> Stage:
        """Return the coarse stage, or the fine stage with the coarse net frozen."""
        from src.depthnet.loss import FinePrediction, LogDepthObjective

        s = self.settings
        columns = ("image", "depth_m", "valid")
        if name == "coarse":
            objective = LogDepthObjective(networks["coarse"], s.loss, s.scale_invariant_lambda)
            mask = ("keep",) if self._dropout_units(name) else ()
            return Stage(name, "coarse net", objective, columns + mask,
                         trained=("coarse",), learning_rate=s.coarse_learning_rate,
                         epochs=s.epochs_coarse, steps=s.coarse_steps or None,
                         groups=(ParamGroup(r"^fc", s.coarse_fc_lr_scale),))
        prediction = FinePrediction(networks["coarse"], networks["fine"])
        objective = LogDepthObjective(prediction, s.loss, s.scale_invariant_lambda)
        return Stage(name, "fine net", objective, columns,
                     trained=("fine",), needs=("coarse",), learning_rate=s.fine_learning_rate,
                     steps=s.fine_net_train_step,
                     groups=(ParamGroup(r"^conv2", s.fine_conv2_lr_scale),))

    def _dropout_units(self, stage: str) -> int:
        s = self.settings
        return s.fc_width if stage == "coarse" and s.coarse_net == "eigen" and s.dropout > 0 else 0

    def train_samples(self, stage: str) -> data_loader.TrainSamples:
        """Return the training pairs; the coarse stage's samples carry the dropout mask."""
        return data_loader.open_train(self.settings, self._dropout_units(stage))

    def eval_samples(self) -> Sequence[Sample]:
        """Return the test pairs."""
        return data_loader.open_eval(self.settings)

    def calibration_samples(self) -> Sequence[Sample]:
        """Return the training pairs."""
        return data_loader.EvalSamples(data_loader.train_pairs(self.settings), self.settings.fit)

    def record_rows(self, part: str) -> Rows:
        """Return the pairs."""
        return pair_rows(open_pairs(self.settings, part))

    def prepare(self, name: str, files: Mapping[str, Path]) -> Sample:
        """Read one picture."""
        return self.prepare_frame(name, {"picture": read_rgb(files["picture"])})

    def prepare_frame(self, name: str, pictures: Mapping[str, np.ndarray]) -> Sample:
        """Take one picture."""
        rgb = pictures["picture"]
        return Sample(name, {"image": data_loader.network_image(rgb, self.settings.fit)}, rgb)

    def mirrored(self, sample: Sample) -> Sample:
        """Mirror the image."""
        return dataclasses.replace(sample, inputs={"image": sample.inputs["image"][..., ::-1]})

    def decode(self, result: str, raw: np.ndarray, sample: Sample) -> np.ndarray:
        """Turn log depth (1, 55, 74) into metres (55, 74)."""
        return np.exp(np.clip(raw[0], -_LOG_LIMIT, _LOG_LIMIT))

    def to_full(self, depth_m: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Enlarge to the crop; outside it (rows 468:480 of NYU) the edge repeats."""
        return data_loader.place_in_picture(depth_m, sample.image_hw, self.settings.fit)

    def truth_at_network(self, truth_m: np.ndarray) -> np.ndarray:
        """Return the truth as the ModelZoo resizes it to (55, 74)."""
        return data_loader.published_truth(truth_m, self.settings.fit)
