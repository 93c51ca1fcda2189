#include "runtime/vk/choices.h"

#include <fstream>

#include "core/xdg.h"
#include "runtime/vk/pipeline_cache.h"

namespace fovea::gpu {
namespace {

constexpr size_t most_choices = 10000;  // a file with more was not written by us
constexpr size_t longest_line = 256;

std::filesystem::path file_of(const std::string& device_key) {
  const auto folder = cache_home();
  return folder.empty() ? folder : folder / (device_key + ".choices");
}

}  // namespace

void Choices::load() {
  std::ifstream in(file_of(device_key_));
  for (std::string line; choices_.size() < most_choices && std::getline(in, line);) {
    const size_t tab = line.find('\t');
    if (tab != std::string::npos && line.size() <= longest_line)
      choices_.emplace(line.substr(0, tab), line.substr(tab + 1));
  }
}

std::optional<std::string> Choices::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (!loaded_) load();
  loaded_ = true;
  const auto found = choices_.find(key);
  return found == choices_.end() ? std::nullopt : std::optional(found->second);
}

void Choices::store(const std::string& key, const std::string& choice) {
  const std::lock_guard lock(mutex_);
  choices_[key] = choice;
  const auto file = file_of(device_key_);
  if (file.empty()) return;
  load();  // another process may have measured meanwhile
  std::string text;
  for (const auto& [k, c] : choices_) text.append(k).append("\t").append(c).append("\n");
  replace_file(file, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace fovea::gpu
