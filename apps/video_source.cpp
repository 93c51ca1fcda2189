#include "apps/video_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio/registry.hpp>
#include <system_error>

#include "apps/codec_messages.h"
#include "apps/image_header.h"
#include "apps/inputs.h"
#include "apps/options.h"
#include "apps/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

bool begins_like_image(const fs::path& path) {
  std::array<char, 64> start{};
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), start.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(start.data());
  const ImageHeader header = read_image_header({bytes, static_cast<size_t>(file.gcount())});
  // OpenCV reads GIF as video only. "BM" is two letters that other files may begin with.
  return !header.format.empty() && header.format != "GIF" && header.format != "BMP";
}

bool open_with(cv::VideoCapture& capture, const std::string& source, int backend) {
  try {
    return capture.open(source, backend);
  } catch (const cv::Exception&) {
    return false;  // not open says it all
  }
}

void open(cv::VideoCapture& capture, const std::string& source, SourceKind kind) {
  // FFmpeg would print its own lines, also from its threads.
  setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
  const CodecMessages messages;
  uint32_t index = 0;
  if (kind == SourceKind::camera && parse_number(source, index)) {
    try {
      capture.open(static_cast<int>(index));
    } catch (const cv::Exception&) {
      capture.release();
    }
  } else if (kind == SourceKind::camera) {
    open_with(capture, source, cv::CAP_ANY);
  } else if (kind == SourceKind::pipeline) {
    open_with(capture, source, cv::CAP_GSTREAMER);
  } else {
    for (const cv::VideoCaptureAPIs backend : cv::videoio_registry::getStreamBackends()) {
      // It takes any name for a photo camera, searches the USB bus for it, and leaks.
      if (backend != cv::CAP_GPHOTO2 && open_with(capture, source, backend)) return;
    }
  }
}

const char* hint(SourceKind kind) {
  switch (kind) {
    case SourceKind::camera:
      return "no such camera, or it is in use";
    case SourceKind::url:
      return "not reachable, or no video that this OpenCV reads";
    case SourceKind::pipeline:
      return "not a GStreamer pipeline that starts; it has to end in appsink";
    default:
      return "not an image, and not a video that this OpenCV reads";
  }
}

}  // namespace

SourceKind kind_of_source(const std::string& source) {
  std::error_code error;
  const fs::file_status status = fs::status(source, error);
  if (fs::is_directory(status)) return SourceKind::folder;
  if (fs::is_character_file(status) && !has_image_extension(source)) return SourceKind::camera;
  if (fs::is_regular_file(status))
    return has_image_extension(source) || begins_like_image(source) ? SourceKind::image : SourceKind::video;
  if (fs::exists(status)) return has_image_extension(source) ? SourceKind::image : SourceKind::video;
  uint32_t index = 0;
  if (parse_number(source, index)) return SourceKind::camera;
  if (source.find("://") != source.npos) return SourceKind::url;
  if (source.find('!') != source.npos) return SourceKind::pipeline;
  if (source.find('%') != source.npos) return SourceKind::video;  // frame_%04d.png
  throw Error(ErrorKind::file, fmt::format("{}: {}", printable(source), error.message()));
}

VideoSource::VideoSource(const std::string& source, SourceKind kind)
    : name_(printable(source)), live_(kind != SourceKind::video) {
  open(capture_, source, kind);
  if (!capture_.isOpened()) throw Error(ErrorKind::file, fmt::format("{}: {}", name_, hint(kind)));
}

bool VideoSource::read(cv::Mat& frame) {
  const CodecMessages messages;
  if (!capture_.read(frame) || frame.empty()) return false;
  if (frame.type() == CV_8UC1) cv::cvtColor(frame, frame, cv::COLOR_GRAY2BGR);
  if (frame.type() == CV_8UC4) cv::cvtColor(frame, frame, cv::COLOR_BGRA2BGR);
  if (frame.type() != CV_8UC3)
    throw Error(ErrorKind::file,
                fmt::format("{}: frames are of OpenCV type {}, want 8-bit grey or colour; in a "
                            "pipeline put videoconvert before appsink",
                            name_, frame.type()));
  return true;
}

double VideoSource::frames_per_second() const {
  const double rate = capture_.get(cv::CAP_PROP_FPS);
  constexpr double usual = 25, highest = 1000;
  return rate > 0 && rate <= highest ? rate : usual;  // NaN fails the first comparison
}

size_t VideoSource::frames() const {
  const double count = live_ ? 0 : capture_.get(cv::CAP_PROP_FRAME_COUNT);
  return count > 0 && count < 1e9 ? static_cast<size_t>(count) : 0;
}

}  // namespace fovea::apps
