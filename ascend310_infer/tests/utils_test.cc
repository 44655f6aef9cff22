// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/utils.h"

#include <set>
#include <string>

#include "inc/errors.h"
#include "tests/check.h"
#include "tests/temporary_folder.h"

namespace {

using namespace depth_infer;  // NOLINT(build/namespaces)

TEST(PathsAreJoinedAndSplit) {
  EXPECT(JoinPath("a", "b") == "a/b");
  EXPECT(JoinPath("a/", "b") == "a/b");
  EXPECT(JoinPath("", "b") == "b");
  EXPECT(DirName("a/b/c.json") == "a/b");
  EXPECT(DirName("c.json") == ".");
  EXPECT(DirName("/c.json") == "/");
}

TEST(OnlyPlainNamesAreFileNames) {
  for (const char* name : {"00000", "a b", "..a", "köln", "x.y"}) EXPECT(IsPlainFileName(name));
  for (const char* name : {"", ".", "..", "../x", "/etc/x", "a/b", "a\\b", "a\nb", "a\x7f"}) {
    EXPECT(!IsPlainFileName(name));
  }
  EXPECT(!IsPlainFileName(std::string("a\0b", 3)));
}

TEST(AppendFileChecksTheSize) {
  const TemporaryFolder folder;
  WriteText(folder / "ten", "0123456789");
  Buffer buffer = {'x'};
  AppendFile(folder / "ten", 10, &buffer);
  EXPECT(std::string(buffer.begin(), buffer.end()) == "x0123456789");
  EXPECT_THROWS(AppendFile(folder / "ten", 832512, &buffer), "ten: expected 832,512 bytes, has 10");
  EXPECT_THROWS(AppendFile(folder / "ten", 9, &buffer), "expected 9 bytes, has 10");
  EXPECT_THROWS(AppendFile(folder / "none", 10, &buffer), "none: No such file");
  EXPECT_THROWS(AppendFile(folder.path(), 10, &buffer), "not a file");
  EXPECT(buffer.size() == 11);
}

TEST(FilesAreWrittenWholeAndLeaveNothingBeside) {
  const TemporaryFolder folder;
  WriteFileAtomically(folder / "a.bin", "first", 5);
  WriteFileAtomically(folder / "a.bin", "2nd", 3);
  EXPECT(ReadText(folder / "a.bin") == "2nd");
  MakeDirectories(folder / "taken.bin/inside");
  EXPECT_THROWS(WriteFileAtomically(folder / "taken.bin", "x", 1), "cannot write");
  EXPECT_THROWS(WriteFileAtomically(folder / "none/a.bin", "x", 1), "cannot write");
  EXPECT((ListFolder(folder.path()) == std::set<std::string>{"a.bin", "taken.bin"}));
}

TEST(FoldersAreMadeWithTheirParents) {
  const TemporaryFolder folder;
  MakeDirectories(folder / "a/b//c/");
  EXPECT(IsDirectory(folder / "a/b/c"));
  MakeDirectories(folder / "a/b/c");
  WriteText(folder / "file", "x");
  EXPECT_THROWS(MakeDirectories(folder / "file/x"), "cannot create the folder");
}

TEST(SamePathsAreSeenThroughTheirSpelling) {
  const TemporaryFolder folder;
  MakeDirectories(folder / "a");
  EXPECT(IsSamePath(folder / "a", folder / "a/../a/"));
  EXPECT(!IsSamePath(folder / "a", folder.path()));
  EXPECT(!IsSamePath(folder / "a", folder / "none"));
}

TEST(TextIsMadeForPeople) {
  EXPECT(WithCommas(0) == "0");
  EXPECT(WithCommas(999) == "999");
  EXPECT(WithCommas(1000) == "1,000");
  EXPECT(WithCommas(832512) == "832,512");
  EXPECT(WithCommas(1234567890) == "1,234,567,890");
  EXPECT(ShapeText({-1, 3, 228}) == "[?, 3, 228]");
  EXPECT(ShapeText({}) == "[]");
  EXPECT(OneLine("\n a\n\t b  c \n") == "a b c");
}

}  // namespace

TEST_MAIN()
