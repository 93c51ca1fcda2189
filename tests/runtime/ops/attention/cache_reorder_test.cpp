#include "runtime/ops/attention/cache_reorder.h"

#include "runtime/record/state.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("cache_reorder moves what the parents held, as far as there is something") {
  for (const DType dtype : storage_types())
    for (const uint32_t beams : {1U, 2U, 3U, 5U, 16U})
      for (const uint32_t width : {4U, 20U, 512U})
        for (const uint32_t capacity : {1U, 9U, 70U}) {
          const uint32_t pictures = 3, rows = pictures * beams;
          CAPTURE(beams);
          CAPTURE(width);
          CAPTURE(capacity);
          std::mt19937 random(beams + width + capacity);
          const Values before = random_values({rows, capacity, width}, dtype, 5);
          std::vector<uint32_t> parents(rows), past(rows);
          for (uint32_t picture = 0; picture < pictures; ++picture) {
            const uint32_t held = picture == 0 ? capacity : static_cast<uint32_t>(random() % (capacity + 1));
            for (uint32_t b = 0; b < beams; ++b) {
              const uint32_t row = picture * beams + b;
              past[row] = held;
              parents[row] = picture == 2 ? row : picture * beams + static_cast<uint32_t>(random() % beams);
            }
          }
          Numbers want = before.numbers;
          const size_t size = size_t{capacity} * width;
          for (uint32_t row = 0; row < rows; ++row)
            for (size_t i = 0; i < size_t{past[row]} * width; ++i)
              want[row * size + i] = before.numbers[parents[row] * size + i];
          State cache(device(), before.shape, dtype);
          cache.write(to_bytes(before));
          Case c;
          ops::cache_reorder(c.recorder, cache.tensor(), c.input({rows}, parents), c.input({rows}, past),
                             beams);
          const Tensor done = c.recorder.temporary({1}, DType::f32, "done");
          c.recorder.copy(c.recorder.input({1}, DType::f32, "nothing"), done);
          static_cast<void>(c.run(done));
          std::vector<std::byte> bytes(cache.tensor().bytes());
          cache.read(bytes);
          CHECK(to_numbers(bytes, dtype) == want);
        }
}

TEST_CASE("cache_reorder rejects what does not fit") {
  Case c;
  const auto of = [&](const Shape& shape, DType dtype = DType::u32) {
    return c.recorder.input(shape, dtype, "any");
  };
  const Tensor cache = of({6, 5, 8}, DType::f32);
  CHECK_THROWS_WITH_AS(ops::cache_reorder(c.recorder, cache, of({6}), of({6}), 4),
                       doctest::Contains("[cache_reorder] cache is [6, 5, 8] f32 for 4 beams"), Error);
  CHECK_THROWS_AS(ops::cache_reorder(c.recorder, cache, of({3}), of({6}), 3), Error);
  CHECK_THROWS_AS(ops::cache_reorder(c.recorder, of({6, 5, 7}, DType::f32), of({6}), of({6}), 3), Error);
}

}  // namespace
}  // namespace fovea::test
