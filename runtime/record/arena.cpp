#include "runtime/record/arena.h"

#include <algorithm>
#include <numeric>

namespace fovea {

ArenaPlan plan_arena(std::span<const Lifetime> lifetimes, uint64_t alignment) {
  std::vector<uint32_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });

  ArenaPlan plan;
  plan.offsets.assign(lifetimes.size(), 0);
  std::vector<uint32_t> placed;  // by offset
  for (const uint32_t i : order) {
    const auto& wanted = lifetimes[i];
    uint64_t offset = 0;
    for (const uint32_t j : placed) {
      const auto& other = lifetimes[j];
      if (other.last < wanted.first || wanted.last < other.first) continue;
      if (offset + wanted.bytes <= plan.offsets[j]) break;
      offset = std::max(offset, (plan.offsets[j] + other.bytes + alignment - 1) / alignment * alignment);
    }
    plan.offsets[i] = offset;
    plan.bytes = std::max(plan.bytes, offset + wanted.bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](uint32_t a, uint32_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  i);
  }
  return plan;
}

}  // namespace fovea
