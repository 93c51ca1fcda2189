// Image files to pixels: the same ones that PIL's open(path).convert("RGB") gives after exif_transpose.
#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <span>
#include <vector>

#include "fovea/image.h"

namespace fovea::apps {

// Beyond these a file is refused before memory is taken for it.
constexpr uint64_t max_file_bytes = uint64_t{1} << 30;
constexpr uint64_t max_pixels = uint64_t{1} << 28;

// Reads a file (or pipe) to its end. Throws Error(file) with the reason alone, since callers name the path.
std::vector<uint8_t> read_file(const std::filesystem::path& path);

// 8-bit BGR: EXIF orientation applied, grey and palette expanded, alpha dropped without blending, the high
// byte of 16-bit samples, CMYK converted. Throws Error(file) with the reason alone.
cv::Mat decode_image(std::vector<uint8_t> file);

// Borrows an 8-bit BGR picture.
ImageView view_of(const cv::Mat& bgr);

}  // namespace fovea::apps
