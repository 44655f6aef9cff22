# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands in this process (MindSpore is imported once)."""
from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from src.errors import run_command


def run(command: str, *argv: object) -> None:
    """Run a root command, `run("eval", "--limit", 3)`; a `UserError` comes through."""
    importlib.import_module(command).main([str(arg) for arg in argv])


def refusal(capsys: pytest.CaptureFixture[str], command: str, *argv: object) -> str:
    """Run a root command that must end with exit code 2; return its one line on stderr."""
    capsys.readouterr()
    assert run_command(importlib.import_module(command).main, [str(arg) for arg in argv]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


def evaluate(folder: Path, trained: Path, data: Path) -> Path:
    """Evaluate a training with everything that eval.py can write.

    Returns:
        `folder` with figures.json, figures.csv, png/, maps/ and panels/.
    """
    run("eval", "--train_url", trained, "--data_url", data, "--output_json", folder / "figures.json",
        "--output_csv", folder / "figures.csv", "--save_png", folder / "png", "--save_predictions",
        folder / "maps", "--save_images", folder / "panels")
    return folder


def figures(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Return the metrics of an `--output_json` file by (net, protocol)."""
    report = json.loads(path.read_text())
    return {(result["net"], result["protocol"]["name"]): result["metrics"] for result in report["results"]}


def assert_same_figures(found: Mapping[tuple[str, str], dict[str, float]],
                        expected: Mapping[tuple[str, str], dict[str, float]], **tolerance: float) -> None:
    """Assert that `figures` of two files agree within the `rel` and `abs` of `pytest.approx`."""
    assert found.keys() == expected.keys(), f"{list(found)}, expected {list(expected)}"
    for key, metrics in expected.items():
        assert found[key] == pytest.approx(metrics, **tolerance), f"{key}: {found[key]}, expected {metrics}"
