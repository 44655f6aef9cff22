# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What a method is: the one interface between the commands and the methods' folders, and the table of
methods.

Only `build_networks` and `build_stage` import MindSpore: everything else also serves programs that run an
exported model or score files, which start without it.
"""
from __future__ import annotations

import dataclasses
import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.config import Settings, add_method_section
from src.errors import UserError
from src.geometry.pinhole import Intrinsics, back_project, edge_mask, normals
from src.graph import Graph
from src.protocols import Protocol
from src.visualize import panel

if TYPE_CHECKING:
    from mindspore import nn

    from src.datasets.record_rows import Rows

# A sixth method is one new folder, one row here and one section in default_config.yaml.
_METHODS = {
    "depthnet": "src.depthnet.method:DepthNet",
    "ddrnet": "src.ddrnet.method:DDRNet",
    "mergedepth": "src.mergedepth.method:MergeDepth",
    "panodepth": "src.panodepth.method:PanoDepth",
    "dcnf": "src.dcnf.method:Dcnf",
}


@dataclass(frozen=True)
class Sample:
    """One sample of an evaluation or of inference.

    Attributes:
        name: unique in its data set; names the files that are written for it.
        inputs: the graph's inputs by name, without batch dimension.
        rgb: picture (H, W, 3) uint8, for panels and point clouds; None where only files of figures are read.
        truth_m: depth (H, W) float32 in metres, 0 = no reading; None where there is none.
        extras: further arrays that the method needs beside a result (in `decode`, `to_full`, `measured`,
            `given_maps`, `own_figures`); preprocess.py stores them.
        camera: of the picture, where the data tell it.
        more_rgb: pictures of further views (H, W, 3) uint8 by name, for `view_of`; preprocess.py does not
            store them.
    """

    name: str
    inputs: Mapping[str, np.ndarray]
    rgb: np.ndarray | None = None
    truth_m: np.ndarray | None = None
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    camera: Intrinsics | None = None
    more_rgb: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def image_hw(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return (self.truth_m if self.rgb is None else self.rgb).shape[:2]


@dataclass(frozen=True)
class ParamGroup:
    """Parameters of one network that share a learning rate; `pattern` is searched in the parameter's name."""

    pattern: str
    lr_scale: float


@dataclass(frozen=True)
class Stage:
    """One training stage.

    Attributes:
        name: as `--stages` takes it.
        title: as the log names it ("coarse net").
        objective: Cell with `construct(*columns) -> (sums, counts)` and `counts(*columns)`, see
            `src.losses.base`.
        columns: the batch's columns in the order that `objective` takes.
        trained: names of the networks whose parameters the optimizer changes; all others are frozen.
        needs: networks that must hold trained weights when the stage starts, of an earlier stage or `--ckpt`.
        learning_rate: before schedule and group factors.
        epochs, steps: length; `steps` wins where both are given.
        groups: factors on the learning rate, first match wins.
        overrides: settings of the training section that differ in this stage (optimizer, lr_schedule,
            weight_decay, grad_clip ...), except batch_size, accumulate_steps and amp_level.
        results: of the graph, that the stage is validated on; all that the trained networks make by default.
        compiled: whether the whole step is one compiled graph (eager is faster for depthwise convolutions on
            CPU).
    """

    name: str
    title: str
    objective: nn.Cell
    columns: tuple[str, ...]
    trained: tuple[str, ...]
    learning_rate: float
    epochs: int = 1
    steps: int | None = None
    needs: tuple[str, ...] = ()
    groups: tuple[ParamGroup, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[str, ...] = ()
    compiled: bool = True


class Method(ABC):
    """A depth method, given its settings."""

    name: str

    def __init__(self, settings: Settings):
        self.settings = settings

    # --- networks and training --------------------------------------------------------------------------
    @property
    @abstractmethod
    def stage_names(self) -> tuple[str, ...]:
        """Names of the training stages, in order."""

    @abstractmethod
    def build_networks(self) -> dict[str, nn.Cell]:
        """Return the networks by the names of the graph's models, freshly initialised."""

    @abstractmethod
    def build_stage(self, name: str, networks: Mapping[str, nn.Cell]) -> Stage:
        """Return a training stage over `networks`."""

    @abstractmethod
    def train_samples(self, stage: str) -> Any:
        """Return the stage's training set: `len()` and `read(index, rng) -> dict` of arrays by column name.

        `rng` is a NumPy generator seeded by (seed, epoch, index) alone, so that augmentation does not depend
        on workers, ranks or resuming. The set also has `describe(index)`, the sample's files in one text.
        """

    # --- evaluation and inference -----------------------------------------------------------------------
    @property
    @abstractmethod
    def graph(self) -> Graph:
        """The deployable models and how they are wired."""

    @property
    def example_sizes(self) -> Mapping[str, int]:
        """Sizes of the graph's free dimensions, at which MindIR and AIR files are made and files are checked.

        Keys are the names in the shapes of the graph's inputs; none by default: all shapes are numbers.
        """
        return {}

    @property
    def size_step(self) -> Mapping[str, int]:
        """What the size of each free dimension must be a multiple of (1 where it is not named)."""
        return {}

    @property
    @abstractmethod
    def protocols(self) -> tuple[str, ...]:
        """Names of the evaluation protocols that are used by default."""

    @abstractmethod
    def eval_samples(self) -> Sequence[Sample]:
        """Return the evaluation set: `len()` and `[index] -> Sample`."""

    def calibration_samples(self) -> Sequence[Sample]:
        """Return the training set as inference sees it, not augmented: int8 files are calibrated on it.

        Raises:
            UserError: there is none.
        """
        raise UserError(f"{self.name} has no calibration samples")

    def record_rows(self, part: str) -> Rows:
        """Return the rows of a record of the training or the test set, which then serves as `data_url`.

        Args:
            part: "train" or "test".

        Raises:
            UserError: the data cannot be read, are a record already, or the method reads none.
        """
        raise UserError(f"{self.name} reads no records; its data stay files")

    # Settings that, where given, say that there is a validation set: a fault in it then ends training.
    validation_settings: tuple[str, ...] = ("val_list",)

    def validation_samples(self) -> Sequence[Sample] | None:
        """Return what train.py validates on: `--val_list`, or the evaluation set that is in `data_url`."""
        if self.settings.val_list:
            return self.with_settings(data_list=self.settings.val_list).eval_samples()
        return None if self.settings.data_list else self.eval_samples()

    def with_settings(self, **values: Any) -> Method:
        """Return the same method under settings of which some are replaced."""
        return type(self)(self.settings.replace(**values))

    # What a user's own sample consists of in inference, in this order.
    infer_files: tuple[str, ...] = ("picture",)

    @property
    def list_columns(self) -> tuple[str, ...]:
        """Return what a line of `--data_list` names, in its order, with the names of `infer_files` for these.

        By default they come first, then a map of true depth for each of `inferred`. infer.py takes the same
        list, and leaves the rest out.
        """
        return (*self.infer_files, *["true depth"] * len(self.inferred))

    def read_list(self, path: Path) -> list[dict[str, str]] | None:
        """Return the files of `infer_files` by kind of each line of a list in a form of the method's own.

        Paths are relative to the list. None, the default, leaves the list to the package: `list_columns`.
        """
        del path
        return None

    # What the maps hold: "z" (along the optical axis) or "ray" (along each pixel's ray).
    depth_kind: str = "z"

    @property
    def inferred(self) -> tuple[str, ...]:
        """The results that infer.py gives for a folder of models; several are of different pictures."""
        return self.graph.results[:1]

    def files_of(self, graph: Graph) -> tuple[str, ...]:
        """Return which of `infer_files`, in their order, a part of the graph needs; all by default."""
        del graph
        return self.infer_files

    @abstractmethod
    def prepare(self, name: str, files: Mapping[str, Path]) -> Sample:
        """Read a user's own sample for inference, without truth.

        Args:
            name: of the sample.
            files: by their kind: those of `infer_files` that the part of the graph needs (`files_of`).
        """

    def prepare_frame(self, name: str, pictures: Mapping[str, np.ndarray]) -> Sample:
        """Take a video's frame as a sample, where a part of the graph needs nothing but a picture.

        Args:
            name: of the sample.
            pictures: (H, W, 3) uint8 by their kind in `infer_files`: the only one that is needed.
        """
        raise UserError(f"{self.name} needs {' and '.join(self.infer_files)} for each sample, "
                        "a video has frames only")

    # Whether points and normals need to be told a camera; a panorama's rays are known.
    needs_camera: bool = True

    def normals(self, depth_m: np.ndarray, seen: np.ndarray,
                camera: Intrinsics | None) -> tuple[np.ndarray, np.ndarray]:
        """Return a full-size map's normals (H, W, 3) and where they exist; a pinhole camera's by default."""
        return normals(self.points(depth_m, camera), seen)

    def view_of(self, result: str, sample: Sample) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return the picture and the truth that a result belongs to.

        Those of a second view may be in `more_rgb` and `extras`.
        """
        del result
        return sample.rgb, sample.truth_m

    def camera_of(self, result: str, camera: Intrinsics) -> Intrinsics:
        """Return the camera of a result's picture, given the one that the settings or the sample tell."""
        del result
        return camera

    def points(self, depth_m: np.ndarray, camera: Intrinsics | None) -> np.ndarray:
        """Return the points (H, W, 3) in metres of a full-size map; a pinhole camera's by default."""
        return back_project(depth_m, camera)

    def edges(self, depth_m: np.ndarray, rel_jump: float) -> np.ndarray:
        """Return where a full-size map jumps (H, W), see `src.geometry.pinhole.edge_mask`."""
        return edge_mask(depth_m, rel_jump)

    def shuffled(self, sample: Sample, other: Sample) -> Sample:
        """Return the sample with the inputs of another, for `shuffle_inputs`; and the extras of that where
        inputs are meaningless without them.
        """
        return dataclasses.replace(sample, inputs=other.inputs)

    @abstractmethod
    def mirrored(self, sample: Sample) -> Sample:
        """Return the sample of the mirrored picture for `flip_average`: inputs, and extras for `decode`."""

    @abstractmethod
    def decode(self, result: str, raw: np.ndarray, sample: Sample) -> np.ndarray:
        """Turn one result of the graph (*shape) into a depth map (h, w) in metres, at the network's size.

        Finite and not below 0. postprocess.py has no inputs and no picture: use `raw` and `sample.extras`.
        """

    @abstractmethod
    def to_full(self, depth_m: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Place a network-size map in the picture: depth (H, W) in metres, and where the net has looked."""

    @abstractmethod
    def truth_at_network(self, truth_m: np.ndarray) -> np.ndarray:
        """Return the truth on the network's own grid, for protocols that count there."""

    def net_of(self, result: str) -> str:
        """Return the name under which a result's figures are reported (the model that makes it)."""
        return result.split(":", 1)[0]

    def file_prefix(self, result: str) -> str:
        """Return what the names of a result's files of `--save_png` begin with; the net's name by default."""
        return self.net_of(result)

    def given_maps(self, sample: Sample) -> dict[str, np.ndarray]:
        """Return depth maps (H, W) in metres that came with the sample, by name.

        They are measured beside the networks' (a depth camera's raw depth, which a network has to beat).
        """
        del sample
        return {}

    def adapted(self, protocol: Protocol) -> Protocol:
        """Return a protocol as it fits the method's settings (their range of depth)."""
        return protocol

    def measured(self, sample: Sample) -> np.ndarray | None:
        """Return which pixels (H, W) of the truth figures are taken from; None leaves it to the protocol."""
        del sample
        return None

    def pictures(self, sample: Sample, maps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what training shows of a sample: pictures (H, W, 3) uint8 by name.

        Args:
            sample: of the validation set.
            maps: full-size maps (H, W) in metres by result.
        """
        views = {result: self.view_of(result, sample) for result in maps}
        return {self.net_of(result): panel(*views[result], depth_m, views[result][1] > 0)
                for result, depth_m in maps.items()}

    def clouds(self, sample: Sample,
               maps: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return point clouds that training shows beside `pictures`, by name; none by default.

        Each is points (K, 3) in metres in the camera's frame and their colours (K, 3) uint8; arguments as of
        `pictures`.
        """
        del sample, maps
        return {}

    def own_figures(self, result: str, depth_m: np.ndarray, sample: Sample) -> dict[str, tuple[float, float]]:
        """Return (sum, count) of further figures of one full-size map (H, W) in metres; none by default.

        The protocol's pooling decides, as for every figure: sum / count of each image averaged over the
        images with a count above 0, or all sums over all counts. What exists for whole images only, as a
        median, is (value, 1). As in `decode`, only `truth_m` and `extras` of the sample are sure to be there.
        """
        del result, depth_m, sample
        return {}


def register(name: str, target: str, section: Mapping[str, Any]) -> None:
    """Add a method from outside the table: `target` is "module:Class", `section` its part of the settings."""
    _METHODS[name] = target
    add_method_section(name, section)


def build_method(settings: Settings) -> Method:
    """Return the method that `settings.method` names.

    Raises:
        UserError: there is none (settings that a file brought, such as a manifest's, are checked here first).
    """
    if settings.method not in _METHODS:
        raise UserError(f"no method {settings.method} here: there are {', '.join(_METHODS)}")
    module, cls = _METHODS[settings.method].split(":")
    return getattr(importlib.import_module(module), cls)(settings)
