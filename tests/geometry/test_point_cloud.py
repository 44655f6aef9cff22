# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""PLY files read back by a parser that knows only the format's description."""
from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from src.geometry.point_cloud import write_ply

SIZES = {"float": ("f", 4), "uchar": ("B", 1)}


def read_ply(path: Path) -> tuple[list[str], list[dict[str, float]]]:
    """Return comments and vertices of a binary little-endian PLY, value by value."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    lines = head.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = int(next(line for line in lines if line.startswith("element vertex ")).split()[2])
    properties = [line.split()[1:] for line in lines if line.startswith("property ")]
    code = "<" + "".join(SIZES[kind][0] for kind, _ in properties)
    assert len(body) == count * sum(SIZES[kind][1] for kind, _ in properties)
    names = [name for _, name in properties]
    vertices = [dict(zip(names, values)) for values in struct.iter_unpack(code, body)]
    return [line for line in lines if line.startswith("comment ")], vertices


def test_points_and_colours_come_back(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(7, 3))
    colors = rng.integers(0, 256, (7, 3), dtype=np.uint8)
    write_ply(tmp_path / "sub" / "cloud.ply", points, colors)
    comments, vertices = read_ply(tmp_path / "sub" / "cloud.ply")
    assert comments == ["comment metres; x right, y down, z forward"]
    assert [[v["x"], v["y"], v["z"]] for v in vertices] == points.astype(np.float32).tolist()
    assert [[v["red"], v["green"], v["blue"]] for v in vertices] == colors.tolist()


def test_an_empty_cloud_is_a_valid_file(tmp_path):
    write_ply(tmp_path / "empty.ply", np.empty((0, 3)), np.empty((0, 3), np.uint8))
    assert read_ply(tmp_path / "empty.ply")[1] == []


@pytest.mark.parametrize(("points", "colors", "message"), [
    (np.ones((4, 2)), np.ones((4, 2), np.uint8), "need points"),
    (np.ones((4, 3)), np.ones((5, 3), np.uint8), "need points"),
    (np.ones((4, 3)), np.ones((4, 3)), "need points"),
    (np.full((4, 3), np.nan), np.ones((4, 3), np.uint8), "finite"),
])
def test_wrong_arrays_are_refused_and_leave_no_file(tmp_path, points, colors, message):
    with pytest.raises(ValueError, match=message):
        write_ply(tmp_path / "cloud.ply", points, colors)
    assert list(tmp_path.iterdir()) == []
