// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// manifest.json: the graph of models and the samples, as preprocess.py writes them (format version 1).
#ifndef ASCEND310_INFER_INC_MANIFEST_H_
#define ASCEND310_INFER_INC_MANIFEST_H_

#include <string>
#include <vector>

#include "inc/tensor.h"

namespace depth_infer {

// Where a tensor comes from: a file of the sample, or an output of a model.
struct Source {
  static constexpr int kSampleFile = -1;

  int model = kSampleFile;
  size_t index = 0;  // of the sample's input, or of the model's output
};

struct ModelSpec {
  std::string name;
  std::string file;  // the exported file's name without suffix; for messages, may be empty
  std::vector<TensorSpec> inputs;
  std::vector<Source> sources;  // of the inputs, one each; always an earlier model or a file
  std::vector<TensorSpec> outputs;
};

struct Manifest {
  std::vector<TensorSpec> inputs;  // the k-th is the file <sample>_<k>.bin
  std::vector<ModelSpec> models;   // in an order in which they can run
  std::vector<Source> results;     // the k-th is written to <sample>_<k>.bin
  std::vector<std::string> samples;

  const TensorSpec& Spec(const Source& source) const {
    return source.model == Source::kSampleFile ? inputs[source.index]
                                               : models[source.model].outputs[source.index];
  }
};

// `path` is named in messages. Throws UserError that names the entry, such as models[1].inputs[0].from.
Manifest ParseManifest(const std::string& text, const std::string& path);
Manifest ReadManifest(const std::string& path);

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_MANIFEST_H_
