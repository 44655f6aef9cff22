#!/bin/bash
# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
#
# Evaluates trained checkpoints; the figures go to the screen and to eval.log in the current directory.
set -euo pipefail

usage() {
  cat >&2 <<'END'
Usage: bash run_eval.sh [DATASET_PATH] [COARSENET_MODEL_PATH] [FINENET_MODEL_PATH] [settings of eval.py ...]
       bash run_eval.sh [DATASET_PATH] [settings of eval.py ...]
Example: bash run_eval.sh ~/mindspore_dataset/NYU
         bash run_eval.sh ~/mindspore_dataset/NYU ~/Model/Ckpt/FinalCoarseNet.ckpt \
           ~/Model/Ckpt/FinalFineNet.ckpt
         bash run_eval.sh ~/DDRNet --method ddrnet --ckpt denoise=Denoise.ckpt --ckpt refine=Refine.ckpt
         bash run_eval.sh ~/KITTI --method mergedepth --ckpt left=Left.ckpt --ckpt right=Right.ckpt
         bash run_eval.sh ~/panoramas --method panodepth --ckpt pano=Pano.ckpt
         bash run_eval.sh ~/nyu/nyu_depth_v2_labeled.mat --method dcnf --ckpt dcnf=Dcnf.ckpt
Without checkpoints, those of the last training are evaluated; its config.yaml tells the method too.
Environment: TRAIN_URL, folder of the training (default: Model in the repository); PYTHON, the interpreter.
END
  exit 2
}

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

split_arguments "$@"
checkpoints=()
case ${#positionals[@]} in
  1) ;;
  3)
    require_file COARSENET_MODEL_PATH "${positionals[1]}"
    require_file FINENET_MODEL_PATH "${positionals[2]}"
    checkpoints=(--coarse_ckpt_model "${positionals[1]}" --fine_ckpt_model "${positionals[2]}")
    ;;
  *) usage ;;
esac
require_data DATASET_PATH "${positionals[0]}"
find_python

run_logged eval.log "$python" "$repo/eval.py" --test_data "${positionals[0]}" --train_url "$train_url" \
  "${checkpoints[@]}" "${settings[@]}"
