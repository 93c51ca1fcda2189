#include "stream/live_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "fovea/error.h"
#include "runtime/ops/image/normalize_image.h"
#include "runtime/ops/image/overlay.h"
#include "runtime/ops/image/yuv_to_rgb.h"
#include "vision/resize_recording.h"

namespace fovea {
namespace {

// Strips begin at a multiple of so many rows, of at least 16 bytes each, so that their offsets are aligned on
// every device.
constexpr uint32_t row_step = 256 / 16;

bool is_yuv(PixelFormat format) {
  return format == PixelFormat::nv12 || format == PixelFormat::yuyv;
}

uint32_t words_of(uint32_t width, PixelFormat format) {
  return ops::overlay_words(width, format == PixelFormat::gray8);
}

}  // namespace

FrameStage::FrameStage(gpu::Device& device, const io::PreprocessConfig& config, const Tensor& input,
                       const ImageView& like, uint64_t strip_bytes)
    : width_(like.width),
      height_(like.height),
      taken_(like.format),
      format_(is_yuv(like.format) ? PixelFormat::rgb8 : like.format),
      row_words_(words_of(like.width, format_)),
      plan_(plan_preprocess(config, like.height, like.width)) {
  const uint64_t row_bytes = uint64_t{row_words_} * 4;
  strip_bytes = std::min(strip_bytes, device.info().max_storage_range);
  if (is_yuv(taken_)) {
    if (row_bytes * height_ > device.info().max_storage_range)
      throw Error(
          ErrorKind::unsupported,
          fmt::format("[live] a yuv frame of {} × {} pixels needs {} MiB in one buffer, the device "
                      "allows {} MiB",
                      width_, height_, row_bytes * height_ >> 20, device.info().max_storage_range >> 20));
    yuv_ = std::make_unique<gpu::Buffer>(device, yuv().bytes(), gpu::Memory::device);
  }
  pixels_ = std::make_unique<gpu::Buffer>(device, row_bytes * height_, gpu::Memory::device);
  const uint64_t picture_row = uint64_t{words_of(width_, PixelFormat::bgr8)} * 4;
  const auto strip_rows = static_cast<uint32_t>(
      std::clamp<uint64_t>(strip_bytes / picture_row / row_step * row_step, row_step, 65520));
  for (uint32_t first = 0; first < height_; first += strip_rows) {
    const uint32_t rows = std::min(strip_rows, height_ - first);
    strips_.push_back({first, rows, rows_of(first, rows)});
  }
  record(device, config, input, strip_bytes);
}

bool FrameStage::takes(const ImageView& frame) const {
  return frame.width == width_ && frame.height == height_ && frame.format == taken_;
}

Tensor FrameStage::rows_of(uint32_t first, uint32_t rows) const {
  Tensor t;
  t.shape = {rows, row_words_};
  t.dtype = DType::u32;
  t.buffer = pixels_.get();
  t.offset = uint64_t{first} * row_words_ * 4;
  return t;
}

Tensor FrameStage::yuv() const {
  const bool planes = taken_ == PixelFormat::nv12;
  Tensor t;
  t.shape = {planes ? height_ + height_ / 2 : height_, ops::yuv_words(width_, planes)};
  t.dtype = DType::u32;
  t.buffer = yuv_.get();
  return t;
}

void FrameStage::record(gpu::Device& device, const io::PreprocessConfig& config, const Tensor& input,
                        uint64_t strip_bytes) {
  const uint32_t pitch = (config.width + 3) / 4 * 4;
  const auto strips = plan_strips(plan_, uint64_t{row_words_} * 4, uint64_t{pitch} * 4, strip_bytes);
  const ResizeTables tables{spread_over_blocks(plan_.columns, 0, format_ == PixelFormat::gray8 ? 1 : 3),
                            in_order(plan_.rows)};
  Recorder::Options options;
  options.overlapping = true;
  Recorder r(device, options);
  if (yuv_) ops::yuv_to_rgb(r, yuv(), taken_ == PixelFormat::nv12, rows_of(0, height_));
  const ResizeInputs inputs(r, tables);
  const Tensor band = r.temporary({band_rows_of(strips), pitch}, DType::u32, "band"),
               resized = r.temporary({config.height, pitch}, DType::u32, "pixels");
  const ResizePass pass(plan_, inputs, format_, band, resized);
  for (const PreprocessStrip& strip : strips) {
    const uint32_t first_row = strip.source_first % row_step;
    pass.record(r, strip, rows_of(strip.source_first - first_row, first_row + strip.source_rows), first_row);
  }
  ops::normalize_image(r, resized, config.mean, config.std, input, 0);
  program_ = r.finish();
  inputs.write(program_, tables);
}

void FrameStage::pack(const ImageView& frame, std::byte* staging) const {
  const size_t used = frame.line_bytes(), lines = frame.lines(), line = uploaded().size() / lines;
  for (size_t i = 0; i < lines; ++i)
    std::memcpy(staging + i * line, frame.pixels + i * frame.row_bytes, used);
}

}  // namespace fovea
