#include "apps/hub/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/text/json.h"
#include "apps/util/digest.h"
#include "core/xdg.h"
#include "fovea/error.h"
#include "models/config/json.h"
#include "models/weights/shards.h"

namespace fovea::apps::hub {
namespace fs = std::filesystem;

namespace {

constexpr uintmax_t most_json_bytes = 16U << 20;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> result;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().filename().native().front() != '.' && entry->is_directory(ignored))
      result.push_back(entry->path());
  }
  std::sort(result.begin(), result.end());
  return result;
}

fs::path hub_cache() {
  for (const char* variable : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (fs::path folder = absolute_variable(variable); !folder.empty()) return folder;
  if (const fs::path home = absolute_variable("HF_HOME"); !home.empty()) return home / "hub";
  if (const fs::path cache = absolute_variable("XDG_CACHE_HOME"); !cache.empty())
    return cache / "huggingface" / "hub";
  const fs::path home = absolute_variable("HOME");
  return home.empty() ? home : home / ".cache" / "huggingface" / "hub";
}

fs::path hub_cache_model(const ModelName& model) {
  const fs::path cache = hub_cache();
  return cache.empty() ? cache : cache / fmt::format("models--{}--{}", model.org, model.name);
}

// Models of transformers say in a file of their own how pictures become input; the hub's cache may hold such
// a model without it, because nobody has asked for it yet.
bool lacks_preprocessor(const fs::path& cached, const std::string& commit) {
  const fs::path snapshot = cached / "snapshots" / commit;
  constexpr const char* name = "preprocessor_config.json";
  if (is_there(snapshot / name) || is_there(cached / ".no_exist" / commit / name)) return false;
  try {
    const Json config =
        Json::parse(io::read_text(snapshot / "config.json", "config", most_json_bytes), nullptr, false);
    return !config.is_object() || !config.contains("architecture");
  } catch (const Error&) {
    return true;
  }
}

}  // namespace

fs::path models_folder() {
  const fs::path cache = cache_home();
  if (cache.empty())
    throw Error(ErrorKind::usage, "no place for models: set XDG_CACHE_HOME or HOME to an absolute path");
  return cache / "models";
}

fs::path pulled_folder(const ModelName& model) {
  return models_folder() / model.folder();
}

fs::path staging_folder(const ModelName& model) {
  return models_folder() / ('.' + model.folder() + ".part");
}

std::string missing_file(const fs::path& folder) {
  if (!is_there(folder / "config.json")) return "config.json";
  if (is_there(folder / "model.safetensors")) return "";
  if (!is_there(folder / io::shard_index_name)) return "model.safetensors";
  try {
    for (const std::string& shard : io::read_shard_index(folder / io::shard_index_name).shards)
      if (!is_there(folder / shard)) return shard;
  } catch (const Error&) {
    return io::shard_index_name;
  }
  return "";
}

std::optional<fs::path> hub_cache_snapshot(const ModelName& model) {
  const fs::path cached = hub_cache_model(model);
  if (cached.empty() || !is_there(cached)) return std::nullopt;
  std::string commit = model.revision;
  if (!is_sha1(commit)) {
    const fs::path reference = cached / "refs" / model.revision;
    if (!is_there(reference)) return std::nullopt;
    try {
      commit = io::read_text(reference, "refs", 100);
    } catch (const Error&) {
      return std::nullopt;
    }
    while (commit.ends_with('\n')) commit.pop_back();
    if (!is_sha1(commit)) return std::nullopt;
  }
  const fs::path snapshot = cached / "snapshots" / commit;
  if (!missing_file(snapshot).empty() || lacks_preprocessor(cached, commit)) return std::nullopt;
  return snapshot;
}

std::optional<fs::path> hub_cache_blob(const ModelName& model, std::string_view hash) {
  const fs::path cached = hub_cache_model(model);
  if (cached.empty() || (!is_sha1(hash) && !is_sha256(hash))) return std::nullopt;
  const fs::path blob = cached / "blobs" / hash;
  std::error_code ignored;
  if (!fs::is_regular_file(blob, ignored)) return std::nullopt;
  return blob;
}

std::optional<fs::path> find_model(std::string_view text, std::string_view option) {
  const ModelName model = parse_name(text, option);
  std::vector<fs::path> folders = {pulled_folder(model)};
  if (model.org == "timm" && model.revision == "main") folders.push_back(models_folder() / model.name);
  for (const fs::path& folder : folders)
    if (missing_file(folder).empty()) return folder;
  return hub_cache_snapshot(model);
}

std::vector<Stored> stored_models() {
  std::vector<Stored> result;
  for (const fs::path& folder : folders_in(models_folder())) {
    ModelName model;
    const std::string name = folder.filename();
    result.push_back({name_of_folder(name, model) ? model.text() : name, folder, true});
  }
  constexpr std::string_view prefix = "models--";
  const fs::path cache = hub_cache();
  if (cache.empty()) return result;
  for (const fs::path& folder : folders_in(cache)) {
    const std::string name = folder.filename();
    ModelName model;
    if (!name.starts_with(prefix) || !name_of_folder(std::string_view(name).substr(prefix.size()), model))
      continue;
    if (const auto snapshot = hub_cache_snapshot(model)) result.push_back({model.text(), *snapshot, false});
  }
  return result;
}

}  // namespace fovea::apps::hub
