// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Reads, infers and writes at the same time: a thread before and a thread after the inference.
#ifndef ASCEND310_INFER_INC_PIPELINE_H_
#define ASCEND310_INFER_INC_PIPELINE_H_

#include <functional>
#include <string>
#include <vector>

#include "inc/graph_runner.h"
#include "inc/sample_io.h"

namespace depth_infer {

struct Failure {
  size_t sample = 0;
  std::string reason;
};

struct Report {
  size_t num_inferred = 0;
  size_t num_written = 0;
  std::vector<Failure> failures;  // in the order of the samples
};

// Runs samples 0 ... num_samples - 1. A sample that fails is reported and the others go on. `progress` is
// called after each batch with the number of samples inferred so far, in the calling thread. Memory holds at
// most a few batches.
Report RunPipeline(size_t num_samples, const SampleIo& io, GraphRunner* graph,
                   const std::function<void(size_t)>& progress);

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_PIPELINE_H_
