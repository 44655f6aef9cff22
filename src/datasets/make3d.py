# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Make3D's laser maps (Saxena et al., IJCV 2007, PAMI 2009) and their pictures, as the archives unpack.

    make3d1   Train400Img/img-<id>.jpg    Train400Depth/depth_sph_corr-<id>.mat                 400 pairs
              Test134/img-<id>.jpg        Test134Depth/Gridlaserdata/depth_sph_corr-<id>.mat    134 pairs
              Position3DGrid (55, 305, 4): vertical and horizontal place, projective depth, and the distance
              from the scanner, all in metres; pictures 1704 x 2272
    make3d2   Dataset3_Images/img-<id>.jpg    Dataset3_Depths/*-<id>.mat    for training
              Dataset2_Images/img-<id>.jpg    Dataset2_Depths/*-<id>.mat    for tests
              depthMap (h, w) in metres; pictures lie on their side

A map's grid spans the whole picture.
"""
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from src.datasets.image_files import read_rgb
from src.datasets.pairs import natural_key
from src.errors import UserError, listed

_PICTURE = re.compile(r"img-(.+)\.jpe?g", re.IGNORECASE)
_DEPTH = re.compile(r"[^-.][^-]*-(.+)\.mat", re.IGNORECASE)
_DISTANCE = 3  # the channel of Position3DGrid that is the distance


@dataclass(frozen=True)
class _Layout:
    """Folders of pictures and of laser maps for each part (any of several names), and the map's variable."""

    train: tuple[tuple[str, ...], tuple[str, ...]]
    test: tuple[tuple[str, ...], tuple[str, ...]]
    variable: str


_LAYOUTS = {
    "make3d1": _Layout((("Train400Img",), ("Train400Depth",)),
                       (("Test134",), ("Test134Depth", "Gridlaserdata")), "Position3DGrid"),
    "make3d2": _Layout((("Dataset3_Images",), ("Dataset3_Depths",)),
                       (("Dataset2_Images",), ("Dataset2_Depths",)), "depthMap"),
}


@dataclass(frozen=True)
class LaserPairs:
    """Pictures and laser maps of one part of a set; the map's grid spans the whole picture.

    Attributes:
        root: folder that the files' paths start from.
        names: the files' common part, unique.
        rgb_files, depth_files: of each pair.
        variable: of the `.mat` files.
        unpaired: files without their partner, which are left out.
    """

    root: Path
    names: tuple[str, ...]
    rgb_files: tuple[str, ...]
    depth_files: tuple[str, ...]
    variable: str
    unpaired: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def describe(self, index: int) -> str:
        """Return both files of a pair."""
        return f"{self.rgb_files[index]} {self.depth_files[index]}"

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture (H, W, 3) uint8 and the laser's map (h, w) float32 in metres, 0 = no reading.

        Raises:
            UserError: a file is damaged.
        """
        rgb = read_rgb(self.root / self.rgb_files[index])
        if self.variable == "depthMap" and rgb.shape[1] > rgb.shape[0]:
            rgb = np.ascontiguousarray(np.rot90(rgb, k=-1))  # clockwise: the camera stood upright
        return rgb, read_laser(self.root / self.depth_files[index], self.variable)


def read_laser(path: str | Path, variable: str) -> np.ndarray:
    """Read a laser map (h, w) float32 in metres, 0 = no reading.

    Args:
        path: the `.mat` file (MATLAB 5 to 7).
        variable: "Position3DGrid" (h, w, 4), of which the distance is taken, or "depthMap" (h, w).

    Raises:
        UserError: the file is missing, damaged or of another kind.
    """
    try:
        with Path(path).open("rb") as file:
            # Some published files are longer than their compressed data, which breaks SciPy's stricter check.
            found = loadmat(file, variable_names=[variable], verify_compressed_data_integrity=False)
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except Exception as error:  # SciPy lets every kind through where a file is damaged, IndexError among them
        raise UserError(f"cannot read {path} as a MATLAB file ({error}); the file is damaged, replace or "
                        "remove it") from None
    grid, is_grid = found.get(variable), variable == "Position3DGrid"
    fits = grid is not None and grid.dtype.kind in "fiu" and grid.ndim == 2 + is_grid
    if not fits or (is_grid and grid.shape[2] != 4):
        has = "no such variable" if grid is None else f"{grid.dtype} {grid.shape}"
        raise UserError(f"{path} should hold {variable} {'(h, w, 4)' if is_grid else '(h, w)'}; it has {has}")
    depth_m = (grid[..., _DISTANCE] if is_grid else grid).astype(np.float32)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(0))


def open_make3d(folder: str | Path, name: str, part: str) -> LaserPairs:
    """Find the pairs of a part by their names, in natural order; no file is read.

    Args:
        folder: what the archives were unpacked to, each in a folder of its name or not.
        name: "make3d1" or "make3d2".
        part: "train" or "test".

    Raises:
        UserError: a folder is missing, holds no pairs, or two files have one name.
    """
    root, layout = Path(folder), _LAYOUTS[name]
    picture_folders, depth_folders = getattr(layout, part)
    pictures = _by_id(root, picture_folders, _PICTURE)
    depths = _by_id(root, depth_folders, _DEPTH)
    ids = tuple(sorted(pictures.keys() & depths.keys(), key=natural_key))
    if not ids:
        raise UserError(f"{root} holds no pairs of {picture_folders[0]}/img-<id>.jpg and "
                        f"{depth_folders[0]}/*-<id>.mat")
    single = [found[key] for found, other in ((pictures, depths), (depths, pictures))
              for key in found.keys() - other.keys()]
    return LaserPairs(root, ids, tuple(pictures[key] for key in ids), tuple(depths[key] for key in ids),
                      layout.variable, tuple(sorted(single, key=natural_key)))


def _by_id(root: Path, folders: tuple[str, ...], pattern: re.Pattern) -> dict[str, str]:
    """Return the files below the first folder that exists, by what the pattern finds in their names."""
    folder = next((root / name for name in folders if (root / name).is_dir()), None)
    if folder is None:
        raise UserError(f"no folder {root / folders[0]}; unpack the archive of that name there")
    found: dict[str, str] = {}
    twice = []
    for path in sorted(folder.rglob("*")):
        match = pattern.fullmatch(path.name)
        if match:
            file = path.relative_to(root).as_posix()
            twice += [f"{found[match[1]]} and {file} have one name"] if match[1] in found else []
            found[match[1]] = file
    if twice:
        raise UserError(listed(folder, twice, "keep one of each"))
    return found
