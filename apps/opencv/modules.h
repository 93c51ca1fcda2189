// OpenCV's codecs, video and windows bring two hundred libraries along, which take a quarter of a second to
// load. So each is a module, libfovea_NAME.so, that is loaded when it is first needed; only OpenCV's core and
// imgproc are linked.
//
// The functions of this file throw Error(file) where the module cannot be loaded. What a module offers may
// throw cv::Exception, and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace fovea::apps::opencv {

// <opencv2/imgcodecs.hpp>
struct Codecs {
  cv::Mat (*decode)(const std::vector<uint8_t>& file, int flags);
  bool (*encode)(const std::string& extension, const cv::Mat& picture, std::vector<uint8_t>& file,
                 const std::vector<int>& settings);
  bool (*can_encode)(const std::string& name);
};
const Codecs& codecs();

// cv::VideoCapture and cv::VideoWriter, function by function.
class Capture {
 public:
  virtual ~Capture() = default;
  virtual bool open(const std::string& source, int backend, const std::vector<int>& settings) = 0;
  virtual bool open(int camera) = 0;
  virtual bool is_open() const = 0;
  virtual void release() = 0;
  virtual bool read(cv::Mat& frame) = 0;
  virtual double get(int property) const = 0;
};
class Writer {
 public:
  virtual ~Writer() = default;
  virtual bool open(const std::string& file, const char (&fourcc)[5], double rate, cv::Size size) = 0;
  virtual bool is_open() const = 0;
  virtual void write(const cv::Mat& bgr) = 0;
  virtual void release() = 0;
};
struct Video {
  std::unique_ptr<Capture> (*capture)();
  std::unique_ptr<Writer> (*writer)();
  bool (*has_backend)(int backend);
  std::vector<int> (*stream_backends)();
};
const Video& video();

// <opencv2/highgui.hpp>, for windows by their title.
struct Windows {
  void (*open)(const std::string& title, int flags);
  void (*close_all)();
  void (*on_mouse)(const std::string& title, void (*callback)(int event, int x, int y, int flags, void* data),
                   void* data);
  void (*resize)(const std::string& title, cv::Size size);
  cv::Rect (*area)(const std::string& title);  // of its picture, on the screen
  bool (*visible)(const std::string& title);
  void (*show)(const std::string& title, const cv::Mat& bgr);
  int (*wait_key)(int milliseconds);
};
const Windows& windows();

// The one symbol of a module: gives its table.
constexpr const char* module_symbol = "fovea_opencv_module";

}  // namespace fovea::apps::opencv

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): a name for dlsym
#define FOVEA_OPENCV_MODULE(table)                                                      \
  extern "C" __attribute__((visibility("default"))) const void* fovea_opencv_module() { \
    return &(table);                                                                    \
  }
