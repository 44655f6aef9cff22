# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""NYU Depth v2's labelled frames (Silberman et al., ECCV 2012), read from nyu_depth_v2_labeled.mat itself."""
from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from src.errors import UserError

FRAMES = 1449
"""Frames of the published file; 795 are for training and 654 for tests."""

# The official split (splits.mat beside the data set): numbers from 0 and their ranges, both ends included.
_TEST = """
0-1 8 13-17 20 27-42 45-46 55-56 58-62 75-78 83-90 116-118 124-128 130-133 136 152-154 166-168 170-175 179-201
206-211 219-221 249 263 270-272 278-284 295-301 309-311 314-316 324-334 350-351 354-363 383-389 394-396
410-413 429-434 440-447 461-465 468-476 507-512 514-525 530-532 536-538 548-550 554-570 578-582 590-593
602-606 611-612 616-620 632-637 643-644 649-650 655-657 662-663 667-672 675-680 685-689 692-693 696-698
705-712 716-717 723-727 730-733 742-743 758-786 799-803 809-813 820-822 832-845 849-851 856-861 868-870
905-907 916-918 925-927 931-934 944-946 958-961 964-966 969-976 990-994 1000-1003 1009-1011 1020-1022
1031-1033 1037-1038 1047-1048 1051-1052 1056-1057 1074-1083 1087-1095 1097-1103 1105-1108 1116-1118 1122-1130
1134-1135 1143-1157 1161-1166 1169-1170 1173-1175 1178-1183 1191-1195 1200-1211 1215-1219 1225-1229 1232-1234
1246-1249 1253-1264 1274-1279 1284-1294 1296-1298 1301-1307 1313-1314 1328-1331 1334-1339 1346-1348 1352-1355
1363-1364 1367-1368 1383-1390 1393-1400 1406-1413 1420-1423 1429-1432 1440-1448
"""


def official_test_frames() -> np.ndarray:
    """Return the 654 test frames, sorted numbers from 0 into the 1,449 of the published file."""
    ends = [[int(end) for end in part.split("-")] for part in _TEST.split()]
    return np.concatenate([np.arange(end[0], end[-1] + 1) for end in ends])


class NyuLabelled:
    """The frames of one part of the labelled file, read when asked for; may be used by several threads.

    Args:
        path: the `.mat` file, which is MATLAB 7.3 and so HDF5: MATLAB's (H, W, 3, N) is (N, 3, W, H) there.
        part: "train" or "test" of the official split. A file of another number of frames says in `testNdxs`
            which are for tests (numbers from 1, as splits.mat has them).
        raw_depth: the Kinect's own depth (`rawDepths`, 0 = no reading) instead of that with filled holes
            (`depths`), which the field evaluates on.

    Raises:
        UserError: the file is missing, damaged or another one.
    """

    def __init__(self, path: str | Path, part: str, raw_depth: bool = False):
        self.path = Path(path)
        self.depth_name = "rawDepths" if raw_depth else "depths"
        count = self._checked_count()
        is_test = np.zeros(count, bool)
        is_test[self._test_frames(count)] = True
        self.frames = np.flatnonzero(is_test == (part == "test"))
        self.names = tuple(f"{frame:05d}" for frame in self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def describe(self, index: int) -> str:
        """Return file and number of a frame."""
        return f"{self.path} frame {self.frames[index]}"

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture (H, W, 3) uint8 and the depth (H, W) float32 in metres, 0 = no reading.

        Raises:
            UserError: the file is damaged there.
        """
        file, frame = _open(self.path), int(self.frames[index])
        try:
            picture, depth_m = file["images"][frame], file[self.depth_name][frame]
        except OSError as error:
            raise UserError(f"cannot read {self.describe(index)} ({error}); the file is damaged: download it "
                            "again") from None
        depth_m = np.ascontiguousarray(depth_m.T, np.float32)
        valid = np.isfinite(depth_m) & (depth_m > 0)
        return np.ascontiguousarray(picture.transpose(2, 1, 0)), np.where(valid, depth_m, np.float32(0))

    def _checked_count(self) -> int:
        file = _open(self.path)
        missing = [name for name in ("images", self.depth_name)
                   if not isinstance(file.get(name), h5py.Dataset)]
        if missing:
            raise UserError(f"{self.path} has no {' and no '.join(missing)}: it is not "
                            "nyu_depth_v2_labeled.mat")
        images, depths = file["images"], file[self.depth_name]
        try:
            count, kinds = len(images), (images.dtype == np.uint8, depths.dtype.kind == "f")
        except (TypeError, ValueError) as error:
            raise UserError(f"cannot read {self.path} ({error}); it is damaged: download it again") from None
        fits = images.ndim == 4 and depths.shape == (count, *images.shape[2:]) and images.shape[1] == 3
        if not (fits and all(kinds)):
            raise UserError(f"{self.path} holds images {images.dtype} {images.shape} and {self.depth_name} "
                            f"{depths.dtype} {depths.shape}, not uint8 (N, 3, W, H) and float (N, W, H)")
        return count

    def _test_frames(self, count: int) -> np.ndarray:
        given = _open(self.path).get("testNdxs")
        if given is not None:
            frames = np.asarray(given).ravel().astype(np.int64) - 1
            if frames.size and not 0 <= frames.min() <= frames.max() < count:
                raise UserError(f"testNdxs of {self.path} names frames beyond its {count}; they count from 1")
            return frames
        if count != FRAMES:
            raise UserError(f"{self.path} has {count} frames, not the {FRAMES} of the official split, and no "
                            "testNdxs that says which of them are for tests")
        return official_test_frames()


@lru_cache(maxsize=4)  # one handle a file and process; HDF5 lets one thread at a time into it
def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except OSError as error:
        raise UserError(f"cannot read {path} as a MATLAB 7.3 file ({error}); it is damaged or another kind: "
                        "download it again") from None
