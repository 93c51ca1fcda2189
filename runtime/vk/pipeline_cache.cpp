#include "runtime/vk/pipeline_cache.h"

#include <array>
#include <cstring>
#include <fstream>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "core/xdg.h"
#include "fovea/error.h"

namespace fovea::gpu {
namespace {

constexpr std::array<char, 8> magic{'F', 'O', 'V', 'E', 'A', 'P', 'C', '1'};
constexpr uint64_t largest_cache = 256ULL << 20;  // bytes; more than that was not written by us

struct Header {
  std::array<char, 8> magic;
  uint64_t bytes;
  uint64_t checksum;
};

uint64_t checksum_of(std::span<const uint8_t> data) {
  Fnv1a hash;
  hash.add(data.data(), data.size());
  return hash.value();
}

}  // namespace

bool replace_file(const std::filesystem::path& path, std::span<const uint8_t> bytes) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  try {
    write_file(path, bytes);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::filesystem::path PipelineCacheFile::path() const {
  const auto folder = cache_home();
  return folder.empty() ? folder : folder / (key_ + ".pipelines");
}

std::vector<uint8_t> PipelineCacheFile::load() const {
  const auto file = path();
  if (file.empty()) return {};
  std::ifstream in(file, std::ios::binary);
  Header header{};
  if (!in.read(reinterpret_cast<char*>(&header), sizeof header) || header.magic != magic ||
      header.bytes > largest_cache)
    return {};
  std::error_code unknown;  // leaves a size that matches no header
  if (std::filesystem::file_size(file, unknown) != sizeof header + header.bytes) return {};
  std::vector<uint8_t> data(header.bytes);
  if (!in.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(data.size())) ||
      checksum_of(data) != header.checksum)
    return {};
  return data;
}

void PipelineCacheFile::save(std::span<const uint8_t> data) const {
  const auto file = path();
  if (file.empty()) return;
  const Header header{magic, data.size(), checksum_of(data)};
  std::vector<uint8_t> bytes(sizeof header + data.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!data.empty()) std::memcpy(bytes.data() + sizeof header, data.data(), data.size());
  replace_file(file, bytes);
}

}  // namespace fovea::gpu
