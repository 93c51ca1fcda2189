#include "apps/hub/name.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/hub/known.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::hub {
namespace {

constexpr size_t longest = 96;
constexpr std::string_view between = "--";  // org and name; the hub allows it in neither

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

// Becomes a folder's name and a part of an address.
bool is_plain(std::string_view part) {
  return !part.empty() && part.size() <= longest && part.front() != '.' && part.front() != '-' &&
         part.back() != '.' && part.find("..") == part.npos && part.find(between) == part.npos &&
         std::all_of(part.begin(), part.end(), is_word);
}

bool is_revision(std::string_view text) {
  while (true) {
    const size_t slash = text.find('/');
    if (!is_plain(text.substr(0, slash))) return false;
    if (slash == text.npos) return true;
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

std::string ModelName::text() const {
  return revision == "main" ? repository() : repository() + '@' + revision;
}

std::string ModelName::folder() const {
  std::string result = fmt::format("{}{}{}", org, between, name);
  if (revision == "main") return result;
  result += '@';
  for (const char c : revision) result += c == '/' ? std::string(between) : std::string(1, c);
  return result;
}

ModelName parse_name(std::string_view text, std::string_view option) {
  const auto wrong = [&](std::string_view what) {
    return Error(ErrorKind::usage, fmt::format("{} {}: {}", option, printable(text), what));
  };
  std::string_view rest = text;
  for (const std::string_view prefix : {"hf_hub:", "hf-hub:"})
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
  ModelName result;
  if (const size_t at = rest.find('@'); at != rest.npos) {
    if (!is_revision(rest.substr(at + 1)))
      throw wrong("after @ comes a branch, a tag or a commit, for example @main");
    result.revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
  }
  std::string full(rest);
  if (const Known* known = find_known(rest)) full = known->repository;
  if (full.find('/') == full.npos) full = "timm/" + full;
  const size_t slash = full.find('/');
  result.org = full.substr(0, slash);
  result.name = full.substr(slash + 1);
  if (!is_plain(result.org) || !is_plain(result.name))
    throw wrong("want a hub's org/name, for example timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k");
  return result;
}

bool name_of_folder(std::string_view folder, ModelName& name) {
  ModelName result;
  if (const size_t at = folder.find('@'); at != folder.npos) {
    result.revision.clear();
    std::string_view rest = folder.substr(at + 1);
    for (size_t cut = rest.find(between); cut != rest.npos; cut = rest.find(between)) {
      result.revision += std::string(rest.substr(0, cut)) + '/';
      rest.remove_prefix(cut + between.size());
    }
    result.revision += rest;
    folder = folder.substr(0, at);
    if (!is_revision(result.revision)) return false;
  }
  const size_t cut = folder.find(between);
  if (cut == folder.npos) return false;
  result.org = folder.substr(0, cut);
  result.name = folder.substr(cut + between.size());
  if (!is_plain(result.org) || !is_plain(result.name)) return false;
  name = result;
  return true;
}

}  // namespace fovea::apps::hub
