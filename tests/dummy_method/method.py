# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A sixth method: everything that is known of it stands in this folder.

Its graph is DDRNet's: "denoise" takes a depth file and its mask, "refine" takes what "denoise" made and a
grey picture. Depth is relative to the median of each sample's readings, without which no map can be decoded.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from src.datasets.image_files import read_depth, read_rgb
from src.datasets.pairs import read_list
from src.graph import Graph, Model, TensorSpec, Wire
from src.method import Method, Sample, Stage

SECTION = {
    "help": "a method of the tests",
    "defaults": {"batch_size": 2},
    "settings": {"dummy_rate": {"default": 1.0e-3, "min": 0.0, "help": "learning rate"},
                 "dummy_height": {"default": 24, "min": 4, "help": "height of the network's maps"}},
}
_FILES = ("raw depth map", "grey picture")


class Samples:
    """The rows of a list file: raw depth, grey picture, true depth."""

    def __init__(self, method: DummyMethod, path: str):
        self.method = method
        self.root = Path(path).parent
        self.rows = read_list(path, 3, f"{', '.join(_FILES)}, true depth map")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        *files, truth = (self.root / file for file in self.rows[index])
        sample = self.method.prepare(Path(self.rows[index][0]).stem, dict(zip(_FILES, files)))
        return dataclasses.replace(sample, truth_m=read_depth(truth, self.method.settings.depth_scale))

    def read(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        sample = self[index]
        if rng.random() < 0.5:
            sample = self.method.mirrored(dataclasses.replace(sample, truth_m=sample.truth_m[:, ::-1]))
        truth = self.method.shrunk(sample.truth_m) / sample.extras["scale_m"]
        return {**sample.inputs, "truth": truth[None], "mask": (truth > 0).astype(np.float32)[None]}

    def describe(self, index: int) -> str:
        return " ".join(self.rows[index])


class DummyMethod(Method):
    """Denoises, then refines."""

    name = "dummy"
    stage_names = ("denoise", "joint")
    protocols = ("panorama", "kinect_mm")  # pooled over images, pooled over pixels
    infer_files = _FILES

    @property
    def map_hw(self) -> tuple[int, int]:
        return self.settings.dummy_height, 32

    @property
    def graph(self) -> Graph:
        shape = (1, *self.map_hw)
        return Graph(
            inputs=(TensorSpec("grey", shape), TensorSpec("depth", shape),
                    TensorSpec("valid", shape, "int32")),
            models=(Model("denoise", "FinalDenoiseNet",
                          (Wire("depth", "input:depth"), Wire("valid", "input:valid")),
                          (TensorSpec("denoised", shape),)),
                    Model("refine", "FinalRefineNet",
                          (Wire("depth", "denoise:denoised"), Wire("grey", "input:grey")),
                          (TensorSpec("confidence", shape), TensorSpec("refined", shape)))),
            results=("refine:refined", "denoise:denoised"))

    def build_networks(self) -> dict:
        from tests.dummy_method.net import DenoiseNet, RefineNet

        return {"denoise": DenoiseNet(), "refine": RefineNet()}

    def build_stage(self, name: str, networks: Mapping) -> Stage:
        from tests.dummy_method.net import Joint, MaskedL1

        rate = self.settings.dummy_rate
        if name == "denoise":
            objective = MaskedL1(networks["denoise"], ("denoise_l1",))
            return Stage(name, "denoise net", objective, ("truth", "mask", "depth", "valid"),
                         trained=("denoise",), learning_rate=rate, epochs=4)
        objective = MaskedL1(Joint(networks["denoise"], networks["refine"]), ("denoise_l1", "refine_l1"))
        return Stage(name, "joint net", objective, ("truth", "mask", "depth", "valid", "grey"),
                     trained=("denoise", "refine"), needs=("denoise",), learning_rate=rate)

    def train_samples(self, stage: str) -> Samples:
        return Samples(self, self.settings.data_list or f"{self.settings.data_url}/train.txt")

    def eval_samples(self) -> Samples:
        return Samples(self, self.settings.data_list or f"{self.settings.data_url}/test.txt")

    def calibration_samples(self) -> Samples:
        return self.train_samples(self.stage_names[0])

    def prepare(self, name: str, files: Mapping[str, Path]) -> Sample:
        raw_m = read_depth(files["raw depth map"], self.settings.depth_scale)
        rgb = read_rgb(files["grey picture"])
        scale_m = np.float32(np.median(raw_m[raw_m > 0]))
        small_m = self.shrunk(raw_m)
        grey = cv2.resize(rgb[..., 0], small_m.shape[::-1], interpolation=cv2.INTER_AREA) / np.float32(255)
        inputs = {"depth": (small_m / scale_m)[None], "valid": (small_m > 0).astype(np.int32)[None],
                  "grey": grey[None]}
        return Sample(name, inputs, rgb, extras={"scale_m": scale_m})

    def shrunk(self, depth_m: np.ndarray) -> np.ndarray:
        """Depth and holes at the network's size, never blended."""
        return cv2.resize(depth_m, self.map_hw[::-1], interpolation=cv2.INTER_NEAREST)

    def mirrored(self, sample: Sample) -> Sample:
        return dataclasses.replace(sample, inputs={k: v[..., ::-1] for k, v in sample.inputs.items()})

    def decode(self, result: str, raw: np.ndarray, sample: Sample) -> np.ndarray:
        return np.maximum(raw[0], 0) * sample.extras["scale_m"]

    def to_full(self, depth_m: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        full_m = cv2.resize(depth_m, sample.image_hw[::-1], interpolation=cv2.INTER_LINEAR)
        return full_m, np.ones(full_m.shape, bool)

    def truth_at_network(self, truth_m: np.ndarray) -> np.ndarray:
        return self.shrunk(truth_m)

    def own_figures(self, result: str, depth_m: np.ndarray, sample: Sample) -> dict[str, tuple[float, float]]:
        """The share of readings that are met to 10 cm."""
        valid = sample.truth_m > 0
        met = np.abs(depth_m - sample.truth_m)[valid] < 0.1
        return {"within_10cm": (float(met.sum()), float(met.size))}
