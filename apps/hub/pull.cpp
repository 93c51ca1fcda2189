#include "apps/hub/pull.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <system_error>

#include "apps/hub/fetch.h"
#include "apps/hub/lock.h"
#include "apps/hub/store.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"
#include "fovea/model.h"
#include "fovea/tokenizer.h"
#include "models/config/json.h"
#include "models/weights/shards.h"

namespace fovea::apps::hub {
namespace fs = std::filesystem;

namespace {

constexpr uint64_t most_json_bytes = uint64_t{16} << 20;
constexpr uint64_t most_tokenizer_bytes = uint64_t{64} << 20;
constexpr uint64_t most_weight_bytes = uint64_t{64} << 30;
constexpr const char* config_name = "config.json";
constexpr const char* preprocessor_name = "preprocessor_config.json";
constexpr const char* weights_name = "model.safetensors";

[[noreturn]] void fail(const ModelName& model, const std::string& what) {
  throw Error(ErrorKind::file, fmt::format("pull {}: {}", model.text(), what));
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw Error(ErrorKind::file,
                fmt::format("pull: cannot make {}: {}", printable(folder.native()), error.message()));
}

fs::path lock_file(const ModelName& model) {
  return models_folder() / ('.' + model.folder() + ".lock");
}

std::optional<fs::path> already_here(const ModelName& model) {
  const fs::path folder = pulled_folder(model);
  if (missing_file(folder).empty()) return folder;
  return hub_cache_snapshot(model);
}

// Known before the weights are downloaded.
ModelSummary demand_family(const ModelName& model, const fs::path& folder) {
  ModelSummary summary = summarize(folder);
  if (!summary.family.empty()) return summary;
  std::error_code ignored;
  fs::remove(folder / config_name, ignored);
  fail(model,
       fmt::format("its config.json {}; `fovea models` lists some that load", printable(summary.refusal)));
}

bool is_of_transformers(const fs::path& folder) {
  const auto config = nlohmann::json::parse(io::read_text(folder / config_name, "[config]", most_json_bytes));
  return !config.contains("architecture");
}

std::set<std::string> fetch_weights(const ModelName& model, Fetcher& fetcher, const fs::path& folder) {
  if (fetcher.fetch(weights_name, most_weight_bytes)) return {weights_name};
  if (!fetcher.fetch(io::shard_index_name, most_json_bytes))
    fail(model,
         "it has no model.safetensors; where there is a .bin or .pth, tools/convert.py makes one of it");
  std::set<std::string> names = {io::shard_index_name};
  for (const std::string& shard : io::read_shard_index(folder / io::shard_index_name).shards) {
    if (!fetcher.fetch(shard, most_weight_bytes))
      fail(model, fmt::format("its index lists {}, which it does not have", shard));
    names.insert(shard);
  }
  return names;
}

// Left by an earlier attempt at another commit.
void remove_others(const fs::path& folder, const std::set<std::string>& wanted) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (!wanted.contains(entry->path().filename().native())) fs::remove_all(entry->path(), ignored);
  }
}

void fetch_all(const ModelName& model, const fs::path& staging) {
  Fetcher fetcher(model, staging);
  std::set<std::string> wanted = {config_name};
  if (!fetcher.fetch(config_name, most_json_bytes))
    fail(model, "it has no config.json, so it is no model for Fovea");
  const ModelSummary summary = demand_family(model, staging);
  if (is_of_transformers(staging) && fetcher.fetch(preprocessor_name, most_json_bytes))
    wanted.insert(preprocessor_name);
  if (summary.writes_text)
    for (const char* const name : tokenizer_file_names())
      if (fetcher.fetch(name, most_tokenizer_bytes)) wanted.insert(name);
  wanted.merge(fetch_weights(model, fetcher, staging));
  remove_others(staging, wanted);
}

void publish(const ModelName& model, const fs::path& staging) {
  const fs::path folder = pulled_folder(model);
  flush_folder(staging);
  std::error_code error;
  fs::rename(staging, folder, error);
  if (error)
    fail(model, fmt::format("cannot move {} to {}: {}; if a folder without its weights is there, delete it",
                            printable(staging.native()), printable(folder.native()), error.message()));
  flush_folder(models_folder());
}

}  // namespace

fs::path pull(const ModelName& model) {
  if (const auto folder = already_here(model)) {
    complain(fmt::format("{} is here already", model.text()));
    return *folder;
  }
  make_folder(models_folder());
  const Lock lock(lock_file(model), "pulling this model");
  if (const auto folder = already_here(model)) return *folder;  // the other process brought it
  const fs::path staging = staging_folder(model);
  make_folder(staging);
  try {
    fetch_all(model, staging);
  } catch (...) {
    std::error_code ignored;
    fs::remove(staging, ignored);  // only where nothing came
    throw;
  }
  publish(model, staging);
  return pulled_folder(model);
}

bool remove_pulled(const ModelName& model) {
  const fs::path folder = pulled_folder(model), staging = staging_folder(model);
  std::error_code error;
  if (!fs::exists(folder, error) && !fs::exists(staging, error)) return false;
  const Lock lock(lock_file(model), "pulling this model");
  for (const fs::path& path : {folder, staging}) {
    fs::remove_all(path, error);
    if (error)
      throw Error(ErrorKind::file,
                  fmt::format("models rm: cannot delete {}: {}", printable(path.native()), error.message()));
  }
  return true;
}

}  // namespace fovea::apps::hub
