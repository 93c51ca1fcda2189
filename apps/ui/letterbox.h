// A picture as large as it fits into a window, in its middle.
#pragma once

#include <opencv2/core/mat.hpp>

namespace fovea::apps {

struct Letterbox {
  double scale = 1;  // pixels of the canvas for one of the picture
  cv::Point corner;  // of the picture, on the canvas

  cv::Point2d in_picture(cv::Point2d canvas) const { return (canvas - cv::Point2d(corner)) / scale; }
  cv::Point2d on_canvas(cv::Point2d picture) const { return picture * scale + cv::Point2d(corner); }
  bool operator==(const Letterbox&) const = default;
};

// Draws it into the canvas.
Letterbox draw_letterboxed(cv::Mat& canvas, const cv::Mat& picture);

// A window for a picture: large enough for text, small enough for most screens.
cv::Size first_window_size(cv::Size picture);
// A dark canvas for a window of that area: as large, so that text stays sharp and pixels of the mouse are
// ours.
cv::Mat canvas_for(cv::Rect area);

}  // namespace fovea::apps
