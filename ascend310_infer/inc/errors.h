// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// What a user, or one sample's file, got wrong.
#ifndef ASCEND310_INFER_INC_ERRORS_H_
#define ASCEND310_INFER_INC_ERRORS_H_

#include <stdexcept>

namespace depth_infer {

// One line that says what is wrong, where, and what to do. Before the run it ends the program with exit code
// 2; while reading or writing a sample it fails that sample alone.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_ERRORS_H_
