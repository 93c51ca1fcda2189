#include "models/weights/naming.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace fovea::io {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The numbers that the stars of a pattern stand for, or nothing where it does not fit.
std::optional<std::vector<std::string_view>> match(std::string_view pattern, std::string_view name) {
  std::vector<std::string_view> numbers;
  size_t at = 0;
  for (const char c : pattern) {
    if (c != '*') {
      if (at == name.size() || name[at] != c) return std::nullopt;
      ++at;
      continue;
    }
    const size_t first = at;
    while (at < name.size() && is_digit(name[at])) ++at;
    if (at == first) return std::nullopt;
    numbers.push_back(name.substr(first, at - first));
  }
  if (at != name.size()) return std::nullopt;
  return numbers;
}

std::string with_numbers(std::string_view pattern, const std::vector<std::string_view>& numbers) {
  std::string out;
  size_t next = 0;
  for (const char c : pattern) {
    if (c == '*')
      out += numbers.at(next++);
    else
      out += c;
  }
  return out;
}

// "a.{q,k}.b" -> "a.q.b", "a.k.b"
std::vector<std::string> parts_of(const std::string& name) {
  const size_t open = name.find('{'), close = name.find('}');
  if (open == std::string::npos) return {name};
  std::vector<std::string> parts;
  for (size_t first = open + 1; first < close;) {
    const size_t end = std::min(name.find(',', first), close);
    parts.push_back(name.substr(0, open) + name.substr(first, end - first) + name.substr(close + 1));
    first = end + 1;
  }
  return parts;
}

// "attn.proj.weight" -> {"attn.proj", ".weight"}; a name without such an ending stays whole.
std::pair<std::string_view, std::string_view> split_kind(std::string_view name) {
  for (const std::string_view kind : {".weight", ".bias"})
    if (name.ends_with(kind)) return {name.substr(0, name.size() - kind.size()), kind};
  return {name, {}};
}

}  // namespace

Dialect::Dialect(const Safetensors& file, const NameTable& names) : names_(&names) {
  for (const std::string_view prefix : names.prefixes)
    if (std::any_of(file.tensors().begin(), file.tensors().end(),
                    [&](const TensorEntry& tensor) { return tensor.name.starts_with(prefix); }))
      prefix_ = prefix;
}

std::vector<std::vector<std::string>> Dialect::sources_of(std::string_view timm_name) const {
  if (names_ == nullptr) return {{std::string(timm_name)}};
  const auto [module, kind] = split_kind(timm_name);
  std::vector<std::vector<std::string>> out;
  for (const Renaming& row : names_->rows) {
    const auto numbers = match(row.timm, module);
    if (!numbers) continue;
    const std::string name = with_numbers(row.file, *numbers) + std::string(kind);
    if (!prefix_.empty()) out.push_back(parts_of(prefix_ + name));
    out.push_back(parts_of(name));  // heads stand beside the encoder
  }
  return out;
}

}  // namespace fovea::io
