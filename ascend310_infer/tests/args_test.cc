// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/args.h"

#include <string>
#include <vector>

#include "tests/check.h"

namespace {

depth_infer::Args Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "main");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(&word[0]);
  argv.push_back(nullptr);
  return depth_infer::ParseArgs(static_cast<int>(words.size()), argv.data(), "CPU");
}

TEST(ReadsBothSpellings) {
  const depth_infer::Args args =
      Parse({"--manifest", "P/manifest.json", "--model", "coarse=a=b.mindir", "--model=fine=B.mindir",
             "--output_path=R", "--device_id", "3", "--device_type=Ascend", "--batch", "8",
             "--precision=fp16", "--time_path", "T"});
  EXPECT(args.manifest == "P/manifest.json");
  EXPECT(args.models.size() == 2);
  EXPECT(args.models.at("coarse") == "a=b.mindir");
  EXPECT(args.models.at("fine") == "B.mindir");
  EXPECT(args.output_path == "R");
  EXPECT(args.time_path == "T");
  EXPECT(args.device_type == "Ascend");
  EXPECT(args.device_id == 3);
  EXPECT(args.batch == 8);
  EXPECT(args.fp16);
}

TEST(HasDefaults) {
  const depth_infer::Args args = Parse({"--manifest=m.json"});
  EXPECT(args.output_path == "result_Files");
  EXPECT(args.time_path == "time_Result");
  EXPECT(args.device_type == "CPU");
  EXPECT(args.device_id == 0);
  EXPECT(args.batch == 1);
  EXPECT(!args.fp16);
  EXPECT(!args.help);
}

TEST(HelpNeedsNothingElse) {
  EXPECT(Parse({"--help"}).help);
  EXPECT(Parse({"-h"}).help);
  for (const char* option : {"--manifest", "--model", "--output_path", "--time_path", "--device_type",
                             "--device_id", "--batch", "--precision"}) {
    EXPECT(depth_infer::HelpText("CPU").find(option) != std::string::npos);
  }
}

TEST(RefusesWhatIsWrong) {
  EXPECT_THROWS(Parse({}), "--manifest is missing");
  EXPECT_THROWS(Parse({"--manifest"}), "--manifest needs a value");
  EXPECT_THROWS(Parse({"--manifest=m", "--batches=2"}), "unknown option --batches=2");
  EXPECT_THROWS(Parse({"--manifest=m", "-x"}), "unknown option -x");
  EXPECT_THROWS(Parse({"--manifest=m", "stray"}), "unexpected argument 'stray'");
  EXPECT_THROWS(Parse({"--manifest=m", "--batch=0"}), "--batch takes a whole number");
  EXPECT_THROWS(Parse({"--manifest=m", "--batch=2.5"}), "not '2.5'");
  EXPECT_THROWS(Parse({"--manifest=m", "--batch="}), "not ''");
  EXPECT_THROWS(Parse({"--manifest=m", "--device_id=-1"}), "--device_id takes a whole number");
  EXPECT_THROWS(Parse({"--manifest=m", "--device_id=99999999999999999999"}), "--device_id");
  EXPECT_THROWS(Parse({"--manifest=m", "--device_type=GPU"}), "Ascend or CPU, not 'GPU'");
  EXPECT_THROWS(Parse({"--manifest=m", "--precision=int8"}), "fp32 or fp16");
  EXPECT_THROWS(Parse({"--manifest=m", "--precision=fp16"}), "needs --device_type Ascend");
  EXPECT_THROWS(Parse({"--manifest=m", "--model", "A.mindir"}), "NAME=FILE");
  EXPECT_THROWS(Parse({"--manifest=m", "--model", "=A.mindir"}), "NAME=FILE");
  EXPECT_THROWS(Parse({"--manifest=m", "--model", "a="}), "NAME=FILE");
  EXPECT_THROWS(Parse({"--manifest=m", "--model", "a=1", "--model", "a=2"}), "given twice");
  EXPECT_THROWS(Parse({"--manifest=m", "--output_path="}), "--output_path is empty");
}

}  // namespace

TEST_MAIN()
