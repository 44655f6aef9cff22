// Copyright 2026 The MindSpore depth-estimation authors.
// SPDX-License-Identifier: Apache-2.0
// The files of the samples: inputs under img_data, results under the output folder.
#ifndef ASCEND310_INFER_INC_SAMPLE_IO_H_
#define ASCEND310_INFER_INC_SAMPLE_IO_H_

#include <string>
#include <vector>

#include "inc/manifest.h"
#include "inc/tensor.h"

namespace depth_infer {

class SampleIo {
 public:
  // The manifest must outlive this. Creates the output folder. Throws UserError where the folder of the
  // inputs is missing, or where results, which have the same names, would overwrite them.
  SampleIo(const Manifest& manifest, const std::string& input_folder, const std::string& output_folder);

  // Appends each input file of the sample to the buffer of its input. Throws UserError, and leaves the
  // buffers as they were, where a file is missing or has another size than the manifest says.
  void ReadInputs(size_t sample, std::vector<Buffer>* inputs) const;

  // Writes the results of `sample`, which stands at `position` of the batch. Throws UserError, before writing
  // any, where one holds NaN or infinity.
  void WriteResults(size_t sample, const std::vector<Buffer>& results, size_t position) const;

 private:
  std::string FileOf(const std::string& folder, size_t sample, size_t k) const;

  const Manifest& manifest_;
  const std::string input_folder_;
  const std::string output_folder_;
};

}  // namespace depth_infer

#endif  // ASCEND310_INFER_INC_SAMPLE_IO_H_
