# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Builds the C++ program once for all tests that run it, and runs it on a bundle."""
from __future__ import annotations

import fcntl
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

SOURCE_DIR = Path(__file__).resolve().parents[1] / "ascend310_infer"
BUILD_DIR = SOURCE_DIR / "build"


def missing_for_cpp() -> str:
    """Say what the C++ program cannot be built without here, or return an empty text."""
    missing = [tool for tool in ("bash", "cmake", "g++") if shutil.which(tool) is None]
    if importlib.util.find_spec("openvino") is None:
        missing.append("the Python package openvino")
    return f"the C++ program needs {', '.join(missing)}" if missing else ""


needs_cpp = pytest.mark.skipif(bool(missing_for_cpp()), reason=missing_for_cpp())


def mindspore_headers() -> Path | None:
    """Return the folder of the installed mindspore if it has the C++ API's headers (2.7 has, 2.8 has not)."""
    spec = importlib.util.find_spec("mindspore")
    folder = Path(spec.submodule_search_locations[0]) if spec else None
    return folder if folder and (folder / "include/api/model.h").is_file() else None


def run_build_script(build_dir: Path, *cmake_options: str, **environment: str) -> None:
    """Run build.sh into `build_dir`; processes that build there at the same time wait for each other."""
    build_dir.mkdir(parents=True, exist_ok=True)
    inherited = {k: v for k, v in os.environ.items() if k not in ("MS_LITE_HOME", "LITE_HOME")}
    inherited.update(PYTHON=sys.executable, BUILD_DIR=str(build_dir), **environment)
    with (build_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = subprocess.run(["bash", str(SOURCE_DIR / "build.sh"), *cmake_options], env=inherited, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert run.returncode == 0, run.stdout[-4000:]


@functools.cache
def build_cpp_program() -> Path:
    """Build `ascend310_infer/build/main` with the OpenVINO engine, and its tests; return the program's path.

    Only what has changed is compiled; the first build takes about 15 s on 2 cores.
    """
    run_build_script(BUILD_DIR, f"-DMINDSPORE_HEADERS={mindspore_headers() or ''}")
    return BUILD_DIR / "main"


def run_cpp_program(bundle: Path, models: Mapping[str, Path], results: Path, *options: object) -> None:
    """Run the built program on a bundle of preprocess.py, with the .mindir file of each model by its name.

    The results go to the folder `results`, the times to a folder T beside it.
    """
    given = (f"--model={name}={file}" for name, file in models.items())
    command = [build_cpp_program(), "--manifest", bundle / "manifest.json", *given, "--output_path", results,
               "--time_path", results.parent / "T", *options]
    run = subprocess.run([str(part) for part in command], cwd=results.parent, text=True, capture_output=True,
                         check=False)
    assert run.returncode == 0, run.stderr
