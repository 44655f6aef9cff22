# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Run the benchmarks: `python -m benchmarks`, or of some methods: `python -m benchmarks ddrnet`.

Each training and each evaluation is a process of its own, so that peak memory is that figure's. Seconds a
step are medians over the steps after the first two, which compile. Results go to <output_dir>/<method>.json
beside the machine and the versions.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import dcnf, ddrnet, depthnet, mergedepth, panodepth
from benchmarks.measuring import environment, run_python
from src.errors import UserError, run_command
from src.files import write_json

# Each has DATA, the generator's arguments, and measure() and summary().
METHODS = {"depthnet": depthnet, "ddrnet": ddrnet, "mergedepth": mergedepth, "panodepth": panodepth,
           "dcnf": dcnf}


def main(argv: list[str]) -> None:
    """Run the benchmarks that are asked for and write their results."""
    given = _arguments(argv)
    data_folders = _data_folders(given)
    for name in given.methods or METHODS:
        method, scratch = METHODS[name], Path(given.output_dir) / name
        data = data_folders.get(name, scratch / "data")
        if name not in data_folders:  # the generator completes what is there
            run_python("-m", "src.datasets.synthetic", "--output_dir", data, *method.DATA)
        results = {**environment(), **method.measure(data, scratch, given)}
        write_json(Path(given.output_dir) / f"{name}.json", results)
        print(method.summary(results), flush=True)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"{', '.join(METHODS)} (default: all)")
    parser.add_argument("--data_url", action="append", default=[], metavar="METHOD=FOLDER",
                        help="a data set in the method's layout (repeatable; made synthetically by default)")
    parser.add_argument("--output_dir", default="output/bench",
                        help="folder for results and scratch files (default: output/bench)")
    parser.add_argument("--long_steps", type=int, default=1200, metavar="N",
                        help="length of ddrnet's longer training (default: 1200, a quarter of an hour on two "
                             "cores)")
    parser.add_argument("--max_steps", type=int, default=0, metavar="N",
                        help="at most so many steps a training, to try the benchmarks out (at least 3)")
    given = parser.parse_args(argv)
    _require_method(*given.methods)
    if given.long_steps < 3 or given.max_steps in (1, 2) or given.max_steps < 0:
        raise UserError("give 3 or more for --long_steps and --max_steps: the first two steps compile")
    return given


def _data_folders(given: argparse.Namespace) -> dict[str, Path]:
    folders = {}
    for entry in given.data_url:
        name, _, folder = entry.partition("=")
        _require_method(name)
        if not Path(folder).is_dir():
            raise UserError(f"--data_url {entry} names no folder; give METHOD=FOLDER")
        folders[name] = Path(folder)
    return folders


def _require_method(*names: str) -> None:
    for name in names:
        if name not in METHODS:
            raise UserError(f"there is no benchmark of {name!r}; choose from: {', '.join(METHODS)}")


if __name__ == "__main__":
    sys.exit(run_command(main))
