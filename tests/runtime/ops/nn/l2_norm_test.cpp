#include "runtime/ops/nn/l2_norm.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

constexpr float epsilon = 1e-12F;

// The first scale.size() rows of `width` of every `row` numbers; the rest stays as it is.
Expected normalised(const Values& x, const Numbers& scale, size_t width, size_t row) {
  Expected out{x.numbers, Numbers(x.numbers.size(), 0.0)};
  for (size_t first = 0; first < x.numbers.size(); first += row)
    for (size_t head = 0; head < scale.size(); ++head) {
      const size_t at = first + head * width;
      double squares = 0;
      for (size_t i = 0; i < width; ++i) squares += x.numbers[at + i] * x.numbers[at + i];
      const double factor = scale[head] / std::max(std::sqrt(squares), double{epsilon});
      for (size_t i = 0; i < width; ++i) {
        out.values[at + i] *= factor;
        // A sum of squares loses half its relative error under the root; then √, a quotient and two products.
        out.bounds[at + i] = std::abs(out.values[at + i]) * ((double(width) + 1) / 2 + 12) * u;
      }
    }
  return out;
}

TEST_CASE("l2_norm of the queries and keys of packed rows, in place") {
  for (const DType dtype : storage_types())
    for (const uint32_t width : {4U, 12U, 32U, 10U, 7U})
      for (const uint32_t tokens : {1U, 16U, 49U}) {
        const uint32_t images = 2, heads = 3, row = 3 * heads * width;
        CAPTURE(name_of(dtype));
        CAPTURE(width);
        CAPTURE(tokens);
        Values qkv = random_values({images, tokens, row}, dtype, width + tokens, 2, 0.5);
        for (size_t i = 0; i < width; ++i) qkv.numbers[i] = 0;  // a head of zeros stays one
        const Values scale = random_values({2 * heads}, DType::f32, 3, 5, 6);
        Case c;
        const Tensor x = c.input(qkv);
        ops::l2_norm_heads(c.recorder, x, c.input(scale), width, epsilon);
        const Numbers got = c.run(x);
        const Expected want = normalised(qkv, scale.numbers, width, row);
        check_close(got, want, dtype);
        for (size_t i = 0; i < got.size(); ++i)
          if (i % row >= 2 * heads * width && got[i] != qkv.numbers[i])
            FAIL_CHECK("element " << i << " was overwritten");
      }
}

TEST_CASE("L2Norm of both families, on more rows than a grid is wide") {
  for (const DType dtype : storage_types())
    for (const bool texel : {false, true}) {
      const uint32_t heads = 2, width = 4, row = 8;
      // A token is two texels, of which small devices bind few.
      const uint64_t most = texel ? device().limits().max_texel_elements / 2 : UINT32_MAX;
      const auto tokens = static_cast<uint32_t>(std::min<uint64_t>(most, 300001));
      CAPTURE(name_of(dtype));
      CAPTURE(texel);
      const Values x = random_values({1, tokens, row}, dtype, 9);
      const Values scale = random_values({heads}, DType::f32, 4, 1, 2);
      Case c;
      const Tensor in = c.input(x), factors = c.input(scale);
      const Tensor y = c.recorder.temporary(x.shape, dtype, "y");
      const L2NormPush push{tokens * heads, 1, heads, row / 4, epsilon};
      if (texel)
        c.recorder.dispatch<ops::L2Norm<gpu::Family::texel>>({in, factors, y}, push, {8, 8, 1});
      else
        c.recorder.dispatch<ops::L2Norm<gpu::Family::buffer>>({in, factors, y}, push, {8, 8, 1});
      check_close(c.run(y), normalised(x, scale.numbers, width, row), dtype);
    }
}

TEST_CASE("l2_norm refuses heads that do not lie in a row") {
  Case c;
  const Tensor x = c.input(random_values({1, 2, 24}, DType::f32, 1));
  const Tensor scale = c.input(random_values({7}, DType::f32, 2));
  CHECK_THROWS_WITH_AS(ops::l2_norm_heads(c.recorder, x, scale, 4, epsilon),
                       doctest::Contains("7 heads of 4 channels"), Error);
}

}  // namespace
}  // namespace fovea::test
