#include "runtime/ops/train/attention_backward.h"

#include "tests/reference/attention.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Size {
  uint32_t images, tokens, heads, width;
};

struct Gradients {
  Numbers value, bound;  // of packed rows
};

// The chain rule through whole matrices: dv = Aᵀ do, dA = do vᵀ, dscore_ij = Σ_l dA_il A_il ((l = j) − A_ij),
// and through the scaled product. Bounds: probabilities are good to `relative`, sums of n products to n u of
// their magnitude, and o is rounded to its storage type before δ is made of it.
// bias [1, heads, tokens, tokens rounded up to fours] and mask [images, 1, …] may be empty.
Gradients reference(const Values& qkv, const Values& d_o, const Numbers& bias, const Numbers& mask,
                    const Size& s, DType dtype) {
  const size_t n = s.tokens, dim = size_t{s.heads} * s.width, row = 3 * dim;
  const double products = s.tokens;  // of a sum
  const double scale = 1 / std::sqrt(static_cast<double>(s.width));
  Gradients out{Numbers(qkv.numbers.size()), Numbers(qkv.numbers.size())};
  for (size_t image = 0; image < s.images; ++image)
    for (size_t h = 0; h < s.heads; ++h) {
      const auto at = [&](size_t part, size_t token) {
        return (image * n + token) * row + part * dim + h * s.width;
      };
      const auto o_at = [&](size_t token) { return (image * n + token) * dim + h * s.width; };
      for (size_t i = 0; i < n; ++i) {
        Numbers a(n), da(n), da_size(n);
        double largest = -INFINITY, total = 0, score_size = 0, mean = 0, mean_size = 0, rounded = 0;
        for (size_t j = 0; j < n; ++j) {
          double size = 0;
          for (size_t c = 0; c < s.width; ++c) {
            const double product = qkv.numbers[at(0, i) + c] * qkv.numbers[at(1, j) + c] * scale;
            a[j] += product;
            size += std::abs(product);
            const double towards = d_o.numbers[o_at(i) + c] * qkv.numbers[at(2, j) + c];
            da[j] += towards;
            da_size[j] += std::abs(towards);
          }
          const size_t stride = (n + 3) / 4 * 4;
          if (!bias.empty()) {
            a[j] += bias[(h * n + i) * stride + j];
            size += std::abs(bias[(h * n + i) * stride + j]);
          }
          if (!mask.empty()) a[j] += mask[(image * n + i) * stride + j];
          largest = std::max(largest, a[j]);
          score_size = std::max(score_size, size);
        }
        for (size_t j = 0; j < n; ++j) total += std::exp(a[j] - largest);
        for (size_t j = 0; j < n; ++j) a[j] = std::exp(a[j] - largest) / total;
        for (size_t j = 0; j < n; ++j) {
          mean += a[j] * da[j];
          mean_size += a[j] * da_size[j];
        }
        for (size_t c = 0; c < s.width; ++c) {
          double o = 0;
          for (size_t j = 0; j < n; ++j) o += a[j] * qkv.numbers[at(2, j) + c];
          rounded += std::abs(d_o.numbers[o_at(i) + c]) * storage_bound(o, dtype);
        }
        const double relative =
            exp_error(2 * (s.width + 6.0) * u * score_size + (6 + 4 * score_size) * ulp + products * u);
        const double sums = (s.width + products + 8.0) * u;
        for (size_t j = 0; j < n; ++j) {
          const double slope = a[j] * (da[j] - mean) * scale;
          const double slope_bound = scale * a[j] *
                                     (relative * (std::abs(da[j] - mean) + 2 * mean_size) +
                                      sums * (da_size[j] + mean_size) + rounded);
          for (size_t c = 0; c < s.width; ++c) {
            const double k = qkv.numbers[at(1, j) + c], q = qkv.numbers[at(0, i) + c],
                         given = d_o.numbers[o_at(i) + c];
            const auto add = [&](size_t to, double left, double left_bound, double right) {
              out.value[to + c] += left * right;
              out.bound[to + c] += std::abs(right) * (left_bound + 2 * products * u * std::abs(left));
            };
            add(at(0, i), slope, slope_bound, k);
            add(at(1, j), slope, slope_bound, q);
            add(at(2, j), a[j], a[j] * relative, given);
          }
        }
      }
    }
  return out;
}

// By one kernel, whichever the operation would choose.
template <class K>
void both_passes(Recorder& r, const ops::AttentionInput& in, const ops::AttentionResult& forward,
                 const Tensor& d_o, const Tensor& dqkv) {
  const Tensor delta = r.temporary(forward.lse.shape, DType::f32, "δ");
  typename K::Spec spec = K::fitted(device().info(), in.layout.width);
  for (const uint32_t own_keys : {0U, 1U}) {
    spec.own_keys = own_keys;
    const auto call = ops::attention_backward_call<K>(in, forward, d_o, delta, dqkv, spec, 0);
    r.dispatch<K>(call.bind, call.push, call.spec);
  }
}

// kernel: 0 as the operation chooses, 1 the one for GPUs, 2 the one for CPU drivers.
void compare(DType dtype, const Size& s, double spread, int kernel, bool terms = false) {
  CAPTURE(name_of(dtype));
  CAPTURE(fmt::format("images {} tokens {} heads {} width {} spread {} kernel {} terms {}", s.images,
                      s.tokens, s.heads, s.width, spread, kernel, terms));
  const uint32_t dim = s.heads * s.width;
  const Values qkv = random_values({s.images, s.tokens, 3 * dim}, dtype, 1, spread),
               d_o = random_values({s.images, s.tokens, dim}, DType::f32, 2);
  Case c;
  const Tensor packed = c.input(qkv), gradient = c.input(d_o);
  auto in = ops::AttentionInput::packed(packed, s.heads);
  Values bias, mask;
  if (terms) {
    const uint32_t stride = (s.tokens + 3) / 4 * 4;
    bias = random_values({1, s.heads, s.tokens, stride}, DType::f32, 3, 2);
    mask = values_of({s.images, 1, s.tokens, stride}, DType::f32,
                     random_mask(s.images, 1, s.tokens, s.tokens, 4));
    in.bias = c.input(bias);
    in.mask = c.input(mask);
  }
  const auto forward = ops::attention(c.recorder, in);
  Tensor dqkv;
  if (kernel == 0) {
    dqkv = ops::attention_backward(c.recorder, in, forward, gradient);
  } else {
    dqkv = c.recorder.temporary(packed.shape, DType::f32, "dqkv");
    if (kernel == 1)
      both_passes<ops::AttentionBackward>(c.recorder, in, forward, gradient, dqkv);
    else
      both_passes<ops::AttentionBackwardTexel>(c.recorder, in, forward, gradient, dqkv);
  }
  CHECK(dqkv.shape == packed.shape);
  CHECK(dqkv.dtype == DType::f32);
  const Gradients want = reference(qkv, d_o, bias.numbers, mask.numbers, s, dtype);
  check_close(c.run(dqkv), {want.value, want.bound}, DType::f32);
}

TEST_CASE("attention_backward over odd sizes") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{1, 1, 1, 4}, Size{2, 2, 3, 16}, Size{3, 5, 1, 20}, Size{1, 17, 3, 64},
                          Size{2, 50, 2, 80}, Size{1, 65, 1, 128}, Size{1, 33, 1, 132}, Size{1, 145, 1, 12}})
      for (const double spread : {1.0, 4.0})
        for (const bool terms : {false, true}) compare(dtype, s, spread, 0, terms);
}

TEST_CASE("AttentionBackward and AttentionBackwardTexel by themselves") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{2, 5, 1, 4}, Size{1, 67, 2, 48}, Size{1, 34, 1, 64}}) {
      for (const bool terms : {false, true}) {
        compare(dtype, s, 2, 1, terms);
        if (has_shuffles()) compare(dtype, s, 2, 2, terms);
      }
    }
}

// Queries apart from keys and values, and fewer: as packed ones of which the others have no gradient.
TEST_CASE("cross_attention_backward over odd sizes") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{1, 1, 1, 4}, Size{2, 7, 3, 16}, Size{1, 33, 2, 20}, Size{3, 18, 1, 80}})
      for (const uint32_t queries : {1U, (s.tokens + 1) / 2, s.tokens}) {
        CAPTURE(name_of(dtype));
        CAPTURE(fmt::format("{} of {} tokens, {} heads of {}", queries, s.tokens, s.heads, s.width));
        const uint32_t dim = s.heads * s.width;
        const Values qkv = random_values({s.images, s.tokens, 3 * dim}, dtype, 1, 2),
                     given = random_values({s.images, queries, dim}, DType::f32, 2);
        Numbers q, kv, d_o(size_t{s.images} * s.tokens * dim);
        for (size_t token = 0; token < size_t{s.images} * s.tokens; ++token) {
          const auto row = qkv.numbers.begin() + static_cast<std::ptrdiff_t>(token * 3 * dim);
          const size_t image = token / s.tokens, at = token % s.tokens;
          kv.insert(kv.end(), row + dim, row + 3 * dim);
          if (at >= queries) continue;
          q.insert(q.end(), row, row + dim);
          for (size_t c = 0; c < dim; ++c)
            d_o[token * dim + c] = given.numbers[(image * queries + at) * dim + c];
        }
        Case c;
        const Tensor asks = c.input(values_of({s.images, queries, dim}, dtype, q)),
                     keys = c.input(values_of({s.images, s.tokens, 2 * dim}, dtype, kv));
        const ops::AttentionInput in{asks,
                                     keys,
                                     keys,
                                     {.images = s.images,
                                      .queries = queries,
                                      .keys = s.tokens,
                                      .heads = s.heads,
                                      .width = s.width,
                                      .q_first = 0,
                                      .q_image = queries * dim,
                                      .q_token = dim,
                                      .k_first = 0,
                                      .v_first = dim,
                                      .kv_image = s.tokens * 2 * dim,
                                      .kv_token = 2 * dim,
                                      .scale = 1 / std::sqrt(static_cast<float>(s.width))}};
        const auto forward = ops::attention(c.recorder, in);
        const auto [dq, dkv] = ops::cross_attention_backward(c.recorder, in, forward, c.input(given));
        CHECK(dq.shape == asks.shape);
        CHECK(dkv.shape == keys.shape);
        const std::vector<Numbers> found = c.run({dq, dkv});
        const Gradients want =
            reference(qkv, values_of({s.images, s.tokens, dim}, DType::f32, d_o), {}, {}, s, dtype);
        Expected by_q, by_kv;
        for (size_t token = 0; token < size_t{s.images} * s.tokens; ++token)
          for (size_t column = 0; column < size_t{3} * dim; ++column) {
            const size_t i = token * 3 * dim + column;
            if (column >= dim)
              by_kv.add(want.value[i], want.bound[i]);
            else if (token % s.tokens < queries)
              by_q.add(want.value[i], want.bound[i]);
          }
        check_close(found[0], by_q, DType::f32);
        check_close(found[1], by_kv, DType::f32);
      }
}

TEST_CASE("attention_backward rejects what does not fit") {
  Case c;
  const Tensor qkv = c.recorder.input({1, 5, 24}, DType::f32, "qkv");
  const auto in = ops::AttentionInput::packed(qkv, 2);
  const auto forward = ops::attention(c.recorder, in);
  CHECK_THROWS_WITH_AS(
      ops::attention_backward(c.recorder, in, forward, c.recorder.input({1, 4, 8}, DType::f32, "do")),
      doctest::Contains(
          "[attention_backward] q is [1, 5, 24], o is [1, 5, 8], lse is [1, 2, 5], do is [1, 4, 8] f32"),
      Error);
}

}  // namespace
}  // namespace fovea::test
