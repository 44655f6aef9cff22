// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/sample_io.h"

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "tests/check.h"
#include "tests/fake_model.h"
#include "tests/temporary_folder.h"

namespace {

using namespace depth_infer;  // NOLINT(build/namespaces)

// Two files a sample (3 floats and 1 integer); results are the integer and the floats.
Manifest OneGraph() {
  Manifest manifest;
  manifest.inputs = {{"a", DType::kFloat32, {3}}, {"b", DType::kInt32, {}}};
  manifest.results = {{Source::kSampleFile, 1}, {Source::kSampleFile, 0}};
  manifest.samples = {"s0", "s1"};
  return manifest;
}

TEST(ReadsAndWritesTheSamplesFiles) {
  const TemporaryFolder folder;
  const Manifest manifest = OneGraph();
  WriteText(folder / "in/s0_0.bin", "aaaabbbbcccc");
  WriteText(folder / "in/s0_1.bin", "0000");
  WriteText(folder / "in/s1_0.bin", "ddddeeeeffff");
  WriteText(folder / "in/s1_1.bin", "1111");
  const SampleIo io(manifest, folder / "in", folder / "new/out");
  std::vector<Buffer> inputs;
  io.ReadInputs(1, &inputs);
  io.ReadInputs(0, &inputs);
  EXPECT(std::string(inputs[0].begin(), inputs[0].end()) == "ddddeeeeffffaaaabbbbcccc");
  EXPECT(std::string(inputs[1].begin(), inputs[1].end()) == "11110000");
  io.WriteResults(0, {inputs[1], inputs[0]}, 1);
  EXPECT(ReadText(folder / "new/out/s0_0.bin") == "0000");
  EXPECT(ReadText(folder / "new/out/s0_1.bin") == "aaaabbbbcccc");
  EXPECT((ListFolder(folder / "new/out") == std::set<std::string>{"s0_0.bin", "s0_1.bin"}));
}

TEST(ABadFileLeavesTheBatchAsItWas) {
  const TemporaryFolder folder;
  const Manifest manifest = OneGraph();
  WriteText(folder / "in/s0_0.bin", "aaaabbbbcccc");
  WriteText(folder / "in/s0_1.bin", "0000");
  WriteText(folder / "in/s1_0.bin", "ddddeeeeffff");
  const SampleIo io(manifest, folder / "in", folder / "out");
  std::vector<Buffer> inputs;
  io.ReadInputs(0, &inputs);
  EXPECT_THROWS(io.ReadInputs(1, &inputs), "s1_1.bin: No such file");
  WriteText(folder / "in/s1_1.bin", "11");
  EXPECT_THROWS(io.ReadInputs(1, &inputs), "s1_1.bin: expected 4 bytes, has 2");
  EXPECT(inputs[0].size() == 12 && inputs[1].size() == 4);
}

TEST(NanAndInfinityAreNotWritten) {
  const TemporaryFolder folder;
  const Manifest manifest = OneGraph();
  MakeDirectories(folder / "in");
  const SampleIo io(manifest, folder / "in", folder / "out");
  // As an integer, the bits of a NaN are an ordinary number.
  const Buffer integers = FromFloats({1, std::nanf("")});
  const Buffer floats = FromFloats({1, 2, 3, 4, std::nanf(""), -std::numeric_limits<float>::infinity()});
  EXPECT_THROWS(io.WriteResults(1, {integers, floats}, 1), "result 1 (a) has 2 NaN or infinite values of 3");
  EXPECT(ListFolder(folder / "out").empty());
  io.WriteResults(0, {integers, floats}, 0);
  EXPECT(ListFolder(folder / "out").size() == 2);
}

TEST(RefusesImpossibleFolders) {
  const TemporaryFolder folder;
  const Manifest manifest = OneGraph();
  EXPECT_THROWS(SampleIo(manifest, folder / "none", folder / "out"), "no such folder");
  MakeDirectories(folder / "in");
  EXPECT_THROWS(SampleIo(manifest, folder / "in", folder / "./in/"), "holds the inputs");
  WriteText(folder / "file", "");
  EXPECT_THROWS(SampleIo(manifest, folder / "in", folder / "file/out"), "cannot create the folder");
}

}  // namespace

TEST_MAIN()
