#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "apps/evaluate/metrics.h"
#include "apps/evaluate/report.h"

namespace fovea::apps {
namespace {

constexpr int width = 1120, height = 640;
const cv::Rect frame(90, 70, 760, 490);  // that curves and bars are drawn in
const cv::Scalar ink(40, 40, 40), faint(222, 222, 222);

// Colours that stay apart on white and for most colour-blind readers (after Okabe & Ito), BGR. The baselines,
// which come last, are black and grey.
cv::Scalar colour_of(const Evaluation& e, size_t method) {
  static const cv::Scalar colours[] = {{178, 114, 0},  {0, 94, 213},   {115, 158, 0}, {167, 121, 204},
                                       {0, 159, 230},  {233, 180, 86}, {60, 60, 160}, {60, 130, 60},
                                       {170, 60, 110}, {20, 200, 200}, {120, 90, 40}, {200, 60, 230}};
  if (method + 1 == e.methods.size()) return {0, 0, 0};
  if (method + 2 == e.methods.size()) return {150, 150, 150};
  return colours[method % std::size(colours)];
}

void text(cv::Mat& picture, const std::string& line, cv::Point at, double scale = 0.5) {
  cv::putText(picture, line, at, cv::FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv::LINE_AA);
}

int text_width(const std::string& line, double scale = 0.5) {
  int below = 0;
  return cv::getTextSize(line, cv::FONT_HERSHEY_SIMPLEX, scale, 1, &below).width;
}

// Dashes by length, so that steep and flat parts look the same.
void stroke(cv::Mat& picture, const std::vector<cv::Point2d>& points, const cv::Scalar& colour, bool dashed) {
  constexpr int shift = 4, thickness = 2;
  const auto fixed = [](cv::Point2d p) {
    return cv::Point(static_cast<int>(std::lround(p.x * (1 << shift))),
                     static_cast<int>(std::lround(p.y * (1 << shift))));
  };
  constexpr double on = 9, period = 15;
  double along = 0;
  for (size_t i = 1; i < points.size(); ++i) {
    const cv::Point2d a = points[i - 1], d = points[i] - a;
    const double length = std::hypot(d.x, d.y);
    if (!dashed || length == 0) {
      cv::line(picture, fixed(a), fixed(points[i]), colour, thickness, cv::LINE_AA, shift);
      continue;
    }
    for (double at = 0; at < length;) {
      const double phase = std::fmod(along + at, period), rest = (phase < on ? on : period) - phase;
      const double until = std::min(length, at + std::max(rest, 0.5));
      if (phase < on)
        cv::line(picture, fixed(a + d * (at / length)), fixed(a + d * (until / length)), colour, thickness,
                 cv::LINE_AA, shift);
      at = until;
    }
    along += length;
  }
}

// 0.1, 0.2, 0.5 and so on: at most about six to an axis.
double tick_of(double range) {
  const double raw = range / 6, unit = std::pow(10, std::floor(std::log10(raw)));
  for (const double step : {1.0, 2.0, 5.0})
    if (raw <= step * unit) return step * unit;
  return 10 * unit;
}

struct Axis {
  double lowest, highest;
  double at(double value) const { return (value - lowest) / (highest - lowest); }
};

double x_of(const Axis& axis, double value) {
  return frame.x + axis.at(value) * frame.width;
}
double y_of(const Axis& axis, double value) {
  return frame.y + frame.height - axis.at(value) * frame.height;
}

void draw_y_axis(cv::Mat& picture, const Axis& axis) {
  const double tick = tick_of(axis.highest - axis.lowest);
  for (double v = std::ceil(axis.lowest / tick) * tick; v <= axis.highest + tick / 1000; v += tick) {
    const int y = static_cast<int>(std::lround(y_of(axis, v)));
    cv::line(picture, {frame.x, y}, {frame.x + frame.width, y}, faint, 1);
    const std::string label = fmt::format("{:.2f}", v);
    text(picture, label, {frame.x - 10 - text_width(label), y + 5});
  }
}

void draw_curves(cv::Mat& picture, const Evaluation& e, const Metric& metric) {
  const size_t points = (e.methods.front().*metric.curve).size();
  const bool whole = points == e.steps + 1;  // from 0 to 100 %, else from 10 to 90 %
  const Axis x = whole ? Axis{0, 100} : Axis{10, 90};
  const auto value = [&](const MethodScores& m, size_t i) {
    return (m.*metric.curve)[i] / static_cast<double>(e.images);
  };
  double highest = 0.05;
  for (const MethodScores& m : e.methods)
    for (size_t i = 0; i < points; ++i) highest = std::max(highest, value(m, i));
  const Axis y{0, std::min(1.0, highest * 1.05)};
  draw_y_axis(picture, y);
  for (int percent = static_cast<int>(x.lowest); percent <= x.highest; percent += 10) {
    const int at = static_cast<int>(std::lround(x_of(x, percent)));
    cv::line(picture, {at, frame.y}, {at, frame.y + frame.height}, faint, 1);
    const std::string label = fmt::format("{}", percent);
    text(picture, label, {at - text_width(label) / 2, frame.y + frame.height + 22});
  }
  const std::string name = "% of the map's cells changed";
  text(picture, name, {frame.x + (frame.width - text_width(name)) / 2, frame.y + frame.height + 48});
  for (size_t m = 0; m < e.methods.size(); ++m) {
    std::vector<cv::Point2d> line;
    for (size_t i = 0; i < points; ++i) {
      const double share = static_cast<double>(i) / static_cast<double>(points - 1);
      line.emplace_back(x_of(x, x.lowest + share * (x.highest - x.lowest)), y_of(y, value(e.methods[m], i)));
    }
    stroke(picture, line, colour_of(e, m), e.methods[m].baseline);
  }
}

void draw_bars(cv::Mat& picture, const Evaluation& e, const Metric& metric) {
  double highest = 0.3;
  for (const MethodScores& m : e.methods) highest = std::max(highest, estimate_of(m.*metric.values).mean);
  const Axis y{0, highest * 1.1};
  draw_y_axis(picture, y);
  const double pitch = static_cast<double>(frame.width) / static_cast<double>(e.methods.size());
  for (size_t m = 0; m < e.methods.size(); ++m) {
    const Estimate share = estimate_of(e.methods[m].*metric.values);
    const auto px = [](double v) { return static_cast<int>(std::lround(v)); };
    const int left = px(frame.x + pitch * (static_cast<double>(m) + 0.2)), right = px(left + pitch * 0.6),
              middle = (left + right) / 2;
    cv::rectangle(picture, {left, px(y_of(y, share.mean))}, {right, frame.y + frame.height}, colour_of(e, m),
                  cv::FILLED);
    cv::line(picture, {middle, px(y_of(y, share.mean - share.error))},
             {middle, px(y_of(y, std::min(y.highest, share.mean + share.error)))}, ink, 2);
    const std::string& name = e.methods[m].name;
    text(picture, name,
         {middle - text_width(name, 0.42) / 2, frame.y + frame.height + 22 + 16 * (m % 2 == 1)}, 0.42);
  }
  stroke(picture, {cv::Point2d(frame.x, y_of(y, 0.25)), cv::Point2d(frame.x + frame.width, y_of(y, 0.25))},
         ink, true);
  text(picture, "chance", {frame.x + 6, static_cast<int>(y_of(y, 0.25)) - 6}, 0.42);
}

}  // namespace

cv::Mat plot_of(const Evaluation& e, const Metric& metric) {
  cv::Mat picture(height, width, CV_8UC3, cv::Scalar::all(255));
  text(picture, fmt::format("{}: {}", metric.name, metric.meaning), {frame.x, 32}, 0.6);
  text(picture,
       fmt::format("{}, {} pictures; {} is better", e.architecture, e.images,
                   metric.higher_is_better ? "higher" : "lower"),
       {frame.x, 56});
  if (metric.curve != nullptr)
    draw_curves(picture, e, metric);
  else
    draw_bars(picture, e, metric);
  cv::rectangle(picture, frame, ink, 1);

  // The best first.
  std::vector<size_t> order;
  for (size_t m = 0; m < e.methods.size(); ++m) order.push_back(m);
  const auto mean = [&](size_t m) { return estimate_of(e.methods[m].*metric.values).mean; };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return metric.higher_is_better ? mean(a) > mean(b) : mean(a) < mean(b);
  });
  const int left = frame.x + frame.width + 24;
  for (size_t i = 0; i < order.size(); ++i) {
    const int y = frame.y + 16 + 26 * static_cast<int>(i);
    stroke(picture, {cv::Point2d(left, y), cv::Point2d(left + 36, y)}, colour_of(e, order[i]),
           e.methods[order[i]].baseline);
    text(picture, fmt::format("{:.3f}  {}", mean(order[i]), e.methods[order[i]].name), {left + 46, y + 5});
  }
  return picture;
}

}  // namespace fovea::apps
