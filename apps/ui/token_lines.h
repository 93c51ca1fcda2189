// A text's tokens written below one another's lines, each in a box of its own that a pointer finds.
#pragma once

#include <opencv2/core/mat.hpp>
#include <optional>
#include <vector>

#include "fovea/generate.h"

namespace fovea::apps {

// Draws them into the panel, `marked` in another colour, the last lines where not all find room; returns each
// one's box in the panel, an empty one where it found none. A token without text, such as an end, stands for
// itself.
std::vector<cv::Rect> draw_token_lines(cv::Mat& panel, const std::vector<TextToken>& tokens,
                                       std::optional<size_t> marked);

}  // namespace fovea::apps
