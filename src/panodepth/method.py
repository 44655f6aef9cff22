# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth as the package knows it: depth along the rays of an equirectangular panorama."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.config import Settings
from src.datasets.augment import to_chw
from src.datasets.csv_index import read_rows
from src.datasets.image_files import read_rgb
from src.datasets.panorama import Panorama, nearest, read_files
from src.datasets.record_rows import Rows, panorama_rows
from src.errors import UserError
from src.geometry import sphere
from src.geometry.pinhole import Intrinsics
from src.graph import Graph, Model, TensorSpec, Wire
from src.method import Method, Sample, Stage
from src.panodepth import data_loader
from src.panodepth.figures import normal_figures
from src.panodepth.pictures import panorama_cloud, panorama_pictures
from src.panodepth.rate import parse_rate

if TYPE_CHECKING:
    from mindspore import nn

_STRIDE = 32


class PanoDepth(Method):
    """Depth of 360-degree panoramas, after Lim Chao's pano depth, whose code is not public."""

    name = "panodepth"
    stage_names = ("depth", "pose")
    protocols = ("panorama", "panorama_latitude")
    validation_settings = ("val_list", "test_list")
    depth_kind = "ray"
    needs_camera = False

    def __init__(self, settings: Settings):
        super().__init__(settings)
        for name in ("image_height", "image_width"):
            if settings[name] % _STRIDE:
                raise UserError(f"--{name} {settings[name]} must be a multiple of {_STRIDE}, by which the "
                                "network shrinks a panorama")
        if settings.image_width != 2 * settings.image_height:
            raise UserError(f"--image_width {settings.image_width} must be twice --image_height "
                            f"{settings.image_height}: a panorama shows the whole sphere")
        if settings.output_min_m >= settings.output_max_m:
            raise UserError(f"--output_min_m {settings.output_min_m:g} must be below --output_max_m "
                            f"{settings.output_max_m:g}")
        self._rate = parse_rate(settings.rate)

    @property
    def graph(self) -> Graph:
        """One network from a panorama to its depth; one from two panoramas to their relative pose."""
        size = (self.settings.image_height, self.settings.image_width)
        depth = Model("pano", "FinalPanoNet", (Wire("image", "input:image"),),
                      (TensorSpec("depth", (1, *size)),))
        both = (Wire("image", "input:image"), Wire("other_image", "input:other_image"))
        pose = Model("pose", "FinalPoseNet", both, (TensorSpec("pose", (3, 4)),))
        images = (TensorSpec("image", (3, *size)), TensorSpec("other_image", (3, *size)))
        return Graph(images, (depth, pose), ("pano:depth",))

    def build_networks(self) -> dict[str, nn.Cell]:
        """Return the network of depth with the backbone that the settings name, and that of the pose."""
        from src.panodepth.net import PanoNet
        from src.panodepth.pose_net import PoseNet

        s = self.settings
        return {"pano": PanoNet(s.backbone, (s.output_min_m, s.output_max_m)), "pose": PoseNet()}

    def build_stage(self, name: str, networks: Mapping[str, nn.Cell]) -> Stage:
        """Return the training of depth, of single panoramas or, with the sixth rate, of pairs; or of pose."""
        from src.panodepth.loss import PanoObjective
        from src.panodepth.pose_loss import PoseObjective

        s = self.settings
        if name == "pose":
            return Stage(name, "pose net", PoseObjective(networks["pose"], s),
                         ("image", "other_image", "pose"), trained=("pose",),
                         learning_rate=s.learning_rate, epochs=s.epochs, steps=s.steps or None)
        columns = ("image", "depth_m", "valid")
        if self._two_views:
            columns += ("other_image", "other_depth_m", "other_valid", "pose")
        return Stage(name, "pano net", PanoObjective(networks["pano"], s), columns, trained=("pano",),
                     learning_rate=s.learning_rate, epochs=s.epochs, steps=s.steps or None)

    @property
    def _two_views(self) -> bool:
        return self._rate[5] > 0

    def train_samples(self, stage: str) -> data_loader.TrainSamples:
        """Return the training panoramas, or pairs of them."""
        pairs = self._two_views or stage == "pose"
        panoramas = data_loader.open_panoramas(self.settings, "train", pairs)
        data_loader.check_scale(panoramas, self.settings)
        return data_loader.TrainSamples(panoramas, self.settings, pairs)

    def eval_samples(self) -> Sequence[Sample]:
        """Return the test panoramas; of pairs the first ones."""
        return data_loader.EvalSamples(data_loader.open_panoramas(self.settings, "test"), self.settings)

    def calibration_samples(self) -> Sequence[Sample]:
        """Return the training panoramas."""
        return data_loader.EvalSamples(data_loader.open_panoramas(self.settings, "train"), self.settings)

    def record_rows(self, part: str) -> Rows:
        """Return the panoramas; for a training with two views pairs of them."""
        pairs = part == "train" and (self._two_views or "pose" in self.settings.stages)
        return panorama_rows(data_loader.open_panoramas(self.settings, part, pairs))

    def validation_samples(self) -> Sequence[Sample] | None:
        """Return the panoramas of `--val_list`, of valid.csv in `data_url`, or else those to evaluate."""
        s = self.settings
        usual = Path(s.data_url) / "valid.csv"
        if s.val_list or s.data_list or s.test_list or not usual.is_file():
            return super().validation_samples()
        return self.with_settings(test_list=str(usual)).eval_samples()

    def read_list(self, path: Path) -> list[dict[str, str]] | None:
        """Take the lists of training and evaluation, too; of pairs the first panoramas."""
        if all(len(row) == 1 for _, row in read_rows(path)):
            return None  # pictures alone
        return [{"picture": row[0]} for row in read_files(path)]

    def prepare(self, name: str, files: Mapping[str, Path]) -> Sample:
        """Read one panorama."""
        return self.prepare_frame(name, {"picture": read_rgb(files["picture"])})

    def prepare_frame(self, name: str, pictures: Mapping[str, np.ndarray]) -> Sample:
        """Take one panorama."""
        rgb = pictures["picture"]
        try:
            image = data_loader.network_image(rgb, self.settings)
        except UserError as error:
            raise UserError(f"sample {name}: {error}") from None
        return Sample(name, {"image": to_chw(image)}, rgb)

    def mirrored(self, sample: Sample) -> Sample:
        """Mirror the image."""
        return dataclasses.replace(sample, inputs={"image": sample.inputs["image"][..., ::-1]})

    def decode(self, result: str, raw: np.ndarray, sample: Sample) -> np.ndarray:
        """The network gives metres (1, h, w)."""
        return raw[0]

    def to_full(self, depth_m: np.ndarray, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """Enlarge to the picture, all of which the network sees."""
        height, width = sample.image_hw
        return sphere.resized(depth_m, height, width), np.ones((height, width), bool)

    def truth_at_network(self, truth_m: np.ndarray) -> np.ndarray:
        """Return the reading at the centre of each of the map's pixels."""
        return nearest(truth_m, self.settings.image_width, self.settings.image_height)

    def points(self, depth_m: np.ndarray, camera: Intrinsics | None) -> np.ndarray:
        """Return the points (H, W, 3) on the panorama's rays."""
        return sphere.points(depth_m)

    def normals(self, depth_m: np.ndarray, seen: np.ndarray,
                camera: Intrinsics | None) -> tuple[np.ndarray, np.ndarray]:
        """Return normals in the panorama's frame: a wall has one colour all around."""
        return sphere.normals(np.where(seen, depth_m, 0))

    def edges(self, depth_m: np.ndarray, rel_jump: float) -> np.ndarray:
        """Return where depth jumps, also across the seam."""
        return sphere.edge_mask(depth_m, rel_jump)

    def pictures(self, sample: Sample, maps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Panorama, depth, normals and error, under the source's names."""
        return panorama_pictures(*self._shown(sample, maps))

    def clouds(self, sample: Sample,
               maps: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The coloured points of the predicted depth."""
        rgb, _, depth_m = self._shown(sample, maps)
        return {"cloud": panorama_cloud(rgb, depth_m, self.settings.edge_threshold)}

    def _shown(self, sample: Sample,
               maps: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return picture, truth and depth at the network's size: a larger map shows nothing more."""
        s = self.settings
        view = Panorama(sample.rgb, sample.truth_m, None).resized(s.image_width, s.image_height)
        return view.rgb, view.depth_m, self.truth_at_network(maps["pano:depth"])

    def own_figures(self, result: str, depth_m: np.ndarray, sample: Sample) -> dict[str, tuple[float, float]]:
        """Return the mean angle between normals, at the network's size.

        In larger maps the steps of stored depth stand closer to each other and drown the surface.
        """
        return normal_figures(self.truth_at_network(depth_m), self.truth_at_network(sample.truth_m))
