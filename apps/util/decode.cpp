#include "apps/util/decode.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <utility>

#include "apps/opencv/modules.h"
#include "apps/util/codec_messages.h"
#include "apps/util/image_header.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

[[noreturn]] void fail(const std::string& reason) {
  throw Error(ErrorKind::file, reason);
}

struct Descriptor {
  int fd;
  ~Descriptor() { close(fd); }
};

// EXIF 2.32, orientation: what has to be done to the stored rows and columns.
void apply_orientation(cv::Mat& image, int orientation) {
  if (orientation >= 5) cv::transpose(image, image);
  constexpr int keep = 2;
  // flip codes after the transpose: 0 top-bottom, 1 left-right, -1 both
  constexpr int flips[9] = {keep, keep, 1, -1, 0, keep, 1, -1, 0};
  if (flips[orientation] != keep) cv::flip(image, image, flips[orientation]);
}

void check_header(const ImageHeader& header, size_t bytes) {
  if (header.width != 0 && header.height > max_pixels / header.width)
    fail(fmt::format("{} of {} x {} pixels, more than the {} we take", header.format, header.width,
                     header.height, max_pixels));
  if (header.truncated) fail(fmt::format("truncated or damaged {} ({} bytes)", header.format, bytes));
}

}  // namespace

std::vector<uint8_t> read_file(const std::filesystem::path& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (file.fd < 0 || fstat(file.fd, &status) != 0) fail(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail("is a folder");
  const auto too_large = [] { fail(fmt::format("larger than {} MiB, not read", max_file_bytes >> 20)); };
  std::vector<uint8_t> bytes;
  if (S_ISREG(status.st_mode)) {
    if (static_cast<uint64_t>(status.st_size) > max_file_bytes) too_large();
    bytes.reserve(static_cast<size_t>(status.st_size) + 1);
  }
  // The size is a hint only: pipes have none and files grow.
  for (size_t filled = 0;;) {
    if (filled == bytes.size()) bytes.resize(std::max(bytes.capacity(), filled + 65536));
    const ssize_t got = read(file.fd, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(std::strerror(errno));
    filled += static_cast<size_t>(got);
    if (filled > max_file_bytes) too_large();
    if (got == 0) {
      bytes.resize(filled);
      return bytes;
    }
  }
}

cv::Mat decode_image(std::vector<uint8_t> file) {
  if (file.empty()) fail("empty file");
  const ImageHeader header = read_image_header(file);
  check_header(header, file.size());
  // libtiff multiplies colour by alpha that is not yet multiplied; declared as already multiplied it is left
  // alone.
  if (header.tiff_alpha_at != 0) {
    file[header.tiff_alpha_at] = 0;
    file[header.tiff_alpha_at + 1] = 0;
  }
  const bool webp = header.format == "WebP";
  CodecMessages messages;
  cv::Mat image;
  try {
    // Only newer OpenCV turns WebP, so we do it ourselves with every version.
    image = opencv::codecs().decode(
        file, webp ? cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION : cv::IMREAD_COLOR);
  } catch (const cv::Exception& error) {
    fail(error.code == cv::Error::StsNoMem ? "not enough memory to decode it"
                                           : fmt::format("cannot be decoded: {}", error.err));
  }
  if (image.empty()) {
    const std::string detail = messages.last();
    if (!header.format.empty() && header.format != "GIF")
      fail(fmt::format("damaged {}{}{}", header.format, detail.empty() ? "" : ": ", detail));
    fail(header.format == "GIF" ? "GIF, which this OpenCV does not decode"
                                : "not an image that OpenCV can decode");
  }
  if (image.type() != CV_8UC3) fail(fmt::format("decoded to OpenCV type {}, not 8-bit colour", image.type()));
  if (webp) apply_orientation(image, header.orientation);
  return image;
}

ImageView view_of(const cv::Mat& bgr) {
  return {bgr.data, static_cast<uint32_t>(bgr.cols), static_cast<uint32_t>(bgr.rows), bgr.step[0],
          PixelFormat::bgr8};
}

}  // namespace fovea::apps
