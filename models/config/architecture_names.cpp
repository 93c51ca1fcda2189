#include <algorithm>

#include "models/config/config.h"

namespace fovea::io {

std::string plain_architecture(const ModelConfig& config) {
  std::string_view name = config.architecture;
  name = name.substr(0, name.find('.'));
  for (const std::string_view training :
       {"_in21k", "_in22k", "_22k", "_in21ft1k", "_in22ft1k", "_22kft1k", "_dino", "_sam"})
    if (name.ends_with(training)) name.remove_suffix(training.size());
  return std::string(name);
}

bool is_spelt(std::string_view name, std::string_view pattern) {
  const size_t open = pattern.find('{');
  if (open == pattern.npos) return name == pattern;
  if (!name.starts_with(pattern.substr(0, open))) return false;
  name.remove_prefix(open);
  const size_t close = pattern.find('}', open);
  const std::string_view rest = pattern.substr(close + 1);
  for (size_t at = open + 1; at <= close;) {
    const size_t end = std::min(pattern.find(',', at), close);
    const std::string_view choice = pattern.substr(at, end - at);
    if (name.starts_with(choice) && is_spelt(name.substr(choice.size()), rest)) return true;
    at = end + 1;
  }
  return false;
}

bool is_called(const ModelConfig& config, std::initializer_list<std::string_view> patterns) {
  if (config.naming != Naming::timm) return false;
  const std::string name = plain_architecture(config);
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](std::string_view pattern) { return is_spelt(name, pattern); });
}

}  // namespace fovea::io
