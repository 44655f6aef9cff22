// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/ports.h"

#include <string>
#include <vector>

#include "tests/check.h"

namespace {

using depth_infer::BatchOf;
using depth_infer::DType;
using depth_infer::MatchPorts;
using depth_infer::Port;
using depth_infer::TensorSpec;

const std::vector<TensorSpec> kSpecs = {{"image", DType::kFloat32, {3, 4, 5}},
                                        {"labels", DType::kInt32, {4, 5}}};

Port Image(const std::string& name) { return {{name}, "float32", {-1, 3, 4, 5}}; }
Port Labels(const std::string& name) { return {{name}, "int32", {2, 4, -1}}; }

TEST(MatchesByNameInAnyOrder) {
  EXPECT((MatchPorts("input", kSpecs, {Image("image"), Labels("labels")}) == std::vector<size_t>{0, 1}));
  EXPECT((MatchPorts("input", kSpecs, {Labels("labels"), Image("image")}) == std::vector<size_t>{1, 0}));
  const Port two_names = {{"Relu_7", "image"}, "float32", {1, 3, 4, 5}};
  EXPECT((MatchPorts("input", kSpecs, {Labels("labels"), two_names}) == std::vector<size_t>{1, 0}));
}

TEST(MatchesByOrderWhereTheFileHasOtherNames) {
  EXPECT((MatchPorts("input", kSpecs, {Image("x"), Labels("y")}) == std::vector<size_t>{0, 1}));
  EXPECT((MatchPorts("input", kSpecs, {Image("image"), Labels("y")}) == std::vector<size_t>{0, 1}));
}

TEST(RefusesAnOrderThatANameContradicts) {
  EXPECT_THROWS(MatchPorts("input", kSpecs, {Labels("y"), Image("image")}),
                "inputs are (y, image) in the file, (image, labels) in the manifest");
}

TEST(RefusesAnotherNumberTypeOrShape) {
  EXPECT_THROWS(MatchPorts("input", kSpecs, {Image("image")}), "inputs are (image) in the file");
  const Port half = {{"image"}, "f16", {1, 3, 4, 5}};
  EXPECT_THROWS(MatchPorts("input", kSpecs, {half, Labels("labels")}), "'image' is f16 in the file, float32");
  const Port wide = {{"image"}, "float32", {1, 3, 4, 6}};
  EXPECT_THROWS(MatchPorts("input", kSpecs, {wide, Labels("labels")}),
                "has shape [1, 3, 4, 6] in the file, [?, 3, 4, 5] in the manifest");
  const Port flat = {{"image"}, "float32", {3, 4, 5}};
  EXPECT_THROWS(MatchPorts("input", kSpecs, {flat, Labels("labels")}), "has shape [3, 4, 5] in the file");
}

TEST(TellsTheBatchSize) {
  EXPECT(BatchOf("input", {Image("a")}, 5) == 5);
  EXPECT(BatchOf("input", {Image("a"), Labels("b")}, 5) == 2);
  const Port four = {{"c"}, "float32", {4, 3}};
  EXPECT_THROWS(BatchOf("input", {Labels("b"), four}, 5), "different batch sizes");
  EXPECT_THROWS(BatchOf("input", {{{"c"}, "float32", {0, 3}}}, 5), "one of 0");
  EXPECT_THROWS(BatchOf("input", {{{"c"}, "float32", {}}}, 5), "without a batch dimension");
}

}  // namespace

TEST_MAIN()
