// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
#include "inc/model_path.h"

#include <unistd.h>

#include "tests/check.h"
#include "tests/temporary_folder.h"

namespace {

using depth_infer::FindOnnxFile;

TEST(AnExistingFileStandsForItself) {
  const TemporaryFolder folder;
  WriteText(folder / "a.onnx", "");
  EXPECT(FindOnnxFile(folder / "a.onnx") == folder / "a.onnx");
  EXPECT_THROWS(FindOnnxFile(folder / "b.onnx"), "no such model file: " + (folder / "b.onnx"));
}

TEST(MindIrStandsForTheOnnxOfTheSiblingFolder) {
  const TemporaryFolder folder;
  WriteText(folder / "ONNX/a.onnx", "");
  EXPECT(FindOnnxFile(folder / "MindIR/a.mindir") == folder / "ONNX/a.onnx");
}

TEST(TheFileBesideComesFirst) {
  const TemporaryFolder folder;
  WriteText(folder / "ONNX/a.onnx", "");
  WriteText(folder / "MindIR/a.onnx", "");
  EXPECT(FindOnnxFile(folder / "MindIR/a.mindir") == folder / "MindIR/a.onnx");
}

TEST(RelativePathsAreFoundToo) {
  const TemporaryFolder folder;
  WriteText(folder / "ONNX/a.onnx", "");
  WriteText(folder / "MindIR/a.mindir", "");
  EXPECT(chdir(folder.path().c_str()) == 0);
  EXPECT(FindOnnxFile("MindIR/a.mindir") == "./ONNX/a.onnx");
  EXPECT(chdir((folder / "MindIR").c_str()) == 0);
  EXPECT(FindOnnxFile("a.mindir") == "./../ONNX/a.onnx");
  EXPECT(FindOnnxFile("../MindIR/a.mindir") == "../ONNX/a.onnx");
  EXPECT(chdir("/") == 0);
}

TEST(TellsWhereItLooked) {
  const TemporaryFolder folder;
  EXPECT_THROWS(FindOnnxFile(folder / "MindIR/a.mindir"), folder / "MindIR/a.onnx");
  EXPECT_THROWS(FindOnnxFile(folder / "MindIR/a.mindir"), folder / "ONNX/a.onnx");
}

}  // namespace

TEST_MAIN()
