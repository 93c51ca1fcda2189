// JSON from files nobody vouches for.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace fovea::io {

enum class DuplicateKeys { last_wins, rejected };

// `where` begins every error: "[config] path/config.json". Nesting is bounded, because copying and printing
// a json value recurse. Throws Error(file).
nlohmann::json parse_json(std::string_view text, const std::string& where, int max_depth,
                          DuplicateKeys duplicates);

}  // namespace fovea::io
