// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Which file the OpenVINO engine reads for a model.
#ifndef ASCEND310_INFER_INC_MODEL_PATH_H_
#define ASCEND310_INFER_INC_MODEL_PATH_H_

#include <string>

namespace depth_infer {

// OpenVINO reads ONNX, not MindIR, and export.py writes both: for .../MindIR/X.mindir this is X.onnx beside
// it, else
// .../ONNX/X.onnx. Any other existing file stands for itself. Throws UserError where there is none.
std::string FindOnnxFile(const std::string& path);

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_MODEL_PATH_H_
