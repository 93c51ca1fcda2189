#include "runtime/ops/nn/layer_norm.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

constexpr float epsilon = 1e-6F;

struct Operands {
  Values gamma, beta;
  explicit Operands(uint32_t width)
      : gamma(random_values({width}, DType::f32, 11, 1, 1)), beta(random_values({width}, DType::f32, 12)) {}
};

// Rows that begin at `starts` are normalised in place; the rest stays as it is.
Expected in_place(const Values& x, const Operands& o, const std::vector<size_t>& starts) {
  Expected out{x.numbers, Numbers(x.numbers.size(), 0.0)};
  const size_t width = o.gamma.numbers.size();
  for (const size_t start : starts) {
    Expected row;
    layer_norm_row(&x.numbers[start], width, o.gamma.numbers, o.beta.numbers, double{epsilon}, row);
    std::copy(row.values.begin(), row.values.end(), out.values.begin() + static_cast<ptrdiff_t>(start));
    std::copy(row.bounds.begin(), row.bounds.end(), out.bounds.begin() + static_cast<ptrdiff_t>(start));
  }
  return out;
}

std::vector<size_t> every(size_t rows, size_t width) {
  std::vector<size_t> out(rows);
  for (size_t i = 0; i < rows; ++i) out[i] = i * width;
  return out;
}

TEST_CASE("layer_norm over odd sizes") {
  for (const DType dtype : storage_types())
    for (const uint32_t width : {1U, 3U, 5U, 10U, 17U, 48U, 64U, 192U, 588U, 768U, 1000U})
      for (const uint32_t rows : {1U, 2U, 5U, 17U, 50U, 145U, 197U, 257U})
        for (const double mean : {0.0, 3.0}) {  // 3: a one-pass variance would cancel
          if (rows > 17 && mean == 0.0) continue;
          CAPTURE(name_of(dtype));
          CAPTURE(width);
          CAPTURE(rows);
          const Values x = random_values({rows, width}, dtype, rows + width, 1, mean);
          const Operands o(width);
          Case c;
          const Tensor y =
              ops::layer_norm(c.recorder, c.input(x), c.input(o.gamma), c.input(o.beta), epsilon);
          CHECK(y.shape == x.shape);
          check_close(c.run(y), in_place(x, o, every(rows, width)), dtype);
        }
}

TEST_CASE("LayerNorm and LayerNormTexel by themselves") {
  for (const DType dtype : storage_types())
    for (const uint32_t width : {4U, 20U, 192U, 1000U})
      for (const uint32_t rows : {1U, 5U, 197U}) {
        CAPTURE(name_of(dtype));
        CAPTURE(width);
        CAPTURE(rows);
        const Values x = random_values({rows, width}, dtype, 3, 2, -1);
        const Operands o(width);
        const Expected want = in_place(x, o, every(rows, width));
        const LayerNormPush push{.rows = rows,
                                 .width = width,
                                 .inner = 1,
                                 .x_outer = width,
                                 .x_inner = 0,
                                 .x_first = 0,
                                 .y_outer = width,
                                 .y_inner = 0,
                                 .y_first = 0,
                                 .epsilon = epsilon};
        for (const bool texel : {false, true}) {
          CAPTURE(texel);
          Case c;
          const Tensor in = c.input(x), gamma = c.input(o.gamma), beta = c.input(o.beta);
          const Tensor y = c.recorder.temporary(x.shape, dtype, "y");
          if (texel)
            c.recorder.dispatch<ops::LayerNormTexel>({in, gamma, beta, y}, push);
          else
            c.recorder.dispatch<ops::LayerNorm>({in, gamma, beta, y}, push);
          check_close(c.run(y), want, dtype);
        }
      }
}

TEST_CASE("layer_norm_rows in place on the keys of packed rows, head by head") {
  for (const DType dtype : storage_types())
    for (const uint32_t width : {16U, 10U}) {
      const uint32_t tokens = 17, images = 2, heads = 3, row = 3 * heads * width;
      CAPTURE(name_of(dtype));
      CAPTURE(width);
      const Values qkv = random_values({images, tokens, row}, dtype, 5, 1, 1);
      const Operands o(width);
      Case c;
      const Tensor x = c.input(qkv);
      const ops::RowLayout keys{row, width, heads * width};
      ops::layer_norm_rows(c.recorder, x, c.input(o.gamma), c.input(o.beta), epsilon, x,
                           images * tokens * heads, heads, keys, keys);
      std::vector<size_t> starts;
      for (size_t token = 0; token < images * tokens; ++token)
        for (size_t head = 0; head < heads; ++head) starts.push_back(token * row + (heads + head) * width);
      // What is not normalised must come back bit for bit: it was not stored again.
      const Expected want = in_place(qkv, o, starts);
      check_close(c.run(x), want, dtype);
      Case again;
      const Tensor x2 = again.input(qkv);
      ops::layer_norm_rows(again.recorder, x2, again.input(o.gamma), again.input(o.beta), epsilon, x2,
                           images * tokens * heads, heads, keys, keys);
      const Numbers got = again.run(x2);
      for (size_t i = 0; i < got.size(); ++i)
        if (want.bounds[i] == 0 && got[i] != qkv.numbers[i])
          FAIL_CHECK("element " << i << " was overwritten");
    }
}

TEST_CASE("layer_norm_rows on the class token of each image") {
  for (const DType dtype : storage_types())
    for (const uint32_t width : {192U, 17U}) {
      const uint32_t tokens = 5, images = 3;
      CAPTURE(name_of(dtype));
      CAPTURE(width);
      const Values x = random_values({images, tokens, width}, dtype, 6);
      const Operands o(width);
      Expected want;
      for (size_t image = 0; image < images; ++image)
        layer_norm_row(&x.numbers[image * tokens * width], width, o.gamma.numbers, o.beta.numbers,
                       double{epsilon}, want);
      Case c;
      const Tensor y = c.recorder.temporary({images, width}, dtype, "y");
      ops::layer_norm_rows(c.recorder, c.input(x), c.input(o.gamma), c.input(o.beta), epsilon, y, images, 1,
                           {tokens * width, 0, 0}, {width, 0, 0});
      check_close(c.run(y), want, dtype);
    }
}

TEST_CASE("layer_norm on more rows than a grid is wide") {
  // Vulkan promises 65535 workgroups along a side.
  const uint32_t rows = 65535 + 70, width = 3;
  const Values x = random_values({rows, width}, DType::f32, 9);
  const Operands o(width);
  Case c;
  const Tensor y = ops::layer_norm(c.recorder, c.input(x), c.input(o.gamma), c.input(o.beta), epsilon);
  check_close(c.run(y), in_place(x, o, every(rows, width)), DType::f32);
}

TEST_CASE("layer_norm rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({3, 8}, DType::f32, "x");
  const Tensor eight = c.recorder.input({8}, DType::f32, "gamma"),
               four = c.recorder.input({4}, DType::f32, "beta");
  CHECK_THROWS_WITH_AS(ops::layer_norm(c.recorder, x, four, four, epsilon),
                       doctest::Contains("[layer_norm] x is [3, 8], gamma is [4]"), Error);
  CHECK_THROWS_AS(ops::layer_norm(c.recorder, x, eight, four, epsilon), Error);
  CHECK_THROWS_AS(ops::layer_norm_rows(c.recorder, x, eight, eight, epsilon, x, 4, 1, {8, 0, 0}, {8, 0, 0}),
                  Error);
  CHECK_THROWS_AS(ops::layer_norm_rows(c.recorder, x, eight, eight, epsilon, x, 3, 0, {8, 0, 0}, {8, 0, 0}),
                  Error);
}

}  // namespace
}  // namespace fovea::test
