// JSON from files nobody vouches for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace fovea::io {

enum class DuplicateKeys { last_wins, rejected };

// `where` begins every error: "[config] path/config.json". Nesting is bounded, because copying and printing
// a json value recurse. Throws Error(file).
nlohmann::json parse_json(std::string_view text, const std::string& where, int max_depth,
                          DuplicateKeys duplicates);

// The text of a file whose size is bounded. `operation` begins every error: "[config]". Throws Error(file).
std::string read_text(const std::filesystem::path& file, const std::string& operation, uintmax_t max_bytes);

}  // namespace fovea::io
