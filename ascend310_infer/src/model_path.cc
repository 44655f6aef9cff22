// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/model_path.h"

#include <string>

#include "inc/errors.h"
#include "inc/utils.h"

namespace depth_infer {

std::string FindOnnxFile(const std::string& path) {
  const std::string suffix = ".mindir";
  const bool is_mindir =
      path.size() > suffix.size() && path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0;
  if (!is_mindir) {
    if (IsFile(path)) return path;
    throw UserError("no such model file: " + path);
  }
  const std::string beside = path.substr(0, path.size() - suffix.size()) + ".onnx";
  if (IsFile(beside)) return beside;
  const std::string name = beside.substr(beside.rfind('/') + 1);  // npos + 1 is 0: the whole path
  // The text of a/MindIR/X.mindir gives a/ONNX/X.onnx; "." and ".." have no such parent in their text.
  const std::string folder = DirName(path);
  const size_t slash = folder.rfind('/');
  const std::string folder_name = slash == std::string::npos ? folder : folder.substr(slash + 1);
  const bool named = folder_name != "." && folder_name != "..";
  const std::string sibling = JoinPath(JoinPath(named ? DirName(folder) : folder + "/..", "ONNX"), name);
  if (IsFile(sibling)) return sibling;
  throw UserError("no ONNX file for " + path + ": looked for " + beside + " and " + sibling +
                  "; write it with export.py --file_format ONNX");
}

}  // namespace depth_infer
