#include "models/text/vocabulary.h"

#include <fmt/format.h>

#include <cstdint>

#include "fovea/error.h"
#include "models/config/text.h"

namespace fovea::text {

using io::excerpt;

void refuse(const std::string& file, const std::string& what, const std::string& to_do) {
  throw Error(ErrorKind::file, fmt::format("[tokenizer] {}: {}; {}", file, what, to_do));
}

void Vocabulary::add(std::string_view token, int64_t id, const std::string& file) {
  if (id < 0 || id >= INT32_MAX)
    refuse(file, fmt::format("the id of \"{}\" is {}, and ids count from 0", excerpt(token), id));
  const auto [place, is_new] = ids_.try_emplace(std::string(token), static_cast<int32_t>(id));
  if (!is_new) {
    if (place->second == id) return;
    refuse(file, fmt::format("\"{}\" has two ids, {} and {}", excerpt(token), place->second, id));
  }
  const auto [other, is_free] = by_id_.try_emplace(place->second, &place->first);
  if (!is_free) {
    refuse(file, fmt::format("id {} belongs to two tokens, \"{}\" and \"{}\"", id, excerpt(*other->second),
                             excerpt(token)));
  }
  if (id < end_) return;
  end_ = place->second + 1;
  file_of_highest_ = file;
}

int32_t Vocabulary::append(std::string_view token, const std::string& file) {
  const int32_t id = end_;
  add(token, id, file);
  return id;
}

void Vocabulary::complete() {
  tokens_.clear();
  for (int32_t id = 0; id < static_cast<int32_t>(ids_.size()); ++id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) {
      refuse(
          file_of_highest_,
          fmt::format("\"{}\" has the id {}, beyond the {} tokens that there are, and no token has the id {}",
                      excerpt(*by_id_.at(end_ - 1)), end_ - 1, ids_.size(), id));
    }
    tokens_.push_back(found->second);
  }
}

std::optional<int32_t> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return {};
  return found->second;
}

}  // namespace fovea::text
