#include "models/nn/token_attention.h"

#include <fmt/format.h>

#include <utility>

#include "fovea/error.h"
#include "runtime/ops/attention/cache_append.h"
#include "runtime/ops/maps/attention_relevance.h"
#include "runtime/ops/train/attention_backward.h"

namespace fovea::layers {
namespace {

Heads heads_of(const io::Weights& w, const TokenAttentionShape& s) {
  return Heads::of(w, s.width, s.heads);
}

float scale_of(const Heads& heads, const TokenAttentionShape& s) {
  return s.scale == 0 ? heads.scale() : s.scale;
}

LinearNumbers projection(const io::Weights& w, const Heads& heads, const TokenAttentionShape& s) {
  return padded_inputs(linear_numbers(w / "proj", s.width, heads.channels(), s.order), heads);
}

// Some of the rows of a matrix.
LinearNumbers rows_of(const LinearNumbers& whole, std::string name, uint32_t first, uint32_t count) {
  LinearNumbers out{std::move(name), count, whole.inputs, {}, {}};
  const auto cut = [](const std::vector<float>& from, size_t begin, size_t size) {
    const auto at = from.begin() + static_cast<std::ptrdiff_t>(begin);
    return std::vector<float>(at, at + static_cast<std::ptrdiff_t>(size));
  };
  out.weight = cut(whole.weight, size_t{first} * whole.inputs, size_t{count} * whole.inputs);
  if (!whole.bias.empty()) out.bias = cut(whole.bias, first, count);
  return out;
}

// Queries, keys and values as one matrix: `qkv`, or as torch's MultiheadAttention names it.
LinearNumbers packed_numbers(const io::Weights& w, const TokenAttentionShape& s) {
  const uint32_t width = s.width;
  if (!w.has("in_proj_weight")) return linear_numbers(w / "qkv", 3 * width, width, s.order);
  LinearNumbers out{w.path("in_proj"), 3 * width, width, w.take("in_proj_weight", {3 * width, width}), {}};
  if (w.has("in_proj_bias")) out.bias = w.take("in_proj_bias", {3 * width});
  return out;
}

void tell(AttentionTap* tap, const std::string& layer, const TokenAttentionName& name,
          const ops::AttentionInput& in, const Tensor& lse) {
  if (tap == nullptr) return;
  tap->layers.push_back(softmax_record(layer, {}, in, lse));
  tap->layers.back().layer.kind = name.kind;
  tap->layers.back().layer.tensor = name.tensor;
}

void limit(ops::AttentionInput& in, const SeenKeys& seen) {
  in.causal = seen.causal;
  in.mask = seen.mask;
  in.lengths = seen.lengths;
}

}  // namespace

LinearNumbers linear_numbers(const io::Weights& w, uint32_t columns, uint32_t inputs, MatrixOrder order) {
  if (order == MatrixOrder::columns_first) return linear_numbers(w, columns, inputs);
  const auto values = w.take("weight", {inputs, columns});
  LinearNumbers out{w.scope(), columns, inputs, std::vector<float>(values.size()), {}};
  for (size_t input = 0; input < inputs; ++input)
    for (size_t column = 0; column < columns; ++column)
      out.weight[column * inputs + input] = values[input * columns + column];
  if (w.has("bias")) out.bias = w.take("bias", {columns});
  return out;
}

SelfAttention::SelfAttention(WeightStore& store, const io::Weights& w, const TokenAttentionShape& shape)
    : name_(w.scope()),
      heads_(heads_of(w, shape)),
      scale_(scale_of(heads_, shape)),
      qkv_(store, padded_rows(packed_numbers(w, shape), heads_)),
      proj_(store, projection(w, heads_, shape)) {}

Tensor SelfAttention::operator()(Recorder& r, const Tensor& x, const Tensor& residual, const SeenKeys& seen,
                                 const Tensor& cache, AttentionTap* tap,
                                 const TokenAttentionName& name) const {
  const auto scope = r.scope(name_);
  const Tensor qkv = qkv_(r, x);  // [images, tokens, 3 * heads * padded head]
  if (cache) ops::cache_append(r, qkv, heads_.padded_channels(), cache, {});
  auto in = ops::AttentionInput::packed(qkv, heads_.count);
  in.layout.scale = scale_;
  limit(in, seen);
  return attend(r, in, residual, tap, name);
}

Tensor SelfAttention::step(Recorder& r, const Tensor& x, const Tensor& residual, const SeenKeys& seen,
                           const Tensor& past, const Tensor& cache, AttentionTap* tap,
                           const TokenAttentionName& name) const {
  const auto scope = r.scope(name_);
  const uint32_t dim = heads_.padded_channels(), capacity = cache.shape[1];
  const Tensor qkv = qkv_(r, x);  // [images, 1, 3 * dim]
  ops::cache_append(r, qkv, dim, cache, past);
  ops::AttentionInput in{qkv,
                         cache,
                         cache,
                         {.images = x.shape[0],
                          .queries = 1,
                          .keys = capacity,
                          .heads = heads_.count,
                          .width = heads_.padded(),
                          .q_first = 0,
                          .q_image = 3 * dim,
                          .q_token = 3 * dim,
                          .k_first = 0,
                          .v_first = dim,
                          .kv_image = capacity * 2 * dim,
                          .kv_token = 2 * dim,
                          .scale = scale_}};
  limit(in, seen);
  return attend(r, in, residual, tap, name);
}

Tensor SelfAttention::attend(Recorder& r, const ops::AttentionInput& in, const Tensor& residual,
                             AttentionTap* tap, const TokenAttentionName& name) const {
  const auto [o, lse] = ops::attention(r, in);
  tell(tap, name_, name, in, lse);
  return proj_(r, o, {ops::Activation::none, {}, residual});
}

Tensor SelfAttention::project(Recorder& r, const Tensor& o, const Tensor& residual) const {
  const auto scope = r.scope(name_);
  return proj_(r, o, {ops::Activation::none, {}, residual});
}

TokenAttentionGradient SelfAttention::backward(Recorder& r, const AttentionRecord& record, const Tensor& o,
                                               const Tensor& causal, const Tensor& dy) const {
  const auto scope = r.scope(name_);
  ops::AttentionInput in = record.input;
  if (in.causal) in.mask = causal;
  in.causal = false;
  TokenAttentionGradient out;
  const Tensor d_o = proj_.backward(r, dy);
  out.relevance = ops::relevance_rows(r, in, record.lse, d_o);
  out.x = qkv_.backward(r, ops::attention_backward(r, in, {o, record.lse}, d_o));
  return out;
}

// Queries, and keys and values, of a cross-attention.
CrossAttention::Asked CrossAttention::asked(const io::Weights& w, const TokenAttentionShape& s) {
  const uint32_t width = s.width;
  if (!w.has("qkv.weight") && !w.has("in_proj_weight"))
    return {linear_numbers(w / "q", width, width, s.order),
            linear_numbers(w / "kv", 2 * width, s.memory_width, s.order)};
  if (s.memory_width != width)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] {} holds queries, keys and values of {} channels, the tokens that it asks "
                    "have {}",
                    w.scope(), width, s.memory_width));
  const LinearNumbers whole = packed_numbers(w, s);
  return {rows_of(whole, w.path("q"), 0, width), rows_of(whole, w.path("kv"), width, 2 * width)};
}

CrossAttention::CrossAttention(WeightStore& store, const io::Weights& w, const TokenAttentionShape& shape)
    : CrossAttention(store, w, shape, asked(w, shape)) {}

CrossAttention::CrossAttention(WeightStore& store, const io::Weights& w, const TokenAttentionShape& shape,
                               const Asked& asked)
    : name_(w.scope()),
      heads_(heads_of(w, shape)),
      scale_(scale_of(heads_, shape)),
      q_(store, padded_rows(asked.q, heads_)),
      kv_(store, padded_rows(asked.kv, heads_)),
      proj_(store, projection(w, heads_, shape)) {}

Tensor CrossAttention::keys_and_values(Recorder& r, const Tensor& memory) const {
  const auto scope = r.scope(name_);
  return kv_(r, memory);
}

Tensor CrossAttention::project(Recorder& r, const Tensor& o, const Tensor& residual) const {
  const auto scope = r.scope(name_);
  return proj_(r, o, {ops::Activation::none, {}, residual});
}

TokenAttentionGradient CrossAttention::backward(Recorder& r, const AttentionRecord& record, const Tensor& o,
                                                const Tensor& dy) const {
  const auto scope = r.scope(name_);
  TokenAttentionGradient out;
  const Tensor d_o = proj_.backward(r, dy);
  out.relevance = ops::relevance_rows(r, record.input, record.lse, d_o);
  const auto [dq, dkv] = ops::cross_attention_backward(r, record.input, {o, record.lse}, d_o);
  out.x = q_.backward(r, dq);
  out.memory = kv_.backward(r, dkv);
  return out;
}

Tensor CrossAttention::evidence(Recorder& r, const AttentionRecord& record, const Tensor& dy,
                                const Tensor& base) const {
  const auto scope = r.scope(name_);
  ops::RelevanceCase c;
  c.in = record.input;
  c.lse = record.lse;
  c.gradient = proj_.backward(r, dy);
  c.base = base;
  return ops::attention_relevance(r, c);
}

Tensor CrossAttention::operator()(Recorder& r, const Tensor& x, const Tensor& kv, const Tensor& residual,
                                  const SeenKeys& seen, AttentionTap* tap,
                                  const TokenAttentionName& name) const {
  const auto scope = r.scope(name_);
  const uint32_t dim = heads_.padded_channels(), queries = x.shape[1], keys = kv.shape[1];
  ops::AttentionInput in{q_(r, x),  // [images, queries, dim]
                         kv,
                         kv,
                         {.images = x.shape[0],
                          .queries = queries,
                          .keys = keys,
                          .heads = heads_.count,
                          .width = heads_.padded(),
                          .q_first = 0,
                          .q_image = queries * dim,
                          .q_token = dim,
                          .k_first = 0,
                          .v_first = dim,
                          .kv_image = keys * 2 * dim,
                          .kv_token = 2 * dim,
                          .scale = scale_}};
  limit(in, seen);
  const auto [o, lse] = ops::attention(r, in);
  tell(tap, name_, name, in, lse);
  return proj_(r, o, {ops::Activation::none, {}, residual});
}

}  // namespace fovea::layers
