# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth as the package knows it: a network a view, trained on stereo pairs, that needs one picture."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from src.config import Settings
from src.datasets.augment import to_chw
from src.datasets.image_files import read_rgb
from src.datasets.record_rows import Rows
from src.datasets.sparse import pool_valid
from src.errors import UserError
from src.geometry.pinhole import Intrinsics
from src.graph import Graph, Model, TensorSpec, Wire
from src.mergedepth import data_loader
from src.mergedepth.figures import disparity_figures
from src.method import Method, Sample, Stage

if TYPE_CHECKING:
    from mindspore import nn

_VIEWS = ("left", "right")
_STRIDE = 32


class MergeDepth(Method):
    """Stereo-trained depth on KITTI: "mergedepth".

    Two networks, one for the left and one for the right camera, each of which sees its own picture. Stereo is
    what they are trained on: lidar depth and consistency of the two maps, then reconstruction of each picture
    from the other.
    """

    name = "mergedepth"
    stage_names = ("supervised", "unsupervised")
    protocols = ("kitti_eigen", "kitti_garg")

    def __init__(self, settings: Settings):
        super().__init__(settings)
        for name in ("image_height", "image_width"):
            if settings[name] % _STRIDE:
                raise UserError(f"--{name} {settings[name]} must be a multiple of {_STRIDE}, by which the "
                                "networks shrink a picture")
        if settings.start_depth_m is not None and settings.start_depth_m >= settings.output_max_m:
            raise UserError(f"--start_depth_m {settings.start_depth_m:g} must be below --output_max_m "
                            f"{settings.output_max_m:g}")

    @property
    def graph(self) -> Graph:
        """A model for each view, independent of the other; with `shared_weights` one network for both."""
        s = self.settings
        depth = TensorSpec("depth", (1, *data_loader.output_hw(s)))
        shared = {"file": "FinalSharedNet", "network": "shared"} if s.shared_weights else {}
        models = (Model(**{"name": view, "file": f"Final{view.capitalize()}Net", **shared},
                        inputs=(Wire("image", f"input:{view}"),), outputs=(depth,)) for view in _VIEWS)
        images = (TensorSpec(view, (3, s.image_height, s.image_width)) for view in _VIEWS)
        return Graph(tuple(images), tuple(models), tuple(f"{view}:depth" for view in _VIEWS))

    def build_networks(self) -> dict[str, nn.Cell]:
        """Return the network of each view, or the one that both share."""
        from src.mergedepth.net import MergeNet

        s = self.settings
        names = ("shared",) if s.shared_weights else _VIEWS
        start = 0.5 if s.start_depth_m is None else s.start_depth_m / s.output_max_m
        return {name: MergeNet(s.fullscale, s.encoder_width, s.upsampling, start, s.imagenet_stats)
                for name in names}

    def build_stage(self, name: str, networks: Mapping[str, nn.Cell]) -> Stage:
        """Return phase 1 (lidar and consistency), or phase 2 (reconstruction and consistency) on it."""
        from src.mergedepth.loss import SupervisedObjective, UnsupervisedObjective

        s = self.settings
        supervised = name == "supervised"
        views = {view: networks["shared" if s.shared_weights else view] for view in _VIEWS}
        objective = (SupervisedObjective if supervised else UnsupervisedObjective)(views, s)
        own_rate = s.supervised_learning_rate if supervised else s.unsupervised_learning_rate
        return Stage(name, f"{' and '.join(networks)} net{'s' * (len(networks) > 1)}, {name}", objective,
                     columns=("left", "right", "depth_left_m", "depth_right_m", "camera"),
                     trained=tuple(networks), needs=() if supervised else tuple(networks),
                     learning_rate=own_rate if s.learning_rate is None else s.learning_rate, epochs=s.epochs,
                     steps=(s.supervised_steps if supervised else s.unsupervised_steps) or None)

    def train_samples(self, stage: str) -> data_loader.TrainSamples:
        """Return the training pairs; phase 2 needs no ground truth, and pictures without noise."""
        s, supervised = self.settings, stage == "supervised"
        frames = data_loader.open_train(s, with_truth=supervised)
        return data_loader.TrainSamples(frames, s, s.noise if supervised else 0.0)

    def eval_samples(self) -> Sequence[Sample]:
        """Return the pairs to evaluate, both views."""
        return data_loader.open_eval(self.settings)

    def calibration_samples(self) -> Sequence[Sample]:
        """Return the training pairs."""
        frames = data_loader.open_train(self.settings, with_truth=False)
        return data_loader.EvalSamples(frames, self.settings)

    def record_rows(self, part: str) -> Rows:
        """Return the pairs, with their ground truth unless `ground_truth` is "none"."""
        return data_loader.record_rows(self.settings, part)

    def validation_samples(self) -> Sequence[Sample] | None:
        """Return own pairs beside own data, else KITTI's frames of `--val_list` or those to evaluate."""
        s = self.settings
        if s.val_list and not s.data_list:
            return self.with_settings(test_list=s.val_list).eval_samples()
        return super().validation_samples()

    infer_files = tuple(f"{view} picture" for view in _VIEWS)

    @property
    def inferred(self) -> tuple[str, ...]:
        """A pair gives both maps."""
        return self.graph.results

    def files_of(self, graph: Graph) -> tuple[str, ...]:
        """Each map needs its own view's picture alone."""
        return tuple(f"{spec.name} picture" for spec in graph.inputs)

    def prepare(self, name: str, files: Mapping[str, Path]) -> Sample:
        """Read the picture of a view, or those of both."""
        return self.prepare_frame(name, {kind: read_rgb(path) for kind, path in files.items()})

    def prepare_frame(self, name: str, pictures: Mapping[str, np.ndarray]) -> Sample:
        """Take the picture of a view, or those of both."""
        rgb = {kind.split()[0]: picture for kind, picture in pictures.items()}
        sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in rgb.values()]
        if len(set(sizes)) > 1:
            raise UserError(f"sample {name}: the left picture is {sizes[0]}, the right one {sizes[1]}; both "
                            "pictures of a rectified pair have one size")
        inputs = {view: to_chw(data_loader.network_image(picture, self.settings))
                  for view, picture in rgb.items()}
        return Sample(name, inputs, rgb.pop(next(iter(rgb))), more_rgb=rgb)

    def mirrored(self, sample: Sample) -> Sample:
        """Mirror the pictures; each network sees its own view's."""
        inputs = {view: values[..., ::-1] for view, values in sample.inputs.items()}
        return dataclasses.replace(sample, inputs=inputs)

    def camera_of(self, result: str, camera: Intrinsics) -> Intrinsics:
        """The right view may have a principal point of its own."""
        own_cx_px = self.settings.right_cx_px if self.net_of(result) == "right" else None
        return camera if own_cx_px is None else dataclasses.replace(camera, cx_px=own_cx_px)

    def view_of(self, result: str, sample: Sample) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return the picture and the truth of the result's own view."""
        if self.net_of(result) == "right":
            return sample.more_rgb.get("right", sample.rgb), sample.extras.get("right_truth_m")
        return sample.rgb, sample.truth_m

    def decode(self, result: str, raw: np.ndarray, sample: Sample) -> np.ndarray:
        """Turn parts of the largest depth (1, h, w) into metres (h, w)."""
        return raw[0] * np.float32(self.settings.output_max_m)

    def to_full(self, depth_m: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Enlarge to the picture, all of which the networks see."""
        height, width = sample.image_hw
        return (cv2.resize(depth_m, (width, height), interpolation=cv2.INTER_LINEAR),
                np.ones((height, width), bool))

    def truth_at_network(self, truth_m: np.ndarray) -> np.ndarray:
        """Return the nearest reading of each of the maps' cells."""
        return pool_valid(truth_m, data_loader.output_hw(self.settings))

    def own_figures(self, result: str, depth_m: np.ndarray, sample: Sample) -> dict[str, tuple[float, float]]:
        """KITTI stereo's error of the disparity that depth means in this rig."""
        _, truth_m = self.view_of(result, sample)
        return disparity_figures(depth_m, truth_m, float(sample.extras["focal_baseline_px_m"][0]))
