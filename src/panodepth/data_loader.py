# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""panodepth's samples: panoramas at the networks' size, alone or in pairs, turned and mirrored at random."""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.config import Settings
from src.datasets.augment import scale_colors, to_chw
from src.datasets.panorama import Panorama, PanoramaList, read_panoramas
from src.datasets.record_sets import RecordPanoramas, open_record
from src.errors import UserError
from src.geometry.matches import relative_pose
from src.geometry.sphere import yaw_matrix
from src.method import Sample

_LOOKED_AT = 8  # about so many panoramas are looked at to see whether the scale is right
_MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])  # of the panorama's frame, left for right


class View(NamedTuple):
    """A panorama at the networks' size.

    Attributes:
        image: (H, W, 3) float32 in [0, 1].
        depth_m: (H, W) float32 along the ray, 0 = no reading.
        frame: (4, 4) float64, from the frame of the panorama as it was read to that of this image.
    """

    image: np.ndarray
    depth_m: np.ndarray
    frame: np.ndarray

    def rolled(self, columns: int) -> View:
        """Return it turned about the vertical axis by so many columns."""
        turn = np.eye(4)
        turn[:3, :3] = yaw_matrix(columns, self.depth_m.shape[1])
        return View(np.roll(self.image, columns, axis=1), np.roll(self.depth_m, columns, axis=1),
                    turn @ self.frame)

    def mirrored(self) -> View:
        """Return the mirrored place; the other view of a pair must be mirrored, too."""
        return View(self.image[:, ::-1], self.depth_m[:, ::-1], _MIRROR @ self.frame)


def network_image(rgb: np.ndarray, settings: Settings) -> np.ndarray:
    """Bring a panorama (H, W, 3) uint8 to the networks' size: image (h, w, 3) float32 in [0, 1].

    Raises:
        UserError: it is not twice as wide as high.
    """
    height, width = rgb.shape[:2]
    if width != 2 * height:
        raise UserError(f"the picture is {width}x{height}, but a panorama is twice as wide as high: it shows "
                        "the whole sphere (equirectangular); fill up what is missing, or take another method")
    none = np.zeros((1, 1), np.float32)
    resized = Panorama(rgb, none, None).resized(settings.image_width, settings.image_height)
    return resized.rgb / np.float32(255)


class TrainSamples:
    """Augmented training panoramas.

    Columns, all float32: image (3, H, W) in [0, 1], depth_m (1, H, W) along the ray, valid (1, H, W), 1 where
    depth is a reading up to `output_max_m`; and of pairs other_image, other_depth_m, other_valid and pose
    (4, 4), which takes a point of the first panorama's frame to the other's.

    Each view is turned about the vertical axis by any number of columns, which changes nothing but where the
    image is cut; both views of a pair by numbers of their own.

    Args:
        panoramas: the list.
        settings: sizes and augmentation.
        pairs: whether the samples are pairs.
    """

    def __init__(self, panoramas: PanoramaList | RecordPanoramas, settings: Settings, pairs: bool):
        self.panoramas = panoramas
        self.settings = settings
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.panoramas)

    def describe(self, index: int) -> str:
        """Return the sample's files."""
        return self.panoramas.describe(index)

    def read(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the columns of one sample; what is random comes from `rng` alone."""
        s = self.settings
        panoramas = [self.panoramas.read(index, second=bool(k)) for k in range(1 + self.pairs)]
        views = [self._view(panorama) for panorama in panoramas]
        factors = rng.uniform(1 - s.color_range, 1 + s.color_range, 3)
        views = [view._replace(image=scale_colors(view.image, factors)) for view in views]
        if s.rand_flip and rng.random() < 0.5:
            views = [view.mirrored() for view in views]
        if s.rand_roll:
            views = [view.rolled(int(rng.integers(s.image_width))) for view in views]
        columns = self._columns(views[0], "")
        if self.pairs:
            columns.update(self._columns(views[1], "other_"))
            pose = relative_pose(*(panorama.camera_to_world for panorama in panoramas))
            moved = views[1].frame @ pose @ np.linalg.inv(views[0].frame)
            columns["pose"] = moved.astype(np.float32)
        return columns

    def _view(self, panorama: Panorama) -> View:
        s = self.settings
        small = panorama.resized(s.image_width, s.image_height)
        return View(small.rgb / np.float32(255), small.depth_m, np.eye(4))

    def _columns(self, view: View, prefix: str) -> dict[str, np.ndarray]:
        depth_m = np.ascontiguousarray(view.depth_m[None])
        valid = (depth_m > 0) & (depth_m <= self.settings.output_max_m)
        return {f"{prefix}image": to_chw(view.image), f"{prefix}depth_m": depth_m,
                f"{prefix}valid": valid.astype(np.float32)}


class EvalSamples:
    """Panoramas for evaluation, at the size of their depth maps: nothing is measured that was made up."""

    def __init__(self, panoramas: PanoramaList | RecordPanoramas, settings: Settings):
        self.panoramas = panoramas
        self.settings = settings

    def __len__(self) -> int:
        return len(self.panoramas)

    def __getitem__(self, index: int) -> Sample:
        panorama = self.panoramas.read(index)
        image = to_chw(network_image(panorama.rgb, self.settings))
        height, width = panorama.depth_m.shape
        rgb = panorama.resized(width, height).rgb
        return Sample(self.panoramas.names[index], {"image": image}, rgb, panorama.depth_m)


def open_panoramas(settings: Settings, part: str, pairs: bool = False) -> PanoramaList | RecordPanoramas:
    """Open a list: `data_list`, else `<part>_list`, else `data_url`/<part>.csv, or <part>_pairs.csv.

    Args:
        settings: where the lists are. Each may be a record instead, and `data_url` one, or a folder with
            <part>.mindrecord.
        part: "train" or "test".
        pairs: whether each row must name two panoramas with their poses.

    Raises:
        UserError: there is none, it is damaged, or it has no pairs where they are needed.
    """
    records = open_record(settings, part, settings[f"{part}_list"])
    path = records.path if records else _list_path(settings, part, pairs)
    panoramas = RecordPanoramas(records) if records else read_panoramas(path, settings.depth_scale)
    if pairs and not panoramas.has_pair:
        raise UserError(f"{path} names single panoramas, but two views are trained together (the sixth of "
                        "--rate, or stage pose): scripts/generate_csv.py --pairs makes lists of pairs")
    return panoramas


def _list_path(settings: Settings, part: str, pairs: bool) -> Path:
    given = settings.data_list or settings[f"{part}_list"]
    path = Path(given or Path(settings.data_url) / f"{part}{'_pairs' if pairs else ''}.csv")
    if not given and not path.is_file():
        command = f"python scripts/generate_csv.py {settings.data_url} --layout seed --output_dir " \
                  f"{settings.data_url}{' --pairs' if pairs else ''}"
        raise UserError(f"{path} does not exist: name the list with --{part}_list; `{command}` writes lists "
                        "for training and validation")
    return path


def check_scale(panoramas: PanoramaList, settings: Settings) -> None:
    """Refuse depth most of which the network cannot say: training on the rest, or on nothing, goes silently.

    Raises:
        UserError: of the readings of some panoramas not even half are in the network's range.
    """
    chosen = range(0, len(panoramas), max(1, len(panoramas) // _LOOKED_AT))
    depth_m = np.concatenate([panoramas.read(index).depth_m[::4, ::4].ravel() for index in chosen])
    read_m = depth_m[depth_m > 0]
    low, high = settings.output_min_m, settings.output_max_m
    if not read_m.size or np.mean((low <= read_m) & (read_m <= high)) < 0.5:
        found = f"median depth is {np.median(read_m):.3g} m" if read_m.size else "depth has no reading"
        raise UserError(f"the training panoramas' {found} with --depth_scale {settings.depth_scale:g}, the "
                        f"network gives {low:g} to {high:g} m: give the scale that scripts/generate_csv.py "
                        "printed, or another --output_min_m, --output_max_m")
