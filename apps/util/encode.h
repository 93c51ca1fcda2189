// Encoded images, as files.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

namespace fovea::apps {

// Throws Error(usage), naming the option, where the extension is none that OpenCV can write.
void check_writable_kind(const std::string& path, const char* option = "--out");
// Encodes by the extension. Throws what check_writable_kind() does, Error(file) otherwise.
void write_picture(const std::string& path, const cv::Mat& picture);

}  // namespace fovea::apps
