// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// Stands in for MindSpore Lite's library, which cannot be had from a package index: one network, y = x + n
// for x float32 (batch, 2) and n int32 (batch, 1), behind MindSpore's own headers.
#ifndef ASCEND310_INFER_TESTS_FAKE_MINDSPORE_H_
#define ASCEND310_INFER_TESTS_FAKE_MINDSPORE_H_

#include <cstdint>
#include <string>

struct FakeMindSpore {
  // Set by a test.
  int64_t batch = 1;  // of the network's shapes; -1 leaves it open until Resize
  std::string build_error;
  std::string predict_error;
  // What the engine asked for.
  std::string model_path;
  std::string device;
  uint32_t device_id = 99;
  std::string precision_mode;
  int num_threads = 0;
  int num_resizes = 0;
};

FakeMindSpore& Fake();

#endif  // ASCEND310_INFER_TESTS_FAKE_MINDSPORE_H_
