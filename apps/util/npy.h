// NumPy files, format version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace fovea::apps {

// float32, little-endian, C order. Throws Error(file) naming the path.
void write_npy(const std::filesystem::path& path, std::span<const uint64_t> shape,
               std::span<const float> values);

// The bytes of such a file.
std::vector<unsigned char> npy_bytes(std::span<const uint64_t> shape, std::span<const float> values);

}  // namespace fovea::apps
