#include <opencv2/videoio.hpp>
#include <opencv2/videoio/registry.hpp>

#include "apps/opencv/modules.h"

namespace fovea::apps::opencv {
namespace {

class VideoCapture : public Capture {
 public:
  bool open(const std::string& source, int backend, const std::vector<int>& settings) override {
    return capture_.open(source, backend, settings);
  }
  bool open(int camera) override { return capture_.open(camera); }
  bool is_open() const override { return capture_.isOpened(); }
  void release() override { capture_.release(); }
  bool read(cv::Mat& frame) override { return capture_.read(frame); }
  double get(int property) const override { return capture_.get(property); }

 private:
  cv::VideoCapture capture_;
};

class VideoWriter : public Writer {
 public:
  bool open(const std::string& file, const char (&fourcc)[5], double rate, cv::Size size) override {
    return writer_.open(file, cv::VideoWriter::fourcc(fourcc[0], fourcc[1], fourcc[2], fourcc[3]), rate,
                        size);
  }
  bool is_open() const override { return writer_.isOpened(); }
  void write(const cv::Mat& bgr) override { writer_.write(bgr); }
  void release() override { writer_.release(); }

 private:
  cv::VideoWriter writer_;
};

constexpr Video table{
    .capture = []() -> std::unique_ptr<Capture> { return std::make_unique<VideoCapture>(); },
    .writer = []() -> std::unique_ptr<Writer> { return std::make_unique<VideoWriter>(); },
    .has_backend =
        [](int backend) {
          return cv::videoio_registry::hasBackend(static_cast<cv::VideoCaptureAPIs>(backend));
        },
    .stream_backends =
        [] {
          const auto backends = cv::videoio_registry::getStreamBackends();
          return std::vector<int>(backends.begin(), backends.end());
        },
};

}  // namespace
}  // namespace fovea::apps::opencv

FOVEA_OPENCV_MODULE(fovea::apps::opencv::table)
