#include "apps/util/encode.h"

#include <fmt/format.h>

#include <filesystem>
#include <opencv2/core.hpp>
#include <vector>

#include "apps/opencv/modules.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace fs = std::filesystem;

void check_writable_kind(const std::string& path, const char* option) {
  if (fs::path(path).extension().empty() || !opencv::codecs().can_encode(path))
    throw Error(ErrorKind::usage,
                fmt::format("{} {}: not an image format that can be written, try .png or .jpg", option,
                            printable(path)));
}

void write_picture(const std::string& path, const cv::Mat& picture) {
  check_writable_kind(path);
  std::vector<unsigned char> bytes;
  try {
    opencv::codecs().encode(fs::path(path).extension().native(), picture, bytes, {});
  } catch (const cv::Exception& error) {
    throw Error(ErrorKind::file, fmt::format("cannot write {}: {}", printable(path), error.err));
  }
  if (bytes.empty())
    throw Error(ErrorKind::file, fmt::format("cannot write {}: a picture of {} x {} does not fit the format",
                                             printable(path), picture.cols, picture.rows));
  write_file(path, bytes);
}

}  // namespace fovea::apps
