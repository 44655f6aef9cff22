# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""The demo's claims: it beats every constant map clearly, by looking at the picture, in Python as in C++."""
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_demo_beats_constant_maps_by_looking(tmp_path):
    subprocess.run([sys.executable, REPOSITORY / "scripts" / "demo.py", "--output_dir", tmp_path], check=True)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    best, python, cpp = metrics["baseline"], metrics["python"], metrics["cpp"]
    control = metrics["control_shuffled_pictures"]
    assert python["abs_rel"] <= best["abs_rel"] * 2 / 3
    assert python["delta1"] >= best["delta1"] + 0.15
    assert control["abs_rel"] >= best["abs_rel"] and control["delta1"] <= best["delta1"] + 0.02
    assert all(abs(python[name] - cpp[name]) <= 1e-3 for name in python)
    assert (tmp_path / "report.html").stat().st_size > 100_000
