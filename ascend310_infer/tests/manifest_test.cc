// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/manifest.h"

#include <string>
#include <vector>

#include "inc/errors.h"
#include "tests/check.h"

namespace {

using depth_infer::DType;
using depth_infer::Manifest;
using depth_infer::ParseManifest;
using depth_infer::Source;

const char kGood[] = R"({
 "format": "depth-manifest", "version": 1, "method": "depthnet",
 "inputs": [{"name": "image", "dtype": "float32", "shape": [3, 228, 304]},
            {"name": "labels", "dtype": "int32", "shape": [228, 304]}],
 "models": [
   {"name": "coarse", "file": "FinalCoarseNet",
    "inputs": [{"name": "x", "from": "input:image"}],
    "outputs": [{"name": "log_depth", "dtype": "float32", "shape": [1, 55, 74]}]},
   {"name": "fine",
    "inputs": [{"name": "image", "from": "input:image"}, {"name": "coarse", "from": "coarse:log_depth"},
               {"name": "labels", "from": "input:labels"}],
    "outputs": [{"name": "log_depth", "dtype": "float32", "shape": [1, 55, 74]},
                {"name": "confidence", "dtype": "float32", "shape": []}]}],
 "results": ["fine:confidence", "coarse:log_depth"],
 "samples": [{"name": "00000", "label_shape": [480, 640]}, {"name": "00001"}],
 "settings": {"anything": [1, null, {}]}
})";

// kGood with the first `from` replaced by `to`.
std::string Changed(const std::string& from, const std::string& to) {
  std::string text = kGood;
  const size_t at = text.find(from);
  EXPECT(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Manifest Parse(const std::string& text) { return ParseManifest(text, "P/manifest.json"); }

TEST(ReadsAGraph) {
  const Manifest manifest = Parse(kGood);
  EXPECT(manifest.inputs.size() == 2);
  EXPECT(manifest.inputs[0].bytes() == 3 * 228 * 304 * 4);
  EXPECT(manifest.inputs[1].dtype == DType::kInt32);
  EXPECT(manifest.models.size() == 2);
  EXPECT(manifest.models[0].file == "FinalCoarseNet");
  EXPECT(manifest.models[0].inputs[0].name == "x");
  const depth_infer::ModelSpec& fine = manifest.models[1];
  EXPECT(fine.file.empty());
  EXPECT(fine.sources[0].model == Source::kSampleFile && fine.sources[0].index == 0);
  EXPECT(fine.sources[1].model == 0 && fine.sources[1].index == 0);
  EXPECT(fine.sources[2].model == Source::kSampleFile && fine.sources[2].index == 1);
  EXPECT((fine.inputs[1].shape == std::vector<int64_t>{1, 55, 74}));
  EXPECT(fine.inputs[2].dtype == DType::kInt32);
  EXPECT(fine.outputs[1].bytes() == 4);
  EXPECT(manifest.results[0].model == 1 && manifest.results[0].index == 1);
  EXPECT(manifest.results[1].model == 0 && manifest.results[1].index == 0);
  EXPECT((manifest.samples == std::vector<std::string>{"00000", "00001"}));
}

TEST(NamesTheFileAndTheEntry) {
  EXPECT_THROWS(Parse(Changed("input:labels", "input:label")),
                "P/manifest.json: models[1].inputs[2].from: 'input:label': 'input' has no 'label'");
}

TEST(RefusesWhatIsNoManifest) {
  EXPECT_THROWS(Parse(""), "not JSON at byte");
  EXPECT_THROWS(Parse("{\"format\": "), "not JSON at byte");
  EXPECT_THROWS(Parse("[]"), "expected an object");
  EXPECT_THROWS(Parse("{}"), "'format' is missing");
  EXPECT_THROWS(Parse(Changed("depth-manifest", "coco")), "format: is not 'depth-manifest'");
  EXPECT_THROWS(Parse(Changed("\"version\": 1", "\"version\": 2")),
                "reads version 1, the file has version 2");
  EXPECT_THROWS(Parse(Changed("\"version\": 1", "\"version\": \"1\"")), "version: expected a whole number");
  EXPECT_THROWS(Parse(Changed("\"version\": 1", "\"version\": 1.5")), "version: expected a whole number");
}

TEST(RefusesMissingKeysAndWrongTypes) {
  for (const char* key : {"\"version\"", "\"inputs\"", "\"models\"", "\"results\"", "\"samples\"",
                          "\"dtype\"", "\"shape\"", "\"from\"", "\"outputs\"", "\"name\""}) {
    EXPECT_THROWS(Parse(Changed(key, "\"other\"")), "is missing");
  }
  EXPECT_THROWS(Parse(Changed("[3, 228, 304]", "\"3x228\"")), "inputs[0].shape: expected a list");
  EXPECT_THROWS(Parse(Changed("\"image\"", "7")), "inputs[0].name: expected a text");
  EXPECT_THROWS(Parse(Changed("{\"name\": \"00000\"", "{\"name\": null")),
                "samples[0].name: expected a text");
  EXPECT_THROWS(Parse(Changed("\"FinalCoarseNet\"", "[]")), "models[0].file: expected a text");
}

TEST(RefusesEmptyLists) {
  EXPECT_THROWS(Parse(Changed("[\"fine:confidence\", \"coarse:log_depth\"]", "[]")),
                "results: the list is empty");
  EXPECT_THROWS(Parse(Changed("[{\"name\": \"x\", \"from\": \"input:image\"}]", "[]")),
                "models[0].inputs: the list");
}

TEST(RefusesImpossibleTensors) {
  EXPECT_THROWS(Parse(Changed("float32", "float64")), "inputs[0].dtype: 'float64' is not float32 or int32");
  EXPECT_THROWS(Parse(Changed("[3, 228, 304]", "[3, 0, 304]")), "inputs[0].shape[1]: a size is at least 1");
  EXPECT_THROWS(Parse(Changed("[3, 228, 304]", "[-3]")), "a size is at least 1, not -3");
  EXPECT_THROWS(Parse(Changed("[3, 228, 304]", "[4294967296, 4294967296, 4]")), "larger than 4 GiB");
  EXPECT_THROWS(Parse(Changed("[3, 228, 304]", "[18446744073709551615]")), "shape[0]: a size is at least 1");
}

TEST(RefusesABrokenGraph) {
  EXPECT_THROWS(Parse(Changed("\"coarse:log_depth\"}", "\"fine:log_depth\"}")),
                "no earlier model is called 'fine'");
  EXPECT_THROWS(Parse(Changed("\"coarse:log_depth\"}", "\"rough:log_depth\"}")),
                "no earlier model is called 'rough'");
  EXPECT_THROWS(Parse(Changed("\"coarse:log_depth\"}", "\"coarse\"}")), "is not <model>:<output>");
  EXPECT_THROWS(Parse(Changed("fine:confidence", "fine:depth")),
                "results[0]: 'fine:depth': 'fine' has no 'depth'");
  EXPECT_THROWS(Parse(Changed("\"name\": \"fine\"", "\"name\": \"coarse\"")), "'coarse' stands twice");
  EXPECT_THROWS(Parse(Changed("\"name\": \"fine\"", "\"name\": \"input\"")), "cannot name a model");
  EXPECT_THROWS(Parse(Changed("\"name\": \"fine\"", "\"name\": \"a:b\"")), "no valid name");
  EXPECT_THROWS(Parse(Changed("\"name\": \"labels\"", "\"name\": \"image\"")), "'image' stands twice");
}

TEST(RefusesSamplesThatLeaveTheFolder) {
  for (const char* name : {"../x", "/etc/x", "a/b", "..", "", "a\\nb"}) {
    EXPECT_THROWS(Parse(Changed("00001", name)), "samples[1].name: '");
  }
  EXPECT_THROWS(Parse(Changed("00001", "00000")), "samples[1].name: '00000' stands twice");
}

TEST(NamesAManifestThatIsMissing) {
  EXPECT_THROWS(depth_infer::ReadManifest("/none/manifest.json"), "/none/manifest.json: No such file");
}

}  // namespace

TEST_MAIN()
