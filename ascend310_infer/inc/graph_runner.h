// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Runs the manifest's models one after the other on batches of samples.
#ifndef ASCEND310_INFER_INC_GRAPH_RUNNER_H_
#define ASCEND310_INFER_INC_GRAPH_RUNNER_H_

#include <memory>
#include <vector>

#include "inc/engine.h"
#include "inc/manifest.h"
#include "inc/tensor.h"

namespace depth_infer {

class GraphRunner {
 public:
  // `models` stand in the manifest's order; the manifest must outlive the runner.
  GraphRunner(const Manifest& manifest, std::vector<std::unique_ptr<Model>> models);

  // The largest batch of its models: how many samples to gather for a Run.
  size_t batch() const;

  // `inputs` holds, for each of the manifest's inputs, `count` samples; so does what is returned for each
  // result. A model with another batch size runs in pieces; the last piece is filled up by repeating its last
  // sample.
  std::vector<Buffer> Run(const std::vector<Buffer>& inputs, size_t count);

  // Time spent in each model so far, in seconds.
  const std::vector<double>& seconds() const { return seconds_; }

 private:
  std::vector<Buffer> RunModel(size_t index, const std::vector<const Buffer*>& inputs, size_t count);

  const Manifest& manifest_;
  std::vector<std::unique_ptr<Model>> models_;
  std::vector<double> seconds_;
};

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_GRAPH_RUNNER_H_
