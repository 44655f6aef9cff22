#!/bin/bash
# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
#
# Exports DepthNet's fine net and checks each file against the network.
set -euo pipefail

usage() {
  cat >&2 <<'END'
Usage: bash run_export_fine_model.sh [CKPT_PATH] [settings of export.py ...]
Example: bash run_export_fine_model.sh
         bash run_export_fine_model.sh ~/Model/Ckpt/FinalFineNet.ckpt --file_format MINDIR,ONNX,AIR
Without CKPT_PATH, the fine net of the last training is exported. Writes MindIR/FinalFineNet.mindir and
ONNX/FinalFineNet.onnx into TRAIN_URL; AIR needs an Ascend device.
Environment: TRAIN_URL, folder of the training (default: Model in the repository); PYTHON, the interpreter.
END
  exit 2
}

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

export_net fine "$@"
