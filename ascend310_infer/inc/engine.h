// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// What runs a model. Each program links one engine: engine_openvino.cc or engine_mindspore.cc.
#ifndef ASCEND310_INFER_INC_ENGINE_H_
#define ASCEND310_INFER_INC_ENGINE_H_

#include <memory>
#include <string>
#include <vector>

#include "inc/manifest.h"
#include "inc/tensor.h"

namespace depth_infer {

struct EngineOptions {
  std::string device_type;  // "Ascend" or "CPU"
  int device_id = 0;
  bool fp16 = false;
  size_t batch = 1;  // for models that leave their batch size open
};

// A compiled model. Samples of a batch do not influence each other.
class Model {
 public:
  virtual ~Model() = default;
  // Samples in each Run.
  virtual size_t batch() const = 0;
  // Runs batch() samples; inputs and outputs stand in the order of the ModelSpec. Throws std::exception.
  virtual void Run(const std::vector<TensorView>& inputs, std::vector<Buffer>* outputs) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Reads, checks against `spec` and compiles the model of `path`. Throws UserError.
  virtual std::unique_ptr<Model> Load(const std::string& path, const ModelSpec& spec) = 0;
};

// The two names that an engine's file defines.
extern const char kDefaultDeviceType[];
// Throws UserError where the engine does not serve the device.
std::unique_ptr<Engine> MakeEngine(const EngineOptions& options);

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_ENGINE_H_
