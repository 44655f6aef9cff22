#!/bin/bash
# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
#
# Exports one net of any method and checks each file against the network.
set -euo pipefail

usage() {
  cat >&2 <<'END'
Usage: bash run_export.sh NET [CKPT_PATH] [settings of export.py ...]
Example: bash run_export.sh denoise
         bash run_export.sh refine ~/Model/Ckpt/FinalRefineNet.ckpt --method ddrnet --file_format ONNX
         bash run_export.sh pano --data_url ~/panoramas --file_format ONNX,INT8
NET is coarse or fine (depthnet), denoise or refine (ddrnet), left, right or shared (mergedepth), pano or pose
(panodepth). Without CKPT_PATH, the net of the last training is exported. The method is the one of TRAIN_URL's
config.yaml where --method names no other. Writes MindIR/Final<Net>.mindir and ONNX/Final<Net>.onnx into
TRAIN_URL; AIR needs an Ascend device.
Environment: TRAIN_URL, folder of the training (default: Model in the repository); PYTHON, the interpreter.
END
  exit 2
}

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

split_arguments "$@"
[ "${#positionals[@]}" -ge 1 ] || usage
export_net "$@"
