# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""mergedepth's samples: rectified pairs at the networks' size, augmented alike, with pooled ground truth."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from src.config import Settings
from src.datasets.augment import scale_colors, to_chw
from src.datasets.image_files import LUMA
from src.datasets.kitti.frame_lists import read_frame_list
from src.datasets.kitti.raw import open_frames, split_by_drive
from src.datasets.record_rows import Rows, stereo_rows
from src.datasets.record_sets import RecordStereo, open_record
from src.datasets.sparse import pool_valid
from src.datasets.stereo import StereoFrame, StereoSet
from src.datasets.stereo_list import listed_stereo
from src.errors import UserError
from src.method import Sample

_NOISE = 0.5  # the source's: a picture plus up to so much, scaled back to [0, 1]


def network_image(rgb: np.ndarray, settings: Settings) -> np.ndarray:
    """Stretch a picture (H, W, 3) uint8 to the networks' size: image (h, w, 3) float32 in [0, 1]."""
    size_wh = settings.image_width, settings.image_height
    shrinks = rgb.shape[1] > size_wh[0] or rgb.shape[0] > size_wh[1]
    resized = cv2.resize(rgb, size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized / np.float32(255)


def output_hw(settings: Settings) -> tuple[int, int]:
    """Return the size of the networks' maps."""
    step = 1 if settings.fullscale else 2
    return settings.image_height // step, settings.image_width // step


def mirrored(frame: StereoFrame) -> StereoFrame:
    """Return the mirrored scene: what the left camera saw is now seen from the right."""
    def flip(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values[:, ::-1])

    return StereoFrame(flip(frame.right_rgb), flip(frame.left_rgb), flip(frame.right_depth_m),
                       flip(frame.left_depth_m), frame.right_camera.flipped(), frame.left_camera.flipped(),
                       frame.baseline_m)


class TrainSamples:
    """Augmented training pairs.

    Columns, all float32: left and right (3, H, W) in [0, 1]; depth_left_m and depth_right_m (1, h, w), the
    nearest reading of each cell, 0 = none; camera (4,) fx, baseline in metres, cx of the left and of the
    right view, in pixels of w.

    Args:
        frames: the pairs.
        settings: sizes and augmentation.
        noise: share of the samples with noise in the pictures; it would spoil the comparison of pictures.
    """

    def __init__(self, frames: StereoSet, settings: Settings, noise: float):
        self.frames = frames
        self.settings = settings
        self.noise = noise
        count = max(1, round(settings.train_frac * len(frames)))
        self.chosen = np.sort(np.random.default_rng(settings.seed).permutation(len(frames))[:count])

    def __len__(self) -> int:
        return len(self.chosen)

    def describe(self, index: int) -> str:
        """Return the sample's files."""
        return self.frames.describe(int(self.chosen[index]))

    def read(self, index: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return the columns of one sample; what is random comes from `rng` alone."""
        s = self.settings
        frame = self.frames.read(int(self.chosen[index]))
        if s.rand_flip and rng.random() < 0.5:
            frame = mirrored(frame)
        left, right = self._colors([network_image(rgb, s) for rgb in (frame.left_rgb, frame.right_rgb)], rng)
        height, width = output_hw(s)
        left_camera, right_camera = (camera.resized(width, height)
                                     for camera in (frame.left_camera, frame.right_camera))
        camera = [left_camera.fx_px, frame.baseline_m, left_camera.cx_px, right_camera.cx_px]
        return {"left": to_chw(left), "right": to_chw(right),
                "depth_left_m": pool_valid(frame.left_depth_m, (height, width))[None],
                "depth_right_m": pool_valid(frame.right_depth_m, (height, width))[None],
                "camera": np.array(camera, np.float32)}

    def _colors(self, views: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Change the colours of both views alike: what differs between them must be due to depth."""
        s = self.settings
        grey, noisy = rng.random() < s.grayscale, rng.random() < self.noise
        factors = rng.uniform(1 - s.color_range, 1 + s.color_range, 3)
        views = [scale_colors(view, factors) for view in views] if s.color_range else views
        if grey:
            views = [np.repeat((view @ LUMA)[..., None], 3, axis=2) for view in views]
        if noisy:
            views = [(view + _NOISE * rng.random(view.shape, np.float32)) / np.float32(1 + _NOISE)
                     for view in views]
        return views


class EvalSamples:
    """Pairs for evaluation.

    `rgb`, `truth_m` and `camera` are the left view's; the right picture is in `more_rgb`, and extras hold
    right_truth_m (H, W) and focal_baseline_px_m (1,), fx times baseline at the pictures' size.
    """

    def __init__(self, frames: StereoSet, settings: Settings):
        self.frames = frames
        self.settings = settings

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        frame = self.frames.read(index)
        inputs = {"left": to_chw(network_image(frame.left_rgb, self.settings)),
                  "right": to_chw(network_image(frame.right_rgb, self.settings))}
        extras = {"right_truth_m": frame.right_depth_m,
                  "focal_baseline_px_m": np.array([frame.left_camera.fx_px * frame.baseline_m])}
        return Sample(self.frames.names[index], inputs, frame.left_rgb, frame.left_depth_m, extras,
                      frame.left_camera, {"right": frame.right_rgb})


def open_train(settings: Settings, with_truth: bool) -> StereoSet:
    """Open the training pairs: `data_list`, else those of `train_list`, else all drives but those held out.

    `data_list` or `data_url` may be a record, or `data_url` the folder of train.mindrecord.

    Args:
        settings: where the data are.
        with_truth: whether the stage needs ground truth; frames without it serve as well otherwise.
    """
    return _open(settings, _ground_truth(settings) if with_truth else "none", held_out=False)


def open_eval(settings: Settings) -> EvalSamples:
    """Open the evaluation pairs: `data_list`, else those of `test_list`, else the drives held out.

    `data_list` or `data_url` may be a record, or `data_url` the folder of test.mindrecord.
    """
    return EvalSamples(_open(settings, _ground_truth(settings), held_out=True), settings)


def record_rows(settings: Settings, part: str) -> Rows:
    """Return the rows of a record of the pairs, without depth maps where `ground_truth` says "none"."""
    with_truth = settings.ground_truth != "none"
    truth = _ground_truth(settings) if with_truth else "none"
    return stereo_rows(_open(settings, truth, held_out=part == "test"), with_truth)


def _open(settings: Settings, truth: str, held_out: bool) -> StereoSet:
    s, part = settings, "test" if held_out else "train"
    records = open_record(s, part, own_list=s[f"{part}_list"])
    if records:
        return RecordStereo(records, with_truth=truth != "none")
    if s.data_list:
        return listed_stereo(s.data_list, s, with_truth=truth != "none")
    frame_list = _frame_list(s, held_out)
    listed = read_frame_list(frame_list) if frame_list else None
    frames = open_frames(s.data_url, truth, listed, s.skip_incomplete)
    if frame_list or s.test_share == 0:
        return frames
    return split_by_drive(frames, s.test_share)[held_out]


def _frame_list(settings: Settings, held_out: bool) -> str | Path | None:
    """Return the list of frames: the given one, or train.txt or test.txt in `data_url`.

    Raises:
        UserError: there is a list for training and none for evaluation, or the other way round.
    """
    wanted, other = ("test", "train") if held_out else ("train", "test")
    found = {part: settings[f"{part}_list"] or _if_there(Path(settings.data_url) / f"{part}.txt")
             for part in (wanted, other)}
    if found[other] and not found[wanted]:
        raise UserError(f"{found[other]} lists the frames to {'train on' if held_out else 'evaluate'}, but "
                        f"{Path(settings.data_url) / f'{wanted}.txt'} does not exist; give --{wanted}_list")
    return found[wanted]


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _ground_truth(settings: Settings) -> str:
    """Return the kind of ground truth; "auto" takes left_gt/ and right_gt/ where they are, else the scans.

    Raises:
        UserError: it is needed, and the settings say that there is none.
    """
    if settings.ground_truth == "none":
        raise UserError("--ground_truth none: the supervised stage and evaluation need it; name its kind, "
                        "or train --stages unsupervised alone")
    if settings.ground_truth != "auto":
        return settings.ground_truth
    return "npy" if (Path(settings.data_url) / "left_gt").is_dir() else "velodyne"
