// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Runs MindIR models with MindSpore Lite's cloud-side C++ API: on Ascend 310 and 310P, or on the CPU.
// It compiles against the headers and passes its tests against a stand-in for the library
// (tests/fake_mindspore.cc), but it has never been run on a card: check the first results there against
// postprocess.py's figures.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Releases up to 2.7 have include/api, the newest ones include/cxx_api; what is used here is the same in
// both.
#if __has_include("include/api/model.h")
#include "include/api/context.h"
#include "include/api/model.h"
#include "include/api/status.h"
#include "include/api/types.h"
#elif __has_include("include/cxx_api/model.h")
#include "include/cxx_api/context.h"
#include "include/cxx_api/model.h"
#include "include/cxx_api/status.h"
#include "include/cxx_api/types.h"
#else
#error "MindSpore Lite's headers (include/api/model.h) were not found: set MS_LITE_HOME"
#endif

#include "inc/engine.h"
#include "inc/errors.h"
#include "inc/ports.h"
#include "inc/utils.h"

namespace depth_infer {

const char kDefaultDeviceType[] = "Ascend";

namespace {

std::string DTypeName(mindspore::DataType type) {
  if (type == mindspore::DataType::kNumberTypeFloat32) return "float32";
  if (type == mindspore::DataType::kNumberTypeInt32) return "int32";
  return "type " + std::to_string(static_cast<int>(type));
}

std::vector<Port> PortsOf(const std::vector<mindspore::MSTensor>& tensors) {
  std::vector<Port> ports;
  for (const mindspore::MSTensor& tensor : tensors) {
    ports.push_back({{tensor.Name()}, DTypeName(tensor.DataType()), tensor.Shape()});
  }
  return ports;
}

void Check(const mindspore::Status& status, const std::string& what) {
  if (status.IsError()) throw UserError(what + ": " + OneLine(status.ToString()));
}

std::shared_ptr<mindspore::Context> MakeContext(const EngineOptions& options) {
  auto context = std::make_shared<mindspore::Context>();
  auto& devices = context->MutableDeviceInfo();
  if (options.device_type == "Ascend") {
    auto device = std::make_shared<mindspore::AscendDeviceInfo>();
    device->SetDeviceID(static_cast<uint32_t>(options.device_id));
    // Ascend's default is fp16, which is too coarse for depth and for DCNF's linear system.
    device->SetPrecisionMode(options.fp16 ? "enforce_fp16" : "enforce_fp32");
    devices.push_back(device);
  } else {
    context->SetThreadNum(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
    devices.push_back(std::make_shared<mindspore::CPUDeviceInfo>());
  }
  return context;
}

class MindSporeModel : public Model {
 public:
  MindSporeModel(std::unique_ptr<mindspore::Model> model, const ModelSpec& spec, size_t batch,
                 std::vector<size_t> input_ports, std::vector<size_t> output_ports)
      : model_(std::move(model)),
        spec_(spec),
        batch_(batch),
        input_ports_(std::move(input_ports)),
        output_ports_(std::move(output_ports)) {}

  size_t batch() const override { return batch_; }

  void Run(const std::vector<TensorView>& inputs, std::vector<Buffer>* outputs) override {
    std::vector<mindspore::MSTensor> tensors = model_->GetInputs();
    for (size_t k = 0; k < inputs.size(); ++k) {
      mindspore::MSTensor& tensor = tensors[input_ports_[k]];
      if (tensor.DataSize() != inputs[k].bytes) {
        throw UserError("input " + spec_.inputs[k].name + " takes " + WithCommas(tensor.DataSize()) +
                        " bytes, not " + WithCommas(inputs[k].bytes));
      }
      // Lent, not copied; Predict only reads it.
      tensor.SetData(const_cast<void*>(inputs[k].data), false);
    }
    std::vector<mindspore::MSTensor> results;
    Check(model_->Predict(tensors, &results), "Predict");
    outputs->resize(output_ports_.size());
    for (size_t k = 0; k < output_ports_.size(); ++k) {
      const mindspore::MSTensor& result = results.at(output_ports_[k]);
      const std::shared_ptr<const void> data =
          result.Data();  // on the host, also where the tensor is on the device
      if (data == nullptr) throw UserError("output " + spec_.outputs[k].name + " has no data");
      const char* begin = static_cast<const char*>(data.get());
      (*outputs)[k].assign(begin, begin + result.DataSize());
    }
  }

 private:
  std::unique_ptr<mindspore::Model> model_;
  const ModelSpec spec_;
  const size_t batch_;
  const std::vector<size_t> input_ports_;
  const std::vector<size_t> output_ports_;
};

class MindSporeEngine : public Engine {
 public:
  explicit MindSporeEngine(const EngineOptions& options)
      : options_(options), context_(MakeContext(options)) {}

  std::unique_ptr<Model> Load(const std::string& path, const ModelSpec& spec) override {
    if (!IsFile(path)) throw UserError("no such model file: " + path);
    try {
      return LoadMindIr(path, spec);
    } catch (const UserError& error) {
      throw UserError("model " + spec.name + " (" + path + "): " + error.what());
    }
  }

 private:
  std::unique_ptr<Model> LoadMindIr(const std::string& path, const ModelSpec& spec) {
    auto model = std::make_unique<mindspore::Model>();
    Check(model->Build(path, mindspore::kMindIR, context_),
          "cannot be built for " + options_.device_type + " " + std::to_string(options_.device_id));
    const std::vector<mindspore::MSTensor> tensors = model->GetInputs();
    const std::vector<Port> inputs = PortsOf(tensors);
    const std::vector<size_t> input_ports = MatchPorts("input", spec.inputs, inputs);
    const size_t batch = BatchOf("input", inputs, options_.batch);
    ResizeOpenShapes(model.get(), tensors, inputs, input_ports, spec, batch);
    const std::vector<Port> outputs = PortsOf(model->GetOutputs());
    const std::vector<size_t> output_ports = MatchPorts("output", spec.outputs, outputs);
    if (BatchOf("output", outputs, batch) != batch) {
      throw UserError("its outputs do not keep the batch size " + std::to_string(batch) + " of its inputs");
    }
    std::cout << "model " << spec.name << ": " << path << " (MindSpore Lite, " << options_.device_type << " "
              << options_.device_id << ", " << (options_.fp16 ? "fp16" : "fp32") << ", batch " << batch << ")"
              << std::endl;
    return std::make_unique<MindSporeModel>(std::move(model), spec, batch, input_ports, output_ports);
  }

  // Only where a size is open: a model of fixed shape, the usual one on 310, may refuse to be resized.
  static void ResizeOpenShapes(mindspore::Model* model, const std::vector<mindspore::MSTensor>& tensors,
                               const std::vector<Port>& ports, const std::vector<size_t>& input_ports,
                               const ModelSpec& spec, size_t batch) {
    bool open = false;
    for (const Port& port : ports) open = open || std::count(port.shape.begin(), port.shape.end(), -1) > 0;
    if (!open) return;
    std::vector<std::vector<int64_t>> shapes(ports.size());
    for (size_t k = 0; k < input_ports.size(); ++k) {
      std::vector<int64_t>& shape = shapes[input_ports[k]];
      shape = spec.inputs[k].shape;
      shape.insert(shape.begin(), static_cast<int64_t>(batch));
    }
    Check(model->Resize(tensors, shapes), "cannot be resized to batch " + std::to_string(batch));
  }

  const EngineOptions options_;
  std::shared_ptr<mindspore::Context> context_;
};

}  // namespace

std::unique_ptr<Engine> MakeEngine(const EngineOptions& options) {
  return std::make_unique<MindSporeEngine>(options);
}

}  // namespace depth_infer
