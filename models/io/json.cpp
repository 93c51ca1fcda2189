#include "models/io/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "fovea/error.h"
#include "models/io/text.h"

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
        throw Error(ErrorKind::file, fmt::format("{}: \"{}\" appears twice", where, printable(key)));
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

}  // namespace fovea::io
