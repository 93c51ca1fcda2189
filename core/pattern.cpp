#include "core/pattern.h"

#include <regex>

namespace fovea {

struct Pattern::Compiled {
  std::regex regex;
};

Pattern::Pattern(const std::string& expression)
    : compiled_(std::make_shared<const Compiled>(Compiled{std::regex(expression)})) {}

bool Pattern::matches(const std::string& text) const {
  return text.size() <= max_text && std::regex_match(text, compiled_->regex);
}

std::optional<std::vector<std::string>> Pattern::groups(const std::string& text) const {
  std::smatch match;
  if (text.size() > max_text || !std::regex_match(text, match, compiled_->regex)) return std::nullopt;
  return std::vector<std::string>(match.begin() + 1, match.end());
}

}  // namespace fovea
