#include "vision/preprocess_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fovea/error.h"

namespace fovea {
namespace {

using io::CropMode;
using io::Interpolation;

constexpr int weight_bits = 22;  // 32 − 8 for the pixel − 2 for filters that overshoot

double sinc(double x) {
  return x == 0.0 ? 1.0 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi);
}

double filter_support(Interpolation filter) {
  switch (filter) {
    case Interpolation::box:
      return 0.5;
    case Interpolation::bilinear:
    case Interpolation::hamming:
      return 1.0;
    case Interpolation::bicubic:
      return 2.0;
    case Interpolation::lanczos:
      return 3.0;
    case Interpolation::nearest:
      break;
  }
  throw Error(ErrorKind::model, fmt::format("[preprocess] interpolation {} is not one of nearest, bilinear, "
                                            "bicubic, lanczos, box, hamming",
                                            static_cast<int>(filter)));
}

// The order of operations is part of the contract: the weights must round as PIL's do.
double filter_value(Interpolation filter, double x) {
  const double d = std::abs(x);
  switch (filter) {
    case Interpolation::box:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Interpolation::bilinear:
      return d < 1.0 ? 1.0 - d : 0.0;
    case Interpolation::hamming:
      // The window's constants are single precision there.
      return d >= 1.0 ? 0.0
                      : sinc(d) *
                            (d == 0.0 ? 1.0 : double{0.54F} + double{0.46F} * std::cos(d * std::numbers::pi));
    case Interpolation::bicubic: {
      constexpr double a = -0.5;
      if (d < 1.0) return ((a + 2.0) * d - (a + 3.0)) * d * d + 1;
      if (d < 2.0) return (((d - 5) * d + 8) * d - 4) * a;
      return 0.0;
    }
    case Interpolation::lanczos:
      return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
    case Interpolation::nearest:
      break;
  }
  return 0.0;
}

// PIL steps through a line by adding the scale, so its rounding errors are part of the result. Lines too long
// for that are located directly.
AxisTable nearest_axis(uint32_t in, uint64_t out, uint64_t first, uint32_t count) {
  constexpr uint64_t longest_line = 1 << 26;
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  double position = scale * 0.5;
  if (out > longest_line) {
    position = scale * (static_cast<double>(first) + 0.5);
  } else {
    for (uint64_t i = 0; i < first; ++i) position += scale;
  }
  AxisTable table;
  table.weights = {1 << weight_bits};
  for (uint32_t i = 0; i < count; ++i, position += scale)
    table.spans.push_back({std::min(static_cast<uint32_t>(position), in - 1), 1, 0});
  return table;
}

uint64_t python_round(double x) {
  return static_cast<uint64_t>(std::nearbyint(x));  // halves to even in the default rounding mode
}

struct Size {
  uint64_t height, width;
};

// timm's ResizeKeepRatio; a side that would vanish, where PIL gives up, keeps one pixel.
Size keep_ratio(uint32_t height, uint32_t width, Size target, bool inside) {
  const double by_height = static_cast<double>(height) / static_cast<double>(target.height);
  const double by_width = static_cast<double>(width) / static_cast<double>(target.width);
  const double ratio = inside ? std::max(by_height, by_width) : std::min(by_height, by_width);
  return {std::max<uint64_t>(python_round(height / ratio), 1),
          std::max<uint64_t>(python_round(width / ratio), 1)};
}

// torchvision's Resize with one number.
Size short_side(uint32_t height, uint32_t width, uint64_t target) {
  const double shorter = std::min(height, width), longer = std::max(height, width);
  const auto long_side = static_cast<uint64_t>(static_cast<double>(target) * longer / shorter);
  return height <= width ? Size{target, long_side} : Size{long_side, target};
}

struct Crop {
  uint64_t from;       // first sample of the resized side
  uint32_t to, count;  // where it lies in the result
  double offset;       // of the result's begin in the resized side
};

// torchvision's CenterCrop: fills evenly, the odd sample behind; cuts at round((resized − size) / 2).
Crop center(uint64_t resized, uint32_t size) {
  if (size > resized) {
    const auto before = static_cast<uint32_t>((size - resized) / 2);
    return {0, before, static_cast<uint32_t>(resized), -static_cast<double>(before)};
  }
  const uint64_t from = python_round(static_cast<double>(resized - size) / 2.0);
  return {from, 0, size, static_cast<double>(from)};
}

}  // namespace

uint32_t AxisTable::begin() const {
  uint32_t begin = UINT32_MAX;
  for (const Span& s : spans) begin = std::min(begin, s.first);
  return begin;
}

uint32_t AxisTable::end() const {
  uint32_t end = 0;
  for (const Span& s : spans) end = std::max(end, s.first + s.count);
  return end;
}

AxisTable resample_axis(Interpolation filter, uint32_t in, uint64_t out, uint64_t first, uint32_t count) {
  if (filter == Interpolation::nearest) return nearest_axis(in, out, first, count);
  const double filter_width = filter_support(filter);
  AxisTable table;
  if (in == out) {  // PIL leaves such an axis alone
    table.weights = {1 << weight_bits};
    for (uint32_t i = 0; i < count; ++i) table.spans.push_back({static_cast<uint32_t>(first) + i, 1, 0});
    return table;
  }
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = std::max(scale, 1.0);  // antialias: the filter widens when shrinking
  const double support = filter_width * filter_scale;
  const double inverse = 1.0 / filter_scale;
  std::vector<double> values;
  for (uint64_t i = first; i < first + count; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto begin = static_cast<int64_t>(std::max(center - support + 0.5, 0.0));
    const auto end = std::min(static_cast<int64_t>(center + support + 0.5), int64_t{in});
    values.clear();
    double sum = 0.0;
    for (int64_t x = begin; x < end; ++x) {
      values.push_back(filter_value(filter, (static_cast<double>(x) - center + 0.5) * inverse));
      sum += values.back();
    }
    table.spans.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(values.size()),
                           static_cast<uint32_t>(table.weights.size())});
    for (const double value : values) {
      const double weight = (sum != 0.0 ? value / sum : value) * (1 << weight_bits);
      table.weights.push_back(static_cast<int32_t>(weight + (weight < 0 ? -0.5 : 0.5)));
    }
  }
  return table;
}

PreprocessPlan plan_preprocess(const io::PreprocessConfig& config, uint32_t height, uint32_t width) {
  if (height == 0 || width == 0 || height > max_picture_side || width > max_picture_side)
    throw Error(ErrorKind::usage, fmt::format("[preprocess] a picture of {} × {} pixels: sides from 1 to {} "
                                              "are possible",
                                              width, height, max_picture_side));
  if (config.height == 0 || config.width == 0 || config.height > 1U << 14 || config.width > 1U << 14 ||
      !(config.crop_pct > 0.01 && config.crop_pct <= 1.0))
    throw Error(ErrorKind::model,
                fmt::format("[preprocess] an input of {} × {} with crop_pct {}: sides from 1 to 16384 and "
                            "crop_pct above 0.01 up to 1 are possible",
                            config.width, config.height, config.crop_pct));
  const Size target{static_cast<uint64_t>(std::floor(config.height / config.crop_pct)),
                    static_cast<uint64_t>(std::floor(config.width / config.crop_pct))};
  Size resized{};
  Interpolation filter = config.interpolation;
  PreprocessPlan plan;
  switch (config.crop_mode) {
    case CropMode::center:
      if (target.height == target.width) {
        resized = short_side(height, width, target.height);
      } else {
        resized = keep_ratio(height, width, target, false);
        filter = Interpolation::bilinear;
      }
      break;
    case CropMode::squash:
      resized = target;
      break;
    case CropMode::border:
      resized = keep_ratio(height, width, target, true);
      for (size_t c = 0; c < 3; ++c)
        plan.fill[c] = static_cast<uint8_t>(std::clamp(std::nearbyint(255.0 * config.mean[c]), 0.0, 255.0));
      break;
    default:
      throw Error(ErrorKind::model, fmt::format("[preprocess] crop mode {} is not center, squash or border",
                                                static_cast<int>(config.crop_mode)));
  }

  const Crop down = center(resized.height, config.height), across = center(resized.width, config.width);
  plan.height = config.height;
  plan.width = config.width;
  plan.resized_height = resized.height;
  plan.resized_width = resized.width;
  plan.top = down.to;
  plan.left = across.to;
  plan.inner_height = down.count;
  plan.inner_width = across.count;
  plan.crop_top = down.from;
  plan.crop_left = across.from;
  plan.columns = resample_axis(filter, width, resized.width, across.from, across.count);
  plan.rows = resample_axis(filter, height, resized.height, down.from, down.count);
  const double scale_x = static_cast<double>(width) / static_cast<double>(resized.width);
  const double scale_y = static_cast<double>(height) / static_cast<double>(resized.height);
  plan.region = {across.offset * scale_x, down.offset * scale_y, config.width * scale_x,
                 config.height * scale_y};
  return plan;
}

std::vector<PreprocessStrip> plan_strips(const PreprocessPlan& plan, uint64_t source_row_bytes,
                                         uint64_t band_row_bytes, uint64_t limit_bytes) {
  const auto& spans = plan.rows.spans;
  const auto too_large = [&] {
    return Error(
        ErrorKind::unsupported,
        fmt::format("[preprocess] one row of {} × {} pixels needs more than {} MiB of the picture at "
                    "once: shrink the picture first",
                    plan.width, plan.height, limit_bytes >> 20));
  };
  const uint64_t strip_rows = limit_bytes / source_row_bytes, band_rows = limit_bytes / band_row_bytes;
  if (strip_rows == 0 || spans.empty()) throw too_large();
  std::vector<PreprocessStrip> strips;
  for (uint32_t out = 0; out < spans.size();) {
    // As many result rows as have their source rows in one band; spans only ever move down.
    const uint32_t first = spans[out].first, out_first = out;
    uint32_t end = first;
    for (; out < spans.size() && spans[out].first + spans[out].count - first <= band_rows; ++out)
      end = std::max(end, spans[out].first + spans[out].count);
    if (out == out_first) throw too_large();
    for (uint32_t row = first; row < end;) {
      const auto rows = static_cast<uint32_t>(std::min<uint64_t>(strip_rows, end - row));
      strips.push_back({row, rows, first, 0, 0});
      row += rows;
    }
    strips.back().out_first = out_first;
    strips.back().out_rows = out - out_first;
  }
  return strips;
}

}  // namespace fovea
