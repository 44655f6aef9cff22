# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A method of two pictures: each of two independent networks makes the map of its own view.

The networks are ONNX files of one addition, so that every pixel of a map tells which picture it is from.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from src.datasets.image_files import read_rgb
from src.graph import Graph, Model, TensorSpec, Wire
from src.method import Method, Sample

SECTION = {"help": "a method of the tests", "settings": {}}
NEAREST_M = {"left": 1.0, "right": 5.0}


def write_model(path: Path, nearest_m: float) -> Path:
    """Write image + nearest_m as an ONNX file of any size."""
    shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1, "h", "w"])
              for name in ("image", "depth")]
    constant = helper.make_tensor("nearest", TensorProto.FLOAT, [1], [nearest_m])
    graph = helper.make_graph([helper.make_node("Add", ["image", "nearest"], ["depth"])], "net", shapes[:1],
                              shapes[1:], [constant])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


class TwoViews(Method):
    """Depth in metres is the picture's red channel (0 to 1), plus `NEAREST_M` of the view."""

    name = "two_views"
    stage_names = ()
    protocols = ("kitti_eigen",)
    infer_files = ("left picture", "right picture")
    graph = Graph(
        inputs=(TensorSpec("left", (1, "H", "W")), TensorSpec("right", (1, "RH", "RW"))),
        models=(Model("left", "FinalLeftNet", (Wire("image", "input:left"),),
                      (TensorSpec("depth", (1, "H", "W")),)),
                Model("right", "FinalRightNet", (Wire("image", "input:right"),),
                      (TensorSpec("depth", (1, "RH", "RW")),))),
        results=("left:depth", "right:depth"))

    @property
    def inferred(self) -> tuple[str, ...]:
        return self.graph.results

    def files_of(self, graph: Graph) -> tuple[str, ...]:
        return tuple(f"{spec.name} picture" for spec in graph.inputs)

    def prepare(self, name: str, files: Mapping[str, Path]) -> Sample:
        return self.prepare_frame(name, {kind: read_rgb(path) for kind, path in files.items()})

    def prepare_frame(self, name: str, pictures: Mapping[str, np.ndarray]) -> Sample:
        views = {kind.split()[0]: rgb for kind, rgb in pictures.items()}
        inputs = {view: rgb[None, ..., 0].astype(np.float32) / 255 for view, rgb in views.items()}
        return Sample(name, inputs, next(iter(views.values())), more_rgb=views)

    def mirrored(self, sample: Sample) -> Sample:
        inputs = {view: image[..., ::-1] for view, image in sample.inputs.items()}
        return dataclasses.replace(sample, inputs=inputs)

    def view_of(self, result: str, sample: Sample) -> tuple[np.ndarray | None, np.ndarray | None]:
        return sample.more_rgb[self.net_of(result)], None

    def decode(self, result: str, raw: np.ndarray, sample: Sample) -> np.ndarray:
        return raw[0]

    def to_full(self, depth_m: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        assert depth_m.shape == sample.image_hw
        return depth_m, np.ones(depth_m.shape, bool)

    def truth_at_network(self, truth_m: np.ndarray) -> np.ndarray:
        return truth_m

    def build_networks(self) -> dict:
        raise NotImplementedError("its networks are ONNX files")

    def build_stage(self, name: str, networks: Mapping) -> None:
        raise NotImplementedError("it is not trained")

    def train_samples(self, stage: str) -> None:
        raise NotImplementedError("it is not trained")

    def eval_samples(self) -> None:
        raise NotImplementedError("it is not evaluated")
