// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/sample_io.h"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "inc/errors.h"
#include "inc/utils.h"

namespace depth_infer {
namespace {

size_t CountNonFinite(const char* data, size_t bytes) {
  size_t count = 0;
  for (size_t offset = 0; offset < bytes; offset += sizeof(float)) {
    float value;
    std::memcpy(&value, data + offset, sizeof(value));
    count += !std::isfinite(value);
  }
  return count;
}

}  // namespace

SampleIo::SampleIo(const Manifest& manifest, const std::string& input_folder,
                   const std::string& output_folder)
    : manifest_(manifest), input_folder_(input_folder), output_folder_(output_folder) {
  if (!IsDirectory(input_folder)) {
    throw UserError("no such folder: " + input_folder + " (preprocess.py writes it beside manifest.json)");
  }
  MakeDirectories(output_folder);
  if (IsSamePath(input_folder, output_folder)) {
    throw UserError("--output_path " + output_folder + " holds the inputs; name another folder");
  }
}

void SampleIo::ReadInputs(size_t sample, std::vector<Buffer>* inputs) const {
  inputs->resize(manifest_.inputs.size());
  std::vector<size_t> sizes_before;
  for (const Buffer& input : *inputs) sizes_before.push_back(input.size());
  try {
    for (size_t k = 0; k < inputs->size(); ++k) {
      AppendFile(FileOf(input_folder_, sample, k), manifest_.inputs[k].bytes(), &(*inputs)[k]);
    }
  } catch (const UserError&) {
    for (size_t k = 0; k < inputs->size(); ++k) (*inputs)[k].resize(sizes_before[k]);
    throw;
  }
}

void SampleIo::WriteResults(size_t sample, const std::vector<Buffer>& results, size_t position) const {
  for (size_t k = 0; k < results.size(); ++k) {
    const TensorSpec& spec = manifest_.Spec(manifest_.results[k]);
    if (spec.dtype != DType::kFloat32) continue;
    const size_t count = CountNonFinite(results[k].data() + position * spec.bytes(), spec.bytes());
    if (count > 0) {
      throw UserError("result " + std::to_string(k) + " (" + spec.name + ") has " + WithCommas(count) +
                      " NaN or infinite values of " + WithCommas(spec.bytes() / kElementBytes));
    }
  }
  for (size_t k = 0; k < results.size(); ++k) {
    const size_t bytes = manifest_.Spec(manifest_.results[k]).bytes();
    WriteFileAtomically(FileOf(output_folder_, sample, k), results[k].data() + position * bytes, bytes);
  }
}

std::string SampleIo::FileOf(const std::string& folder, size_t sample, size_t k) const {
  return JoinPath(folder, manifest_.samples[sample] + "_" + std::to_string(k) + ".bin");
}

}  // namespace depth_infer
