// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// A model with exact, simple arithmetic in place of an engine's, and buffers of floats.
#ifndef ASCEND310_INFER_TESTS_FAKE_MODEL_H_
#define ASCEND310_INFER_TESTS_FAKE_MODEL_H_

#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "inc/engine.h"

inline depth_infer::Buffer FromFloats(const std::vector<float>& values) {
  depth_infer::Buffer buffer(values.size() * sizeof(float));
  std::memcpy(buffer.data(), values.data(), buffer.size());
  return buffer;
}

inline std::vector<float> ToFloats(const void* data, size_t bytes) {
  std::vector<float> values(bytes / sizeof(float));
  std::memcpy(values.data(), data, bytes);
  return values;
}

inline std::vector<float> ToFloats(const depth_infer::Buffer& buffer) {
  return ToFloats(buffer.data(), buffer.size());
}

// Applies `function` to the inputs of each batch, as lists of floats, and remembers the inputs.
class FakeModel : public depth_infer::Model {
 public:
  using Tensors = std::vector<std::vector<float>>;

  FakeModel(size_t batch, std::function<Tensors(const Tensors&)> function,
            std::vector<Tensors>* calls = nullptr)
      : batch_(batch), function_(std::move(function)), calls_(calls) {}

  size_t batch() const override { return batch_; }

  void Run(const std::vector<depth_infer::TensorView>& inputs,
           std::vector<depth_infer::Buffer>* outputs) override {
    Tensors tensors;
    for (const depth_infer::TensorView& input : inputs) tensors.push_back(ToFloats(input.data, input.bytes));
    if (calls_ != nullptr) calls_->push_back(tensors);
    outputs->clear();
    for (const std::vector<float>& output : function_(tensors)) outputs->push_back(FromFloats(output));
  }

 private:
  const size_t batch_;
  const std::function<Tensors(const Tensors&)> function_;
  std::vector<Tensors>* calls_;
};

#endif  // ASCEND310_INFER_TESTS_FAKE_MODEL_H_
