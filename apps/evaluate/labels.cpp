#include "apps/evaluate/labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "apps/text/typed.h"
#include "apps/util/decode.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

Labels::Labels(const std::filesystem::path& file, uint32_t classes) {
  const std::string name = printable(file.native());
  std::vector<uint8_t> bytes;
  try {
    bytes = read_file(file);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("--labels {}: {}", name, error.what()));
  }
  const std::string text(bytes.begin(), bytes.end());
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    const auto wrong = [&](const std::string& what) {
      throw Error(ErrorKind::file, fmt::format("--labels {}: line {} {}", name, number, what));
    };
    const size_t tab = line.find('\t');
    uint32_t index = 0;
    if (tab == line.npos || !parse_number(line.substr(0, tab), index))
      wrong("is no INDEX<tab>ID, such as 0<tab>n01440764");
    if (index >= classes) wrong(fmt::format("has class {}, the model has 0 to {}", index, classes - 1));
    const std::string_view rest = line.substr(tab + 1), id = rest.substr(0, rest.find('\t'));
    if (id.empty() || !std::all_of(id.begin(), id.end(), is_letter_or_digit))
      wrong("has no id of letters and digits in its second column");
    if (!classes_.emplace(id, index).second) wrong(fmt::format("has the id {} again", id));
  }
  if (classes_.empty()) throw Error(ErrorKind::file, fmt::format("--labels {}: no classes in it", name));
}

std::optional<uint32_t> Labels::class_of(const std::filesystem::path& image) const {
  const std::string name = image.filename().native(), folder = image.parent_path().filename().native();
  const auto begin = std::find_if_not(name.begin(), name.end(), is_letter_or_digit);
  for (const std::string& id : {folder, std::string(name.begin(), begin)})
    if (const auto found = classes_.find(id); found != classes_.end()) return found->second;
  return std::nullopt;
}

}  // namespace fovea::apps
