// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// File operations and text for messages. POSIX rather than std::filesystem, which GCC 7.3 (the compiler of
// the Ascend 310 hosts) does not have.
#ifndef ASCEND310_INFER_INC_UTILS_H_
#define ASCEND310_INFER_INC_UTILS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "inc/tensor.h"

namespace depth_infer {

// "a", "b" -> "a/b"; an empty folder stands for the current one.
std::string JoinPath(const std::string& folder, const std::string& name);
// The part before the last '/': "." where there is none, "/" for a file of the root.
std::string DirName(const std::string& path);
bool IsFile(const std::string& path);
bool IsDirectory(const std::string& path);
// Whether both name the same existing file or folder, whatever the spelling.
bool IsSamePath(const std::string& a, const std::string& b);
// Whether `name` can only be a file of its folder: not empty, ".", "..", and without '/', '\' and control
// characters.
bool IsPlainFileName(const std::string& name);

// The whole file. Throws UserError.
std::string ReadText(const std::string& path);
// Appends the file to `buffer`, which stays as it was unless the file has exactly `expected_bytes`. Throws
// UserError.
void AppendFile(const std::string& path, size_t expected_bytes, Buffer* buffer);
// Writes to a temporary name in the same folder, then renames. Throws UserError and leaves no temporary file.
void WriteFileAtomically(const std::string& path, const void* data, size_t bytes);
// Creates the folder and its parents. Throws UserError.
void MakeDirectories(const std::string& path);

// 832512 -> "832,512".
std::string WithCommas(uint64_t value);
// {-1, 3, 4} -> "[?, 3, 4]".
std::string ShapeText(const std::vector<int64_t>& shape);
// Runs of white space become one space: messages of libraries span lines, ours do not.
std::string OneLine(const std::string& text);

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_UTILS_H_
