# shellcheck shell=bash disable=SC2034  # the variables serve the scripts that source this file
# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts of this folder share; each defines `usage`, which prints it to stderr and exits with 2.
# None changes the directory, so that relative paths mean what they mean to the caller.

repo=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
train_url=${TRAIN_URL:-$repo/Model}

export PYTHONUNBUFFERED=1  # logs grow line by line
# One process, whatever an earlier distributed run left in the caller's shell.
export RANK_SIZE=1 RANK_ID=0
unset RANK_TABLE_FILE

fail() {
  echo "error: $*" >&2
  exit 2
}

# Sets `python`: $PYTHON, else the repository's virtual environment, else the one on PATH.
find_python() {
  python=${PYTHON:-}
  if [ -z "$python" ] && [ -x "$repo/.venv/bin/python" ]; then
    python=$repo/.venv/bin/python
  elif [ -z "$python" ]; then
    python=$(command -v python3 || command -v python) ||
      fail "no python3 on PATH: install Python, or name an interpreter with PYTHON=/path/to/python"
  fi
  command -v -- "$python" >/dev/null || fail "PYTHON=$python cannot be run"
}

# Sets `positionals`, the arguments before the first that begins with "-", and `settings`, the others, which
# the Python command judges.
split_arguments() {
  positionals=()
  while [ $# -gt 0 ] && [[ $1 != -* ]]; do
    positionals+=("$1")
    shift
  done
  settings=("$@")
  case ${1:-} in -h | --help) usage ;; esac
}

# A folder of data, NYU's labelled file or a record.
require_data() {
  [ -d "$2" ] || [[ -f $2 && $2 =~ \.(mat|mindrecord[0-9]*)$ ]] ||
    fail "$1: no folder '$2', nor a .mat or .mindrecord file of that name (relative paths start at $PWD)"
}

require_file() {
  [ -f "$2" ] || fail "$1: no file '$2' (relative paths start at $PWD)"
}

require_device_id() {
  [[ $1 =~ ^[0-9]+$ ]] || fail "DEVICE_ID is a whole number such as 0, not '$1'"
}

# run_logged LOG COMMAND...: shows the command's output and keeps it in LOG; the script ends where the command
# fails, with its exit code.
run_logged() {
  local log=$1 code=0
  shift
  { : >"$log"; } 2>/dev/null || fail "cannot write $PWD/$log; run this in a folder that you may write to"
  # tee outlives Ctrl-C (-i), so that the command can still say how it ended.
  "$@" 2>&1 | tee -i -- "$log" || code=$?
  if [ "$code" -ne 0 ]; then
    echo "error: ended with exit code $code; the reason is above and in $PWD/$log" >&2
    exit "$code"
  fi
}

# export_net NET [CKPT_PATH] [settings ...]: exports one net; the last training's without CKPT_PATH.
export_net() {
  local net=$1 checkpoint=()
  shift
  split_arguments "$@"
  [ "${#positionals[@]}" -le 1 ] || usage
  if [ "${#positionals[@]}" -eq 1 ]; then
    require_file CKPT_PATH "${positionals[0]}"
    checkpoint=(--ckpt "$net=${positionals[0]}")
  fi
  find_python
  exec "$python" "$repo/export.py" --export_nets "$net" --train_url "$train_url" \
    "${checkpoint[@]}" "${settings[@]}"
}
