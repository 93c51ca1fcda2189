#include "apps/ui/token_lines.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <string>

#include "apps/ui/token_pictures.h"

namespace fovea::apps {
namespace {

constexpr int row_height = 34, margin = 10, font = cv::FONT_HERSHEY_SIMPLEX;
constexpr double font_scale = 0.75;
constexpr size_t longest = 40;  // letters of one token

int width_of(const std::string& text) {
  int below = 0;
  return cv::getTextSize(text, font, font_scale, 1, &below).width;
}

}  // namespace

std::vector<cv::Rect> draw_token_lines(cv::Mat& panel, const std::vector<TextToken>& tokens,
                                       std::optional<size_t> marked) {
  std::vector<std::string> texts;
  std::vector<cv::Rect> boxes;
  cv::Point at(margin, margin);
  for (const TextToken& token : tokens) {
    texts.push_back(drawable(token.text.empty() ? token.token : token.text, longest));
    const int width = width_of(texts.back());
    if (at.x + width > panel.cols - margin && at.x > margin) at = {margin, at.y + row_height};
    boxes.emplace_back(at, cv::Size(width, row_height));
    at.x += width;
  }
  const int up = std::max(0, at.y + row_height + margin - panel.rows);
  for (size_t i = 0; i < tokens.size(); ++i) {
    cv::Rect& box = boxes[i];
    box.y -= up;
    if (box.y < 0) {
      box = {};
      continue;
    }
    const cv::Rect inside = box & cv::Rect({0, 0}, panel.size());
    if (i == marked) cv::rectangle(panel, inside, cv::Scalar(40, 160, 240), cv::FILLED);
    const cv::Scalar colour = i == marked              ? cv::Scalar::all(0)
                              : tokens[i].text.empty() ? cv::Scalar::all(110)
                                                       : cv::Scalar::all(235);
    cv::putText(panel, texts[i], {box.x, box.y + row_height - 10}, font, font_scale, colour, 1, cv::LINE_AA);
    cv::line(panel, {box.x + 2, box.br().y - 4}, {std::max(box.x + 2, box.br().x - 3), box.br().y - 4},
             cv::Scalar::all(90));
  }
  return boxes;
}

}  // namespace fovea::apps
