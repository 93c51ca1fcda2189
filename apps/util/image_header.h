// What can be told from an image file before it is decoded: size, whether all of it is there, and what
// OpenCV would get wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace fovea::apps {

struct ImageHeader {
  std::string_view format;         // "JPEG", "PNG", "WebP", "BMP", "TIFF", "PNM", "GIF"; empty: none of these
  uint64_t width = 0, height = 0;  // 0 where the header does not say
  bool truncated = false;          // the end marker is missing or the data stop short
  int orientation = 1;             // EXIF orientation 1…8 of a WebP; OpenCV sees to the others itself
  size_t tiff_alpha_at = 0;        // where a TIFF says "unassociated alpha"; 0: nowhere
};

ImageHeader read_image_header(std::span<const uint8_t> file);

// EXIF orientation (1…8) in a TIFF-structured EXIF block, 1 where there is none or it makes no sense.
int exif_orientation(std::span<const uint8_t> exif);

}  // namespace fovea::apps
