// What was measured to be fastest on a device, kept on disk beside the pipeline cache: text lines
// "key<TAB>choice".
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace fovea::gpu {

class Choices {
 public:
  explicit Choices(std::string device_key) : device_key_(std::move(device_key)) {}

  std::optional<std::string> find(const std::string& key);
  void store(const std::string& key, const std::string& choice);

 private:
  void load();  // adds what the file has and this process has not

  std::string device_key_;
  std::mutex mutex_;
  bool loaded_ = false;
  std::map<std::string, std::string> choices_;
};

}  // namespace fovea::gpu
