// Moving pictures that OpenCV's VideoCapture opens.
#pragma once

#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>

#include "apps/opencv/modules.h"

namespace fovea::apps {

enum class SourceKind { image, folder, video, camera, url, pipeline };

// What `overlay SOURCE` means by its source: something that exists is that; otherwise digits are a camera,
// "://" makes a URL and "!" a GStreamer pipeline. Throws Error(file) for anything else.
SourceKind kind_of_source(const std::string& source);

// "camera 0", "clip.mp4", "the pipeline": fit for a message.
std::string name_of_source(const std::string& source, SourceKind kind);

class VideoSource {
 public:
  // Throws Error(file) when OpenCV cannot open it; for a camera with those that do open.
  VideoSource(const std::string& source, SourceKind kind);

  // The next frame as 8-bit BGR, in memory of its own; false at the end, or when a stream gave nothing for
  // stream_timeout_ms. Throws Error(file) for frames of another kind.
  bool read(cv::Mat& frame);

  // Opens the same source again; false where that fails.
  bool reopen();

  // A camera or stream without an end: not worth waiting to keep its pace.
  bool live() const { return live_; }
  double frames_per_second() const;
  // 0 where the source does not say.
  size_t frames() const;
  const std::string& name() const { return name_; }

 private:
  std::string source_, name_;
  SourceKind kind_;
  bool live_ = false;
  std::unique_ptr<opencv::Capture> capture_;
};

}  // namespace fovea::apps
