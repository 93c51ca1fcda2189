// What was written about images, as tensors by name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fovea/run.h"
#include "models/model/id_writer.h"
#include "models/tasks/chunks.h"

namespace fovea {

class Generated {
 public:
  // Makes `generated` and `generated_length`, with a prefix: for up to `most` ids behind `prompts`, all of
  // one length.
  Generated(RawTensors& out, std::string prefix, const ModelInfo& info, std::span<const uint32_t> prompts,
            uint64_t count, uint32_t most, const IdWriter::Ids& ids);

  // Appends the ids that step(s, over) chooses for the images of a chunk, until all are at their end.
  // over: of each image, whether it was before the step.
  template <class Step>
  void write(const Chunk& chunk, Step step) {
    std::vector<bool> over(chunk.images);
    for (uint32_t s = 0; s < most_ && std::find(over.begin(), over.end(), false) != over.end(); ++s) {
      const std::span<const uint32_t> chosen = step(s, over);
      for (uint64_t row = 0; row < chunk.images; ++row) {
        if (over[row]) continue;
        append(chunk.first + row, chosen[row]);
        over[row] = chosen[row] == ids_.end;
      }
    }
  }
  void append(uint64_t image, uint32_t id);

  // Values of the step that chose an image's id, [images, most, width]; zeros where there was none. Throws
  // Error(unsupported) where they are not finite.
  void put_step(const std::string& name, uint64_t image, uint64_t step, std::span<const float> values);
  // The same of every image of a chunk that was not over; values [slots, width].
  void put_steps(const std::string& name, const Chunk& chunk, uint64_t step, const std::vector<bool>& over,
                 const std::vector<float>& values);

 private:
  RawTensor& tensor(const std::string& name) { return out_[prefix_ + name]; }

  RawTensors& out_;
  std::string prefix_;
  const ModelInfo& info_;
  uint64_t count_;
  uint32_t prompt_, most_;
  IdWriter::Ids ids_;
};

}  // namespace fovea
