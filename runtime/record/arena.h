// Lifetime-aliased memory plan: temporaries that are never alive together share bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fovea {

struct Lifetime {
  uint64_t bytes = 0;
  uint32_t first = 0, last = 0;  // steps, both included
};

struct ArenaPlan {
  std::vector<uint64_t> offsets;  // one a lifetime
  uint64_t bytes = 0;             // of the whole arena
};

// Greedy by size: the largest first, each at the lowest offset where no lifetime that overlaps in time
// overlaps in memory. (Pisarchyk & Lee 2020, "Efficient Memory Management for Deep Neural Net
// Inference", 5.2.)
ArenaPlan plan_arena(std::span<const Lifetime> lifetimes, uint64_t alignment);

}  // namespace fovea
