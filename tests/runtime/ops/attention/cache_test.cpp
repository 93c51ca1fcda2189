#include "runtime/ops/attention/cache_append.h"
#include "runtime/ops/attention/key_mask.h"
#include "runtime/record/state.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Size {
  uint32_t images, tokens, row, first, width, capacity;
};

TEST_CASE("cache_append behind what is there, and nothing beyond the cache") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{1, 1, 4, 0, 4, 1}, Size{3, 1, 96, 32, 64, 40}, Size{2, 7, 24, 8, 16, 9},
                          Size{2, 70, 12, 4, 4, 90}})
      for (const bool empty : {false, true}) {
        CAPTURE(name_of(dtype));
        CAPTURE(s.tokens);
        CAPTURE(empty);
        const Values x = random_values({s.images, s.tokens, s.row}, dtype, 1);
        const Values before = random_values({s.images, s.capacity, s.width}, dtype, 2);
        std::vector<uint32_t> past(s.images);
        for (uint32_t b = 0; b < s.images; ++b) past[b] = empty ? 0 : (s.capacity / 2 + b) % s.capacity;
        Expected want;
        for (const double v : before.numbers) want.add(v, 0);
        for (uint32_t b = 0; b < s.images; ++b)
          for (uint32_t t = 0; t < s.tokens && past[b] + t < s.capacity; ++t)
            for (uint32_t c = 0; c < s.width; ++c)
              want.values[(b * s.capacity + past[b] + t) * s.width + c] =
                  x.numbers[(b * s.tokens + t) * s.row + s.first + c];
        State cache(device(), before.shape, dtype);
        cache.write(to_bytes(before));
        Case c;
        ops::cache_append(c.recorder, c.input(x), s.first, cache.tensor(),
                          empty ? Tensor{} : c.input({s.images}, past));
        const Tensor done = c.recorder.temporary({1}, DType::f32, "done");
        c.recorder.copy(c.recorder.input({1}, DType::f32, "nothing"), done);
        static_cast<void>(c.run(done));
        std::vector<std::byte> bytes(cache.tensor().bytes());
        cache.read(bytes);
        const Numbers got = to_numbers(bytes, dtype);
        CHECK(got == want.values);
      }
}

TEST_CASE("key_mask in both meanings") {
  for (const uint32_t keys : {1U, 4U, 7U, 145U})
    for (const ops::NotZero meaning : {ops::NotZero::hidden, ops::NotZero::seen}) {
      std::vector<uint32_t> words(size_t{2} * keys);
      for (size_t i = 0; i < words.size(); ++i) words[i] = i % 3 == 0 ? 1 : 0;
      Case c;
      const Tensor mask = ops::key_mask(c.recorder, c.input({2, keys}, words), meaning);
      const uint32_t row = (keys + 3) / 4 * 4;
      CHECK(mask.shape == Shape{2, 1, 1, row});
      const Numbers got = c.run(mask);
      for (size_t i = 0; i < got.size(); ++i) {
        const size_t key = i % row;
        const bool one = key < keys && words[i / row * keys + key] != 0;
        const bool seen = key < keys && (meaning == ops::NotZero::seen) == one;
        CHECK((seen ? got[i] == 0 : got[i] < -1e30));
      }
    }
}

TEST_CASE("cache_append and key_mask reject what does not fit") {
  Case c;
  const auto of = [&](const Shape& shape, DType dtype = DType::f32) {
    return c.recorder.input(shape, dtype, "any");
  };
  CHECK_THROWS_WITH_AS(ops::cache_append(c.recorder, of({2, 1, 12}), 8, of({2, 5, 8}), {}),
                       doctest::Contains("[cache_append] x is [2, 1, 12] f32 from channel 8"), Error);
  CHECK_THROWS_AS(ops::cache_append(c.recorder, of({2, 1, 12}), 2, of({2, 5, 8}), {}), Error);
  CHECK_THROWS_AS(ops::cache_append(c.recorder, of({2, 1, 12}), 4, of({3, 5, 8}), {}), Error);
  CHECK_THROWS_AS(ops::cache_append(c.recorder, of({2, 1, 12}), 4, of({2, 5, 8}), of({2})), Error);
  CHECK_THROWS_WITH_AS(ops::key_mask(c.recorder, of({2, 5}), ops::NotZero::seen),
                       doctest::Contains("[key_mask] words is [2, 5] f32"), Error);
}

}  // namespace
}  // namespace fovea::test
