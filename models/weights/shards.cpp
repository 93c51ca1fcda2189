#include "models/weights/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "fovea/error.h"
#include "models/config/json.h"
#include "models/config/text.h"

namespace fovea::io {

namespace {

constexpr uintmax_t max_index_bytes = 16U << 20;
constexpr size_t max_shards = 1000;  // each is a mapping and a file that is looked for
constexpr int max_depth = 8;         // only `metadata` is nested, with whatever its writer liked

[[noreturn]] void fail(const std::string& file, const std::string& what) {
  throw Error(ErrorKind::file, fmt::format("[shards] {}: {}", file, what));
}

// The name becomes a path here and on a hub.
bool is_plain_name(std::string_view name) {
  constexpr std::string_view ending = ".safetensors";
  constexpr size_t longest = 200;
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return name.size() > ending.size() && name.size() <= longest && name.front() != '.' &&
         name.ends_with(ending) && std::all_of(name.begin(), name.end(), plain);
}

}  // namespace

ShardIndex parse_shard_index(std::string_view text, const std::string& file) {
  const nlohmann::json json =
      parse_json(text, fmt::format("[shards] {}", file), max_depth, DuplicateKeys::rejected);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (!json.is_object() || map == json.end() || !map->is_object())
    fail(file, "has no object weight_map, which says what file holds each tensor");
  ShardIndex index;
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string() || !is_plain_name(shard.get_ref<const std::string&>()))
      fail(file, fmt::format("tensor {} is said to be in {}, which is not a plain name like "
                             "model-00001-of-00002.safetensors",
                             excerpt(tensor), value_text(shard)));
    index.shard_of.emplace(tensor, shard.get<std::string>());
    shards.insert(shard.get<std::string>());
    if (shards.size() > max_shards) fail(file, fmt::format("lists more than {} files", max_shards));
  }
  if (shards.empty()) fail(file, "lists no tensors");
  index.shards.assign(shards.begin(), shards.end());
  return index;
}

ShardIndex read_shard_index(const std::filesystem::path& file) {
  return parse_shard_index(read_text(file, "[shards]", max_index_bytes), file.string());
}

std::vector<std::filesystem::path> weight_files(const std::filesystem::path& folder) {
  std::error_code ignored;
  const std::filesystem::path whole = folder / "model.safetensors", index = folder / shard_index_name;
  if (std::filesystem::exists(whole, ignored) || !std::filesystem::exists(index, ignored)) return {whole};
  std::vector<std::filesystem::path> files;
  for (const std::string& shard : read_shard_index(index).shards) files.push_back(folder / shard);
  return files;
}

Safetensors open_shards(const std::filesystem::path& index_file) {
  const std::string file = index_file.string();
  const ShardIndex index = read_shard_index(index_file);
  const std::filesystem::path folder = index_file.parent_path();
  size_t missing = 0;
  std::string first;
  for (const std::string& shard : index.shards) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / shard, ignored)) continue;
    if (missing++ == 0) first = shard;
  }
  if (missing > 0)
    fail(file, fmt::format("{} of the {} files it lists are missing beside it, among them {}", missing,
                           index.shards.size(), first));

  std::vector<Safetensors> parts;
  size_t found = 0;
  for (const std::string& shard : index.shards) {
    parts.push_back(Safetensors::open(folder / shard));
    for (const TensorEntry& tensor : parts.back().tensors()) {
      const auto entry = index.shard_of.find(tensor.name);
      if (entry == index.shard_of.end())
        fail(file, fmt::format("does not list tensor {}, which is in {}", excerpt(tensor.name), shard));
      if (entry->second != shard)
        fail(file, fmt::format("says that tensor {} is in {}, but it is in {}", excerpt(tensor.name),
                               entry->second, shard));
      ++found;
    }
  }
  if (found < index.shard_of.size()) {
    for (const auto& [tensor, shard] : index.shard_of) {
      const auto part = std::lower_bound(index.shards.begin(), index.shards.end(), shard);
      if (parts.at(static_cast<size_t>(part - index.shards.begin())).find(tensor) == nullptr)
        fail(file, fmt::format("says that tensor {} is in {}, which has none of that name", excerpt(tensor),
                               shard));
    }
  }
  return Safetensors::join(std::move(parts), file);
}

}  // namespace fovea::io
