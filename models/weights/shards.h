// Weights split over several files: model.safetensors.index.json says which file holds which tensor.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/weights/safetensors.h"

namespace fovea::io {

constexpr const char* shard_index_name = "model.safetensors.index.json";

struct ShardIndex {
  std::map<std::string, std::string, std::less<>> shard_of;  // tensor → file beside the index
  std::vector<std::string> shards;                           // each once, ordered
};

// `file` is for messages. Names of shards are plain: no folders, nothing hidden, ending in .safetensors.
// Throws Error(file).
ShardIndex parse_shard_index(std::string_view text, const std::string& file);
ShardIndex read_shard_index(const std::filesystem::path& file);

// Opens every shard as one file. Index and shards must agree on each tensor. Throws Error(file).
Safetensors open_shards(const std::filesystem::path& index_file);

// The files that hold a model folder's weights: model.safetensors, else the shards in order. Throws
// Error(file) for an index that cannot be read.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& folder);

}  // namespace fovea::io
