// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// The command line.
#ifndef ASCEND310_INFER_INC_ARGS_H_
#define ASCEND310_INFER_INC_ARGS_H_

#include <map>
#include <string>

namespace depth_infer {

struct Args {
  bool help = false;
  std::string manifest;
  std::map<std::string, std::string> models;  // the manifest's name of a model -> its file
  std::string output_path = "result_Files";
  std::string time_path = "time_Result";
  std::string device_type;  // "Ascend" or "CPU"
  int device_id = 0;
  int batch = 1;
  bool fp16 = false;
};

// Reads `--name value` and `--name=value`. Throws UserError.
Args ParseArgs(int argc, char** argv, const std::string& default_device_type);

std::string HelpText(const std::string& default_device_type);

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_ARGS_H_
