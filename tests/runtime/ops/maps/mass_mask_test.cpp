#include "runtime/ops/maps/mass_mask.h"

#include <algorithm>
#include <numeric>

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

// By sorting, as Caron et al. 2021 define it: ascending, equal values in their order, cumulative > 1 − mass.
std::vector<bool> kept_of(const Numbers& row, double mass) {
  std::vector<size_t> order(row.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return row[a] < row[b]; });
  const double total = std::accumulate(row.begin(), row.end(), 0.0);
  std::vector<bool> kept(row.size());
  double sum = 0;
  for (const size_t i : order) {
    sum += row[i];
    kept[i] = sum > (1 - mass) * total;
  }
  kept[order.back()] = true;
  return kept;
}

Numbers masks(const Values& a, uint32_t first, double mass, ops::RowFusion fusion) {
  const size_t images = a.shape[0], heads = a.shape[1], tokens = a.shape[2];
  Numbers out;
  for (size_t image = 0; image < images; ++image) {
    Numbers share(tokens - first);
    for (size_t h = 0; h < heads; ++h) {
      const auto row = a.numbers.begin() + static_cast<std::ptrdiff_t>((image * heads + h) * tokens);
      const auto kept = kept_of({row + first, row + static_cast<std::ptrdiff_t>(tokens)}, mass);
      for (size_t i = 0; i < kept.size(); ++i) share[i] += kept[i] ? 1 : 0;
    }
    for (const double count : share)
      out.push_back(fusion == ops::RowFusion::mean  ? count / static_cast<double>(heads)
                    : fusion == ops::RowFusion::max ? (count > 0 ? 1 : 0)
                                                    : (count == static_cast<double>(heads) ? 1 : 0));
  }
  return out;
}

TEST_CASE("mass_mask keeps what a sort keeps") {
  for (const uint32_t tokens : {2U, 9U, 66U, 197U, 577U})
    for (const uint32_t heads : {1U, 3U})
      for (const double mass : {0.6, 0.05, 0.99}) {
        // Multiples of 2^-16: every sum is exact, in whatever order.
        Values a = random_values({2, heads, tokens}, DType::f32, tokens + heads, 0.5, 0.5);
        for (double& n : a.numbers) n = std::floor(n * n * 0x1p16) * 0x1p-16;
        for (const auto fusion : {ops::RowFusion::mean, ops::RowFusion::max, ops::RowFusion::min}) {
          CAPTURE(tokens);
          CAPTURE(heads);
          CAPTURE(mass);
          CAPTURE(static_cast<int>(fusion));
          Case c;
          const Tensor y = ops::mass_mask(c.recorder, c.input(a), 1, static_cast<float>(mass), fusion);
          CHECK(y.shape == Shape{2, tokens - 1});
          const Numbers got = c.run(y), want = masks(a, 1, double{static_cast<float>(mass)}, fusion);
          for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-6));
        }
      }
}

TEST_CASE("mass_mask breaks ties by place, keeps all of 1 and the largest of almost nothing") {
  const Numbers rows{0.25, 0.25, 0.25, 0.25, 0, 0.5, 0.25, 0.25};
  const auto mask = [&](float mass) {
    Case c;
    const Values a = values_of({2, 1, 4}, DType::f32, rows);
    return c.run(ops::mass_mask(c.recorder, c.input(a), 0, mass, ops::RowFusion::mean));
  };
  CHECK(mask(0.5F) == Numbers{0, 0, 1, 1, 0, 1, 0, 0});
  CHECK(mask(0.6F) == Numbers{0, 1, 1, 1, 0, 1, 0, 1});
  CHECK(mask(1.0F) == Numbers{1, 1, 1, 1, 0, 1, 1, 1});
  CHECK(mask(1e-9F) == Numbers{0, 0, 0, 1, 0, 1, 0, 0});
}

TEST_CASE("mass_mask rejects what does not fit") {
  Case c;
  const Tensor a = c.recorder.input({2, 3, 5}, DType::f32, "a");
  CHECK_THROWS_WITH_AS(ops::mass_mask(c.recorder, a, 5, 0.6F, ops::RowFusion::mean),
                       doctest::Contains("[mass_mask] a is [2, 3, 5], first 5"), Error);
  CHECK_THROWS_AS(ops::mass_mask(c.recorder, a, 1, NAN, ops::RowFusion::mean), Error);
  CHECK_THROWS_AS(ops::mass_mask(c.recorder, a, 1, 0.6F, ops::RowFusion::none), Error);
}

}  // namespace
}  // namespace fovea::test
