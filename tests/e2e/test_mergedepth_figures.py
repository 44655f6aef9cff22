# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What both phases of mergedepth's preset cpu reach on synthetic streets that no training has seen."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import mean

import pytest

from benchmarks.mergedepth import VIEWS

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_phase_1_beats_constant_maps_by_looking_and_phase_2_reconstructs_better(tmp_path):
    subprocess.run([sys.executable, "-m", "benchmarks", "mergedepth", "--output_dir", tmp_path],
                   cwd=REPOSITORY, check=True)
    report = json.loads((tmp_path / "mergedepth.json").read_text())
    rows = ("best constant map", "pictures shuffled", "after phase 1", "after phase 2")
    best, control, first, second = ({name: mean(report["figures"][row][view][name] for view in VIEWS)
                                     for name in ("abs_rel", "delta1")} for row in rows)
    assert first["abs_rel"] <= best["abs_rel"] * 2 / 3
    assert first["delta1"] >= best["delta1"] + 0.15
    assert control["abs_rel"] >= best["abs_rel"] and control["delta1"] <= best["delta1"] + 0.02
    assert second["abs_rel"] <= 1.05 * first["abs_rel"]
    before, after = (report["losses_of_unseen_pairs"][f"after phase {n}"] for n in (1, 2))
    for view in VIEWS:
        assert after[f"rec_{view}"] <= 0.9 * before[f"rec_{view}"]
