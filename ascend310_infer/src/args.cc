// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/args.h"

#include <getopt.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "inc/errors.h"

namespace depth_infer {
namespace {

constexpr int kMaxDeviceId = 1023;
constexpr int kMaxBatch = 4096;

enum Option {
  kHelp = 'h',
  kManifest = 256,
  kModel,
  kOutputPath,
  kTimePath,
  kDeviceType,
  kDeviceId,
  kBatch,
  kPrecision
};

const struct option kOptions[] = {{"help", no_argument, nullptr, kHelp},
                                  {"manifest", required_argument, nullptr, kManifest},
                                  {"model", required_argument, nullptr, kModel},
                                  {"output_path", required_argument, nullptr, kOutputPath},
                                  {"time_path", required_argument, nullptr, kTimePath},
                                  {"device_type", required_argument, nullptr, kDeviceType},
                                  {"device_id", required_argument, nullptr, kDeviceId},
                                  {"batch", required_argument, nullptr, kBatch},
                                  {"precision", required_argument, nullptr, kPrecision},
                                  {nullptr, 0, nullptr, 0}};

int ParseInt(const std::string& name, const std::string& text, int minimum, int maximum) {
  char* end = nullptr;
  const int64_t value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < minimum || value > maximum) {
    throw UserError(name + " takes a whole number from " + std::to_string(minimum) + " to " +
                    std::to_string(maximum) + ", not '" + text + "'");
  }
  return static_cast<int>(value);
}

std::string OneOf(const std::string& name, const std::string& text, const std::string& a,
                  const std::string& b) {
  if (text != a && text != b) throw UserError(name + " is " + a + " or " + b + ", not '" + text + "'");
  return text;
}

void AddModel(const std::string& text, Args* args) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw UserError("--model takes NAME=FILE (for example --model coarse=FinalCoarseNet.mindir), not '" +
                    text + "'");
  }
  const std::string name = text.substr(0, equals);
  if (!args->models.emplace(name, text.substr(equals + 1)).second) {
    throw UserError("--model " + name + "=... is given twice");
  }
}

void SetOption(int option, const std::string& value, Args* args) {
  switch (option) {
    case kHelp:
      args->help = true;
      break;
    case kManifest:
      args->manifest = value;
      break;
    case kModel:
      AddModel(value, args);
      break;
    case kOutputPath:
      args->output_path = value;
      break;
    case kTimePath:
      args->time_path = value;
      break;
    case kDeviceType:
      args->device_type = OneOf("--device_type", value, "Ascend", "CPU");
      break;
    case kDeviceId:
      args->device_id = ParseInt("--device_id", value, 0, kMaxDeviceId);
      break;
    case kBatch:
      args->batch = ParseInt("--batch", value, 1, kMaxBatch);
      break;
    case kPrecision:
      args->fp16 = OneOf("--precision", value, "fp32", "fp16") == "fp16";
      break;
  }
}

void CheckArgs(const Args& args) {
  if (args.manifest.empty())
    throw UserError("--manifest is missing: give the manifest.json that preprocess.py wrote");
  if (args.output_path.empty()) throw UserError("--output_path is empty: name a folder for the results");
  if (args.time_path.empty()) throw UserError("--time_path is empty: name a folder for the times");
  if (args.fp16 && args.device_type != "Ascend") {
    throw UserError("--precision fp16 needs --device_type Ascend: the CPU computes in fp32");
  }
}

}  // namespace

Args ParseArgs(int argc, char** argv, const std::string& default_device_type) {
  Args args;
  args.device_type = default_device_type;
  optind = 0;  // glibc's way to start afresh, for a second call in one process
  opterr = 0;  // the messages are ours
  int option = 0;
  while ((option = getopt_long(argc, argv, ":h", kOptions, nullptr)) != -1) {
    if (option == ':') throw UserError(std::string(argv[optind - 1]) + " needs a value; see --help");
    if (option == '?') throw UserError("unknown option " + std::string(argv[optind - 1]) + "; see --help");
    SetOption(option, optarg == nullptr ? "" : optarg, &args);
  }
  if (args.help) return args;
  if (optind < argc) throw UserError("unexpected argument '" + std::string(argv[optind]) + "'; see --help");
  CheckArgs(args);
  return args;
}

std::string HelpText(const std::string& default_device_type) {
  return "Runs the networks of a depth method on the samples that preprocess.py wrote.\n"
         "\n"
         "  main --manifest P/manifest.json --model coarse=FinalCoarseNet.mindir --model "
         "fine=FinalFineNet.mindir\n"
         "\n"
         "  --manifest FILE        the manifest.json of preprocess.py; its samples are in img_data beside "
         "it\n"
         "  --model NAME=FILE      the file of each model that the manifest names (repeat the option); on a "
         "CPU\n"
         "                         without MindSpore Lite, MindIR/X.mindir stands for X.onnx beside it or "
         "ONNX/X.onnx\n"
         "  --output_path FOLDER   where <sample>_<k>.bin, the k-th result of a sample, is written "
         "[result_Files]\n"
         "  --time_path FOLDER     where test_perform_static.txt, the average time, is written "
         "[time_Result]\n"
         "  --device_type TYPE     Ascend or CPU [" +
         default_device_type +
         "]\n"
         "  --device_id N          the Ascend device [0]\n"
         "  --batch N              samples a run, for models that leave their batch size open [1]\n"
         "  --precision TYPE       fp32, or fp16 on Ascend (faster, less exact) [fp32]\n"
         "  --help                 this text\n"
         "\n"
         "Exit code: 0 all samples are written; 2 the command, the manifest or a model is wrong, nothing was "
         "run;\n"
         "3 some samples failed (listed at the end), all others are written.\n";
}

}  // namespace depth_infer
