// Any bytes as an index of shards: either its names are safe to open beside it, or an Error says why not.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "fovea/error.h"
#include "models/weights/shards.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const fovea::io::ShardIndex index = fovea::io::parse_shard_index(
        std::string_view(reinterpret_cast<const char*>(data), size), "fuzz/index.json");
    if (index.shards.empty() || !std::is_sorted(index.shards.begin(), index.shards.end())) std::abort();
    for (const auto& [tensor, shard] : index.shard_of) {
      if (shard.find('/') != shard.npos || shard.front() == '.' || shard.find('\0') != shard.npos)
        std::abort();
      if (!std::binary_search(index.shards.begin(), index.shards.end(), shard)) std::abort();
    }
  } catch (const fovea::Error&) {  // the only exception that may leave the parser
  }
  return 0;
}
