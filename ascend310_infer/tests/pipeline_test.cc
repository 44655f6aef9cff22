// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/pipeline.h"

#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/check.h"
#include "tests/fake_model.h"
#include "tests/temporary_folder.h"

namespace {

using namespace depth_infer;  // NOLINT(build/namespaces)
using Tensors = FakeModel::Tensors;

// One model, x -> x + 1, on samples "0", "1", ... whose file holds their number.
class Fixture {
 public:
  explicit Fixture(size_t num_samples) {
    const TensorSpec x = {"x", DType::kFloat32, {1}};
    manifest_.inputs = {x};
    manifest_.models = {{"next", "", {x}, {{Source::kSampleFile, 0}}, {x}}};
    manifest_.results = {{0, 0}};
    for (size_t i = 0; i < num_samples; ++i) {
      manifest_.samples.push_back(std::to_string(i));
      const Buffer number = FromFloats({1.0f * i});
      WriteText(Input(i), std::string(number.begin(), number.end()));
    }
  }

  std::string Input(size_t i) const { return folder_ / ("in/" + std::to_string(i) + "_0.bin"); }
  std::string Output(size_t i) const { return folder_ / ("out/" + std::to_string(i) + "_0.bin"); }

  Report Run(size_t batch, const std::function<Tensors(const Tensors&)>& function) {
    std::vector<std::unique_ptr<Model>> models;
    models.push_back(std::make_unique<FakeModel>(batch, function, &calls_));
    GraphRunner graph(manifest_, std::move(models));
    const SampleIo io(manifest_, folder_ / "in", folder_ / "out");
    return RunPipeline(manifest_.samples.size(), io, &graph,
                       [this](size_t done) { progress_.push_back(done); });
  }

  // Whether exactly the samples that did not fail hold their number + 1.
  bool IsWrittenBut(const std::set<size_t>& failed) const {
    for (size_t i = 0; i < manifest_.samples.size(); ++i) {
      if (IsFile(Output(i)) == (failed.count(i) > 0)) return false;
      if (failed.count(i) > 0) continue;
      const std::string text = ReadText(Output(i));
      if (ToFloats(text.data(), text.size()) != std::vector<float>{i + 1.0f}) return false;
    }
    return ListFolder(folder_ / "out").size() == manifest_.samples.size() - failed.size();
  }

  const TemporaryFolder& folder() const { return folder_; }
  const std::vector<Tensors>& calls() const { return calls_; }
  const std::vector<size_t>& progress() const { return progress_; }

 private:
  TemporaryFolder folder_;
  Manifest manifest_;
  std::vector<Tensors> calls_;
  std::vector<size_t> progress_;
};

Tensors Next(const Tensors& inputs) {
  Tensors outputs = inputs;
  for (float& value : outputs[0]) value += 1;
  return outputs;
}

TEST(WritesEverySample) {
  for (size_t batch : {1, 3, 20}) {
    Fixture fixture(20);
    const Report report = fixture.Run(batch, Next);
    EXPECT(report.failures.empty());
    EXPECT(report.num_inferred == 20 && report.num_written == 20);
    EXPECT(fixture.IsWrittenBut({}));
    EXPECT(fixture.progress().back() == 20);
    EXPECT(fixture.calls().size() == (20 + batch - 1) / batch);
  }
}

// Each inference waits for the results of the one before: without a writer at its side it would wait in vain.
TEST(WritesWhileItInfers) {
  Fixture fixture(4);
  int num_late = 0;
  const Report report = fixture.Run(1, [&](const Tensors& inputs) {
    const size_t sample = static_cast<size_t>(inputs[0][0]);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (sample > 0 && !IsFile(fixture.Output(sample - 1))) {
      if (std::chrono::steady_clock::now() > deadline) {
        ++num_late;
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return Next(inputs);
  });
  EXPECT(num_late == 0);
  EXPECT(report.num_written == 4);
}

TEST(BadFilesAreNamedAndTheOthersWritten) {
  Fixture fixture(7);
  WriteText(fixture.Input(5), "123");
  EXPECT(std::remove(fixture.Input(0).c_str()) == 0);
  const Report report = fixture.Run(3, Next);
  EXPECT(report.failures.size() == 2);
  EXPECT(report.failures[0].sample == 0);
  EXPECT(report.failures[0].reason == fixture.Input(0) + ": No such file or directory");
  EXPECT(report.failures[1].sample == 5);
  EXPECT(report.failures[1].reason == fixture.Input(5) + ": expected 4 bytes, has 3");
  EXPECT(report.num_written == 5);
  EXPECT(fixture.IsWrittenBut({0, 5}));
  // The batches stay full: 1, 2, 3 and 4, 6 (and 6 again).
  EXPECT((fixture.calls()[1][0] == std::vector<float>{4, 6, 6}));
}

TEST(NoSampleIsLeft) {
  Fixture fixture(2);
  for (size_t i : {0, 1}) WriteText(fixture.Input(i), "");
  const Report report = fixture.Run(2, Next);
  EXPECT(report.failures.size() == 2 && report.num_inferred == 0 && report.num_written == 0);
  EXPECT(fixture.calls().empty());
}

TEST(AFailingInferenceFailsItsBatchAlone) {
  Fixture fixture(6);
  const Report report = fixture.Run(2, [](const Tensors& inputs) {
    if (inputs[0][0] == 2) throw std::runtime_error("device\n lost");
    return Next(inputs);
  });
  EXPECT(report.failures.size() == 2);
  EXPECT(report.failures[0].sample == 2 && report.failures[1].sample == 3);
  EXPECT(report.failures[0].reason == "inference failed: device lost");
  EXPECT(report.num_inferred == 4);
  EXPECT(fixture.IsWrittenBut({2, 3}));
}

TEST(ANanFailsItsSampleAlone) {
  Fixture fixture(6);
  const Report report = fixture.Run(3, [](const Tensors& inputs) {
    Tensors outputs = Next(inputs);
    for (float& value : outputs[0]) value = value == 5 ? 0.0f / 0.0f : value;
    return outputs;
  });
  EXPECT(report.failures.size() == 1 && report.failures[0].sample == 4);
  EXPECT(report.failures[0].reason == "result 0 (x) has 1 NaN or infinite values of 1");
  EXPECT(fixture.IsWrittenBut({4}));
}

TEST(AResultThatCannotBeWrittenFailsItsSampleAlone) {
  Fixture fixture(12);
  MakeDirectories(fixture.Output(3) + "/taken");
  const Report report = fixture.Run(1, Next);
  EXPECT(report.failures.size() == 1 && report.failures[0].sample == 3);
  EXPECT(report.failures[0].reason.find("cannot write " + fixture.Output(3)) == 0);
  EXPECT(report.num_inferred == 12 && report.num_written == 11);
}

// What is not a std::exception is a bug, not a failed sample: it goes up, and no thread is left waiting.
TEST(AnUnknownExceptionEndsTheThreads) {
  Fixture fixture(50);
  bool thrown = false;
  try {
    fixture.Run(1, [](const Tensors& inputs) {
      if (inputs[0][0] == 10) throw 1;
      return Next(inputs);
    });
  } catch (int) {
    thrown = true;
  }
  EXPECT(thrown);
}

}  // namespace

TEST_MAIN()
