// A picture's resampling recorded on a device: tables as the kernels read them, and the two passes.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/record/recorder.h"
#include "vision/preprocess_plan.h"

namespace fovea {

constexpr uint32_t resize_block_bytes = 16;  // what resize_horizontal reads at once

// A table as the kernels read it: four words a span, and the weights.
struct ResizeTable {
  std::vector<uint32_t> spans;
  std::vector<int32_t> weights;
};

// Weights of whole pixels spread over the bytes of 16-byte blocks; rows begin at picture column first_column.
ResizeTable spread_over_blocks(const AxisTable& axis, uint32_t first_column, uint32_t channels);
ResizeTable in_order(const AxisTable& axis);

struct ResizeTables {
  ResizeTable columns, rows;
};

// Tables as inputs of a program, which keeps what was written once.
class ResizeInputs {
 public:
  ResizeInputs(Recorder& r, const ResizeTables& tables);
  void write(Program& program, const ResizeTables& tables) const;

 private:
  friend class ResizePass;
  Tensor column_spans_, column_weights_, row_spans_, row_weights_;
};

// The passes of a picture, strip by strip.
class ResizePass {
 public:
  // band: u32 [rows, pitch], pixels between the passes, at least band_rows_of(strips); target: u32 [plan's
  // height, pitch].
  ResizePass(const PreprocessPlan& plan, const ResizeInputs& inputs, PixelFormat format, const Tensor& band,
             const Tensor& target)
      : plan_(plan), inputs_(inputs), format_(format), band_(band), target_(target) {}
  // source: u32 [rows, words], row first_row of which is the strip's first.
  void record(Recorder& r, const PreprocessStrip& strip, const Tensor& source, uint32_t first_row) const;

 private:
  const PreprocessPlan& plan_;
  const ResizeInputs& inputs_;
  PixelFormat format_;
  Tensor band_, target_;
};

uint32_t band_rows_of(const std::vector<PreprocessStrip>& strips);

}  // namespace fovea
