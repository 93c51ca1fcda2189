#include "runtime/ops/attention/attention_rows.h"

#include "tests/reference/attention.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Size {
  uint32_t images, queries, keys, heads, width;
  uint32_t first, rows;
  AttentionShape shape() const { return {images, queries, keys, heads, width}; }
  std::string text() const {
    return fmt::format("images {} queries {} keys {} heads {} width {} rows {} +{}", images, queries, keys,
                       heads, width, first, rows);
  }
};

ops::AttentionInput separate(Case& c, const Size& s, const Values& q, const Values& k) {
  const uint32_t dim = s.heads * s.width;
  const Tensor keys = c.input(k);
  return {c.input(q),
          keys,
          keys,
          {.images = s.images,
           .queries = s.queries,
           .keys = s.keys,
           .heads = s.heads,
           .width = s.width,
           .q_first = 0,
           .q_image = s.queries * dim,
           .q_token = dim,
           .k_first = 0,
           .v_first = 0,
           .kv_image = s.keys * dim,
           .kv_token = dim,
           .scale = 1 / std::sqrt(static_cast<float>(s.width))}};
}

TEST_CASE("attention_rows under every fusion") {
  const std::vector<Size> sizes{{1, 1, 1, 1, 8, 0, 1},       {2, 2, 2, 3, 16, 1, 1},
                                {3, 5, 5, 1, 20, 0, 5},      {1, 17, 17, 3, 64, 3, 9},
                                {2, 50, 145, 3, 80, 49, 1},  {1, 197, 197, 3, 64, 0, 1},
                                {1, 145, 257, 2, 8, 8, 137}, {3, 257, 257, 6, 64, 5, 1}};
  for (const DType dtype : storage_types())
    for (const Size& s : sizes)
      for (const double spread : {1.0, 30.0}) {
        const Values q = random_values({s.images, s.queries, s.heads * s.width}, dtype, 1, spread);
        const Values k = random_values({s.images, s.keys, s.heads * s.width}, dtype, 2, spread);
        const Values lse = values_of({s.images, s.heads, s.queries}, DType::f32,
                                     attention(q.numbers, k.numbers, k.numbers, s.shape()).lse.values);
        for (const Fusion fusion : {Fusion::none, Fusion::mean, Fusion::max, Fusion::min, Fusion::one_head}) {
          CAPTURE(name_of(dtype));
          CAPTURE(s.text());
          CAPTURE(spread);
          CAPTURE(static_cast<int>(fusion));
          Case c;
          const ops::AttentionInput in = separate(c, s, q, k);
          const Tensor rows = ops::attention_rows(c.recorder, in, c.input(lse), s.first, s.rows,
                                                  static_cast<ops::RowFusion>(fusion), s.heads - 1);
          CHECK(rows.shape == (fusion == Fusion::none ? Shape{s.images, s.heads, s.rows, s.keys}
                                                      : Shape{s.images, s.rows, s.keys}));
          check_close(c.run(rows),
                      attention_rows(q.numbers, k.numbers, s.shape(), s.first, s.rows, fusion, s.heads - 1),
                      DType::f32);
        }
      }
}

TEST_CASE("attention_rows with bias and mask, AttentionRows by itself too") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{2, 5, 17, 3, 20, 1, 3}, Size{1, 50, 145, 2, 64, 0, 50},
                          Size{4, 9, 49, 2, 12, 0, 9}, Size{3, 17, 1, 1, 8, 16, 1}})
      for (const uint32_t terms : {0U, 1U, 2U, 3U})  // neither, bias, mask, both
        for (const Fusion fusion : {Fusion::none, Fusion::mean, Fusion::max, Fusion::min, Fusion::one_head}) {
          if (fusion != Fusion::none && (terms == 1 || terms == 2)) continue;  // fusion knows no terms
          CAPTURE(name_of(dtype));
          CAPTURE(s.text());
          CAPTURE(terms);
          CAPTURE(static_cast<int>(fusion));
          const Values q = random_values({s.images, s.queries, s.heads * s.width}, dtype, 1, 3);
          const Values k = random_values({s.images, s.keys, s.heads * s.width}, dtype, 2, 3);
          const Shape bias_shape{2, s.heads, s.queries, (s.keys + 3) / 4 * 4};
          const Shape mask_shape{3, 1, s.queries, (s.keys + 3) / 4 * 4};
          const Values bias = random_values(bias_shape, DType::f32, 3, 5);
          const Values mask = values_of(mask_shape, DType::f32, random_mask(3, 1, s.queries, s.keys, 4));
          Case c;
          ops::AttentionInput in = separate(c, s, q, k);
          AttentionShape shape = s.shape();
          if ((terms & 1) != 0) {
            in.bias = c.input(bias);
            shape.bias = {&bias.numbers, 2, s.heads};
          }
          if ((terms & 2) != 0) {
            in.mask = c.input(mask);
            shape.mask = {&mask.numbers, 3, 1};
          }
          const Tensor lse = c.input(values_of({s.images, s.heads, s.queries}, DType::f32,
                                               attention(q.numbers, k.numbers, k.numbers, shape).lse.values));
          const Tensor chosen = ops::attention_rows(c.recorder, in, lse, s.first, s.rows,
                                                    static_cast<ops::RowFusion>(fusion), s.heads - 1);
          const Tensor by_itself = c.recorder.temporary(chosen.shape, DType::f32, "rows");
          c.recorder.dispatch<ops::AttentionRows>(
              {in.q, in.k, in.bias ? in.bias : in.q, in.mask ? in.mask : in.q, lse, lse, by_itself},
              {in.layout, in.term(in.bias), in.term(in.mask), in.limits(), s.first, s.rows, s.heads - 1},
              {64, static_cast<uint32_t>(fusion), terms & 1, terms >> 1});
          const Expected want =
              attention_rows(q.numbers, k.numbers, shape, s.first, s.rows, fusion, s.heads - 1);
          for (const Numbers& got : c.run({chosen, by_itself})) check_close(got, want, DType::f32);
        }
}

TEST_CASE("attention_rows of causal attention, behind a cache, and over lengths") {
  struct Limited {
    Size size;
    std::vector<uint32_t> lengths;
    bool causal;
    uint32_t offset;
  };
  const std::vector<Limited> cases{{{1, 1, 1, 1, 4, 0, 1}, {}, true, 0},
                                   {{2, 19, 19, 3, 16, 0, 19}, {}, true, 0},
                                   {{1, 3, 40, 2, 16, 1, 2}, {}, true, 17},
                                   {{3, 1, 40, 2, 16, 0, 1}, {1, 40, 23}, false, 0},
                                   {{4, 5, 33, 1, 20, 2, 3}, {33, 9}, false, 0},
                                   {{2, 6, 9, 4, 8, 0, 6}, {9, 4}, true, 0},
                                   {{3, 17, 145, 2, 12, 0, 17}, {2, 145, 70}, true, 60}};
  for (const DType dtype : storage_types())
    for (const Limited& l : cases)
      for (const Fusion fusion : {Fusion::none, Fusion::mean, Fusion::max, Fusion::min, Fusion::one_head}) {
        const Size& s = l.size;
        CAPTURE(name_of(dtype));
        CAPTURE(s.text());
        CAPTURE(static_cast<int>(fusion));
        const Values q = random_values({s.images, s.queries, s.heads * s.width}, dtype, 1, 3);
        const Values k = random_values({s.images, s.keys, s.heads * s.width}, dtype, 2, 3);
        AttentionShape shape = s.shape();
        shape.lengths = l.lengths;
        shape.causal = l.causal;
        shape.offset = l.offset;
        Case c;
        ops::AttentionInput in = separate(c, s, q, k);
        in.causal = l.causal;
        in.causal_offset = l.offset;
        if (!l.lengths.empty()) in.lengths = c.input({static_cast<uint32_t>(l.lengths.size())}, l.lengths);
        const Tensor lse = c.input(values_of({s.images, s.heads, s.queries}, DType::f32,
                                             attention(q.numbers, k.numbers, k.numbers, shape).lse.values));
        const Tensor chosen = ops::attention_rows(c.recorder, in, lse, s.first, s.rows,
                                                  static_cast<ops::RowFusion>(fusion), s.heads - 1);
        const Tensor by_itself = c.recorder.temporary(chosen.shape, DType::f32, "rows");
        c.recorder.dispatch<ops::AttentionRows>(
            {in.q, in.k, in.q, in.q, in.lengths ? in.lengths : lse, lse, by_itself},
            {in.layout, in.term({}), in.term({}), in.limits(), s.first, s.rows, s.heads - 1},
            {64, static_cast<uint32_t>(fusion), 0, 0, in.lengths ? 1U : 0U, in.causal ? 1U : 0U});
        const Expected want =
            attention_rows(q.numbers, k.numbers, shape, s.first, s.rows, fusion, s.heads - 1);
        for (const Numbers& got : c.run({chosen, by_itself})) check_close(got, want, DType::f32);
      }
}

TEST_CASE("rows of packed attention sum to one") {
  const uint32_t tokens = 50, heads = 3, width = 16;
  for (const DType dtype : storage_types()) {
    Case c;
    const auto in = ops::AttentionInput::packed(
        c.input(random_values({2, tokens, 3 * heads * width}, dtype, 7, 3)), heads);
    const auto result = ops::attention(c.recorder, in);
    const Numbers rows =
        c.run(ops::attention_rows(c.recorder, in, result.lse, 0, tokens, ops::RowFusion::none));
    for (size_t row = 0; row < rows.size() / tokens; ++row) {
      double sum = 0;
      for (size_t i = 0; i < tokens; ++i) sum += rows[row * tokens + i];
      // Scores reach 3 · 3 · √16 = 36, and each of two kernels computes them with width + 3 roundings of Σ|q
      // k| / 4.
      CHECK(std::abs(sum - 1) <= 4 * (width + 3 + 2 * 36) * u * 36);
    }
  }
}

TEST_CASE("attention_rows rejects what does not fit") {
  Case c;
  const auto head_of = [&](uint32_t width) {
    return ops::AttentionInput::packed(c.recorder.input({1, 5, 3 * 2 * width}, DType::f32, "qkv"), 2);
  };
  const Tensor lse = c.recorder.input({1, 2, 5}, DType::f32, "lse");
  const auto rows = [&](const ops::AttentionInput& in, uint32_t first, uint32_t count, uint32_t head = 0) {
    ops::attention_rows(c.recorder, in, lse, first, count, ops::RowFusion::one_head, head);
  };
  CHECK_NOTHROW(rows(head_of(8), 0, 5));
  CHECK_THROWS_WITH_AS(rows(head_of(6), 0, 1), doctest::Contains("6 channels are not a multiple of four"),
                       Error);
  CHECK_THROWS_AS(rows(head_of(8), 0, 0), Error);
  CHECK_THROWS_AS(rows(head_of(8), 1, 5), Error);
  CHECK_THROWS_AS(rows(head_of(8), UINT32_MAX, 2), Error);
  CHECK_THROWS_AS(rows(head_of(8), 0, 1, 2), Error);
  auto masked = head_of(8);
  masked.mask = c.recorder.input({1, 1, 5, 5}, DType::f32, "mask");
  CHECK_THROWS_WITH_AS(rows(masked, 0, 1), doctest::Contains("[attention_rows] mask is [1, 1, 5, 5]"), Error);
}

}  // namespace
}  // namespace fovea::test
