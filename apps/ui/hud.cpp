#include "apps/ui/hud.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "apps/ui/keys.h"
#include "apps/util/classes.h"

namespace fovea::apps {
namespace {

struct Line {
  std::string text;
  cv::Scalar colour = cv::Scalar::all(255);
  bool small = false;
};

const cv::Scalar amber(0, 190, 255), red(80, 80, 255), grey(190, 190, 190), blue(230, 170, 80);

// Sizes that follow from the canvas, so that text can be read in any window.
struct Type {
  explicit Type(const cv::Mat& canvas) {
    resize(std::clamp(std::min(canvas.cols / 1100.0, canvas.rows / 760.0), 0.34, 1.0));
  }
  void resize(double to) {
    scale = to;
    row = static_cast<int>(std::lround(scale * 32));
    margin = static_cast<int>(std::lround(scale * 12));
  }
  double scale = 1;
  int row = 0, margin = 0;

  double size(bool small) const { return scale * (small ? 0.56 : 0.8); }
  int width(const std::string& text, bool small = false) const {
    int below = 0;
    return cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, size(small), 1, &below).width;
  }
  void put(cv::Mat& canvas, const Line& line, cv::Point at) const {
    const int thickness = scale > 0.75 && !line.small ? 2 : 1;
    cv::putText(canvas, line.text, at, cv::FONT_HERSHEY_SIMPLEX, size(line.small), cv::Scalar::all(0),
                thickness + 2, cv::LINE_AA);
    cv::putText(canvas, line.text, at, cv::FONT_HERSHEY_SIMPLEX, size(line.small), line.colour, thickness,
                cv::LINE_AA);
  }
};

// Letters on a map of any colour need something dark behind them.
void darken(cv::Mat& canvas, cv::Rect area) {
  area &= cv::Rect(0, 0, canvas.cols, canvas.rows);
  if (area.empty()) return;
  cv::Mat part = canvas(area);
  part.convertTo(part, -1, 0.35);
}

std::string cut(const Type& type, std::string text, int width, bool small = false) {
  if (type.width(text, small) <= width) return text;
  while (!text.empty() && type.width(text + "...", small) > width) text.pop_back();
  return text + "...";
}

// Lines from the top or bottom edge on, at the left. Returns the edge of what was drawn.
int block(cv::Mat& canvas, const Type& type, std::vector<Line> lines, bool at_bottom, int most_width) {
  std::erase_if(lines, [](const Line& line) { return line.text.empty(); });
  if (lines.empty()) return 0;
  int width = 0;
  for (Line& line : lines) {
    line.text = cut(type, line.text, most_width - 2 * type.margin, line.small);
    width = std::max(width, type.width(line.text, line.small));
  }
  const int height = static_cast<int>(lines.size()) * type.row + type.margin;
  const int top = at_bottom ? canvas.rows - height : 0;
  darken(canvas, {0, top, width + 2 * type.margin, height});
  for (size_t i = 0; i < lines.size(); ++i)
    type.put(canvas, lines[i], {type.margin, top + static_cast<int>(i + 1) * type.row - type.row / 6});
  return height;
}

// In two halves, as one line is too long beside the classes.
std::pair<std::string, std::string> stages(const StageTimes& ms) {
  if (ms.all() <= 0) return {"GPU ms: this device tells no times", ""};
  return {
      fmt::format("GPU ms: upload {:.1f}  prepare {:.1f}  model {:.1f}", ms.upload, ms.preprocess, ms.model),
      fmt::format("maps {:.1f}  draw {:.1f}  read {:.1f}", ms.maps, ms.overlay, ms.download)};
}

void draw_classes(cv::Mat& canvas, const Type& type, const ModelInfo& info,
                  const std::vector<Prediction>& topk, const View& view) {
  if (!info.has_head || topk.empty()) return;
  const int width = std::min(canvas.cols / 3, static_cast<int>(type.scale * 380));
  const int left = canvas.cols - width, bar = std::max(2, type.row / 7);
  const int step = type.row + bar;
  darken(canvas, {left, 0, width, static_cast<int>(topk.size()) * step + type.margin});
  for (size_t i = 0; i < topk.size(); ++i) {
    const int base = static_cast<int>(i) * step + type.row - type.row / 6;
    const bool drawn = traits_of(view.map.method).class_specific() &&
                       (view.map.target ? *view.map.target == topk[i].index : view.map.rank == i);
    const cv::Scalar colour = drawn ? amber : cv::Scalar::all(255);
    const std::string percent = fmt::format("{:.1f}%", 100 * topk[i].probability);
    const int room = width - 3 * type.margin - type.width(percent);
    type.put(canvas, {cut(type, label_of(info, topk[i].index), room), colour}, {left + type.margin, base});
    type.put(canvas, {percent, colour}, {canvas.cols - type.margin - type.width(percent), base});
    const cv::Rect whole(left + type.margin, base + type.row / 4, width - 2 * type.margin, bar);
    cv::rectangle(canvas, whole, cv::Scalar::all(70), cv::FILLED);
    const float part = std::clamp(topk[i].probability, 0.F, 1.F);
    cv::rectangle(
        canvas,
        {whole.x, whole.y, static_cast<int>(std::lround(part * static_cast<float>(whole.width))), bar},
        drawn ? amber : blue, cv::FILLED);
  }
}

void draw_help(cv::Mat& canvas) {
  std::vector<std::pair<std::string, std::string>> lines = {
      {"mouse", "ask the patch under it; click to pin it or let it go; the border asks none"}};
  for (const Control& control : controls())
    if (control.key != nullptr) lines.emplace_back(control.key, control.meaning);
  // As large as all of it fits.
  Type type(canvas);
  int keys = 0, width = 0;
  const auto measure = [&] {
    keys = width = 0;
    for (const auto& [key, meaning] : lines) keys = std::max(keys, type.width(key));
    for (const auto& [key, meaning] : lines)
      width = std::max(width, keys + type.margin * 5 + type.width(meaning));
  };
  for (measure(); type.scale > 0.2 &&
                  (width > canvas.cols || (static_cast<int>(lines.size()) + 1) * type.row > canvas.rows);
       measure())
    type.resize(type.scale * 0.9);
  const int height = static_cast<int>(lines.size()) * type.row + 2 * type.margin;
  const cv::Rect area(std::max(0, (canvas.cols - width) / 2), std::max(0, (canvas.rows - height) / 2), width,
                      height);
  darken(canvas, area);
  darken(canvas, area);
  int y = area.y + type.margin / 2;
  for (const auto& [key, meaning] : lines) {
    y += type.row;
    type.put(canvas, {key, amber}, {area.x + type.margin, y});
    type.put(canvas, {meaning}, {area.x + keys + type.margin * 3, y});
  }
}

}  // namespace

void draw_hud(cv::Mat& canvas, const Shown* shown, const Model& model, const HudState& state) {
  if (state.help) {
    draw_help(canvas);
    return;
  }
  if (state.hidden) return;
  const Type type(canvas);
  const ModelInfo& info = model.info();
  std::string flags;
  if (state.frozen) flags += "FROZEN  ";
  if (state.recording_seconds)
    flags += fmt::format("REC {}:{:02}", static_cast<int>(*state.recording_seconds) / 60,
                         static_cast<int>(*state.recording_seconds) % 60);
  std::vector<Line> top = {{info.architecture}, {model.device().info().name, grey, true}};
  std::vector<Line> bottom;
  if (shown != nullptr) {
    if (!state.frozen && state.engine.live)
      top.push_back({fmt::format("{:.1f} fps  {:.0f} ms behind  {} dropped", state.engine.fps,
                                 shown->latency_ms, state.engine.dropped)});
    else if (!state.frozen)
      top.push_back({fmt::format("{:.1f} fps", state.engine.fps)});
    const auto [first, second] = stages(shown->device_ms);
    top.push_back({first, grey, true});
    top.push_back({second, grey, true});
    const View& view = shown->view;
    bottom.push_back({state.message, grey, true});
    bottom.push_back({shown->error, red, true});
    bottom.push_back({title(view, info)});
    bottom.push_back({class_line(view, info, shown->topk), amber});
    std::string look = fmt::format("{} {:.1f}, scale {}", to_string(view.colours.colormap),
                                   view.colours.alpha, to_string(view.scale));
    if (view.smoothing > 0) look += fmt::format(", smoothing {}", view.smoothing);
    bottom.push_back({look + "   h: help", grey, true});
  }
  top.push_back({flags, red});
  top.push_back({state.engine.note, amber, true});
  const int classes = shown != nullptr && info.has_head ? canvas.cols / 3 : 0;
  block(canvas, type, std::move(top), false, canvas.cols - classes);
  block(canvas, type, std::move(bottom), true, canvas.cols);
  if (shown != nullptr) draw_classes(canvas, type, info, shown->topk, shown->view);
}

}  // namespace fovea::apps
