// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Runs the manifest's graph of models on every sample and writes the results and the average time.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "inc/args.h"
#include "inc/engine.h"
#include "inc/errors.h"
#include "inc/graph_runner.h"
#include "inc/manifest.h"
#include "inc/pipeline.h"
#include "inc/sample_io.h"
#include "inc/utils.h"

namespace depth_infer {
namespace {

constexpr int kExitInternalError = 1;
constexpr int kExitUserError = 2;
constexpr int kExitFailedSamples = 3;

void CheckModelNames(const Args& args, const Manifest& manifest) {
  std::string names;
  std::map<std::string, std::string> unknown = args.models;
  for (const ModelSpec& model : manifest.models) {
    if (unknown.erase(model.name) == 0) {
      const std::string file = (model.file.empty() ? "FILE" : model.file) + ".mindir";
      throw UserError("model '" + model.name + "' is not given: add --model " + model.name + "=" + file);
    }
    names += (names.empty() ? "" : ", ") + model.name;
  }
  if (!unknown.empty()) {
    throw UserError("--model " + unknown.begin()->first + "=...: the manifest's models are " + names);
  }
}

GraphRunner LoadGraph(const Args& args, const Manifest& manifest) {
  EngineOptions options;
  options.device_type = args.device_type;
  options.device_id = args.device_id;
  options.fp16 = args.fp16;
  options.batch = std::min(static_cast<size_t>(args.batch), manifest.samples.size());
  const std::unique_ptr<Engine> engine = MakeEngine(options);
  std::vector<std::unique_ptr<Model>> models;
  for (const ModelSpec& model : manifest.models)
    models.push_back(engine->Load(args.models.at(model.name), model));
  return GraphRunner(manifest, std::move(models));
}

std::string Milliseconds(double seconds, size_t count) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", count == 0 ? 0.0 : seconds * 1e3 / static_cast<double>(count));
  return text;
}

// The first line is the ModelZoo's, the others tell how the time of a sample divides among the models.
std::string TimeText(const Manifest& manifest, const GraphRunner& graph, size_t num_inferred) {
  double total_s = 0.0;
  std::string lines;
  for (size_t i = 0; i < manifest.models.size(); ++i) {
    total_s += graph.seconds()[i];
    lines +=
        "model " + manifest.models[i].name + ": " + Milliseconds(graph.seconds()[i], num_inferred) + " ms\n";
  }
  return "NN inference cost average time: " + Milliseconds(total_s, num_inferred) + " ms of infer_count " +
         std::to_string(num_inferred) + "\n" + lines;
}

// At most one line a second, so that a log file stays short.
class Progress {
 public:
  explicit Progress(size_t num_samples)
      : num_samples_(num_samples), last_(std::chrono::steady_clock::now()) {}

  void operator()(size_t num_inferred) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    std::cout << "inferred " << num_inferred << " of " << num_samples_ << " samples" << std::endl;
  }

 private:
  const size_t num_samples_;
  std::chrono::steady_clock::time_point last_;
};

void PrintFailures(const Manifest& manifest, const Report& report) {
  std::cerr << "error: " << report.failures.size() << " of " << manifest.samples.size()
            << " samples failed:\n";
  for (const Failure& failure : report.failures) {
    std::cerr << "  " << manifest.samples[failure.sample] << ": " << failure.reason << "\n";
  }
}

int Run(int argc, char** argv) {
  const Args args = ParseArgs(argc, argv, kDefaultDeviceType);
  if (args.help) {
    std::cout << HelpText(kDefaultDeviceType);
    return 0;
  }
  const Manifest manifest = ReadManifest(args.manifest);
  CheckModelNames(args, manifest);
  const SampleIo io(manifest, JoinPath(DirName(args.manifest), "img_data"), args.output_path);
  MakeDirectories(args.time_path);
  GraphRunner graph = LoadGraph(args, manifest);
  Progress progress(manifest.samples.size());
  const Report report = RunPipeline(manifest.samples.size(), io, &graph, std::ref(progress));
  const std::string times = TimeText(manifest, graph, report.num_inferred);
  WriteFileAtomically(JoinPath(args.time_path, "test_perform_static.txt"), times.data(), times.size());
  std::cout << times << "wrote " << report.num_written << " of " << manifest.samples.size() << " samples to "
            << args.output_path << std::endl;
  if (report.failures.empty()) return 0;
  PrintFailures(manifest, report);
  return kExitFailedSamples;
}

}  // namespace
}  // namespace depth_infer

int main(int argc, char** argv) {
  try {
    return depth_infer::Run(argc, argv);
  } catch (const depth_infer::UserError& error) {
    std::cerr << "error: " << depth_infer::OneLine(error.what()) << std::endl;
    return depth_infer::kExitUserError;
  } catch (const std::exception& error) {
    std::cerr << "error: internal: " << depth_infer::OneLine(error.what()) << std::endl;
    return depth_infer::kExitInternalError;
  }
}
