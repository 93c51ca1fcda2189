// Moving pictures: whatever OpenCV's VideoCapture opens.
#pragma once

#include <opencv2/core/mat.hpp>
#include <opencv2/videoio.hpp>
#include <string>

namespace fovea::apps {

enum class SourceKind { image, folder, video, camera, url, pipeline };

// What `overlay SOURCE` means by its source: something that exists is that; otherwise digits are a camera,
// "://" makes a URL and "!" a GStreamer pipeline. Throws Error(file) for anything else.
SourceKind kind_of_source(const std::string& source);

class VideoSource {
 public:
  // Throws Error(file) when OpenCV cannot open it.
  VideoSource(const std::string& source, SourceKind kind);

  // The next frame as 8-bit BGR; false at the end. Throws Error(file) for frames of another kind.
  bool read(cv::Mat& frame);

  // A camera or stream: no length, not worth waiting to keep its pace.
  bool live() const { return live_; }
  double frames_per_second() const;
  // 0 where the source does not say.
  size_t frames() const;

 private:
  std::string name_;
  bool live_;
  cv::VideoCapture capture_;
};

}  // namespace fovea::apps
