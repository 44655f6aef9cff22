# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What both phases of mergedepth's preset cpu reach on synthetic streets that no training has seen."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_phase_1_beats_constant_maps_by_looking_and_phase_2_reconstructs_better(tmp_path):
    subprocess.run([sys.executable, "-m", "benchmarks", "mergedepth", "--output_dir", tmp_path],
                   cwd=REPOSITORY, check=True)
    report = json.loads((tmp_path / "mergedepth.json").read_text())
    best, control, first, second = (report["figures"][name] for name in (
        "best constant map", "pictures shuffled", "after phase 1", "after phase 2"))
    assert first["abs_rel"] <= best["abs_rel"] * 2 / 3
    assert first["delta1"] >= best["delta1"] + 0.15
    assert control["abs_rel"] >= best["abs_rel"] and control["delta1"] <= best["delta1"] + 0.02
    assert second["abs_rel"] <= 1.05 * first["abs_rel"]
    before, after = (report["losses_of_unseen_pairs"][f"after phase {n}"] for n in (1, 2))
    assert after["rec_left"] + after["rec_right"] <= 0.9 * (before["rec_left"] + before["rec_right"])
