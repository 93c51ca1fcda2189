#include "apps/util/classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "apps/text/typed.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

[[noreturn]] void wrong(const std::string& message) {
  throw Error(ErrorKind::usage, message);
}

}  // namespace

uint32_t parse_class(const std::string& text, const ModelInfo& info) {
  uint32_t index = 0;
  if (parse_number(text, index)) {
    if (index < info.classes) return index;
    wrong(fmt::format("--class {}: {} has classes 0 to {}", index, info.architecture, info.classes - 1));
  }
  if (info.labels.empty())
    wrong(fmt::format("--class {}: {} has no labels; give a number from 0 to {}", printable(text),
                      info.architecture, info.classes - 1));
  const std::string wanted = lower_case(text);
  std::vector<uint32_t> holding;
  for (uint32_t i = 0; i < info.labels.size(); ++i) {
    const std::string label = lower_case(info.labels[i]);
    if (label == wanted) return i;
    if (label.find(wanted) != label.npos) holding.push_back(i);
  }
  if (holding.size() == 1) return holding.front();
  std::string some;
  for (size_t i = 0; i < std::min<size_t>(holding.size(), 5); ++i)
    some += fmt::format("{}{} ({})", i == 0 ? "" : ", ", info.labels[holding[i]], holding[i]);
  wrong(holding.empty()
            ? fmt::format("--class {}: no label of {} has this in it", printable(text), info.architecture)
            : fmt::format("--class {}: {} labels have this in them, among them {}", printable(text),
                          holding.size(), some));
}

std::string label_of(const ModelInfo& info, uint32_t index) {
  return index < info.labels.size() ? info.labels[index] : fmt::format("class {}", index);
}

}  // namespace fovea::apps
