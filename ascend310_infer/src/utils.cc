// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/utils.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "inc/errors.h"

namespace depth_infer {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

std::string Reason() { return std::strerror(errno); }

// Opens a regular file for reading and tells its size. (fopen succeeds on a folder, so the type is checked.)
File OpenForReading(const std::string& path, size_t* bytes) {
  File file(std::fopen(path.c_str(), "rb"));
  if (!file) throw UserError(path + ": " + Reason());
  struct stat info;
  if (fstat(fileno(file.get()), &info) != 0) throw UserError(path + ": " + Reason());
  if (!S_ISREG(info.st_mode)) throw UserError(path + ": not a file");
  *bytes = static_cast<size_t>(info.st_size);
  return file;
}

bool WriteAll(std::FILE* file, const void* data, size_t bytes) {
  return std::fwrite(data, 1, bytes, file) == bytes && std::fflush(file) == 0;
}

}  // namespace

std::string JoinPath(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  return folder.back() == '/' ? folder + name : folder + "/" + name;
}

std::string DirName(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool IsFile(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool IsDirectory(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool IsSamePath(const std::string& a, const std::string& b) {
  struct stat info_a;
  struct stat info_b;
  return stat(a.c_str(), &info_a) == 0 && stat(b.c_str(), &info_b) == 0 && info_a.st_dev == info_b.st_dev &&
         info_a.st_ino == info_b.st_ino;
}

bool IsPlainFileName(const std::string& name) {
  if (name.empty() || name == "." || name == "..") return false;
  for (unsigned char c : name) {
    if (c == '/' || c == '\\' || c < 0x20 || c == 0x7f) return false;
  }
  return true;
}

std::string ReadText(const std::string& path) {
  size_t bytes = 0;
  const File file = OpenForReading(path, &bytes);
  std::string text(bytes, '\0');
  if (std::fread(&text[0], 1, bytes, file.get()) != bytes) throw UserError(path + ": cannot be read whole");
  return text;
}

void AppendFile(const std::string& path, size_t expected_bytes, Buffer* buffer) {
  size_t bytes = 0;
  const File file = OpenForReading(path, &bytes);
  if (bytes != expected_bytes) {
    throw UserError(path + ": expected " + WithCommas(expected_bytes) + " bytes, has " + WithCommas(bytes));
  }
  const size_t before = buffer->size();
  buffer->resize(before + bytes);
  if (std::fread(buffer->data() + before, 1, bytes, file.get()) != bytes) {
    buffer->resize(before);
    throw UserError(path + ": cannot be read whole");
  }
}

void WriteFileAtomically(const std::string& path, const void* data, size_t bytes) {
  const size_t slash = path.rfind('/');
  const size_t name_start = slash == std::string::npos ? 0 : slash + 1;
  const std::string temporary =
      path.substr(0, name_start) + "." + path.substr(name_start) + "." + std::to_string(getpid()) + ".part";
  File file(std::fopen(temporary.c_str(), "wb"));
  if (!file) throw UserError("cannot write " + path + ": " + Reason());
  bool written = WriteAll(file.get(), data, bytes);
  written = std::fclose(file.release()) == 0 && written;
  if (!written || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string reason = Reason();
    std::remove(temporary.c_str());
    throw UserError("cannot write " + path + ": " + reason);
  }
}

void MakeDirectories(const std::string& path) {
  if (path.empty() || IsDirectory(path)) return;
  MakeDirectories(DirName(path));
  // Another process may have made it in the meantime.
  if (mkdir(path.c_str(), 0777) != 0 && !IsDirectory(path)) {
    throw UserError("cannot create the folder " + path + ": " + Reason());
  }
}

std::string WithCommas(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t from_end = 3; from_end < text.size(); from_end += 4) text.insert(text.size() - from_end, ",");
  return text;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return text + "]";
}

std::string OneLine(const std::string& text) {
  std::string line;
  for (char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace depth_infer
