// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/manifest.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "inc/errors.h"
#include "inc/utils.h"

namespace depth_infer {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;
constexpr size_t kMaxTensorBytes = size_t{1} << 32;  // a larger tensor is a broken manifest, not a depth map

// A value of the manifest together with its place in it, such as models[1].inputs[0], for messages.
class Node {
 public:
  Node(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  [[noreturn]] void Fail(const std::string& what) const {
    throw UserError((place_.empty() ? "" : place_ + ": ") + what);
  }

  bool Has(const std::string& key) const { return json_.is_object() && json_.contains(key); }

  Node At(const std::string& key) const {
    if (!json_.is_object()) Fail("expected an object");
    if (!json_.contains(key)) Fail("'" + key + "' is missing");
    return Node(json_.at(key), place_.empty() ? key : place_ + "." + key);
  }

  std::vector<Node> Items() const {
    if (!json_.is_array()) Fail("expected a list");
    std::vector<Node> nodes;
    for (size_t i = 0; i < json_.size(); ++i)
      nodes.emplace_back(json_[i], place_ + "[" + std::to_string(i) + "]");
    return nodes;
  }

  std::vector<Node> NonEmptyItems() const {
    std::vector<Node> nodes = Items();
    if (nodes.empty()) Fail("the list is empty");
    return nodes;
  }

  std::string Text() const {
    if (!json_.is_string()) Fail("expected a text");
    return json_.get<std::string>();
  }

  int64_t Integer() const {
    if (!json_.is_number_integer()) Fail("expected a whole number");
    return json_.get<int64_t>();
  }

 private:
  const Json& json_;
  std::string place_;
};

std::string ParseName(const Node& owner, std::set<std::string>* taken) {
  const Node node = owner.At("name");
  const std::string name = node.Text();
  if (name.empty() || name.find_first_of(":=") != std::string::npos)
    node.Fail("'" + name + "' is no valid name");
  if (!taken->insert(name).second) node.Fail("'" + name + "' stands twice");
  return name;
}

DType ParseDType(const Node& node) {
  const std::string text = node.Text();
  if (text == "float32") return DType::kFloat32;
  if (text == "int32") return DType::kInt32;
  node.Fail("'" + text + "' is not float32 or int32");
}

std::vector<int64_t> ParseShape(const Node& node) {
  std::vector<int64_t> shape;
  size_t bytes = kElementBytes;
  for (const Node& item : node.Items()) {
    const int64_t size = item.Integer();
    if (size < 1) item.Fail("a size is at least 1, not " + std::to_string(size));
    if (static_cast<uint64_t>(size) > kMaxTensorBytes / bytes) node.Fail("the tensor is larger than 4 GiB");
    bytes *= static_cast<size_t>(size);
    shape.push_back(size);
  }
  return shape;
}

std::vector<TensorSpec> ParseTensors(const Node& list) {
  std::vector<TensorSpec> specs;
  std::set<std::string> taken;
  for (const Node& node : list.NonEmptyItems()) {
    specs.push_back({ParseName(node, &taken), ParseDType(node.At("dtype")), ParseShape(node.At("shape"))});
  }
  return specs;
}

// "input:image" or "coarse:log_depth"; the model must stand before, so that the order can be run.
Source ParseSource(const Node& node, const Manifest& manifest) {
  const std::string text = node.Text();
  const size_t colon = text.find(':');
  if (colon == std::string::npos) node.Fail("'" + text + "' is not <model>:<output> or input:<input>");
  const std::string owner = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  int model = Source::kSampleFile;
  const std::vector<TensorSpec>* specs = &manifest.inputs;
  if (owner != "input") {
    for (size_t i = 0; i < manifest.models.size(); ++i) {
      if (manifest.models[i].name == owner) model = static_cast<int>(i);
    }
    if (model == Source::kSampleFile) node.Fail("'" + text + "': no earlier model is called '" + owner + "'");
    specs = &manifest.models[model].outputs;
  }
  for (size_t i = 0; i < specs->size(); ++i) {
    if ((*specs)[i].name == port) return {model, i};
  }
  node.Fail("'" + text + "': '" + owner + "' has no '" + port + "'");
}

ModelSpec ParseModel(const Node& node, const Manifest& manifest, std::set<std::string>* model_names) {
  ModelSpec model;
  model.name = ParseName(node, model_names);
  if (model.name == "input") node.Fail("'input' stands for the files of a sample and cannot name a model");
  if (node.Has("file")) model.file = node.At("file").Text();
  std::set<std::string> input_names;
  for (const Node& input : node.At("inputs").NonEmptyItems()) {
    const Source source = ParseSource(input.At("from"), manifest);
    TensorSpec spec = manifest.Spec(source);
    spec.name = ParseName(input, &input_names);
    model.inputs.push_back(std::move(spec));
    model.sources.push_back(source);
  }
  model.outputs = ParseTensors(node.At("outputs"));
  return model;
}

// A sample's name becomes part of a path, so it must not lead out of the folders given.
std::vector<std::string> ParseSamples(const Node& list) {
  std::vector<std::string> samples;
  std::set<std::string> taken;
  for (const Node& item : list.NonEmptyItems()) {
    const Node node = item.At("name");
    const std::string name = node.Text();
    if (!IsPlainFileName(name))
      node.Fail("'" + OneLine(name) + "' leads out of its folder or is no file name");
    if (!taken.insert(name).second) node.Fail("'" + name + "' stands twice");
    samples.push_back(name);
  }
  return samples;
}

Manifest ParseRoot(const Node& root) {
  if (root.At("format").Text() != "depth-manifest") root.At("format").Fail("is not 'depth-manifest'");
  const int64_t version = root.At("version").Integer();
  if (version != kVersion) {
    root.At("version").Fail("this program reads version " + std::to_string(kVersion) +
                            ", the file has version " + std::to_string(version) +
                            "; build it from the release that preprocess.py is from");
  }
  Manifest manifest;
  manifest.inputs = ParseTensors(root.At("inputs"));
  std::set<std::string> model_names;
  for (const Node& node : root.At("models").NonEmptyItems()) {
    ModelSpec model = ParseModel(node, manifest, &model_names);
    manifest.models.push_back(std::move(model));
  }
  for (const Node& node : root.At("results").NonEmptyItems()) {
    manifest.results.push_back(ParseSource(node, manifest));
  }
  manifest.samples = ParseSamples(root.At("samples"));
  return manifest;
}

}  // namespace

Manifest ParseManifest(const std::string& text, const std::string& path) {
  try {
    const Json json = Json::parse(text);
    return ParseRoot(Node(json, ""));
  } catch (const Json::parse_error& error) {
    throw UserError(path + ": not JSON at byte " + std::to_string(error.byte) +
                    "; write it again with preprocess.py");
  } catch (const UserError& error) {
    throw UserError(path + ": " + error.what());
  }
}

Manifest ReadManifest(const std::string& path) { return ParseManifest(ReadText(path), path); }

}  // namespace depth_infer
