// The maps of a text's tokens over their picture.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/generate.h"

namespace fovea::apps {

// As a drawing can show it: letters of ASCII, ? for others, cut at `limit` of them.
std::string drawable(std::string_view text, size_t limit);

// The token's map over the 8-bit BGR picture that the session started with.
cv::Mat token_picture(TextSession& session, const cv::Mat& bgr, const TextToken& token);
// `" cat" 0.93`; the token itself where it has no text: `</s> 0.99`.
std::string caption_of(const TextToken& token);

// A tile a token.
cv::Mat token_sheet(TextSession& session, const cv::Mat& bgr, const std::vector<TextToken>& tokens);

// A token's picture for a video, with the end of the text so far below it.
cv::Mat token_frame(const cv::Mat& picture, std::string_view text);

}  // namespace fovea::apps
