// Frames of one size and format on the device, and the program that turns them into the model's input.
#pragma once

#include <memory>
#include <vector>

#include "fovea/image.h"
#include "runtime/record/recorder.h"
#include "vision/preprocess_plan.h"

namespace fovea {

class FrameStage {
 public:
  // input: [1, 3, H, W] of the model. No binding takes more than about strip_bytes: larger frames are worked
  // on in strips of rows. Throws what plan_preprocess() does.
  FrameStage(gpu::Device& device, const io::PreprocessConfig& config, const Tensor& input,
             const ImageView& like, uint64_t strip_bytes = 64U << 20);

  bool takes(const ImageView& frame) const;
  uint32_t width() const { return width_; }
  uint32_t height() const { return height_; }
  const Region& region() const { return plan_.region; }  // of the frame, that the model sees

  // Frames are packed into staging memory, which is copied to the beginning of a buffer of this stage.
  void pack(const ImageView& frame, std::byte* staging) const;
  const gpu::Buffer& uploaded() const { return yuv_ ? *yuv_ : *pixels_; }
  // Resizes and normalises the upload; nv12 and yuyv are converted to RGB8 first.
  Program& program() { return program_; }

  // The frame's pixels, u32 [rows, words], for kernels that take part of the rows at once.
  struct Strip {
    uint32_t first = 0, rows = 0;
    Tensor pixels;
  };
  const std::vector<Strip>& strips() const { return strips_; }
  PixelFormat format() const { return format_; }  // of these pixels

 private:
  void record(gpu::Device& device, const io::PreprocessConfig& config, const Tensor& input,
              uint64_t strip_bytes);
  Tensor rows_of(uint32_t first, uint32_t rows) const;
  Tensor yuv() const;

  uint32_t width_, height_;
  PixelFormat taken_, format_;  // of frames, and packed
  uint32_t row_words_;          // whole blocks for resizing and whole fours of pixels for drawing
  PreprocessPlan plan_;
  std::unique_ptr<gpu::Buffer> pixels_, yuv_;
  std::vector<Strip> strips_;
  Program program_;
};

}  // namespace fovea
