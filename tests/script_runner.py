# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Starts the shell scripts as a user does, and an interpreter that records what they start."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
REPOSITORY = SCRIPTS.parent
# What a developer's shell may hold and the scripts read.
_READ_BY_SCRIPTS = ("PYTHON", "TRAIN_URL", "BUILD_DIR", "DEVICE_TYPE", "SERVER_ID", "MS_LITE_HOME",
                    "LITE_HOME", "RANK_TABLE_FILE", "RANK_SIZE", "RANK_ID", "DEVICE_ID", "DEVICE_NUM")

# Stands for the interpreter: records the root commands, runs everything else. FAKE_EXIT_<RANK_ID> is the exit
# code of a rank, which ends when all ranks have been recorded; FAKE_HANG lists ranks that must be stopped.
_RECORDER = """
import glob, json, os, sys, time
name = os.path.basename(sys.argv[1])
if name not in ("train.py", "eval.py", "export.py", "preprocess.py", "postprocess.py"):
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
rank = os.environ.get("RANK_ID", "0")
call = {"name": name, "argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), "pid": os.getpid(),
        "cores": sorted(os.sched_getaffinity(0))}
file = os.path.join(os.environ["FAKE_RECORDS"], f"{time.time_ns()}_{rank}.json")
with open(file + ".part", "w") as stream:
    json.dump(call, stream)
os.rename(file + ".part", file)
print(f"output of {name}")
print(f"complaint of {name}", file=sys.stderr)
sys.stdout.flush()
if rank in os.environ.get("FAKE_HANG", "").split(","):
    time.sleep(300)
code = int(os.environ.get(f"FAKE_EXIT_{rank}", "0"))
records = os.path.join(os.environ["FAKE_RECORDS"], "*.json")
while code and len(glob.glob(records)) < int(os.environ["RANK_SIZE"]):
    time.sleep(0.02)
sys.exit(code)
"""


def environment(**changes: str | Path) -> dict[str, str]:
    """Return this process's environment without what the scripts read, with `changes`."""
    kept = {name: value for name, value in os.environ.items() if name not in _READ_BY_SCRIPTS}
    return {**kept, **{name: str(value) for name, value in changes.items()}}


def run_script(script: str, *args: object, cwd: Path, scripts: Path = SCRIPTS,
               **env: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `bash <scripts>/<script> args...` in `cwd` with its output captured."""
    return subprocess.run(["bash", str(scripts / script), *map(str, args)], cwd=cwd, env=environment(**env),
                          text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False)


class ScriptFolder:
    """The folder `root`/scripts, where a user starts the scripts; their trainings lie in `root`/Model."""

    def __init__(self, root: Path):
        self.path, self.model = root / "scripts", root / "Model"
        self.path.mkdir()

    def run(self, script: str, *args: object) -> None:
        """Run a script that must succeed."""
        done = run_script(script, *args, cwd=self.path, TRAIN_URL=self.model, PYTHON=sys.executable)
        assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    def printed_figures(self, log: str) -> dict[tuple[str, str], dict[str, float]]:
        """Return the metrics that eval.log or acc.log shows, by (net, protocol)."""
        found, protocol = {}, ""
        lines = re.findall(r"^(  )?(\w+): (.*)$", (self.path / log).read_text(), re.MULTILINE)
        for indent, name, shown in lines:
            if indent:
                metrics = re.findall(r"(\w\S*): (\S+)", shown)
                found[name, protocol] = {metric: float(value) for metric, value in metrics}
            else:
                protocol = name
        return found


class FakePython:
    """An interpreter in `folder` that records calls of the root commands instead of running them."""

    def __init__(self, folder: Path):
        self._records = folder / "records"
        self._records.mkdir(parents=True)
        recorder = folder / "recorder.py"
        recorder.write_text(_RECORDER, encoding="utf-8")
        self.path = folder / "fake python"
        self.path.write_text(f'#!/bin/bash\nexec "{sys.executable}" "{recorder}" "$@"\n', encoding="utf-8")
        self.path.chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        """What the scripts need in their environment to use it."""
        return {"PYTHON": str(self.path), "FAKE_RECORDS": str(self._records)}

    def calls(self) -> list[dict[str, Any]]:
        """Return the recorded calls (name, argv, cwd, env, pid, cores) in their order."""
        return [json.loads(file.read_text()) for file in sorted(self._records.glob("*.json"))]
