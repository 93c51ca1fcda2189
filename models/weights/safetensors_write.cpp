#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "core/atomic_file.h"
#include "fovea/error.h"
#include "models/config/text.h"
#include "models/weights/safetensors.h"

namespace fovea::io {

namespace {

uint64_t elements_of(const OutputTensor& tensor) {
  uint64_t elements = 1;
  for (const uint64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(elements, extent, &elements)) return std::numeric_limits<uint64_t>::max();
  }
  return elements;
}

std::span<const std::byte> bytes_of(const OutputTensor& tensor) {
  return tensor.is_integer() ? std::as_bytes(std::span(tensor.integers))
                             : std::as_bytes(std::span(tensor.values));
}

// Length and JSON, padded so that the data begins at a multiple of 8 bytes.
std::string header_text(std::span<const OutputTensor> tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::set<std::string_view> names;
  uint64_t offset = 0;
  for (const OutputTensor& tensor : tensors) {
    const size_t values = tensor.is_integer() ? tensor.integers.size() : tensor.values.size();
    if (elements_of(tensor) != values) {
      throw Error(ErrorKind::usage, fmt::format("[write] tensor {} has shape {} and {} values", tensor.name,
                                                shape_text(tensor.shape), values));
    }
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second) {
      throw Error(ErrorKind::usage, fmt::format("[write] tensor name {} is already taken", tensor.name));
    }
    const uint64_t end = offset + bytes_of(tensor).size();
    header[tensor.name] = {{"dtype", to_string(tensor.is_integer() ? DType::i64 : DType::f32)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t length = text.size();
  std::string prefix(sizeof(length), '\0');
  std::memcpy(prefix.data(), &length, sizeof(length));
  return prefix + text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const OutputTensor> tensors) {
  const std::string header = header_text(tensors);
  const auto as_chars = [](const auto& bytes) {
    return std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  };
  std::vector<std::span<const unsigned char>> pieces = {as_chars(header)};
  for (const OutputTensor& tensor : tensors) pieces.push_back(as_chars(bytes_of(tensor)));
  write_file(path, pieces);
}

}  // namespace fovea::io
