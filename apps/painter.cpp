#include "apps/painter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "apps/decode.h"
#include "apps/options.h"

namespace fovea::apps {
namespace {

void mark(cv::Mat& picture, cv::Point2d at) {
  const cv::Point centre(static_cast<int>(at.x), static_cast<int>(at.y));
  const int radius = std::max(3, std::min(picture.cols, picture.rows) / 60);
  const int thickness = std::max(1, radius / 4);
  cv::circle(picture, centre, radius, cv::Scalar::all(0), thickness + 2, cv::LINE_AA);
  cv::circle(picture, centre, radius, cv::Scalar::all(255), thickness, cv::LINE_AA);
}

// Longest side of a tile; the sheet of 12 layers then fits a screen.
constexpr int tile_side = 320;
constexpr int caption_rows = 24;

cv::Mat tile(const cv::Mat& picture, const std::string& caption) {
  const double scale = static_cast<double>(tile_side) / std::max(picture.cols, picture.rows);
  const cv::Size size(std::max(1, static_cast<int>(std::lround(picture.cols * scale))),
                      std::max(1, static_cast<int>(std::lround(picture.rows * scale))));
  // At least as wide as its caption.
  cv::Mat result(size.height + caption_rows, std::max(size.width, 96), CV_8UC3, cv::Scalar::all(32));
  cv::Mat inner = result(cv::Rect(cv::Point(0, caption_rows), size));
  cv::resize(picture, inner, size, 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  draw_text(result, caption, {4, caption_rows - 7}, 0.5);
  return result;
}

cv::Mat sheet(const std::vector<cv::Mat>& tiles) {
  const auto columns = static_cast<int>(std::ceil(std::sqrt(static_cast<double>(tiles.size()))));
  const int rows = (static_cast<int>(tiles.size()) + columns - 1) / columns;
  const cv::Size size = tiles.front().size();
  cv::Mat result(rows * size.height, columns * size.width, CV_8UC3, cv::Scalar::all(32));
  for (int i = 0; i < static_cast<int>(tiles.size()); ++i)
    tiles[static_cast<size_t>(i)].copyTo(
        result(cv::Rect(cv::Point(i % columns * size.width, i / columns * size.height), size)));
  return result;
}

}  // namespace

void draw_text(cv::Mat& picture, std::string_view text, cv::Point baseline, double scale) {
  const std::string line(text);
  const int thickness = std::max(1, static_cast<int>(std::lround(scale * 1.5)));
  cv::putText(picture, line, baseline, cv::FONT_HERSHEY_SIMPLEX, scale, cv::Scalar::all(0), thickness + 2,
              cv::LINE_AA);
  cv::putText(picture, line, baseline, cv::FONT_HERSHEY_SIMPLEX, scale, cv::Scalar::all(255), thickness,
              cv::LINE_AA);
}

Painted Painter::paint(const cv::Mat& bgr) {
  const ImageView image = view_of(bgr);
  Painted painted;
  const std::vector<Classification> results = session_.classify({&image, 1});
  if (!results.front().topk.empty()) painted.top = results.front().topk.front();
  MapRequest request = view.map;

  const auto draw = [&](int layer) {
    request.layer = layer;
    if (view.query && traits_of(request.method).takes_query)  // grids differ from layer to layer
      request.query = session_.patch_at(image.width, image.height, view.query->x, view.query->y, layer);
    painted.maps.push_back(session_.map(request));
    std::vector<uint8_t> rgb = session_.overlay(image, painted.maps.back(), view.colours);
    cv::Mat picture(bgr.rows, bgr.cols, CV_8UC3, rgb.data());
    cv::Mat result;
    cv::cvtColor(picture, result, cv::COLOR_RGB2BGR);
    if (view.query) mark(result, *view.query);
    return result;
  };
  if (view.all_layers) {
    std::vector<cv::Mat> tiles;
    if (view.side_by_side) tiles.push_back(tile(bgr, "picture"));
    const ModelInfo& info = session_.model().info();
    for (const uint32_t layer : drawable_layers(info, view.map.method))
      if (!view.query || info.attention[layer].kind == AttentionKind::self_attention)
        tiles.push_back(tile(draw(static_cast<int>(layer)), fmt::format("layer {}", layer)));
    painted.picture = sheet(tiles);
  } else {
    painted.picture = draw(view.map.layer);
    if (view.side_by_side) cv::hconcat(bgr, painted.picture, painted.picture);
  }
  return painted;
}

void Painter::step_layer(int by) {
  const auto layers = drawable_layers(session_.model().info(), view.map.method);
  if (layers.empty()) return;
  // The first step away from the sheet shows a layer by itself.
  if (view.all_layers) {
    view.all_layers = false;
    return;
  }
  const auto count = static_cast<std::ptrdiff_t>(layers.size());
  const auto now =
      std::find(layers.begin(), layers.end(), static_cast<uint32_t>(view.map.layer)) - layers.begin();
  view.map.layer = static_cast<int>(layers[static_cast<size_t>((now + by + count) % count)]);
}

void Painter::step_head(int by) {
  if (!traits_of(view.map.method).takes_head) return;
  const auto choices =
      static_cast<int>(session_.model().info().attention.at(static_cast<size_t>(view.map.layer)).heads) + 1;
  const int now = view.map.fusion == HeadFusion::single ? static_cast<int>(view.map.head) + 1 : 0;
  const int next = (now + by + choices) % choices;
  view.map.fusion = next == 0 ? view.fusion : HeadFusion::single;
  view.map.head = next == 0 ? 0 : static_cast<uint32_t>(next - 1);
}

void Painter::next_method() {
  const ModelInfo& info = session_.model().info();
  const auto now = std::find(info.maps.begin(), info.maps.end(), view.map.method);
  view.map.method = now == info.maps.end() || now + 1 == info.maps.end() ? info.maps.front() : *(now + 1);
  const auto layers = drawable_layers(info, view.map.method);
  // A layer that this method does not draw gives way to the last one that it does.
  if (!layers.empty() &&
      std::find(layers.begin(), layers.end(), static_cast<uint32_t>(view.map.layer)) == layers.end())
    view.map.layer = static_cast<int>(layers.back());
}

std::string Painter::title() const {
  const char* method = to_string(view.map.method);
  if (traits_of(view.map.method).class_specific)
    return fmt::format("{}, {}", method,
                       view.map.target ? label_of(session_.model().info(), *view.map.target) : "best class");
  const std::string layer = view.all_layers ? "all layers" : fmt::format("layer {}", view.map.layer);
  switch (view.map.fusion) {
    case HeadFusion::single:
      return fmt::format("{}, {}, head {}", method, layer, view.map.head);
    case HeadFusion::max:
      return fmt::format("{}, {}, heads max", method, layer);
    case HeadFusion::min:
      return fmt::format("{}, {}, heads min", method, layer);
    case HeadFusion::mean:
      break;
  }
  return fmt::format("{}, {}, heads mean", method, layer);
}

std::string Painter::top_line(const Painted& painted) const {
  const ModelInfo& info = session_.model().info();
  return info.has_head ? fmt::format("{} {:.2f}", label_of(info, painted.top.index), painted.top.probability)
                       : "";
}

}  // namespace fovea::apps
