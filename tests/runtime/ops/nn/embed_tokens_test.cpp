#include "runtime/ops/nn/embed_tokens.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("embed_tokens over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 2U, 3U})
      for (const uint32_t patches : {1U, 5U, 49U, 196U})
        for (const uint32_t prefix : {0U, 1U, 5U})
          for (const uint32_t width : {1U, 17U, 192U}) {
            CAPTURE(name_of(dtype));
            CAPTURE(fmt::format("images {} patches {} prefix {} width {}", images, patches, prefix, width));
            const Values x = random_values({images, patches, width}, dtype, 1);
            const Values table = random_values({prefix + patches, width}, DType::f32, 2);
            Case c;
            const Tensor y = ops::embed_tokens(c.recorder, c.input(x), c.input(table), prefix);
            CHECK(y.shape == Shape{images, prefix + patches, width});
            check_close(c.run(y), embed_tokens(x.numbers, table.numbers, images, patches, prefix, width),
                        dtype);
          }
}

TEST_CASE("embed_tokens rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({1, 4, 8}, DType::f32, "x"),
               table = c.recorder.input({5, 8}, DType::f32, "t");
  CHECK_NOTHROW(ops::embed_tokens(c.recorder, x, table, 1));
  CHECK_THROWS_WITH_AS(ops::embed_tokens(c.recorder, x, table, 2),
                       doctest::Contains("[embed_tokens] x is [1, 4, 8], table is [5, 8], prefix 2"), Error);
}

}  // namespace
}  // namespace fovea::test
