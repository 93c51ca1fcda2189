#include "apps/ui/letterbox.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace fovea::apps {

Letterbox draw_letterboxed(cv::Mat& canvas, const cv::Mat& picture) {
  Letterbox out;
  out.scale = std::min(static_cast<double>(canvas.cols) / picture.cols,
                       static_cast<double>(canvas.rows) / picture.rows);
  const cv::Size inner(std::clamp(static_cast<int>(std::lround(picture.cols * out.scale)), 1, canvas.cols),
                       std::clamp(static_cast<int>(std::lround(picture.rows * out.scale)), 1, canvas.rows));
  out.corner = {(canvas.cols - inner.width) / 2, (canvas.rows - inner.height) / 2};
  cv::Mat place = canvas(cv::Rect(out.corner, inner));
  cv::resize(picture, place, inner, 0, 0, out.scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  return out;
}

cv::Size first_window_size(cv::Size picture) {
  const double scale = std::clamp(960.0 / picture.width, 0.25, 4.0);
  const double fit = std::min(scale, 900.0 / picture.height);
  return {std::max(320, static_cast<int>(std::lround(picture.width * fit))),
          std::max(240, static_cast<int>(std::lround(picture.height * fit)))};
}

cv::Mat canvas_for(cv::Rect area) {
  const cv::Size size(std::clamp(area.width, 160, 8192), std::clamp(area.height, 120, 8192));
  return {size, CV_8UC3, cv::Scalar::all(24)};
}

}  // namespace fovea::apps
