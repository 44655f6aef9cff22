# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""DDRNet as the package knows it: one joint stage, a cascade of two models, frames of a depth camera."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.config import Settings
from src.datasets.csv_index import check_kind
from src.datasets.depth_mask import fill_holes
from src.datasets.image_files import read_rgb
from src.datasets.record_rows import Rows
from src.ddrnet import data_loader
from src.ddrnet.figures import depth_figures
from src.ddrnet.frame import depth_camera, read_frame, within
from src.ddrnet.units import MM, to_metres
from src.errors import UserError
from src.graph import Graph, Model, TensorSpec, Wire
from src.method import Method, Sample, Stage
from src.protocols import Protocol

if TYPE_CHECKING:
    from mindspore import nn

_HW = ("H", "W")
_DENOISE = Model("denoise", "FinalDenoiseNet", (Wire("raw", "input:raw"),),
                 (TensorSpec("denoised", (1, *_HW)),))
# Of the denoising nets; the refining net needs 4.
_STRIDES = {"convResnet": 4, "base": 1, "unet": 128, "None": 1}


class DDRNet(Method):
    """Yan et al., ECCV 2018.

    "DDRNet: Depth Map Denoising and Refinement for Consumer Depth Cameras Using Cascaded CNNs".
    """

    name = "ddrnet"
    stage_names = ("joint",)
    protocols = ("kinect_mm",)
    validation_settings = ("val_list", "test_index_file")

    def __init__(self, settings: Settings):
        super().__init__(settings)
        if settings.low_thres >= settings.up_thres:
            raise UserError(f"--low_thres {settings.low_thres:g} must be below "
                            f"--up_thres {settings.up_thres:g}")
        if settings.dnnet == settings.dtnet == "None":
            raise UserError("--dnnet None and --dtnet None leave no network; give one of them")
        self.stride = max(_STRIDES[settings.dnnet], 1 if settings.dtnet == "None" else 4)

    @property
    def graph(self) -> Graph:
        """The denoising net and, on its output, the refining net; each may be left out."""
        models = () if self.settings.dnnet == "None" else (_DENOISE,)
        if self.settings.dtnet != "None":
            depth = "denoise:denoised" if models else "input:raw"
            wires = (Wire("denoised", depth), Wire("grey", "input:grey"))
            models += (Model("refine", "FinalRefineNet", wires, (TensorSpec("refined", (1, *_HW)),)),)
        inputs = (TensorSpec("raw", (1, *_HW)), TensorSpec("grey", (1, *_HW)))
        results = tuple(f"{model.name}:{model.outputs[0].name}" for model in reversed(models))
        return Graph(inputs, models, results).upto(results)

    @property
    def example_sizes(self) -> dict[str, int]:
        """The frames' size, filled up to the networks' stride."""
        height, width = self.settings.frame_height, self.settings.frame_width
        return {"H": height + -height % self.stride, "W": width + -width % self.stride}

    @property
    def size_step(self) -> dict[str, int]:
        """Heights and widths are multiples of the networks' stride."""
        return {"H": self.stride, "W": self.stride}

    def build_networks(self) -> dict[str, nn.Cell]:
        """Return the denoising and the refining net that the settings name."""
        from src.ddrnet.net import DENOISING_NETS, ConvResnet, Hypercolumn

        s, local = self.settings, self.settings.start == "local"
        networks: dict[str, nn.Cell] = {}
        if s.dnnet != "None":
            net = DENOISING_NETS[s.dnnet]
            if local and net is not ConvResnet:
                raise UserError(f"--start local is made for convResnet, not for --dnnet {s.dnnet}; "
                                "give --start xavier")
            networks["denoise"] = net(local) if net is ConvResnet else net()
        if s.dtnet != "None":
            networks["refine"] = Hypercolumn(s.residual_refine, local)
        return networks

    def build_stage(self, name: str, networks: Mapping[str, nn.Cell]) -> Stage:
        """Return the joint training of the cascade."""
        from src.ddrnet.loss import CascadeObjective

        s = self.settings
        if s.amp_level != "O0":
            raise UserError(f"--amp_level {s.amp_level} would round depth to about 1 mm, which is what "
                            "ddrnet corrects; it trains in float32, --amp_level O0")
        objective = CascadeObjective(networks, s)
        self._require_terms(networks, objective.terms)
        columns = ("raw", "grey", "reference_m", "mask", "surface", "camera")
        columns += ("albedo",) if s.has_abd else ()
        title = " and ".join(networks) + (" nets" if len(networks) > 1 else " net")
        return Stage(name, title, objective, columns,
                     trained=tuple(networks), learning_rate=s.learning_rate, steps=s.max_steps or None)

    def _require_terms(self, networks: Mapping[str, nn.Cell], terms: Sequence[str]) -> None:
        """Refuse weights that leave a network untrained, which would be saved as trained all the same."""
        refining = any(term.startswith("dt_") for term in terms)
        reached = {"refine": refining, "denoise": any(term.startswith("dn_") for term in terms)
                   or (refining and not self.settings.dnstop)}
        idle = [name for name in networks if not reached[name]]
        if idle:
            raise UserError(f"no term of the loss reaches the {' and the '.join(idle)} network: give one of "
                            "its --dn_..._weight or --dt_..._weight, or leave it out with --dnnet or --dtnet "
                            "None")

    def train_samples(self, stage: str) -> data_loader.TrainSamples:
        """Return the training crops."""
        s = self.settings
        if s.image_size % self.stride:
            raise UserError(f"--image_size {s.image_size} must be a multiple of {self.stride}, which is what "
                            f"--dnnet {s.dnnet} and --dtnet {s.dtnet} take")
        return data_loader.TrainSamples(data_loader.open_frames(s, "train"))

    def eval_samples(self) -> Sequence[Sample]:
        """Return the test frames, whole."""
        s = self.settings
        frames = data_loader.open_frames(s, "test")
        return data_loader.EvalSamples(frames, self.stride)

    def calibration_samples(self) -> Sequence[Sample]:
        """Return the training frames, whole."""
        frames = data_loader.open_frames(self.settings, "train")
        return data_loader.EvalSamples(frames, self.stride)

    def record_rows(self, part: str) -> Rows:
        """Return the frames, whole."""
        return data_loader.record_rows(self.settings, part)

    @property
    def infer_files(self) -> tuple[str, ...]:
        """Raw depth and picture, and the mask where the networks were trained with masks."""
        return ("raw depth", "colour", *(("mask",) if self.settings.has_mask else ()))

    @property
    def list_columns(self) -> tuple[str, ...]:
        """An index has the reference depth beside the raw one."""
        return data_loader.columns_of(self.settings)

    def prepare(self, name: str, files: Mapping[str, Path]) -> Sample:
        """Read raw depth (`depth_scale` units a metre), picture and mask."""
        s = self.settings
        for column, path in files.items():
            check_kind(column, path)
        rgb = read_rgb(files["colour"])
        frame = read_frame(files, rgb, s, s.depth_scale)
        raw_m = within(frame.raw_m, s)
        if not (frame.mask & (raw_m > 0)).any():
            raise UserError(f"{files['raw depth']} has no reading within {s.low_thres:g} .. {s.up_thres:g} "
                            "mm inside the mask; check --depth_scale, --low_thres and --up_thres")
        mask = frame.mask if s.has_mask else fill_holes(np.rint(raw_m * MM).astype(np.uint16)) > 0
        return Sample(name, data_loader.network_inputs(frame, s, self.stride), rgb,
                      extras={"raw_m": raw_m, "mask": mask}, camera=frame.camera)

    def mirrored(self, sample: Sample) -> Sample:
        """Mirror both inputs."""
        inputs = {name: values[..., ::-1] for name, values in sample.inputs.items()}
        return dataclasses.replace(sample, inputs=inputs)

    def decode(self, result: str, raw: np.ndarray, sample: Sample) -> np.ndarray:
        """Turn [-1, 1] (1, H, W) into metres (H, W)."""
        return to_metres(raw[0], self.settings.low_thres / MM, self.settings.up_thres / MM)

    def to_full(self, depth_m: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Cut off what fills up to the stride; the mask says where the map means something."""
        height, width = sample.image_hw
        return depth_m[:height, :width], sample.extras["mask"]

    def truth_at_network(self, truth_m: np.ndarray) -> np.ndarray:
        """The networks' grid is the picture's."""
        return truth_m

    def adapted(self, protocol: Protocol) -> Protocol:
        """`kinect_mm` measures the range that the networks know."""
        if protocol.name != "kinect_mm":
            return protocol
        return dataclasses.replace(protocol, min_depth_m=self.settings.low_thres / MM,
                                   max_depth_m=self.settings.up_thres / MM)

    def given_maps(self, sample: Sample) -> dict[str, np.ndarray]:
        """The raw depth is what the networks have to beat."""
        return {"raw": sample.extras["raw_m"]}

    def measured(self, sample: Sample) -> np.ndarray:
        """Figures compare the maps where the camera has a reading; holes are counted apart."""
        return sample.extras["raw_m"] > 0

    def own_figures(self, result: str, depth_m: np.ndarray, sample: Sample) -> dict[str, tuple[float, float]]:
        """Median error, the normals' errors, and the error in the raw depth's holes."""
        camera = depth_camera(self.settings, *reversed(sample.truth_m.shape))
        figures = depth_figures(depth_m, sample.truth_m, sample.extras["raw_m"], camera)
        if result == "raw":
            del figures["hole_mae_mm"]
        return figures

    def file_prefix(self, result: str) -> str:
        """The source's names of 16-bit PNGs."""
        return {"denoise": "dn", "refine": "dt"}.get(self.net_of(result), self.net_of(result))

    def pictures(self, sample: Sample, maps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All maps of a frame beside each other, with their normals and shading."""
        from src.ddrnet.pictures import cascade_panel

        named = {**self.given_maps(sample), "reference": sample.truth_m,
                 **{self.net_of(result): depth_m for result, depth_m in reversed(maps.items())}}
        return {"cascade": cascade_panel(sample, named, self.settings)}
