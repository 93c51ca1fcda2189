#include "apps/util/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "apps/text/typed.h"
#include "core/text.h"

namespace fovea::apps {

std::optional<uint32_t> rank_named(std::string_view text) {
  uint32_t rank = 0;
  if (!text.starts_with("top") || !parse_number(text.substr(3), rank) || rank == 0) return std::nullopt;
  return rank - 1;
}

uint32_t parse_class(const std::string& text, const ModelInfo& info) {
  uint32_t index = 0;
  if (parse_number(text, index)) return index;
  const auto refuse = [&](const std::string& reason) {
    throw RequestError("class", printable(text), reason);
  };
  if (info.labels.empty())
    refuse(fmt::format("{} has no labels; give a number from 0 to {}", info.architecture, info.classes - 1));
  const std::string wanted = lower_case(text);
  std::vector<uint32_t> holding;
  for (uint32_t i = 0; i < info.labels.size(); ++i) {
    const std::string label = lower_case(info.labels[i]);
    if (label == wanted) return i;
    if (label.find(wanted) != label.npos) holding.push_back(i);
  }
  if (holding.empty()) refuse(fmt::format("no label of {} has this in it", info.architecture));
  if (holding.size() == 1) return holding.front();
  std::string some;
  for (size_t i = 0; i < std::min<size_t>(holding.size(), 5); ++i)
    some += fmt::format("{}{} ({})", i == 0 ? "" : ", ", info.labels[holding[i]], holding[i]);
  throw RequestError("class", printable(text),
                     fmt::format("{} labels have this in them, among them {}", holding.size(), some));
}

std::string label_of(const ModelInfo& info, uint32_t index) {
  return index < info.labels.size() ? info.labels[index] : fmt::format("class {}", index);
}

}  // namespace fovea::apps
