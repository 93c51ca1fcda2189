// Regular expressions, without the standard library's header, which takes seconds to compile.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fovea {

// In ECMAScript's grammar. The standard library's matcher recurses with every character, so that text of a
// file could run it out of stack: what is longer than max_text bytes matches nothing.
class Pattern {
 public:
  static constexpr size_t max_text = 512;

  explicit Pattern(const std::string& expression);
  // Of the whole text.
  bool matches(const std::string& text) const;
  // What each group matched, an empty text where it took no part; nothing when the whole text does not match.
  std::optional<std::vector<std::string>> groups(const std::string& text) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace fovea
