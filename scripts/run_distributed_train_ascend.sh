#!/bin/bash
# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
#
# Trains with one process for each of this server's devices in a rank table; each writes device<i>/train.log
# in the current directory. If one fails, the others are stopped.
set -euo pipefail

usage() {
  cat >&2 <<'END'
Usage: bash run_distributed_train_ascend.sh [DATASET_PATH] [RANK_TABLE_FILE] [settings of train.py ...]
Example: bash run_distributed_train_ascend.sh ~/mindspore_dataset/NYU ~/rank_table_8pcs.json
The number of processes is that of the devices in the table (made by hccl_tools.py). With several servers, run
this on each; it takes the server whose server_id is an address of this host.
Environment: SERVER_ID, this host's server_id in the table; TRAIN_URL, where results go (default: Model in the
repository); PYTHON, the interpreter.
END
  exit 2
}

source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

declare -A pid_of  # of the processes that still run, by device_id
stop_seconds=10

start_rank() {
  local rank_id=$1 device_id=$2 cores=$3 bind=()
  mkdir -p -- "device$device_id" || fail "cannot write to $PWD"
  if [ "$cores" != all ] && command -v taskset >/dev/null; then
    bind=(taskset -c "$cores")
  fi
  RANK_ID=$rank_id DEVICE_ID=$device_id "${bind[@]}" "$python" "$repo/train.py" --data_url "$data_url" \
    --device_id "$device_id" --device_target auto --train_url "$train_url" "${settings[@]}" \
    >"device$device_id/train.log" 2>&1 &
  pid_of[$device_id]=$!
  echo "rank $rank_id on device $device_id: process $!, log $PWD/device$device_id/train.log"
}

# Stops the processes of this script that still run; `jobs` knows no others.
stop_ranks() {
  local pids waited=0
  mapfile -t pids < <(jobs -rp)
  [ "${#pids[@]}" -gt 0 ] || return 0
  kill -TERM "${pids[@]}" 2>/dev/null || true
  while [ -n "$(jobs -rp)" ] && [ $((waited++)) -lt $((stop_seconds * 5)) ]; do sleep 0.2; done
  mapfile -t pids < <(jobs -rp)
  [ "${#pids[@]}" -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
}

# Ends the script with the exit code of the first process that failed.
check_rank() {
  local device_id=$1 code=0
  wait "${pid_of[$device_id]}" || code=$?
  unset "pid_of[$device_id]"
  if [ "$code" -ne 0 ]; then
    stop_ranks
    tail -n 5 -- "device$device_id/train.log" >&2 || true
    echo "error: device $device_id ended with exit code $code, see $PWD/device$device_id/train.log;" \
      "the other processes were stopped" >&2
    exit "$code"
  fi
}

wait_for_ranks() {
  local running device_id
  while [ "${#pid_of[@]}" -gt 0 ]; do
    running=" $(jobs -rp | tr '\n' ' ') "
    for device_id in "${!pid_of[@]}"; do
      [[ $running == *" ${pid_of[$device_id]} "* ]] || check_rank "$device_id"
    done
    sleep 0.2
  done
}

split_arguments "$@"
[ "${#positionals[@]}" -eq 2 ] || usage
data_url=${positionals[0]} table=${positionals[1]}
require_data DATASET_PATH "$data_url"
require_file RANK_TABLE_FILE "$table"
find_python
rows=$("$python" "$repo/scripts/rank_table.py" "$table") || exit $?

mapfile -t rows <<<"$rows"
export RANK_TABLE_FILE RANK_SIZE=${rows[0]} DEVICE_NUM=$((${#rows[@]} - 1))
RANK_TABLE_FILE=$(realpath -- "$table")
trap 'stop_ranks; exit 129' HUP
trap 'stop_ranks; exit 130' INT
trap 'stop_ranks; exit 143' TERM
for row in "${rows[@]:1}"; do
  read -r rank_id device_id cores <<<"$row"
  start_rank "$rank_id" "$device_id" "$cores"
done
wait_for_ranks
echo "all $DEVICE_NUM processes of this server are done; results in $train_url"
