// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/graph_runner.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

namespace depth_infer {
namespace {

// Samples [start, start + filled) of `tensor`, then the last of them again until there are `batch`.
Buffer PaddedPiece(const Buffer& tensor, size_t sample_bytes, size_t start, size_t filled, size_t batch) {
  const auto first = tensor.begin() + start * sample_bytes;
  const auto end = first + filled * sample_bytes;
  Buffer piece(first, end);
  piece.reserve(batch * sample_bytes);
  for (size_t i = filled; i < batch; ++i) piece.insert(piece.end(), end - sample_bytes, end);
  return piece;
}

}  // namespace

GraphRunner::GraphRunner(const Manifest& manifest, std::vector<std::unique_ptr<Model>> models)
    : manifest_(manifest), models_(std::move(models)), seconds_(models_.size(), 0.0) {}

size_t GraphRunner::batch() const {
  size_t largest = 1;
  for (const auto& model : models_) largest = std::max(largest, model->batch());
  return largest;
}

std::vector<Buffer> GraphRunner::Run(const std::vector<Buffer>& inputs, size_t count) {
  std::vector<std::vector<Buffer>> outputs(models_.size());
  const auto tensor_of = [&](const Source& source) -> const Buffer& {
    return source.model == Source::kSampleFile ? inputs[source.index] : outputs[source.model][source.index];
  };
  for (size_t i = 0; i < models_.size(); ++i) {
    std::vector<const Buffer*> model_inputs;
    for (const Source& source : manifest_.models[i].sources) model_inputs.push_back(&tensor_of(source));
    outputs[i] = RunModel(i, model_inputs, count);
  }
  std::vector<Buffer> results;
  for (const Source& source : manifest_.results) results.push_back(tensor_of(source));
  return results;
}

std::vector<Buffer> GraphRunner::RunModel(size_t index, const std::vector<const Buffer*>& inputs,
                                          size_t count) {
  const ModelSpec& spec = manifest_.models[index];
  Model& model = *models_[index];
  std::vector<Buffer> outputs(spec.outputs.size());
  std::vector<Buffer> padded(inputs.size());
  std::vector<TensorView> views(inputs.size());
  std::vector<Buffer> piece;
  for (size_t start = 0; start < count; start += model.batch()) {
    const size_t filled = std::min(model.batch(), count - start);
    for (size_t k = 0; k < inputs.size(); ++k) {
      const size_t bytes = spec.inputs[k].bytes();
      views[k] = {inputs[k]->data() + start * bytes, model.batch() * bytes};
      if (filled < model.batch()) {
        padded[k] = PaddedPiece(*inputs[k], bytes, start, filled, model.batch());
        views[k].data = padded[k].data();
      }
    }
    const auto before = std::chrono::steady_clock::now();
    model.Run(views, &piece);
    seconds_[index] += std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
    for (size_t k = 0; k < outputs.size(); ++k) {
      const size_t bytes = spec.outputs[k].bytes();
      if (piece.size() != outputs.size() || piece[k].size() != model.batch() * bytes) {
        throw std::runtime_error("model " + spec.name + " returned an output of the wrong size");
      }
      outputs[k].insert(outputs[k].end(), piece[k].begin(), piece[k].begin() + filled * bytes);
    }
  }
  return outputs;
}

}  // namespace depth_infer
