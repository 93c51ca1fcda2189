#include "runtime/record/arena.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace fovea {
namespace {

uint64_t rounded(uint64_t bytes, uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// The most bytes alive at any one step: no plan can be smaller.
uint64_t lower_bound(const std::vector<Lifetime>& all) {
  uint64_t most = 0;
  for (const Lifetime& now : all) {
    uint64_t alive = 0;
    for (const Lifetime& l : all)
      if (l.first <= now.first && now.first <= l.last) alive += l.bytes;
    most = std::max(most, alive);
  }
  return most;
}

TEST_CASE("random lifetimes never share a byte while both are alive") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const uint64_t alignment = uint64_t{1} << random() % 9;
    std::vector<Lifetime> all(1 + random() % 60);
    uint64_t together = 0;
    for (Lifetime& l : all) {
      l.first = static_cast<uint32_t>(random() % 30);
      l.last = l.first + static_cast<uint32_t>(random() % 10);
      l.bytes = random() % 8 == 0 ? 0 : random() % 5000;
      together += rounded(l.bytes, alignment);
    }
    const ArenaPlan plan = plan_arena(all, alignment);
    REQUIRE(plan.offsets.size() == all.size());
    uint64_t end = 0;
    bool apart = true, aligned = true;
    for (size_t i = 0; i < all.size(); ++i) {
      aligned = aligned && plan.offsets[i] % alignment == 0;
      end = std::max(end, plan.offsets[i] + all[i].bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool in_time = all[i].first <= all[j].last && all[j].first <= all[i].last;
        const bool in_memory = plan.offsets[i] < plan.offsets[j] + all[j].bytes &&
                               plan.offsets[j] < plan.offsets[i] + all[i].bytes;
        apart = apart && !(in_time && in_memory);
      }
    }
    CAPTURE(round);
    CHECK(apart);
    CHECK(aligned);
    CHECK(plan.bytes == end);
    CHECK(plan.bytes <= together);
    CHECK(plan.bytes >= lower_bound(all));
  }
}

TEST_CASE("a chain needs no more than its two neighbours") {
  std::vector<Lifetime> equal, growing;
  for (uint32_t i = 0; i < 20; ++i) {
    equal.push_back({1024, i, i + 1});
    growing.push_back({64 * (i + 1), i, i + 1});
  }
  CHECK(plan_arena(equal, 64).bytes == 2048);
  CHECK(plan_arena(growing, 64).bytes == lower_bound(growing));
}

TEST_CASE("what lives throughout keeps its place while the rest is shared") {
  std::vector<Lifetime> all{{256, 0, 10}};
  for (uint32_t i = 0; i < 10; ++i) all.push_back({1024, i, i});
  CHECK(plan_arena(all, 256).bytes == 1280);
}

TEST_CASE("nothing needs nothing") {
  const ArenaPlan plan = plan_arena({}, 64);
  CHECK(plan.bytes == 0);
  CHECK(plan.offsets.empty());
}

}  // namespace
}  // namespace fovea
