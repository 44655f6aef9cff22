// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "tests/fake_mindspore.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "include/api/context.h"
#include "include/api/model.h"
#include "include/api/status.h"
#include "include/api/types.h"

FakeMindSpore& Fake() {
  static FakeMindSpore fake;
  return fake;
}

namespace mindspore {

struct Status::Data {
  enum StatusCode code = kSuccess;
  std::vector<char> message;
};
Status::Status() : data_(std::make_shared<Data>()) {}
Status::Status(enum StatusCode code, const std::vector<char>& message) : Status() {
  data_->code = code;
  data_->message = message;
}
bool Status::IsError() const { return data_->code != kSuccess; }
std::vector<char> Status::ToCString() const { return data_->message; }

struct Context::Data {
  std::vector<std::shared_ptr<DeviceInfoContext>> devices;
};
Context::Context() : data_(std::make_shared<Data>()) {}
void Context::SetThreadNum(int32_t thread_num) { Fake().num_threads = thread_num; }
std::vector<std::shared_ptr<DeviceInfoContext>>& Context::MutableDeviceInfo() { return data_->devices; }

DeviceInfoContext::DeviceInfoContext() = default;
void AscendDeviceInfo::SetDeviceID(uint32_t device_id) { Fake().device_id = device_id; }
void AscendDeviceInfo::SetPrecisionMode(const std::vector<char>& mode) {
  Fake().precision_mode = CharToString(mode);
}

class MSTensor::Impl {
 public:
  size_t bytes() const {
    size_t count = 1;
    for (int64_t size : shape) count *= size < 0 ? 0 : static_cast<size_t>(size);
    return count * 4;
  }

  std::string name;
  enum DataType type = DataType::kNumberTypeFloat32;
  std::vector<int64_t> shape;
  const void* data = nullptr;
  std::vector<float> own;
};
MSTensor::MSTensor(const std::shared_ptr<Impl>& impl) : impl_(impl) {}
MSTensor::~MSTensor() = default;
std::vector<char> MSTensor::CharName() const { return StringToChar(impl_->name); }
enum DataType MSTensor::DataType() const { return impl_->type; }
const std::vector<int64_t>& MSTensor::Shape() const { return impl_->shape; }
size_t MSTensor::DataSize() const { return impl_->bytes(); }
void MSTensor::SetData(void* data, bool) { impl_->data = data; }
std::shared_ptr<const void> MSTensor::Data() const { return {impl_, impl_->own.data()}; }

class ModelImpl {
 public:
  ModelImpl() {
    n_->name = "n";
    n_->type = DataType::kNumberTypeInt32;
    x_->name = "x";
    y_->name = "y";
    SetBatch(Fake().batch);
  }

  void SetBatch(int64_t batch) {
    n_->shape = {batch, 1};
    x_->shape = y_->shape = {batch, 2};
  }

  void Compute() {
    const auto* x = static_cast<const float*>(x_->data);
    const auto* n = static_cast<const int32_t*>(n_->data);
    y_->own.clear();
    for (int64_t i = 0; i < 2 * y_->shape[0]; ++i) y_->own.push_back(x[i] + static_cast<float>(n[i / 2]));
  }

  std::vector<MSTensor> inputs() const { return {MSTensor(n_), MSTensor(x_)}; }
  std::vector<MSTensor> outputs() const { return {MSTensor(y_)}; }

 private:
  std::shared_ptr<MSTensor::Impl> n_ = std::make_shared<MSTensor::Impl>();
  std::shared_ptr<MSTensor::Impl> x_ = std::make_shared<MSTensor::Impl>();
  std::shared_ptr<MSTensor::Impl> y_ = std::make_shared<MSTensor::Impl>();
};

Model::Model() : impl_(std::make_shared<ModelImpl>()) {}
Model::~Model() = default;
std::vector<MSTensor> Model::GetInputs() { return impl_->inputs(); }
std::vector<MSTensor> Model::GetOutputs() { return impl_->outputs(); }

Status Model::Build(const std::vector<char>& path, ModelType type, const std::shared_ptr<Context>& context) {
  if (type != kMindIR || context->MutableDeviceInfo().size() != 1) {
    return Status(kCoreFailed, "one device and MindIR, please");
  }
  Fake().model_path = CharToString(path);
  Fake().device = context->MutableDeviceInfo()[0]->GetDeviceType() == kAscend ? "Ascend" : "CPU";
  return Fake().build_error.empty() ? Status() : Status(kCoreFailed, Fake().build_error);
}

Status Model::Resize(const std::vector<MSTensor>&, const std::vector<std::vector<int64_t>>& shapes) {
  ++Fake().num_resizes;
  if (shapes.size() != 2 || shapes[0].size() != 2 || shapes[1] != std::vector<int64_t>{shapes[0][0], 2}) {
    return Status(kCoreFailed, "impossible shapes");
  }
  impl_->SetBatch(shapes[0][0]);
  return Status();
}

Status Model::Predict(const std::vector<MSTensor>&, std::vector<MSTensor>* outputs, const MSKernelCallBack&,
                      const MSKernelCallBack&) {
  if (!Fake().predict_error.empty()) return Status(kCoreFailed, Fake().predict_error);
  impl_->Compute();
  *outputs = impl_->outputs();
  return Status();
}

}  // namespace mindspore
