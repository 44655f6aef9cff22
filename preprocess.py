# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Prepare samples for the C++ program: `python preprocess.py --dataset_path ~/NYU/Test --output_path P`."""
import sys
from pathlib import Path

from src.config import load_settings
from src.deploy.bundle import write_bundle
from src.errors import run_command
from src.method import build_method

_DESCRIPTION = """Write the evaluation set's inputs and labels as .bin files, and manifest.json, \
for ascend310_infer.

  python preprocess.py --dataset_path ~/NYU/Test --output_path ./preprocess_Result"""


def main(argv: list[str]) -> None:
    """Parse the settings and write the files."""
    settings = load_settings("preprocess", _DESCRIPTION, argv, trained_in="train_url")
    folder = Path(settings.output_path)
    count = write_bundle(build_method(settings), folder)
    print(f"{count} samples written to {folder}")


if __name__ == "__main__":
    sys.exit(run_command(main))
