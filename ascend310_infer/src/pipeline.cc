// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/pipeline.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "inc/bounded_queue.h"
#include "inc/utils.h"

namespace depth_infer {
namespace {

constexpr size_t kQueuedBatches = 2;

// Samples on their way: inputs before the inference, results after it.
struct Batch {
  std::vector<size_t> samples;
  std::vector<Buffer> tensors;
};

class FailureList {
 public:
  void Add(size_t sample, const std::string& reason) {
    const std::lock_guard<std::mutex> lock(mutex_);
    failures_.push_back({sample, OneLine(reason)});
  }

  // Only once the threads have ended.
  std::vector<Failure> TakeSorted() {
    std::sort(failures_.begin(), failures_.end(),
              [](const Failure& a, const Failure& b) { return a.sample < b.sample; });
    return std::move(failures_);
  }

 private:
  std::mutex mutex_;
  std::vector<Failure> failures_;
};

// Batches are full but for the last: a sample that cannot be read is left out, not replaced.
void ReadBatches(size_t num_samples, size_t batch_size, const SampleIo& io, BoundedQueue<Batch>* to_infer,
                 FailureList* failures) {
  Batch batch;
  for (size_t sample = 0; sample < num_samples; ++sample) {
    try {
      io.ReadInputs(sample, &batch.tensors);
      batch.samples.push_back(sample);
    } catch (const std::exception& error) {
      failures->Add(sample, error.what());
    }
    const bool ready =
        batch.samples.size() == batch_size || (sample + 1 == num_samples && !batch.samples.empty());
    if (ready) {
      if (!to_infer->Push(std::move(batch))) return;
      batch = Batch();
    }
  }
}

size_t InferBatches(BoundedQueue<Batch>* to_infer, BoundedQueue<Batch>* to_write, GraphRunner* graph,
                    const std::function<void(size_t)>& progress, FailureList* failures) {
  size_t num_inferred = 0;
  Batch batch;
  while (to_infer->Pop(&batch)) {
    try {
      batch.tensors = graph->Run(batch.tensors, batch.samples.size());
    } catch (const std::exception& error) {
      for (size_t sample : batch.samples)
        failures->Add(sample, std::string("inference failed: ") + error.what());
      continue;
    }
    num_inferred += batch.samples.size();
    progress(num_inferred);
    if (!to_write->Push(std::move(batch))) break;
  }
  return num_inferred;
}

size_t WriteBatches(const SampleIo& io, BoundedQueue<Batch>* to_write, FailureList* failures) {
  size_t num_written = 0;
  Batch batch;
  while (to_write->Pop(&batch)) {
    for (size_t position = 0; position < batch.samples.size(); ++position) {
      try {
        io.WriteResults(batch.samples[position], batch.tensors, position);
        ++num_written;
      } catch (const std::exception& error) {
        failures->Add(batch.samples[position], error.what());
      }
    }
  }
  return num_written;
}

}  // namespace

Report RunPipeline(size_t num_samples, const SampleIo& io, GraphRunner* graph,
                   const std::function<void(size_t)>& progress) {
  Report report;
  FailureList failures;
  BoundedQueue<Batch> to_infer(kQueuedBatches);
  BoundedQueue<Batch> to_write(kQueuedBatches);
  std::future<void> reader;
  std::future<size_t> writer;
  {
    const QueueCloser<Batch> close_reader(&to_infer);
    const QueueCloser<Batch> close_writer(&to_write);
    reader = std::async(std::launch::async, [&] {
      const QueueCloser<Batch> close_at_end(&to_infer);
      ReadBatches(num_samples, graph->batch(), io, &to_infer, &failures);
    });
    writer = std::async(std::launch::async, [&] {
      const QueueCloser<Batch> close_at_end(&to_write);
      return WriteBatches(io, &to_write, &failures);
    });
    report.num_inferred = InferBatches(&to_infer, &to_write, graph, progress, &failures);
  }
  reader.get();
  report.num_written = writer.get();
  report.failures = failures.TakeSorted();
  return report;
}

}  // namespace depth_infer
