#include "stream/live_pictures.h"

#include <array>

#include "runtime/ops/image/overlay.h"
#include "vision/colormap.h"
#include "vision/overlay.h"

namespace fovea {
namespace {

// Recorded layers and what the host writes into them once.
class LayerRecording {
 public:
  explicit LayerRecording(Recorder& r) : r_(r) {}

  // One map over a strip of pixels; returns BGR8.
  Tensor draw(const Tensor& pixels, PixelFormat format, const FrameStage& frame, uint32_t first_row,
              const Tensor& levels, const OverlayOptions& look) {
    const Tensor colors = r_.input({ops::overlay_colors, 4}, DType::f32, "colors"),
                 place = r_.input({4}, DType::f32, "frame");
    colors_.emplace_back(colors, color_table(look));
    places_.emplace_back(place, overlay_frame(levels.shape[0], levels.shape[1], frame.region(), first_row));
    return ops::overlay(r_, pixels, levels, colors, place, static_cast<uint32_t>(format),
                        static_cast<uint32_t>(PixelFormat::bgr8));
  }
  // The same pixels as BGR8: a map that is transparent.
  Tensor convert(const Tensor& pixels, const FrameStage& frame) {
    if (!nothing_) nothing_ = r_.input({1, 1, 4}, DType::f32, "nothing");
    return draw(pixels, frame.format(), frame, 0, nothing_, {0.0F, Colormap::gray, {}});
  }

  bool any() const { return !colors_.empty(); }
  void write(Program& program) const {
    for (const auto& [t, table] : colors_) program.write(t, std::as_bytes(std::span(table)));
    for (const auto& [t, place] : places_) program.write(t, std::as_bytes(std::span(&place, 1)));
    const std::array<float, 4> zeros{};
    if (nothing_) program.write(nothing_, std::as_bytes(std::span(zeros)));
  }

 private:
  Recorder& r_;
  Tensor nothing_;
  std::vector<std::pair<Tensor, std::array<float, 1028>>> colors_;
  std::vector<std::pair<Tensor, OverlayFrame>> places_;
};

}  // namespace

PictureStage::PictureStage(gpu::Device& device, const FrameStage& frame, const ModelStage& maps) {
  Recorder::Options options;
  options.overlapping = true;
  Recorder r(device, options);
  LayerRecording recording(r);
  for (const LiveView& view : maps.views()) {
    Picture& picture = pictures_.emplace_back();
    for (const FrameStage::Strip& strip : frame.strips()) {
      Tensor pixels = strip.pixels;
      PixelFormat format = frame.format();
      for (const LiveLayer& layer : view.layers) {
        const Tensor& levels = maps.maps()[maps.index_of(layer)].levels;
        pixels = recording.draw(pixels, format, frame, strip.first, levels, layer.look);
        format = PixelFormat::bgr8;
      }
      if (format != PixelFormat::bgr8) pixels = recording.convert(pixels, frame);
      r.keep(pixels);
      picture.strips.push_back(pixels);
      row_bytes_ = size_t{pixels.shape[1]} * 4;
    }
  }
  picture_bytes_ = row_bytes_ * frame.height();
  if (!recording.any()) return;
  program_ = r.finish();
  recorded_ = true;
  recording.write(program_);
  for (Picture& picture : pictures_)
    for (Tensor& strip : picture.strips) strip = program_.shared(strip);
}

}  // namespace fovea
