// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// A folder that lives as long as a test.
#ifndef ASCEND310_INFER_TESTS_TEMPORARY_FOLDER_H_
#define ASCEND310_INFER_TESTS_TEMPORARY_FOLDER_H_

#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>

#include "inc/utils.h"

class TemporaryFolder {
 public:
  TemporaryFolder() {
    const char* parent = std::getenv("TMPDIR");
    path_ = std::string(parent == nullptr ? "/tmp" : parent) + "/depth_infer_XXXXXX";
    if (mkdtemp(&path_[0]) == nullptr) throw std::runtime_error("cannot create " + path_);
  }
  ~TemporaryFolder() { nftw(path_.c_str(), &Remove, 16, FTW_DEPTH | FTW_PHYS); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  static int Remove(const char* path, const struct stat*, int, struct FTW*) { return std::remove(path); }

  std::string path_;
};

inline void WriteText(const std::string& path, const std::string& text) {
  depth_infer::MakeDirectories(depth_infer::DirName(path));
  std::ofstream(path, std::ios::binary) << text;
}

// The names of all files and folders in `folder`, hidden ones included.
inline std::set<std::string> ListFolder(const std::string& folder) {
  std::set<std::string> names;
  DIR* stream = opendir(folder.c_str());
  if (stream == nullptr) throw std::runtime_error("cannot list " + folder);
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.insert(name);
  }
  closedir(stream);
  return names;
}

#endif  // ASCEND310_INFER_TESTS_TEMPORARY_FOLDER_H_
