# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""What the CRF of dcnf is worth in synthetic rooms that no training has seen (preset cpu)."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_crf_beats_a_unary_network_of_equal_length_and_both_beat_constant_maps_by_looking(tmp_path):
    subprocess.run([sys.executable, "-m", "benchmarks", "dcnf", "--output_dir", tmp_path], cwd=REPOSITORY,
                   check=True)
    report = json.loads((tmp_path / "dcnf.json").read_text())
    gain = report["rms_gain"]
    assert gain["gain"] >= 0.02 and gain["low"] > 0
    figures = report["figures"]
    best, control = figures.pop("best constant map"), figures.pop("whole, pictures shuffled")
    for row in figures.values():  # of both networks, with each seed
        assert row["abs_rel"] <= best["abs_rel"] * 2 / 3
        assert row["delta1"] >= best["delta1"] + 0.15
    assert control["abs_rel"] >= best["abs_rel"] and control["delta1"] <= best["delta1"] + 0.02
    assert all(beta >= 0 for betas in report["betas"].values() for beta in betas)
    light = report["seconds_an_image"]["light"]
    assert light["whole"] < 1 and light["solver"] < 0.05  # several times what it takes
