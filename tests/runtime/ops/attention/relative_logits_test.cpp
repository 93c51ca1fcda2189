#include "runtime/ops/attention/relative_logits.h"

#include <array>

#include "tests/reference/attention.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Grid2d {
  uint32_t images, rows, cols, heads, width;
};

TEST_CASE("relative_logits, by themselves and as the bias of attention") {
  for (const DType dtype : storage_types())
    for (const Grid2d& g : {Grid2d{1, 1, 1, 1, 4}, Grid2d{2, 3, 5, 2, 8}, Grid2d{1, 7, 2, 3, 20},
                            Grid2d{3, 4, 4, 1, 64}, Grid2d{1, 1, 67, 1, 4}}) {
      CAPTURE(name_of(dtype));
      CAPTURE(fmt::format("images {} grid {} × {} heads {} width {}", g.images, g.rows, g.cols, g.heads,
                          g.width));
      const uint32_t tokens = g.rows * g.cols, dim = g.heads * g.width, padded = (tokens + 3) / 4 * 4;
      const Values qkv = random_values({g.images, tokens, 3 * dim}, dtype, 1, 2);
      const Values width_rel = random_values({2 * g.cols - 1, g.width}, DType::f32, 2);
      const Values height_rel = random_values({2 * g.rows - 1, g.width}, DType::f32, 3);
      std::array<Numbers, 3> parts;  // q, k, v
      for (size_t i = 0; i < qkv.numbers.size(); ++i) parts[i / dim % 3].push_back(qkv.numbers[i]);
      AttentionShape shape{g.images, tokens, tokens, g.heads, g.width};
      const Expected want =
          relative_logits(parts[0], width_rel.numbers, height_rel.numbers, shape, g.rows, g.cols);

      Case c;
      auto in = ops::AttentionInput::packed(c.input(qkv), g.heads);
      in.bias = ops::relative_logits(c.recorder, in, c.input(width_rel), c.input(height_rel));
      CHECK(in.bias.shape == Shape{g.images, g.heads, tokens, padded});
      const auto got = c.run({in.bias, ops::attention(c.recorder, in).o});
      Numbers inside;
      for (size_t i = 0; i < got[0].size(); ++i)
        if (i % padded < tokens) inside.push_back(got[0][i]);
      check_close(inside, want, DType::f32);
      shape.bias = {&got[0], g.images, g.heads};
      check_close(got[1], attention(parts[0], parts[1], parts[2], shape).o, dtype);
    }
}

TEST_CASE("relative_logits rejects what does not fit") {
  Case c;
  const auto in = ops::AttentionInput::packed(c.recorder.input({1, 12, 3 * 16}, DType::f32, "qkv"), 2);
  const auto table = [&](uint32_t rows, uint32_t width, DType dtype = DType::f32) {
    return c.recorder.input({rows, width}, dtype, "table");
  };
  const auto logits = [&](const Tensor& width_rel, const Tensor& height_rel) {
    ops::relative_logits(c.recorder, in, width_rel, height_rel);
  };
  CHECK_NOTHROW(logits(table(7, 8), table(5, 8)));
  CHECK_THROWS_WITH_AS(logits(table(7, 8), table(7, 8)),
                       doctest::Contains("[relative_logits] width_rel is [7, 8], height_rel is [7, 8] for 12 "
                                         "queries"),
                       Error);
  CHECK_THROWS_AS(logits(table(8, 8), table(5, 8)), Error);
  CHECK_THROWS_AS(logits(table(7, 4), table(5, 8)), Error);
  CHECK_THROWS_AS(logits(table(7, 8), table(5, 8, DType::f16)), Error);
  auto six = ops::AttentionInput::packed(c.recorder.input({1, 1, 18}, DType::f32, "qkv"), 1);
  CHECK_THROWS_WITH_AS(ops::relative_logits(c.recorder, six, table(1, 6), table(1, 6)),
                       doctest::Contains("6 channels are not a multiple of four"), Error);
}

}  // namespace
}  // namespace fovea::test
