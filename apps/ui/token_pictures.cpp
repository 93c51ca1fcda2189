#include "apps/ui/token_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "apps/ui/painter.h"
#include "apps/util/decode.h"
#include "core/text.h"

namespace fovea::apps {

std::string drawable(std::string_view text, size_t limit) {
  std::string out;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if ((byte & 0xC0U) == 0x80) continue;  // goes on with a character that stands already as one
    out += byte < 0x80 ? letter : '?';
  }
  out = printable(out);
  if (out.size() > limit) out = out.substr(0, limit) + "..";
  return out;
}

cv::Mat token_picture(TextSession& session, const cv::Mat& bgr, const TextToken& token) {
  std::vector<uint8_t> rgb = session.overlay(view_of(bgr), token.map.cells);
  cv::Mat out;
  cv::cvtColor(cv::Mat(bgr.size(), CV_8UC3, rgb.data()), out, cv::COLOR_RGB2BGR);
  return out;
}

std::string caption_of(const TextToken& token) {
  constexpr size_t most = 24;
  const std::string text =
      token.text.empty() ? drawable(token.token, most) : fmt::format("\"{}\"", drawable(token.text, most));
  return fmt::format("{} {:.2f}", text, token.probability);
}

cv::Mat token_sheet(TextSession& session, const cv::Mat& bgr, const std::vector<TextToken>& tokens) {
  std::vector<cv::Mat> tiles;
  for (const TextToken& token : tokens)
    tiles.push_back(tile(token_picture(session, bgr, token), caption_of(token)));
  return sheet(tiles);
}

cv::Mat token_frame(const cv::Mat& picture, std::string_view text) {
  const int row = std::clamp(std::min(picture.cols, picture.rows) / 12, 24, 64), margin = row / 6;
  cv::Mat out(picture.rows + row, picture.cols, CV_8UC3, cv::Scalar::all(32));
  picture.copyTo(out(cv::Rect({0, 0}, picture.size())));
  const double scale = row / 44.0;
  std::string line = drawable(text, std::string_view::npos);
  const auto width = [&] {
    int below = 0;
    return cv::getTextSize(line, cv::FONT_HERSHEY_SIMPLEX, scale, 1, &below).width + 2 * margin;
  };
  if (width() > out.cols) {
    while (!line.empty() && width() > out.cols - row) line.erase(0, 1);  // what is new stands at the end
    line.insert(0, "..");
  }
  draw_text(out, line, {margin, out.rows - row / 3}, scale);
  return out;
}

}  // namespace fovea::apps
