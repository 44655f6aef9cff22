// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Runs ONNX models on the CPU of any x86 or Arm host with OpenVINO.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <openvino/frontend/manager.hpp>
#include <openvino/openvino.hpp>
#include <string>
#include <utility>
#include <vector>

#include "inc/engine.h"
#include "inc/errors.h"
#include "inc/model_path.h"
#include "inc/ports.h"
#include "inc/utils.h"

namespace depth_infer {

const char kDefaultDeviceType[] = "CPU";

namespace {

std::string DTypeName(const ov::element::Type& type) {
  if (type == ov::element::f32) return "float32";
  if (type == ov::element::i32) return "int32";
  return type.get_type_name();
}

template <typename Node>
std::vector<Port> PortsOf(const std::vector<ov::Output<Node>>& outputs) {
  std::vector<Port> ports;
  for (const auto& output : outputs) {
    const auto& names = output.get_names();
    Port port{{names.begin(), names.end()}, DTypeName(output.get_element_type()), {}};
    const ov::PartialShape& shape = output.get_partial_shape();
    if (shape.rank().is_dynamic()) throw UserError("a tensor without a fixed number of dimensions");
    for (const ov::Dimension& size : shape) port.shape.push_back(size.is_static() ? size.get_length() : -1);
    ports.push_back(std::move(port));
  }
  return ports;
}

ov::Shape WithBatch(size_t batch, const TensorSpec& spec) {
  ov::Shape shape(spec.shape.begin(), spec.shape.end());
  shape.insert(shape.begin(), batch);
  return shape;
}

class OpenVinoModel : public Model {
 public:
  OpenVinoModel(ov::InferRequest request, const ModelSpec& spec, size_t batch,
                std::vector<size_t> input_ports, std::vector<size_t> output_ports)
      : request_(std::move(request)),
        spec_(spec),
        batch_(batch),
        input_ports_(std::move(input_ports)),
        output_ports_(std::move(output_ports)) {}

  size_t batch() const override { return batch_; }

  void Run(const std::vector<TensorView>& inputs, std::vector<Buffer>* outputs) override {
    for (size_t k = 0; k < inputs.size(); ++k) {
      const TensorSpec& spec = spec_.inputs[k];
      const auto type = spec.dtype == DType::kFloat32 ? ov::element::f32 : ov::element::i32;
      // OpenVINO's tensor is not const, but inference only reads its inputs.
      void* data = const_cast<void*>(inputs[k].data);
      request_.set_input_tensor(input_ports_[k], ov::Tensor(type, WithBatch(batch_, spec), data));
    }
    request_.infer();
    outputs->resize(output_ports_.size());
    for (size_t k = 0; k < output_ports_.size(); ++k) {
      const ov::Tensor tensor = request_.get_output_tensor(output_ports_[k]);
      const char* data = static_cast<const char*>(tensor.data());
      (*outputs)[k].assign(data, data + tensor.get_byte_size());
    }
  }

 private:
  ov::InferRequest request_;
  const ModelSpec spec_;
  const size_t batch_;
  const std::vector<size_t> input_ports_;
  const std::vector<size_t> output_ports_;
};

class OpenVinoEngine : public Engine {
 public:
  explicit OpenVinoEngine(size_t batch) : wanted_batch_(batch) {}

  std::unique_ptr<Model> Load(const std::string& path, const ModelSpec& spec) override {
    const std::string file = FindOnnxFile(path);
    try {
      return LoadOnnx(file, spec);
    } catch (const std::exception& error) {
      throw UserError("model " + spec.name + " (" + file + "): " + OneLine(error.what()));
    }
  }

 private:
  // Not core_.read_model, which asks the readers of all other formats too; these write to stderr.
  std::shared_ptr<ov::Model> ReadOnnx(const std::string& file) {
    const ov::frontend::FrontEnd::Ptr onnx = frontends_.load_by_framework("onnx");
    try {
      return onnx->convert(onnx->load(file));
    } catch (const std::exception& error) {
      throw UserError(std::string("cannot be read as ONNX, export it again: ") + error.what());
    }
  }

  std::unique_ptr<Model> LoadOnnx(const std::string& file, const ModelSpec& spec) {
    const std::shared_ptr<ov::Model> network = ReadOnnx(file);
    const std::vector<Port> inputs = PortsOf(network->inputs());
    const std::vector<size_t> input_ports = MatchPorts("input", spec.inputs, inputs);
    const size_t batch = BatchOf("input", inputs, wanted_batch_);
    std::map<size_t, ov::PartialShape> shapes;
    for (size_t k = 0; k < input_ports.size(); ++k) {
      shapes[input_ports[k]] = ov::PartialShape(WithBatch(batch, spec.inputs[k]));
    }
    network->reshape(shapes);
    const std::vector<Port> outputs = PortsOf(network->outputs());
    const std::vector<size_t> output_ports = MatchPorts("output", spec.outputs, outputs);
    if (BatchOf("output", outputs, batch) != batch) {
      throw UserError("its outputs do not keep the batch size " + std::to_string(batch) +
                      " of its inputs; try --batch 1");
    }
    // Without the precision hint OpenVINO computes in bf16 where the CPU can: errors of 3e-3 instead of 1e-6.
    // The latency hint spreads one request over all cores: there is one caller, and reading and writing need
    // little.
    ov::CompiledModel compiled =
        core_.compile_model(network, "CPU", ov::hint::inference_precision(ov::element::f32),
                            ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY));
    std::cout << "model " << spec.name << ": " << file << " (OpenVINO, CPU, fp32, batch " << batch << ")"
              << std::endl;
    return std::make_unique<OpenVinoModel>(compiled.create_infer_request(), spec, batch, input_ports,
                                           output_ports);
  }

  ov::frontend::FrontEndManager frontends_;
  ov::Core core_;
  const size_t wanted_batch_;
};

}  // namespace

std::unique_ptr<Engine> MakeEngine(const EngineOptions& options) {
  if (options.device_type != "CPU") {
    throw UserError("--device_type " + options.device_type +
                    ": this program was built without MindSpore Lite; set " +
                    "MS_LITE_HOME and build it again, or use --device_type CPU");
  }
  return std::make_unique<OpenVinoEngine>(options.batch);
}

}  // namespace depth_infer
