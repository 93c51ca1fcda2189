// Animated GIF. OpenCV writes none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

struct GifFileType;

namespace fovea::apps {

// At most 256 colours that stand for a picture's (median cut, Heckbert 1982), and which of them each pixel
// takes.
struct Palette {
  std::vector<cv::Vec3b> colours;  // BGR
  std::vector<uint8_t> indices;    // one a pixel
};
Palette choose_palette(const cv::Mat& bgr);

// Played over and over; every frame has its own palette.
class Gif {
 public:
  // `name` stands for the file in messages. Throws Error(file), also for sides beyond the format's 65535.
  Gif(const std::filesystem::path& path, std::string name, cv::Size size);
  ~Gif();
  Gif(const Gif&) = delete;
  Gif& operator=(const Gif&) = delete;

  // A picture of that size, shown for so many hundredths of a second. Throws Error(file).
  void add(const cv::Mat& bgr, int hundredths);
  void close();

 private:
  [[noreturn]] void fail(int code) const;
  std::string name_;
  cv::Size size_;
  GifFileType* file_ = nullptr;
};

}  // namespace fovea::apps
