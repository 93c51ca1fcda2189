#include "apps/util/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>

#include "core/atomic_file.h"

namespace fovea::apps {

std::vector<unsigned char> npy_bytes(std::span<const uint64_t> shape, std::span<const float> values) {
  std::string dims;
  for (const uint64_t dim : shape) dims += fmt::format("{}, ", dim);
  // A tuple of one needs its comma, longer ones must not end in a blank.
  if (shape.size() > 1) dims.resize(dims.size() - 2);
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", dims);
  // Magic, version and length take 10 bytes; data begin at a multiple of 64.
  constexpr size_t preamble = 10, alignment = 64;
  header.append(alignment - 1 - (preamble + header.size()) % alignment, ' ');
  header += '\n';

  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size() & 0xff);
  start += static_cast<char>(header.size() >> 8);
  start += header;
  std::vector<unsigned char> bytes(start.size() + values.size() * 4);
  std::copy(start.begin(), start.end(), bytes.begin());
  size_t at = start.size();
  for (const float value : values) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes[at++] = static_cast<unsigned char>(bits >> shift & 0xff);
  }
  return bytes;
}

void write_npy(const std::filesystem::path& path, std::span<const uint64_t> shape,
               std::span<const float> values) {
  write_file(path, npy_bytes(shape, values));
}

}  // namespace fovea::apps
