# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Export trained networks: `python export.py`, `python export.py --coarse_or_fine coarse`."""
import sys

from src.config import load_settings
from src.errors import run_command
from src.method import build_method

_DESCRIPTION = """Export the networks of a depth method from their checkpoints.

Writes <train_url>/MindIR/Final<Net>.mindir and ONNX/Final<Net>.onnx (AIR/Final<Net>.air where there is an
Ascend backend), runs each file, and keeps it only if it agrees with the network within --tolerance.
INT8/Final<Net>.onnx is quantized to 8 bits, calibrated on the training set's pictures or --calibration_list;
what that costs on the evaluation set is printed and written to INT8/accuracy.json.

  python export.py                                  all networks, MindIR and ONNX
  python export.py --coarse_or_fine coarse          DepthNet's coarse net alone
  python export.py --file_format INT8 --data_url ~/NYU
  python export.py --file_format AIR                on a machine with an Ascend card"""


def main(argv: list[str]) -> None:
    """Parse the settings and export."""
    method = build_method(load_settings("export", _DESCRIPTION, argv, trained_in="train_url"))
    from src.deploy.export import export  # MindSpore is imported once the settings are known to be right

    export(method)


if __name__ == "__main__":
    sys.exit(run_command(main))
