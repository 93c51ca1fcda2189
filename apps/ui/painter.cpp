#include "apps/ui/painter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "apps/util/decode.h"

namespace fovea::apps {
namespace {

void mark(cv::Mat& picture, cv::Point2d at, const cv::Scalar& colour) {
  const cv::Point centre(static_cast<int>(at.x), static_cast<int>(at.y));
  const int radius = std::max(3, std::min(picture.cols, picture.rows) / 60);
  const int thickness = std::max(1, radius / 4);
  cv::circle(picture, centre, radius, cv::Scalar::all(0), thickness + 2, cv::LINE_AA);
  cv::circle(picture, centre, radius, colour, thickness, cv::LINE_AA);
}

void mark_queries(cv::Mat& picture, const View& view) {
  if (!traits_of(view.map.method).takes(MapField::query)) return;
  for (size_t i = 0; i < view.pins.size(); ++i) mark(picture, view.pins[i], pin_colour(i));
  if (view.hover) mark(picture, *view.hover, cv::Scalar::all(255));
}

// Longest side of a tile; the sheet of 12 layers then fits a screen.
constexpr int tile_side = 320;
constexpr int caption_rows = 24;

// Borrows the pixels.
cv::Mat as_mat(const LivePicture& drawn, cv::Size size) {
  return {size, CV_8UC3, const_cast<uint8_t*>(drawn.bgr.data())};
}

// One layer of colour for each queried patch, or the class token's alone.
LiveView layers_over(const View& view, const Live& live, cv::Size size, const MapRequest& request) {
  const LiveLayer base = layer_over(view, request);
  std::vector<cv::Point2d> queries;
  if (traits_of(request.method).takes(MapField::query)) {
    queries = view.pins;
    if (view.hover) queries.push_back(*view.hover);
  }
  if (queries.empty()) return {{base}};
  LiveView result;
  for (size_t i = 0; i < queries.size(); ++i) {
    LiveLayer& layer = result.layers.emplace_back(base);
    // Grids differ from layer to layer.
    layer.map.query = live.patch_at(static_cast<uint32_t>(size.width), static_cast<uint32_t>(size.height),
                                    queries[i].x, queries[i].y, request.layer);
    if (queries.size() == 1) continue;
    const cv::Scalar colour = i < view.pins.size() ? pin_colour(i) : cv::Scalar::all(255);
    layer.look.tint = {static_cast<uint8_t>(colour[2]), static_cast<uint8_t>(colour[1]),
                       static_cast<uint8_t>(colour[0])};
  }
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

View still(View view) {
  view.smoothing = 0;
  if (view.scale == MapScale::running) view.scale = MapScale::frame;
  return view;
}

cv::Scalar pin_colour(size_t index) {
  // Okabe and Ito's set, which colour-blind people tell apart: orange, sky blue, green, yellow, red, purple.
  static const std::array<cv::Scalar, max_pins> colours = {
      cv::Scalar(0, 159, 230),  cv::Scalar(233, 180, 86), cv::Scalar(115, 158, 0),
      cv::Scalar(66, 228, 240), cv::Scalar(0, 94, 213),   cv::Scalar(167, 121, 204)};
  return colours[index % colours.size()];
}

Plan plan(const View& view, const Live& live, cv::Size size) {
  const ModelInfo& info = live.model().info();
  Plan result;
  MapRequest request = view.map;
  if (view.spread == Spread::layers) {
    const bool asks = !view.pins.empty() || view.hover;
    for (const uint32_t layer : drawable_layers(info, request.method)) {
      if (asks && info.attention[layer].kind != AttentionKind::self_attention) continue;
      request.layer = static_cast<int>(layer);
      request.start_layer = std::min(view.map.start_layer, request.layer);
      result.views.push_back(layers_over(view, live, size, request));
      result.captions.push_back(fmt::format("layer {}", layer));
    }
  } else if (view.spread == Spread::heads) {
    request.fusion = HeadFusion::single;
    for (request.head = 0; request.head < info.attention.at(static_cast<size_t>(request.layer)).heads;
         ++request.head) {
      result.views.push_back(layers_over(view, live, size, request));
      result.captions.push_back(fmt::format("head {}", request.head));
    }
  } else {
    result.views.push_back(layers_over(view, live, size, request));
  }
  return result;
}

Pictures all_of(const LiveFrame& frame) {
  Pictures drawn;
  for (const LivePicture& picture : frame.pictures) drawn.push_back(&picture);
  return drawn;
}

cv::Mat compose(const View& view, const Plan& plan, const cv::Mat& frame, const Pictures& drawn) {
  cv::Mat result;
  if (plan.captions.empty()) {
    result = as_mat(*drawn.front(), frame.size()).clone();
    mark_queries(result, view);
    if (view.side_by_side) cv::hconcat(frame, result, result);
    return result;
  }
  std::vector<cv::Mat> tiles;
  if (view.side_by_side) tiles.push_back(tile(frame, "picture"));
  for (size_t i = 0; i < drawn.size(); ++i) {
    cv::Mat one = as_mat(*drawn[i], frame.size()).clone();
    mark_queries(one, view);
    tiles.push_back(tile(one, plan.captions[i]));
  }
  return sheet(tiles);
}

std::vector<AttentionMap> maps_of(const Pictures& drawn) {
  std::vector<AttentionMap> maps;
  for (const LivePicture* picture : drawn)
    maps.insert(maps.end(), picture->maps.begin(), picture->maps.end());
  return maps;
}

std::vector<MapRequest> requests_of(const Plan& plan) {
  std::vector<MapRequest> requests;
  for (const LiveView& view : plan.views)
    for (const LiveLayer& layer : view.layers) requests.push_back(layer.map);
  return requests;
}

Tile tile_of(cv::Size frame) {
  const double scale = static_cast<double>(tile_side) / std::max(frame.width, frame.height);
  const cv::Size inner(std::max(1, static_cast<int>(std::lround(frame.width * scale))),
                       std::max(1, static_cast<int>(std::lround(frame.height * scale))));
  // At least as wide as its caption.
  return {{std::max(inner.width, 96), inner.height + caption_rows}, {{0, caption_rows}, inner}};
}

cv::Mat tile(const cv::Mat& picture, const std::string& caption) {
  const Tile shape = tile_of(picture.size());
  cv::Mat result(shape.size, CV_8UC3, cv::Scalar::all(32));
  cv::Mat inner = result(shape.picture);
  cv::resize(picture, inner, inner.size(), 0, 0,
             inner.cols < picture.cols ? cv::INTER_AREA : cv::INTER_LINEAR);
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

std::optional<cv::Point2d> frame_point(const View& view, cv::Size frame, cv::Size picture, cv::Point2d at) {
  if (frame.empty() || at.x < 0 || at.y < 0 || at.x >= picture.width || at.y >= picture.height) return {};
  if (view.spread == Spread::one) return cv::Point2d(std::fmod(at.x, frame.width), at.y);
  const Tile tile = tile_of(frame);
  const cv::Point2d in_tile(std::fmod(at.x, tile.size.width), std::fmod(at.y, tile.size.height));
  if (!cv::Rect2d(tile.picture).contains(in_tile)) return {};
  return cv::Point2d((in_tile.x - tile.picture.x) * frame.width / tile.picture.width,
                     (in_tile.y - tile.picture.y) * frame.height / tile.picture.height);
}

std::optional<cv::Point2d> patch_centre(const View& view, const ModelInfo& info, const Region& visible,
                                        cv::Point2d at) {
  const auto layer = static_cast<size_t>(view.map.layer);
  if (!traits_of(view.map.method).takes(MapField::query) || visible.width <= 0 || visible.height <= 0)
    return {};
  const AttentionLayer& grid = view.map.layer >= 0 ? info.attention.at(layer) : info.attention.back();
  if (grid.kind != AttentionKind::self_attention) return {};
  const double col = std::floor((at.x - visible.x) / visible.width * grid.cols);
  const double row = std::floor((at.y - visible.y) / visible.height * grid.rows);
  if (col < 0 || row < 0 || col >= grid.cols || row >= grid.rows) return {};
  return cv::Point2d(visible.x + (col + 0.5) / grid.cols * visible.width,
                     visible.y + (row + 0.5) / grid.rows * visible.height);
}

Painter::Painter(const Model& model, const View& first_view)
    : view(still(first_view)), live_(model, {.in_flight = 1, .top_k = ranked_classes}) {}

Painted Painter::paint(const cv::Mat& bgr) {
  const Plan asked = plan(view, live_, bgr.size());
  live_.set_views(asked.views);
  live_.submit(view_of(bgr), 0);
  const LiveFrame frame = *live_.collect();
  const Pictures drawn = all_of(frame);
  return {compose(view, asked, bgr, drawn), maps_of(drawn)};
}

}  // namespace fovea::apps
