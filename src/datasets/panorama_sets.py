# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Where data sets keep their panoramas, and the split of these by place.

    seed            <uuid>/pan/{images,high,low}/<n>.png|jpg (the first that exists)
                    <uuid>/depth/<n>.png|npy|exr, <uuid>/pose/<n>.txt|json            1000 units a metre
    stanford2d3d    area_<k>/pano/rgb/*_rgb.png, depth/*_depth.png, pose/*_pose.json  512 units a metre
    matterport3d    <scan>/pano_skybox_color/<id>.jpg, pano_depth/<id>.png            4000 units a metre
    3d60            */*_color_0_Left_Down_0.0.png, *_depth_0_Left_Down_0.0.exr        metres

Endings may be in capitals, as .JPG.

Depth is the distance along the ray in all of them. Stanford 2D-3D-S (Armeni et al., 2017): its README says
so of its panoramas, unlike of its perspective pictures. Matterport3D (Chang et al., 3DV 2017): panoramas as
stitched by UniFuse (Jiang et al., RA-L 2021), without poses; its script turns z into distance with the
picture's size where the focal length belongs: up to 4 % off at the borders of the 18 views. 3D60 (Zioulis et
al., ECCV 2018): the central view of each place, ray-cast, no pose files.
"""
from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.datasets.pairs import natural_key
from src.datasets.panorama import Row, report
from src.errors import UserError

_PART = re.compile(r"\{([a-z]\w*)\}")
_ENDING = re.compile(r"\.\w+$")


class View(NamedTuple):
    """A panorama's files below the root.

    Attributes:
        place: what it must not share with another part of a split: a room's uuid, a building.
        row: image and depth, then pose where the set has poses.
        world: poses of the same world can be compared.
    """

    place: str
    row: Row
    world: str


class PanoramaSet(NamedTuple):
    """How a data set names its files, relative to its root.

    Attributes:
        images: patterns of the pictures; the first that has a picture of a name counts.
        image: what a picture's path consists of; `place`, and the parts that other paths are made of.
        depth, pose: the paths, of which the first that exists counts; no pose: the set has none.
        units_per_m: of integer depth.
        world: what panoramas share whose poses are in one world, made of the parts of a picture's path.
    """

    images: tuple[str, ...]
    image: re.Pattern[str]
    depth: tuple[str, ...]
    pose: tuple[str, ...]
    units_per_m: float
    world: str = "{place}"


SETS: Mapping[str, PanoramaSet] = {
    "seed": PanoramaSet(
        tuple(f"*/pan/{size}/*" for size in ("images", "high", "low")),
        re.compile(r"(?P<place>[^/]+)/pan/\w+/(?P<name>[^/]+)\.(?i:png|jpe?g)"),
        tuple(f"{{place}}/depth/{{name}}.{suffix}" for suffix in ("png", "npy", "exr")),
        tuple(f"{{place}}/pose/{{name}}.{suffix}" for suffix in ("txt", "json")), 1000),
    # Areas 5a and 5b are parts of one floor, in worlds of their own.
    "stanford2d3d": PanoramaSet(
        ("area_*/pano/rgb/*_rgb.*",),
        re.compile(r"(?P<place>area_\d)(?P<part>[ab]?)/pano/rgb/(?P<name>[^/]+)_rgb\.(?i:png)"),
        ("{place}{part}/pano/depth/{name}_depth.png",), ("{place}{part}/pano/pose/{name}_pose.json",), 512,
        "{place}{part}"),
    "matterport3d": PanoramaSet(
        ("*/pano_skybox_color/*.*",),
        re.compile(r"(?P<place>[^/]+)/pano_skybox_color/(?P<name>[^/]+)\.(?i:jpg)"),
        ("{place}/pano_depth/{name}.png",), (), 4000),
    # <number>_<building>, where a building is 32 hexadecimal digits or an area, and digits after it.
    "3d60": PanoramaSet(
        ("**/*_color_0_Left_Down_0.0.*",),
        re.compile(r"(?P<folder>(?:[^/]+/)*)(?P<name>(?:\d+_)?(?P<place>area_\d|[0-9a-f]{32})\w*)"
                   r"_color_0_Left_Down_0\.0\.(?i:png)"),
        ("{folder}{name}_depth_0_Left_Down_0.0.exr",), (), 1),
}


def set_of(image: str, depth: str, pose: str | None, units_per_m: float) -> PanoramaSet:
    """Return a data set whose files are told by patterns.

    Args:
        image: path of a picture relative to the root, with {place} and {name} (and any further {part}s) for
            what varies; each stands for a part of one folder's or file's name.
        depth: path of its depth, made of the same parts.
        pose: the same of its pose, where there are poses.
        units_per_m: of integer depth.

    Raises:
        UserError: a pattern is absolute or has other braces, `image` lacks {place} or {name}, or another has
            parts that `image` does not have.
    """
    for flag, pattern in (("image", image), ("depth", depth), ("pose", pose or "")):
        if Path(pattern).is_absolute() or set("{}") & set(_PART.sub("", pattern)):
            raise UserError(f"--{flag}_files {pattern}: give a path below DATA_DIR; parts are {{lower_case}} "
                            "names")
    parts = set(_PART.findall(image))
    if not {"place", "name"} <= parts:
        raise UserError(f"--image_files {image} must have {{place}} (what panoramas of one split share) and "
                        "{name} in it, as in {place}/rgb/{name}.png")
    for flag, pattern in (("depth", depth), ("pose", pose or "")):
        unknown = set(_PART.findall(pattern)) - parts
        if unknown:
            raise UserError(f"--{flag}_files {pattern} has {{{sorted(unknown)[0]}}}, which --image_files "
                            f"{image} does not have")
    return PanoramaSet((_glob(image),), _expression(image), (depth,), (pose,) if pose else (), units_per_m)


def _glob(pattern: str) -> str:
    """Return the glob of a pattern with {parts}, with any ending."""
    literals = _PART.split(_ENDING.sub("", pattern))[::2]
    stars = re.sub(r"\*+", "*", "*".join(map(glob.escape, literals)))  # ** would be folders of any depth
    return stars + (".*" if _ENDING.search(pattern) else "")


def _expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern with {parts}; one that comes again is the same again."""
    text, seen = "", set()
    ending = "".join(_ENDING.findall(pattern))
    for k, piece in enumerate(_PART.split(_ENDING.sub("", pattern))):  # literal, part, literal, ...
        if k % 2 == 0:
            text += re.escape(piece)
        else:
            text += f"(?P={piece})" if piece in seen else f"(?P<{piece}>[^/]+)"
            seen.add(piece)
    return re.compile(f"{text}(?i:{re.escape(ending)})")


def find_views(root: Path, kind: PanoramaSet) -> list[View]:
    """Return the panoramas of a data set in the order of their names.

    Either all have a pose or none has: a pose that others have is missing.

    Raises:
        UserError: the folder is missing or holds none, or files are missing (the first few are named).
    """
    if not root.is_dir():
        raise UserError(f"no data folder {root}")
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for pattern in kind.images:
        for path in sorted(root.glob(pattern)):
            file = path.relative_to(root).as_posix()
            match = kind.image.fullmatch(file)
            if match:
                found.setdefault(kind.depth[0].format(**match.groupdict()), (file, match.groupdict()))
    if not found:
        raise UserError(f"{root} holds no panoramas {' or '.join(kind.images)}; is --layout right, "
                        "and the folder?")
    pictures = sorted(found.values(), key=lambda picture: natural_key(picture[0]))
    depths = [_existing(root, kind.depth, parts) for _, parts in pictures]
    poses = [_existing(root, kind.pose, parts) for _, parts in pictures]
    missing = [f"{file} has no {kind.depth[0].format(**parts)}"
               for (file, parts), depth in zip(pictures, depths) if not depth]
    if any(poses):
        missing += [f"{file} has no {kind.pose[0].format(**parts)}"
                    for (file, parts), pose in zip(pictures, poses) if not pose]
    report(root, missing)
    return [View(parts["place"], (file, depth, pose) if pose else (file, depth), kind.world.format(**parts))
            for (file, parts), depth, pose in zip(pictures, depths, poses)]


def _existing(root: Path, templates: tuple[str, ...], parts: dict[str, str]) -> str:
    """Return the first of the paths that exists, if need be with its ending in capitals, or ""."""
    named = [template.format(**parts) for template in templates]
    paths = named + [_ENDING.sub(lambda ending: ending[0].upper(), path) for path in named]
    return next((path for path in paths if (root / path).is_file()), "")


def split_by_place(views: Iterable[View], valid_share: float, seed: int) -> tuple[list[View], list[View]]:
    """Deal the places out to training and validation, so that no place is in both.

    Places are taken in a random order as long as they bring validation closer to `valid_share` of all
    panoramas; at least one is, if the share is not 0.

    Raises:
        UserError: there is one place only.
    """
    by_place: dict[str, list[View]] = {}
    for view in views:
        by_place.setdefault(view.place, []).append(view)
    target = valid_share * sum(map(len, by_place.values()))
    if target and len(by_place) < 2:
        raise UserError(f"all panoramas are of one place ({next(iter(by_place))}), but training and "
                        "validation need places of their own; give --valid_share 0 or more data")
    order = np.random.default_rng(seed).permutation(sorted(by_place)) if target else []
    taken: set[str] = set()
    count = 0
    for place in order:
        grown = count + len(by_place[place])
        if len(taken) < len(by_place) - 1 and abs(grown - target) < abs(count - target):
            taken.add(place)
            count = grown
    if target and not taken:
        taken = {min(order, key=lambda place: len(by_place[place]))}
    return ([view for place, own in by_place.items() if place not in taken for view in own],
            [view for place, own in by_place.items() if place in taken for view in own])
