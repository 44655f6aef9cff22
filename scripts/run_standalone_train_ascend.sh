#!/bin/bash
# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
#
# Trains on one device; the output goes to the screen and to train.log in the current directory.
set -euo pipefail

usage() {
  cat >&2 <<'END'
Usage: bash run_standalone_train_ascend.sh [DATASET_PATH] [DEVICE_ID] [settings of train.py ...]
Example: bash run_standalone_train_ascend.sh ~/mindspore_dataset/NYU 0
         bash run_standalone_train_ascend.sh ~/mindspore_dataset/NYU 0 --preset cpu --max_steps 300
         bash run_standalone_train_ascend.sh ~/DDRNet 0 --method ddrnet
         bash run_standalone_train_ascend.sh ~/KITTI 0 --method mergedepth
         bash run_standalone_train_ascend.sh ~/panoramas 0 --method panodepth
         bash run_standalone_train_ascend.sh ~/nyu/nyu_depth_v2_labeled.mat 0 --method dcnf
In the background: nohup bash run_standalone_train_ascend.sh ~/mindspore_dataset/NYU 0 >/dev/null &
Takes the Ascend device where there is one, else the CPU (--device_target CPU chooses it).
Environment: TRAIN_URL, where results go (default: Model in the repository); PYTHON, the interpreter.
END
  exit 2
}

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

split_arguments "$@"
[ "${#positionals[@]}" -eq 2 ] || usage
data_url=${positionals[0]} device_id=${positionals[1]}
require_data DATASET_PATH "$data_url"
[ ! -f "$device_id" ] ||
  fail "DEVICE_ID is a number; for the rank table '$device_id' use run_distributed_train_ascend.sh"
require_device_id "$device_id"
[ ! . -ef "$train_url" ] || fail "$train_url gets a train.log of its own: run this in another folder"
find_python

export DEVICE_NUM=1 DEVICE_ID=$device_id
run_logged train.log "$python" "$repo/train.py" --data_url "$data_url" --device_id "$device_id" \
  --device_target auto --train_url "$train_url" "${settings[@]}"
