// The driver's compiled pipelines on disk, one file a (device, driver).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace fovea::gpu {

// write_file() into a folder that need not be there yet. False when it cannot: a cache may be missing.
bool replace_file(const std::filesystem::path& path, std::span<const uint8_t> bytes);

class PipelineCacheFile {
 public:
  explicit PipelineCacheFile(std::string key) : key_(std::move(key)) {}

  // What was saved, or nothing when there is none or its checksum is wrong: a damaged cache must never
  // reach a driver.
  std::vector<uint8_t> load() const;
  void save(std::span<const uint8_t> data) const;

 private:
  std::filesystem::path path() const;
  std::string key_;
};

}  // namespace fovea::gpu
