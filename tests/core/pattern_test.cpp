#include "core/pattern.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using fovea::Pattern;

TEST_CASE("A pattern matches whole texts and tells its groups") {
  const Pattern pattern("window([0-9]+)(?:to([0-9]+))?");
  CHECK(pattern.matches("window12"));
  CHECK_FALSE(pattern.matches("a window12"));
  CHECK(pattern.groups("window12to24") == std::vector<std::string>{"12", "24"});
  CHECK(pattern.groups("window12") == std::vector<std::string>{"12", ""});
  CHECK_FALSE(pattern.groups("window").has_value());
}

TEST_CASE("A text that would run the matcher out of stack matches nothing") {
  const Pattern anything("x.*");
  CHECK(anything.matches("x" + std::string(Pattern::max_text - 1, 'y')));
  CHECK_FALSE(anything.matches("x" + std::string(1 << 20, 'y')));
  CHECK_FALSE(anything.groups("x" + std::string(1 << 20, 'y')).has_value());
}
