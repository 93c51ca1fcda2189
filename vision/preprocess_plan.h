// How one picture becomes a model's input pixels: sizes, crop and PIL's resampling tables. No device in here.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "fovea/image.h"
#include "models/config/config.h"

namespace fovea {

constexpr uint32_t max_picture_side = 65535;

// Resampling of one axis as PIL does it: output sample i is Σ weights[offset + t] · input[first + t], rounded
// from 22-bit fixed point and clamped to 0..255.
struct AxisTable {
  struct Span {
    uint32_t first = 0, count = 0;  // input samples
    uint32_t offset = 0;            // of the first weight
  };
  std::vector<Span> spans;       // one an output sample
  std::vector<int32_t> weights;  // 1 << 22 is one

  uint32_t begin() const;  // input samples that take part: [begin, end)
  uint32_t end() const;
};

// Samples [first, first + count) of `in` samples resized to `out`.
AxisTable resample_axis(io::Interpolation filter, uint32_t in, uint64_t out, uint64_t first, uint32_t count);

struct PreprocessPlan {
  uint32_t height = 0, width = 0;                  // of the result
  uint64_t resized_height = 0, resized_width = 0;  // of the whole picture, before the crop
  // Where the picture lies in the result; the rest is filled. All of the result unless the crop is larger
  // than the resized picture.
  uint32_t top = 0, left = 0, inner_height = 0, inner_width = 0;
  uint64_t crop_top = 0, crop_left = 0;  // of the inner part, in the resized picture
  std::array<uint8_t, 3> fill{};         // RGB
  AxisTable columns, rows;               // of the inner part
  // The whole result in the picture's own pixels; reaches outside the picture where the result is filled.
  Region region;
};

// Sizes and filters follow timm's evaluation transform:
// - center, square target: short side to floor(size / crop_pct), long side to int(short' · long / short),
// which
//   is torchvision's Resize; then the centre.
// - center, other targets: ResizeKeepRatio to cover floor([h, w] / crop_pct), sides rounded half to even, and
//   always bilinear, because timm does not hand the configured filter on; then the centre.
// - squash: both sides to floor([h, w] / crop_pct); then the centre.
// - border: ResizeKeepRatio to fit into floor([h, w] / crop_pct); filled with the mean colour or cropped.
// Throws Error(usage) for a picture without pixels or with a side above max_picture_side, Error(model) for a
// configuration that cannot be followed.
PreprocessPlan plan_preprocess(const io::PreprocessConfig& config, uint32_t picture_height,
                               uint32_t picture_width);

// Source rows that are uploaded and resampled horizontally together, so that no buffer outgrows the device.
struct PreprocessStrip {
  uint32_t source_first = 0, source_rows = 0;  // rows of the picture
  uint32_t band_first = 0;                     // picture row that is row 0 of the intermediate pixels
  uint32_t out_first = 0, out_rows = 0;        // result rows complete after this strip, possibly none
};

// source_row_bytes and band_row_bytes: one row of the upload and of the intermediate pixels. Throws
// Error(unsupported) when the rows of one result row alone do not fit.
std::vector<PreprocessStrip> plan_strips(const PreprocessPlan& plan, uint64_t source_row_bytes,
                                         uint64_t band_row_bytes, uint64_t limit_bytes);

}  // namespace fovea
