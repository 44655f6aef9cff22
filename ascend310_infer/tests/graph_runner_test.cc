// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/graph_runner.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/check.h"
#include "tests/fake_model.h"

namespace {

using namespace depth_infer;  // NOLINT(build/namespaces)
using Tensors = FakeModel::Tensors;

TensorSpec Floats(const std::string& name, int64_t size) { return {name, DType::kFloat32, {size}}; }

// double_: (2) -> 2x; combine: the file `b` (1) and double_'s output (2) -> their sums (2) and 10 b (1).
Manifest TwoModels() {
  Manifest manifest;
  manifest.inputs = {Floats("a", 2), Floats("b", 1)};
  manifest.models = {{"double", "", {Floats("a", 2)}, {{Source::kSampleFile, 0}}, {Floats("y", 2)}},
                     {"combine",
                      "",
                      {Floats("b", 1), Floats("y", 2)},
                      {{Source::kSampleFile, 1}, {0, 0}},
                      {Floats("sum", 2), Floats("ten", 1)}}};
  manifest.results = {{1, 0}, {0, 0}, {1, 1}, {Source::kSampleFile, 1}};
  return manifest;
}

Tensors Double(const Tensors& inputs) {
  Tensors outputs = inputs;
  for (float& value : outputs[0]) value *= 2;
  return outputs;
}

Tensors Combine(const Tensors& inputs) {
  Tensors outputs(2);
  for (size_t i = 0; i < inputs[0].size(); ++i) {
    outputs[0].push_back(inputs[1][2 * i] + inputs[0][i]);
    outputs[0].push_back(inputs[1][2 * i + 1] + inputs[0][i]);
    outputs[1].push_back(10 * inputs[0][i]);
  }
  return outputs;
}

std::vector<std::unique_ptr<Model>> Models(size_t first_batch, size_t second_batch,
                                           std::vector<Tensors>* first_calls = nullptr,
                                           std::vector<Tensors>* second_calls = nullptr) {
  std::vector<std::unique_ptr<Model>> models;
  models.push_back(std::make_unique<FakeModel>(first_batch, Double, first_calls));
  models.push_back(std::make_unique<FakeModel>(second_batch, Combine, second_calls));
  return models;
}

// Sample i has a = (i, i + 0.5), b = 100 i, so every number tells its sample.
std::vector<Buffer> Inputs(size_t count) {
  std::vector<float> a;
  std::vector<float> b;
  for (size_t i = 0; i < count; ++i) {
    a.insert(a.end(), {1.0f * i, i + 0.5f});
    b.push_back(100.0f * i);
  }
  return {FromFloats(a), FromFloats(b)};
}

TEST(WiresFilesAndOutputsForAnyBatchSizes) {
  const Manifest manifest = TwoModels();
  for (size_t first_batch : {1, 2, 3, 7}) {
    for (size_t second_batch : {1, 3, 4}) {
      for (size_t count : {1, 3, 5}) {
        GraphRunner graph(manifest, Models(first_batch, second_batch));
        const std::vector<Buffer> results = graph.Run(Inputs(count), count);
        EXPECT(results.size() == 4);
        std::vector<float> sum;
        std::vector<float> doubled;
        std::vector<float> ten;
        for (size_t i = 0; i < count; ++i) {
          doubled.insert(doubled.end(), {2.0f * i, 2.0f * i + 1});
          sum.insert(sum.end(), {102.0f * i, 102.0f * i + 1});
          ten.push_back(1000.0f * i);
        }
        EXPECT(ToFloats(results[0]) == sum);
        EXPECT(ToFloats(results[1]) == doubled);
        EXPECT(ToFloats(results[2]) == ten);
        EXPECT(results[3] == Inputs(count)[1]);
      }
    }
  }
}

TEST(FillsTheLastPieceWithItsLastSample) {
  const Manifest manifest = TwoModels();
  std::vector<Tensors> calls;
  GraphRunner graph(manifest, Models(2, 1, &calls));
  graph.Run(Inputs(3), 3);
  EXPECT(calls.size() == 2);
  EXPECT((calls[0][0] == std::vector<float>{0, 0.5f, 1, 1.5f}));
  EXPECT((calls[1][0] == std::vector<float>{2, 2.5f, 2, 2.5f}));
}

TEST(BatchIsTheLargestOfTheModels) {
  const Manifest manifest = TwoModels();
  EXPECT(GraphRunner(manifest, Models(2, 5)).batch() == 5);
  EXPECT(GraphRunner(manifest, Models(1, 1)).batch() == 1);
}

TEST(AddsUpTheTimeOfEachModel) {
  const Manifest manifest = TwoModels();
  GraphRunner graph(manifest, Models(1, 1));
  EXPECT((graph.seconds() == std::vector<double>{0, 0}));
  graph.Run(Inputs(2), 2);
  EXPECT(graph.seconds()[0] > 0 && graph.seconds()[1] > 0);
}

TEST(RefusesAnOutputOfTheWrongSize) {
  const Manifest manifest = TwoModels();
  std::vector<std::unique_ptr<Model>> models = Models(1, 1);
  models[0] = std::make_unique<FakeModel>(1, [](const Tensors&) { return Tensors{{1, 2, 3}}; });
  GraphRunner graph(manifest, std::move(models));
  EXPECT_THROWS(graph.Run(Inputs(1), 1), "model double returned an output of the wrong size");
}

}  // namespace

TEST_MAIN()
