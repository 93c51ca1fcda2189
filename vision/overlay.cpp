#include "vision/overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "fovea/error.h"
#include "runtime/ops/image/levels.h"
#include "runtime/ops/image/overlay.h"
#include "runtime/record/recorder.h"
#include "vision/colormap.h"
#include "vision/preprocess.h"

namespace fovea {
namespace {

struct Layout {  // what a recorded program depends on
  uint32_t width = 0, rows = 0, map_rows = 0, map_cols = 0;
  PixelFormat format = PixelFormat::rgb8;
  bool operator==(const Layout&) const = default;

  uint32_t source_words() const { return ops::overlay_words(width, format == PixelFormat::gray8); }  // a row
  uint32_t target_words() const { return ops::overlay_words(width, false); }
};

struct Recorded {
  Layout layout;
  Tensor picture, map, colors, frame, target;
  Program program;
};

Recorded record(gpu::Device& device, const Layout& l) {
  Recorder r(device);
  Recorded out{l,
               r.input({l.rows, l.source_words()}, DType::u32, "picture"),
               r.input({l.map_rows, l.map_cols}, DType::f32, "map"),
               r.input({ops::overlay_colors, 4}, DType::f32, "colors"),
               r.input({4}, DType::f32, "frame"),
               {},
               {}};
  const Tensor state = r.temporary({ops::levels_state(l.map_rows * l.map_cols)}, DType::f32, "state");
  const Tensor levels = ops::levels(r, out.map, 0, l.map_rows, l.map_cols, {}, state).levels;
  out.target = ops::overlay(r, out.picture, levels, out.colors, out.frame, static_cast<uint32_t>(l.format),
                            static_cast<uint32_t>(PixelFormat::rgb8));
  r.output(out.target);
  out.program = r.finish();
  return out;
}

void check_arguments(const ImageView& image, const AttentionMap& map, const Region& region) {
  check_image(image, "overlay");
  if (image.width > UINT32_MAX / 16 || image.height > UINT32_MAX / 16)
    throw Error(ErrorKind::usage,
                fmt::format("[overlay] a picture of {} × {} pixels is too large", image.width, image.height));
  if (map.rows == 0 || map.cols == 0 || map.values.size() != size_t{map.rows} * map.cols)
    throw Error(ErrorKind::usage, fmt::format("[overlay] a map of {} × {} cells with {} values", map.rows,
                                              map.cols, map.values.size()));
  const bool finite = std::isfinite(region.x) && std::isfinite(region.y) && std::isfinite(region.width) &&
                      std::isfinite(region.height);
  if (!finite || region.width <= 0 || region.height <= 0)
    throw Error(ErrorKind::usage, fmt::format("[overlay] a region of {} × {} pixels at ({}, {}) has no area",
                                              region.width, region.height, region.x, region.y));
}

}  // namespace

OverlayFrame overlay_frame(uint32_t rows, uint32_t cols, const Region& region, uint32_t first_row) {
  const double scale_x = cols / region.width, scale_y = rows / region.height;
  return {static_cast<float>(scale_x), static_cast<float>((0.5 - region.x) * scale_x - 0.5),
          static_cast<float>(scale_y), static_cast<float>((first_row + 0.5 - region.y) * scale_y - 0.5)};
}

struct MapOverlay::Impl {
  gpu::Device& device;
  uint64_t strip_bytes;
  std::optional<Recorded> recorded{};
  std::vector<std::byte> rows{};

  Recorded& recorded_for(const Layout& layout) {
    if (!recorded || !(recorded->layout == layout)) {
      recorded.reset();  // its memory first
      recorded = record(device, layout);
    }
    return *recorded;
  }
};

MapOverlay::MapOverlay(gpu::Device& device, uint64_t strip_bytes)
    : impl_(new Impl{device, std::min(strip_bytes, device.info().max_storage_range)}) {}
MapOverlay::~MapOverlay() = default;
MapOverlay::MapOverlay(MapOverlay&&) noexcept = default;
MapOverlay& MapOverlay::operator=(MapOverlay&&) noexcept = default;

std::vector<uint8_t> MapOverlay::draw(const ImageView& image, const AttentionMap& map, const Region& region,
                                      const OverlayOptions& options) {
  check_arguments(image, map, region);
  check_look(options);
  const auto colors = color_table(options);
  Layout layout{image.width, 0, map.rows, map.cols, image.format};
  const uint64_t source_bytes = uint64_t{layout.source_words()} * 4,
                 target_bytes = uint64_t{layout.target_words()} * 4;
  const auto strip_rows = static_cast<uint32_t>(
      std::clamp<uint64_t>(impl_->strip_bytes / target_bytes, 1, std::min<uint64_t>(image.height, 65535)));
  auto& rows = impl_->rows;
  std::vector<uint8_t> out(size_t{image.width} * image.height * 3);
  for (uint32_t first = 0; first < image.height; first += strip_rows) {
    layout.rows = std::min(strip_rows, image.height - first);
    Recorded& r = impl_->recorded_for(layout);
    rows.resize(layout.rows * source_bytes);
    for (uint32_t i = 0; i < layout.rows; ++i)
      std::memcpy(rows.data() + i * source_bytes, image.pixels + (size_t{first} + i) * image.row_bytes,
                  size_t{image.width} * image.channels());
    const OverlayFrame frame = overlay_frame(map.rows, map.cols, region, first);
    r.program.write(r.picture, rows);
    r.program.write(r.map, std::as_bytes(std::span(map.values)));
    r.program.write(r.colors, std::as_bytes(std::span(colors)));
    r.program.write(r.frame, std::as_bytes(std::span(&frame, 1)));
    r.program.run();
    rows.resize(layout.rows * target_bytes);
    r.program.read(r.target, rows);
    for (uint32_t i = 0; i < layout.rows; ++i)
      std::memcpy(out.data() + (size_t{first} + i) * image.width * 3, rows.data() + i * target_bytes,
                  size_t{image.width} * 3);
  }
  return out;
}

}  // namespace fovea
