// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Compares what a model file has with what the manifest says.
#ifndef ASCEND310_INFER_INC_PORTS_H_
#define ASCEND310_INFER_INC_PORTS_H_

#include <string>
#include <vector>

#include "inc/tensor.h"

namespace depth_infer {

// An input or output as the model file declares it.
struct Port {
  std::vector<std::string> names;  // all that it answers to; may be empty
  std::string dtype;               // "float32", "int32", or the runtime's name of another type
  std::vector<int64_t> shape;      // with the batch dimension; -1 is an open size
};

// For each spec, the index of its port: by name where the file knows the names, else by order (exporters
// rename tensors). Throws UserError, beginning with `what`, where number, names, types or shapes do not fit.
std::vector<size_t> MatchPorts(const std::string& what, const std::vector<TensorSpec>& specs,
                               const std::vector<Port>& ports);

// The batch size that the ports fix, or `open_batch` where all leave it open. Throws UserError where they
// disagree.
size_t BatchOf(const std::string& what, const std::vector<Port>& ports, size_t open_batch);

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_PORTS_H_
