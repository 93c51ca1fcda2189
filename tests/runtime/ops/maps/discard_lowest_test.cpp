#include "runtime/ops/maps/discard_lowest.h"

#include <algorithm>
#include <numeric>

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

Numbers without_lowest(Numbers a, size_t images, size_t count, bool keep_first) {
  const size_t entries = a.size() / images;
  for (size_t image = 0; image < images; ++image) {
    double* own = &a[image * entries];
    std::vector<size_t> order(entries);
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return own[i] < own[j]; });
    for (size_t i = 0; i < count; ++i)
      if (order[i] != 0 || !keep_first) own[order[i]] = 0;
  }
  return a;
}

Numbers discarded(const Values& a, uint32_t count, bool keep_first) {
  Case c;
  const Tensor in = c.input(a);
  ops::discard_lowest(c.recorder, in, count, keep_first);
  return c.run(in);
}

TEST_CASE("discard_lowest drops what a sort puts first") {
  for (const uint32_t n : {1U, 2U, 5U, 17U, 50U, 197U})
    for (const bool ties : {false, true}) {
      Values a = random_values({2, n, n}, DType::f32, n, 0.5, 0.5);
      for (double& p : a.numbers) p = stored(ties ? std::floor(p * 4) / 4 : std::exp(-30 * p), DType::f32);
      for (const double share : {0.0, 0.1, 0.5, 0.9, 1.0})
        for (const bool keep_first : {false, true}) {
          CAPTURE(n);
          CAPTURE(ties);
          CAPTURE(share);
          CAPTURE(keep_first);
          const uint32_t count = std::max(1U, static_cast<uint32_t>(share * n * n));
          CHECK(discarded(a, count, keep_first) == without_lowest(a.numbers, 2, count, keep_first));
        }
    }
}

TEST_CASE("discard_lowest takes equal entries in their order, and keeps the first where asked") {
  const Values equal = values_of({1, 2, 3}, DType::f32, {0.5, 0.5, 0.5, 0.5, 0.5, 0.5});
  CHECK(discarded(equal, 2, false) == Numbers{0, 0, 0.5, 0.5, 0.5, 0.5});
  CHECK(discarded(equal, 2, true) == Numbers{0.5, 0, 0.5, 0.5, 0.5, 0.5});
}

TEST_CASE("discard_lowest rejects what does not fit") {
  Case c;
  const Tensor a = c.recorder.input({1, 2, 3}, DType::f32, "a");
  CHECK_THROWS_WITH_AS(ops::discard_lowest(c.recorder, a, 7, false),
                       doctest::Contains("[discard_lowest] 7 entries of a is [1, 2, 3]"), Error);
  CHECK_THROWS_AS(ops::discard_lowest(c.recorder, a, 0, false), Error);
}

}  // namespace
}  // namespace fovea::test
