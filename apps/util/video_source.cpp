#include "apps/util/video_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <string_view>
#include <system_error>
#include <vector>

#include "apps/opencv/modules.h"
#include "apps/text/typed.h"
#include "apps/util/codec_messages.h"
#include "apps/util/image_header.h"
#include "apps/util/inputs.h"
#include "apps/util/terminal.h"
#include "core/text.h"
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

// A stream that gives nothing for so long is gone, and nobody waits longer for the program to end.
constexpr int stream_timeout_ms = 5000;

bool open_with(opencv::Capture& capture, const std::string& source, int backend,
               const std::vector<int>& settings = {}) {
  try {
    return capture.open(source, backend, settings);
  } catch (const cv::Exception&) {
    return false;  // not open says it all
  }
}

bool open_camera(opencv::Capture& capture, uint32_t index) {
  try {
    return capture.open(static_cast<int>(index));
  } catch (const cv::Exception&) {
    return false;
  }
}

void open_stream(opencv::Capture& capture, const std::string& source) {
  // nobuffer: frames are not held back to reorder packets. tcp: a lost datagram would be half a picture for
  // seconds. Half a second of a stream is enough to know what is in it; FFmpeg would read five.
  setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS",
         "fflags;nobuffer|rtsp_transport;tcp|analyzeduration;500000|probesize;500000", 0);
  open_with(
      capture, source, cv::CAP_FFMPEG,
      {cv::CAP_PROP_OPEN_TIMEOUT_MSEC, stream_timeout_ms, cv::CAP_PROP_READ_TIMEOUT_MSEC, stream_timeout_ms});
}

void open(opencv::Capture& capture, const std::string& source, SourceKind kind) {
  // FFmpeg would print its own lines, also from its threads.
  setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
  const CodecMessages messages;
  uint32_t index = 0;
  if (kind == SourceKind::camera && parse_number(source, index)) {
    open_camera(capture, index);
  } else if (kind == SourceKind::camera) {
    open_with(capture, source, cv::CAP_ANY);
  } else if (kind == SourceKind::pipeline) {
    open_with(capture, source, cv::CAP_GSTREAMER);
  } else if (kind == SourceKind::url && opencv::video().has_backend(cv::CAP_FFMPEG)) {
    open_stream(capture, source);
  } else {
    for (const int backend : opencv::video().stream_backends()) {
      // It takes any name for a photo camera, searches the USB bus for it, and leaks.
      if (backend != cv::CAP_GPHOTO2 && open_with(capture, source, backend)) return;
    }
  }
}

// Frames, 0 where the source does not say.
size_t length_of(const opencv::Capture& capture) {
  const double count = capture.get(cv::CAP_PROP_FRAME_COUNT);
  return count > 0 && count < 1e9 ? static_cast<size_t>(count) : 0;
}

// "0, 2", of those that this system lists.
std::string cameras_that_open() {
  std::vector<uint32_t> indices;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/dev", error)) {
    const std::string name = entry.path().filename();
    uint32_t index = 0;
    if (name.starts_with("video") && parse_number(std::string_view(name).substr(5), index))
      indices.push_back(index);
  }
  std::sort(indices.begin(), indices.end());
  std::string open;
  for (const uint32_t index : indices) {
    const auto capture = opencv::video().capture();
    if (open_camera(*capture, index)) open += fmt::format("{}{}", open.empty() ? "" : ", ", index);
  }
  return open;
}

std::string hint(SourceKind kind) {
  switch (kind) {
    case SourceKind::camera: {
      const CodecMessages messages;
      const std::string others = cameras_that_open();
      return "no such camera, or it is in use; " +
             (others.empty() ? "no camera opens here" : "cameras that open: " + others);
    }
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

std::string name_of_source(const std::string& source, SourceKind kind) {
  uint32_t index = 0;
  if (kind == SourceKind::camera && parse_number(source, index)) return "camera " + source;
  return kind == SourceKind::pipeline ? "the pipeline" : printable(source);
}

VideoSource::VideoSource(const std::string& source, SourceKind kind)
    : source_(source), name_(name_of_source(source, kind)), kind_(kind), capture_(opencv::video().capture()) {
  open(*capture_, source, kind);
  if (!capture_->is_open())
    throw Error(ErrorKind::file, fmt::format("{}: {}", printable(source), hint(kind)));
  // A URL or pipeline that knows its length plays a file.
  live_ = kind != SourceKind::video && !(kind != SourceKind::camera && length_of(*capture_) > 0);
}

bool VideoSource::reopen() {
  capture_->release();
  open(*capture_, source_, kind_);
  return capture_->is_open();
}

bool VideoSource::read(cv::Mat& frame) {
  const CodecMessages messages;
  frame.release();
  try {
    if (!capture_->read(frame) || frame.empty()) return false;
  } catch (const cv::Exception&) {
    return false;  // of a stream that broke off within a frame
  }
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
  const double rate = capture_->get(cv::CAP_PROP_FPS);
  constexpr double usual = 25, highest = 1000;
  return rate > 0 && rate <= highest ? rate : usual;  // NaN fails the first comparison
}

size_t VideoSource::frames() const {
  return live_ ? 0 : length_of(*capture_);
}

}  // namespace fovea::apps
