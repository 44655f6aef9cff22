# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""A training leaves its method's pictures and point clouds beside the checkpoints."""
from __future__ import annotations

from tests.samples import write_nyu
from tests.training.toy import Toy, registered_toy, train_toy


def test_pictures_and_clouds_are_of_the_first_validation_sample(tmp_path, monkeypatch):
    shown = []

    def clouds(self, sample, maps):
        shown.append((sample.name, {result: depth_m.shape for result, depth_m in maps.items()}))
        depth_m = maps["coarse:log_depth"]
        return {"cloud": (self.points(depth_m, sample.camera).reshape(-1, 3), sample.rgb.reshape(-1, 3))}

    monkeypatch.setattr(Toy, "clouds", clouds)
    monkeypatch.setattr(Toy, "points", lambda self, depth_m, camera: depth_m[..., None] * [0.0, 0.0, 1.0])
    nyu = write_nyu(tmp_path / "nyu", 4, 2)
    with registered_toy():
        train_toy(nyu, tmp_path, "--stages", "coarse", "--max_steps", 2, "--picture_every", 1)
    assert shown == [("00000", {"coarse:log_depth": (60, 80)})] * 2
    files = {path.name for path in (tmp_path / "images").iterdir()}
    assert files == {f"coarse_00000{step}_{name}" for step in (1, 2) for name in ("coarse.png", "cloud.ply")}
    for step in (1, 2):
        text = (tmp_path / "images" / f"coarse_00000{step}_cloud.ply").read_bytes()
        assert b"element vertex 4800\n" in text
