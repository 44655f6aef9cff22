// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/ports.h"

#include <algorithm>
#include <string>
#include <vector>

#include "inc/errors.h"
#include "inc/utils.h"

namespace depth_infer {
namespace {

constexpr size_t kNotFound = static_cast<size_t>(-1);

size_t FindByName(const std::string& name, const std::vector<Port>& ports) {
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::vector<std::string>& names = ports[i].names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return i;
  }
  return kNotFound;
}

std::string NamesOf(const std::vector<Port>& ports) {
  std::string text;
  for (const Port& port : ports) {
    text += (text.empty() ? "" : ", ") + (port.names.empty() ? std::string("unnamed") : port.names.front());
  }
  return text;
}

std::string DTypeName(DType dtype) { return dtype == DType::kFloat32 ? "float32" : "int32"; }

void CheckPort(const std::string& what, const TensorSpec& spec, const Port& port) {
  if (port.dtype != DTypeName(spec.dtype)) {
    throw UserError(what + " '" + spec.name + "' is " + port.dtype + " in the file, " +
                    DTypeName(spec.dtype) + " in the manifest");
  }
  bool fits = port.shape.size() == spec.shape.size() + 1;
  for (size_t i = 0; fits && i < spec.shape.size(); ++i) {
    fits = port.shape[i + 1] < 0 || port.shape[i + 1] == spec.shape[i];
  }
  if (!fits) {
    std::vector<int64_t> expected = spec.shape;
    expected.insert(expected.begin(), -1);
    throw UserError(what + " '" + spec.name + "' has shape " + ShapeText(port.shape) + " in the file, " +
                    ShapeText(expected) + " in the manifest: export and preprocess with the same settings");
  }
}

}  // namespace

std::vector<size_t> MatchPorts(const std::string& what, const std::vector<TensorSpec>& specs,
                               const std::vector<Port>& ports) {
  std::vector<size_t> matched;
  size_t num_found = 0;
  bool in_order = true;
  for (size_t i = 0; i < specs.size(); ++i) {
    const size_t index = FindByName(specs[i].name, ports);
    matched.push_back(index);
    num_found += index != kNotFound;
    in_order = in_order && (index == kNotFound || index == i);
  }
  // Order may stand in for missing names only where no known name contradicts it.
  const bool by_name = num_found == specs.size();
  if (specs.size() != ports.size() || (!by_name && !in_order)) {
    std::string wanted;
    for (const TensorSpec& spec : specs) wanted += (wanted.empty() ? "" : ", ") + spec.name;
    throw UserError(what + "s are (" + NamesOf(ports) + ") in the file, (" + wanted + ") in the manifest");
  }
  for (size_t i = 0; i < specs.size(); ++i) {
    if (!by_name) matched[i] = i;
    CheckPort(what, specs[i], ports[matched[i]]);
  }
  return matched;
}

size_t BatchOf(const std::string& what, const std::vector<Port>& ports, size_t open_batch) {
  int64_t batch = -1;
  for (const Port& port : ports) {
    if (port.shape.empty()) throw UserError(what + " without a batch dimension");
    if (port.shape[0] < 0) continue;
    if (port.shape[0] == 0 || (batch >= 0 && port.shape[0] != batch)) {
      throw UserError(what + "s have different batch sizes or one of 0");
    }
    batch = port.shape[0];
  }
  return batch < 0 ? open_batch : static_cast<size_t>(batch);
}

}  // namespace depth_infer
