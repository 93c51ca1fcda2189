#include "runtime/ops/maps/attention_relevance.h"

#include "tests/reference/attention.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Size {
  uint32_t images, queries, keys, heads, width;
};

struct How {
  bool times_attention;
  ops::Positive positive;
  ops::RelevanceHeads heads;
  bool weights, base, one_value;
  bool terms = false;  // a bias and a mask
  bool rows = false;   // each by itself
};

// The definition, from whole matrices: G = gradient · v, A = exp(scores − lse).
void compare(DType dtype, const Size& s, const How& how, bool storage_kernel = false) {
  const auto part = [](auto e) { return static_cast<int>(e); };
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("images {} queries {} keys {} heads {} width {}", s.images, s.queries, s.keys, s.heads,
                      s.width));
  CAPTURE(fmt::format("A {} positive {} heads {} weights {} base {} one value {} terms {}",
                      how.times_attention, part(how.positive), part(how.heads), how.weights, how.base,
                      how.one_value, how.terms));
  const uint32_t dim = s.heads * s.width, all = s.queries + 3;  // more queries than are wanted
  const Values q = random_values({s.images, all, dim}, dtype, 1),
               k = random_values({s.images, s.keys, dim}, dtype, 2);
  const Values v =
      random_values(how.one_value ? Shape{s.images, dim} : Shape{s.images, s.keys, dim}, dtype, 3);
  const Values gradient = random_values({s.images, s.queries, dim}, DType::f32, 4),
               weights = random_values({s.images, s.queries + 1}, DType::f32, 5),
               base = random_values({s.images, s.keys}, DType::f32, 6);
  const uint32_t stride = (s.keys + 3) / 4 * 4;
  const Values bias = random_values({1, s.heads, all, stride}, DType::f32, 7, 2),
               mask = values_of({s.images, 1, all, stride}, DType::f32,
                                random_mask(s.images, 1, all, s.keys, 8));
  AttentionShape shape{s.images, all, s.keys, s.heads, s.width};
  if (how.terms) {
    shape.bias = {&bias.numbers, 1, s.heads};
    shape.mask = {&mask.numbers, s.images, 1};
  }
  const Values lse = values_of({s.images, s.heads, all}, DType::f32,
                               attention(q.numbers, k.numbers, k.numbers, shape).lse.values);
  const double scale = 1 / std::sqrt(static_cast<double>(s.width)), factor = 0.375;

  Case c;
  ops::RelevanceCase r;
  r.in = {c.input(q),
          c.input(k),
          c.input(v),
          {.images = s.images,
           .queries = s.queries,
           .keys = s.keys,
           .heads = s.heads,
           .width = s.width,
           .q_first = 0,
           .q_image = all * dim,
           .q_token = dim,
           .k_first = 0,
           .v_first = 0,
           .kv_image = s.keys * dim,
           .kv_token = dim,
           .scale = static_cast<float>(scale)}};
  r.lse = c.input(lse);
  r.gradient = c.input(gradient);
  r.one_value = how.one_value;
  r.times_attention = how.times_attention;
  r.positive = how.positive;
  r.heads = how.heads;
  r.head = s.heads - 1;
  if (how.weights) r.weights = c.input(weights);
  if (how.base) r.base = c.input(base);
  if (how.terms) {
    r.in.bias = c.input(bias);
    r.in.mask = c.input(mask);
  }
  r.each_row = how.rows;
  r.factor = static_cast<float>(factor);
  Tensor y;
  if (storage_kernel) {
    y = c.recorder.temporary({s.images, s.keys}, DType::f32, "y");
    c.recorder.dispatch<ops::AttentionRelevance<gpu::Family::buffer>>(
        {r.in.q, r.in.k, r.in.v, r.gradient, how.terms ? r.in.bias : r.gradient,
         how.terms ? r.in.mask : r.gradient, r.lse, r.weights, r.base, y},
        {r.in.layout, ops::AttentionInput::term(r.in.bias), ops::AttentionInput::term(r.in.mask),
         s.keys * dim, dim, all, s.queries + 1, 0, r.factor},
        {64, s.queries, 0, 1, 1, 1, 1, how.terms ? 1U : 0U, how.terms ? 1U : 0U});
  } else {
    y = ops::attention_relevance(c.recorder, r);
  }

  const bool each = how.heads == ops::RelevanceHeads::each;
  const uint32_t outputs = each ? s.heads : how.rows ? s.queries : 1;
  Expected want;
  for (size_t image = 0; image < s.images; ++image)
    for (size_t output = 0; output < outputs; ++output)
      for (size_t j = 0; j < s.keys; ++j) {
        double sum = 0, bound = 0;
        for (size_t h = 0; h < s.heads; ++h) {
          if (each && h != output) continue;
          if (how.heads == ops::RelevanceHeads::one && h != s.heads - 1) continue;
          for (size_t i = 0; i < s.queries; ++i) {
            if (how.rows && i != output) continue;
            double score = 0, score_size = 0, value = 0, size = 0;
            for (size_t ch = h * s.width; ch < (h + 1) * s.width; ++ch) {
              const double a =
                  q.numbers[(image * all + i) * dim + ch] * k.numbers[(image * s.keys + j) * dim + ch];
              const double b = gradient.numbers[(image * s.queries + i) * dim + ch] *
                               v.numbers[(how.one_value ? image : image * s.keys + j) * dim + ch];
              score += a * scale;
              score_size += std::abs(a) * scale;
              value += b;
              size += std::abs(b);
            }
            if (how.terms) {
              const double b = bias.numbers[(h * all + i) * stride + j],
                           m = mask.numbers[(image * all + i) * stride + j];
              score += b + m;
              score_size += std::abs(b) + (m < -1e3 ? 0 : std::abs(m));
            }
            double error = (s.width + 1) * u * size;
            if (how.times_attention) {
              const double exponent = score - lse.numbers[(image * s.heads + h) * all + i];
              const double probability = std::exp(exponent);
              if (probability == 0) continue;  // masked
              // The exponent is off by its sums, exp by (3 + 2 |x|) ulp.
              const double relative = exp_error((s.width + 4) * u * (score_size + std::abs(exponent)) +
                                                (3 + 2 * std::abs(exponent)) * ulp);
              error = probability * (error + std::abs(value) * (relative + u));
              value *= probability;
            }
            if (how.positive == ops::Positive::terms) value = std::max(value, 0.0);
            const double w = how.weights ? weights.numbers[image * (s.queries + 1) + i] : 1;
            sum += w * value;
            bound += std::abs(w) * (error + (s.queries * s.heads + 8.0) * u * std::abs(value));
          }
        }
        sum *= factor;
        bound *= factor;
        if (how.base) sum += base.numbers[image * s.keys + j];
        if (how.positive == ops::Positive::result) sum = std::max(sum, 0.0);
        // A sum of tiles, each of which was made that many times larger.
        want.add(sum, 1.1 * (bound + 8 * u *
                                         (std::abs(sum) +
                                          (how.base ? std::abs(base.numbers[image * s.keys + j]) : 0))));
      }
  CHECK(y.shape == (each || how.rows ? Shape{s.images, outputs, s.keys} : Shape{s.images, s.keys}));
  check_close(c.run(y), want, DType::f32);
}

const std::vector<Size> sizes{{1, 1, 1, 1, 4},   {2, 1, 17, 3, 16},  {3, 2, 5, 1, 20},  {1, 8, 65, 2, 64},
                              {2, 9, 50, 3, 80}, {1, 17, 17, 3, 16}, {1, 50, 50, 2, 64}};
using ops::Positive;
using ops::RelevanceHeads;

TEST_CASE("attention_relevance as maps use it") {
  for (const DType dtype : storage_types())
    for (const Size& s : sizes) {
      compare(dtype, s, {true, Positive::no, RelevanceHeads::sum, false, true, false});    // evidence
      compare(dtype, s, {true, Positive::no, RelevanceHeads::one, false, false, false});   // of a head
      compare(dtype, s, {true, Positive::no, RelevanceHeads::each, false, false, false});  // its terms
      compare(dtype, s,
              {false, Positive::terms, RelevanceHeads::sum, false, true, false});          // summed gradient
      compare(dtype, s, {true, Positive::terms, RelevanceHeads::sum, true, true, false});  // GAE
      compare(dtype, s, {true, Positive::terms, RelevanceHeads::sum, true, true, false, true});
      compare(dtype, s, {true, Positive::no, RelevanceHeads::each, false, false, false, true});
      compare(dtype, s, {true, Positive::terms, RelevanceHeads::sum, false, false, false, false, true});
      compare(dtype, s, {true, Positive::terms, RelevanceHeads::sum, true, false, false, true, true});
      if (s.queries <= 8)
        compare(dtype, s, {true, Positive::result, RelevanceHeads::sum, false, false, true});  // Grad-CAM
    }
}

TEST_CASE("AttentionRelevance by itself") {
  for (const DType dtype : storage_types())
    for (const Size& s : sizes)
      if (s.queries <= 8)
        for (const bool terms : {false, true})
          compare(dtype, s, {true, Positive::terms, RelevanceHeads::sum, true, true, false, terms}, true);
}

TEST_CASE("attention_relevance rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({1, 9, 8}, DType::f32, "x");
  ops::RelevanceCase r;
  r.in = {x,
          x,
          x,
          {.images = 1,
           .queries = 9,
           .keys = 9,
           .heads = 1,
           .width = 8,
           .q_first = 0,
           .q_image = 72,
           .q_token = 8,
           .k_first = 0,
           .v_first = 0,
           .kv_image = 72,
           .kv_token = 8,
           .scale = 1}};
  r.lse = c.recorder.input({1, 1, 8}, DType::f32, "lse");
  r.gradient = x;
  CHECK_THROWS_WITH_AS(
      ops::attention_relevance(c.recorder, r),
      doctest::Contains("[attention_relevance] 9 queries, 1 heads of 8, head 0, lse is [1, 1, 8]"), Error);
  r.lse = c.recorder.input({1, 1, 9}, DType::f32, "lse");
  r.positive = Positive::result;
  CHECK_THROWS_WITH_AS(ops::attention_relevance(c.recorder, r), doctest::Contains("9 queries in 2 tiles"),
                       Error);
}

}  // namespace
}  // namespace fovea::test
