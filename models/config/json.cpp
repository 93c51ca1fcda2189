#include "models/config/json.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "fovea/error.h"
#include "models/config/text.h"

namespace fovea::io {

using nlohmann::json;

json parse_json(std::string_view text, const std::string& where, int max_depth, DuplicateKeys duplicates) {
  std::vector<std::set<std::string>> seen;  // keys of each open object, one entry a nesting level
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      if (depth >= max_depth) {
        throw Error(ErrorKind::file,
                    fmt::format("{}: JSON is nested deeper than {} levels", where, max_depth));
      }
      if (duplicates == DuplicateKeys::rejected) {
        seen.resize(static_cast<size_t>(depth) + 1);
        seen.back().clear();
      }
    } else if (event == json::parse_event_t::key && duplicates == DuplicateKeys::rejected) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!seen.at(static_cast<size_t>(depth) - 1).insert(key).second) {
        throw Error(ErrorKind::file, fmt::format("{}: \"{}\" appears twice", where, excerpt(key)));
      }
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::parse_error& error) {
    throw Error(ErrorKind::file, fmt::format("{}: not valid JSON at byte {}", where, error.byte));
  } catch (const json::exception&) {  // a number beyond double
    throw Error(ErrorKind::file, fmt::format("{}: JSON holds a number out of range", where));
  }
}

std::string read_text(const std::filesystem::path& file, const std::string& operation, uintmax_t max_bytes) {
  const auto fail = [&](const std::string& what) -> void {
    throw Error(ErrorKind::file, fmt::format("{} {}: {}", operation, file.string(), what));
  };
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) fail("is not a regular file");
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error) fail(fmt::format("cannot be read: {}", error.message()));
  if (size > max_bytes)
    fail(fmt::format("is {} bytes long, more than the {} that are sensible", size, max_bytes));
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  if (size > 0) text << stream.rdbuf();
  if (!stream || !text) fail("cannot be read");
  return std::move(text).str();
}

}  // namespace fovea::io
