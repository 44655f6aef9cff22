// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// The MindSpore engine against a stand-in for MindSpore Lite; says nothing about a real card.
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "inc/engine.h"
#include "tests/check.h"
#include "tests/fake_mindspore.h"
#include "tests/fake_model.h"
#include "tests/temporary_folder.h"

namespace {

using namespace depth_infer;  // NOLINT(build/namespaces)

// The network's inputs in another order than the file's, so that the names must decide.
ModelSpec Spec() {
  const TensorSpec x = {"x", DType::kFloat32, {2}};
  const TensorSpec n = {"n", DType::kInt32, {1}};
  return {"add",
          "FinalAdd",
          {x, n},
          {{Source::kSampleFile, 0}, {Source::kSampleFile, 1}},
          {{"y", DType::kFloat32, {2}}}};
}

class Fixture {
 public:
  Fixture() {
    Fake() = FakeMindSpore();
    WriteText(path(), "MindIR");
    options.device_type = kDefaultDeviceType;
  }

  std::string path() const { return folder_ / "a.mindir"; }
  std::unique_ptr<Model> Load(const ModelSpec& spec = Spec()) {
    return MakeEngine(options)->Load(path(), spec);
  }

  EngineOptions options;

 private:
  TemporaryFolder folder_;
};

// Runs x = (1, 2), (3, 4), ... with n = 10, 20, ... and returns y.
std::vector<float> RunModel(Model* model) {
  std::vector<float> x;
  std::vector<int32_t> n;
  for (size_t i = 0; i < model->batch(); ++i) {
    x.insert(x.end(), {2.0f * i + 1, 2.0f * i + 2});
    n.push_back(10 * static_cast<int32_t>(i + 1));
  }
  std::vector<Buffer> outputs;
  model->Run({{x.data(), x.size() * 4}, {n.data(), n.size() * 4}}, &outputs);
  EXPECT(outputs.size() == 1);
  return ToFloats(outputs[0]);
}

TEST(AscendComputesInFp32UnlessAskedOtherwise) {
  Fixture fixture;
  fixture.options.device_id = 3;
  fixture.Load();
  EXPECT(Fake().device == "Ascend" && Fake().device_id == 3);
  EXPECT(Fake().precision_mode == "enforce_fp32");
  EXPECT(Fake().model_path == fixture.path());
  fixture.options.fp16 = true;
  fixture.Load();
  EXPECT(Fake().precision_mode == "enforce_fp16");
}

TEST(CpuUsesTheCores) {
  Fixture fixture;
  fixture.options.device_type = "CPU";
  fixture.Load();
  EXPECT(Fake().device == "CPU" && Fake().num_threads >= 1 && Fake().device_id == 99);
}

TEST(AFixedBatchIsKept) {
  Fixture fixture;
  Fake().batch = 2;
  fixture.options.batch = 3;
  const std::unique_ptr<Model> model = fixture.Load();
  EXPECT(model->batch() == 2 && Fake().num_resizes == 0);
  EXPECT((RunModel(model.get()) == std::vector<float>{11, 12, 23, 24}));
}

TEST(AnOpenBatchIsResized) {
  Fixture fixture;
  Fake().batch = -1;
  fixture.options.batch = 3;
  const std::unique_ptr<Model> model = fixture.Load();
  EXPECT(model->batch() == 3 && Fake().num_resizes == 1);
  EXPECT((RunModel(model.get()) == std::vector<float>{11, 12, 23, 24, 35, 36}));
}

TEST(NamesTheModelThatDoesNotFit) {
  Fixture fixture;
  EXPECT_THROWS(MakeEngine(fixture.options)->Load("/none.mindir", Spec()),
                "no such model file: /none.mindir");
  ModelSpec spec = Spec();
  spec.outputs[0].shape = {5};
  EXPECT_THROWS(fixture.Load(spec), "model add (" + fixture.path() + "): output 'y' has shape [1, 2]");
  Fake().build_error = "no\ndevice";
  EXPECT_THROWS(fixture.Load(), "cannot be built for Ascend 0: no device");
}

TEST(AFailedPredictAndAWrongSizeThrow) {
  Fixture fixture;
  const std::unique_ptr<Model> model = fixture.Load();
  const float x[2] = {1, 2};
  std::vector<Buffer> outputs;
  EXPECT_THROWS(model->Run({{x, 4}, {x, 4}}, &outputs), "input x takes 8 bytes, not 4");
  Fake().predict_error = "device lost";
  EXPECT_THROWS(model->Run({{x, 8}, {x, 4}}, &outputs), "Predict: device lost");
}

}  // namespace

TEST_MAIN()
