// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// The tensors that flow through the graph.
#ifndef ASCEND310_INFER_INC_TENSOR_H_
#define ASCEND310_INFER_INC_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace depth_infer {

enum class DType { kFloat32, kInt32 };

constexpr size_t kElementBytes = 4;  // of either type

// A named tensor of one sample; `shape` has no batch dimension.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;

  size_t bytes() const {
    size_t count = 1;
    for (int64_t size : shape) count *= static_cast<size_t>(size);
    return count * kElementBytes;
  }
};

// The same tensor of one or more samples, one after the other in C order.
using Buffer = std::vector<char>;

// Borrowed memory of one batch.
struct TensorView {
  const void* data = nullptr;
  size_t bytes = 0;
};

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_TENSOR_H_
