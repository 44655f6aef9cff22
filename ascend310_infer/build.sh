#!/bin/bash
# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds ascend310_infer/build/main. The engine is MindSpore Lite where MS_LITE_HOME (or LITE_HOME) is set,
# else the OpenVINO of $PYTHON or of the python on PATH. Arguments go to cmake (-DCMAKE_BUILD_TYPE=Debug).
# Environment: PYTHON, BUILD_DIR (default: build beside this script), MS_LITE_HOME.
set -euo pipefail

fail() {
  echo "error: $*" >&2
  exit 2
}

# Prints the folder of an installed Python package without importing it; nothing where there is none.
package_dir() {
  "$python" -c 'import importlib.util, sys
spec = importlib.util.find_spec(sys.argv[1])
print(list(spec.submodule_search_locations)[0] if spec else "")' "$1"
}

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build_dir=${BUILD_DIR:-$source_dir/build}
python=${PYTHON:-$(command -v python || command -v python3 || true)}
lite_home=${MS_LITE_HOME:-${LITE_HOME:-}}

command -v cmake >/dev/null || fail "cmake is missing: apt-get install cmake (or pip install cmake)"
command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null ||
  fail "a C++17 compiler is missing: apt-get install g++"

options=()
if [ -n "$python" ]; then
  command -v "$python" >/dev/null || fail "PYTHON=$python cannot be run"
  openvino=$(package_dir openvino)
  mindspore=$(package_dir mindspore)
  if [ -z "$lite_home" ] && [ -n "$openvino" ]; then
    options+=("-DOpenVINO_DIR=$openvino/cmake")
  fi
  if [ -f "$mindspore/include/third_party/nlohmann/json.hpp" ]; then
    options+=("-DNLOHMANN_INCLUDE_DIR=$mindspore/include/third_party")
  fi
fi

# CMake refuses a cache that was made for a copy of this folder elsewhere.
cache=$build_dir/CMakeCache.txt
if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source_dir" "$cache"; then
  rm -rf "$cache" "$build_dir/CMakeFiles"
fi

cmake -S "$source_dir" -B "$build_dir" -DMS_LITE_HOME="$lite_home" "${options[@]}" "$@" ||
  fail "cmake failed, see above"
cmake --build "$build_dir" --parallel "$(nproc)" || fail "the compilation failed, see above"
echo "built $build_dir/main"
