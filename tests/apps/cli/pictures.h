// Small pictures to feed to the program.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/apps/cli/program.h"

namespace fovea::e2e {

// Colour gradients with some structure, different for every seed.
inline cv::Mat picture(int width, int height, int seed = 0) {
  cv::Mat image(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      image.at<cv::Vec3b>(y, x) = {static_cast<uint8_t>((x * 3 + seed * 40) & 255),
                                   static_cast<uint8_t>((y * 5 + seed * 90) & 255),
                                   static_cast<uint8_t>((x * y / 7 + seed * 17) & 255)};
  return image;
}

inline void save(const fs::path& path, const cv::Mat& image) {
  fs::create_directories(path.parent_path());
  if (!cv::imwrite(path, image)) throw std::runtime_error("cannot write " + path.string());
}

inline cv::Mat load(const fs::path& path) {
  cv::Mat image = cv::imread(path, cv::IMREAD_COLOR);
  if (image.empty()) throw std::runtime_error("cannot read picture " + path.string());
  return image;
}

inline std::string encode(const cv::Mat& image, const std::string& extension) {
  std::vector<unsigned char> bytes;
  cv::imencode(extension, image, bytes);
  return {bytes.begin(), bytes.end()};
}

// A JPEG with an EXIF block that says how the camera was held.
inline std::string jpeg_with_orientation(const cv::Mat& image, char orientation) {
  const std::string jpeg = encode(image, ".jpg");
  // Big-endian TIFF: one folder with one tag, 0x112, a SHORT.
  std::string body("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 25);
  body += orientation;
  body.append(6, '\0');
  const auto length = static_cast<char>(body.size() + 2);
  return jpeg.substr(0, 2) + std::string("\xff\xe1\0", 3) + length + body + jpeg.substr(2);
}

inline bool same_pixels(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

}  // namespace fovea::e2e
