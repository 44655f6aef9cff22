#!/bin/bash
# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
#
# Prepares the test set, builds ascend310_infer, runs it and scores its results, all in the current directory:
# preprocess_Result/, result_Files/, time_Result/ and preprocess.log, build.log, infer.log, acc.log.
set -euo pipefail

usage() {
  cat >&2 <<'END'
Usage: bash run_infer_310.sh [MINDIR1_PATH] [MINDIR2_PATH] [DATA_PATH] [DEVICE_ID] \
         [settings of preprocess.py ...]
       bash run_infer_310.sh NAME=FILE [NAME=FILE ...] [DATA_PATH] [DEVICE_ID] [settings of preprocess.py ...]
Example: bash run_infer_310.sh ../Model/MindIR/FinalCoarseNet.mindir ../Model/MindIR/FinalFineNet.mindir \
           ../NYU/Test/ 0
         bash run_infer_310.sh denoise=../Model/MindIR/FinalDenoiseNet.mindir \
           refine=../Model/MindIR/FinalRefineNet.mindir ../DDRNet 0
         bash run_infer_310.sh left=../Model/MindIR/FinalLeftNet.mindir \
           right=../Model/MindIR/FinalRightNet.mindir ../KITTI 0
         bash run_infer_310.sh pano=../Model/MindIR/FinalPanoNet.mindir ../panoramas 0
         bash run_infer_310.sh dcnf=../Model/MindIR/FinalDcnf.mindir ../nyu/nyu_depth_v2_labeled.mat 0
MINDIR1_PATH is DepthNet's coarse net, MINDIR2_PATH its fine net; NAME=FILE gives the nets of any method by
name. DATA_PATH is the test set. Method and settings are those of the config.yaml beside or above the models:
move it with them. Where MS_LITE_HOME names the folder of MindSpore Lite the program runs on the Ascend device,
else on the CPU (OpenVINO, with the .onnx files of export.py: ../ONNX/ as seen from the .mindir).
Environment: MS_LITE_HOME; DEVICE_TYPE, Ascend or CPU; BUILD_DIR, where to build; PYTHON, the interpreter.
END
  exit 2
}

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

marker=.made_by_run_infer_310

# The folder is absent, empty or of an earlier run of this script.
require_replaceable() {
  { [ ! -e "$1" ] && [ ! -L "$1" ]; } || [ -f "$1/$marker" ] || { [ -d "$1" ] && [ -z "$(ls -A -- "$1")" ]; } ||
    fail "$PWD/$1 was not made by this script: move it away, or run this in another folder"
}

renew_folder() {
  rm -rf -- "$1"
  mkdir -- "$1" || fail "cannot write to $PWD"
  : >"$1/$marker"
}

# Sets `models`, NAME=FILE each, from the positionals before DATA_PATH and DEVICE_ID.
find_models() {
  local model named='^([A-Za-z_][A-Za-z0-9_]*)=(.*)$'
  if [ $# -eq 2 ] && { [[ ! $1 =~ $named ]] || [ -f "$1" ]; }; then
    require_file MINDIR1_PATH "$1"
    require_file MINDIR2_PATH "$2"
    models=("coarse=$1" "fine=$2")
    return
  fi
  for model in "$@"; do
    [[ $model =~ $named ]] || usage
    require_file "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  done
  models=("$@")
}

split_arguments "$@"
[ "${#positionals[@]}" -ge 3 ] || usage
find_models "${positionals[@]:0:${#positionals[@]}-2}"
data=${positionals[-2]} device_id=${positionals[-1]}
require_data DATA_PATH "$data"
require_device_id "$device_id"
find_python

folders=(preprocess_Result result_Files time_Result)
for folder in "${folders[@]}"; do require_replaceable "$folder"; done
for folder in "${folders[@]}"; do renew_folder "$folder"; done

# The folder of the models tells preprocess.py how they were trained (config.yaml in or above it).
run_logged preprocess.log "$python" "$repo/preprocess.py" --dataset_path "$data" \
  --train_url "$(dirname -- "${models[0]#*=}")" "${settings[@]}" --output_path preprocess_Result
export BUILD_DIR=${BUILD_DIR:-$repo/ascend310_infer/build}
PYTHON=$python run_logged build.log bash "$repo/ascend310_infer/build.sh"
model_arguments=()
for model in "${models[@]}"; do model_arguments+=(--model "$model"); done
run_logged infer.log "$BUILD_DIR/main" --manifest preprocess_Result/manifest.json "${model_arguments[@]}" \
  --output_path result_Files --time_path time_Result --device_id "$device_id" \
  ${DEVICE_TYPE:+--device_type "$DEVICE_TYPE"}
run_logged acc.log "$python" "$repo/postprocess.py" --result_path result_Files \
  --label_file preprocess_Result/label
