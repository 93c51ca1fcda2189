// Models on this machine: those that were pulled, in $XDG_CACHE_HOME/fovea/models/org--name, and those that
// other programs keep in the hub's own cache.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/hub/name.h"

namespace fovea::apps::hub {

// Throws Error(usage) where no variable says where a cache may be.
std::filesystem::path models_folder();
std::filesystem::path pulled_folder(const ModelName& model);
// A download is put together here; the folder becomes the pulled one when it is whole.
std::filesystem::path staging_folder(const ModelName& model);

// The first file that a model folder lacks ("model.safetensors"); empty when it is whole.
std::string missing_file(const std::filesystem::path& folder);

// models--org--name/snapshots/COMMIT of the revision in the hub's cache, when it holds everything.
std::optional<std::filesystem::path> hub_cache_snapshot(const ModelName& model);
// The file with this hash in the hub's cache, of any revision.
std::optional<std::filesystem::path> hub_cache_blob(const ModelName& model, std::string_view hash);

// The folder of a model on this machine; `text` is a hub's name, or that of a folder put among the pulled
// models by hand. nullopt when there is none. Throws Error(usage) for text that cannot be a name.
std::optional<std::filesystem::path> find_model(std::string_view text, std::string_view option);

struct Stored {
  std::string name;  // as --model takes it
  std::filesystem::path folder;
  bool pulled = false;  // else in the hub's cache
};
// Pulled ones first, whole or not; of the hub's cache those that are whole.
std::vector<Stored> stored_models();

}  // namespace fovea::apps::hub
