#include "models/nn/attention.h"

#include <fmt/format.h>

#include <utility>

#include "fovea/error.h"
#include "runtime/ops/nn/l2_norm.h"
#include "runtime/ops/train/attention_backward.h"

namespace fovea::layers {
namespace {

constexpr float shortest = 1e-12F;  // of a query or key, for cosines: torch's normalize

Heads heads_of(const io::Weights& w, uint32_t heads) {
  const bool packed = w.has("qkv.weight");
  return Heads::of(w, packed ? linear_columns(w / "qkv") / 3 : linear_columns(w / "q_proj"), heads);
}

std::optional<LayerNorm> norm_of_heads(WeightStore& store, const io::Weights& w, const Heads& heads,
                                       float epsilon) {
  // Its statistics would count the zeros that pad heads.
  if (heads.width != heads.padded())
    throw Error(ErrorKind::unsupported,
                fmt::format("[load] {} normalises heads of {} channels, which must be a multiple of four",
                            w.path("norm"), heads.width));
  return LayerNorm(store, w / "norm", heads.channels(), epsilon);
}

}  // namespace

Attention::Attention(WeightStore& store, const io::Weights& w, const AttentionShape& shape)
    : name_(w.scope()),
      heads_(heads_of(w, shape.heads)),
      grid_(shape.grid),
      rotary_(shape.rotary),
      bias_(shape.bias),
      qkv_(store, padded_rows(qkv_numbers(w, shape.inputs, shape.heads, shape.order), heads_)),
      proj_(store, padded_inputs(linear_numbers(w / "proj", shape.outputs, heads_.channels()), heads_)),
      q_norm_(LayerNorm::if_there(store, w / "q_norm", heads_.width, shape.epsilon)),
      k_norm_(LayerNorm::if_there(store, w / "k_norm", heads_.width, shape.epsilon)) {
  if (shape.norm) norm_ = norm_of_heads(store, w, heads_, shape.epsilon);
  if (shape.cosine.empty()) return;
  std::vector<float> factors = shape.cosine;
  factors.resize(size_t{2} * heads_.count, 1.0F);
  cosine_ = store.vector(factors, {2 * heads_.count});
}

Tensor Attention::operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Tensor& scale,
                             AttentionTap* tap) const {
  return project(r, heads(r, x, {}, grid_, tap), residual, scale);
}

Tensor Attention::operator()(Recorder& r, const Tensor& x, const Windows& windows, const Tensor& residual,
                             const Tensor& scale, AttentionTap* tap) const {
  const Tensor o = heads(r, x, windows.mask(), windows.grid(), tap);
  return project(r, windows.join(r, o), residual, scale);
}

// [images, tokens, heads * padded head]
Tensor Attention::heads(Recorder& r, const Tensor& x, const Tensor& mask, const TokenGrid& grid,
                        AttentionTap* tap) const {
  const auto scope = r.scope(name_);
  const Tensor qkv = qkv_(r, x);  // [images, tokens, 3 * heads * padded head]
  if (q_norm_) q_norm_->on_heads(r, qkv, heads_.count, 0);
  if (k_norm_) k_norm_->on_heads(r, qkv, heads_.count, 1);
  if (rotary_) (*rotary_)(r, qkv, heads_);
  if (cosine_) ops::l2_norm_heads(r, qkv, cosine_, heads_.padded(), shortest);
  auto input = ops::AttentionInput::packed(qkv, heads_.count);
  input.layout.scale = cosine_ ? 1.0F : heads_.scale();
  input.bias = bias_;
  input.mask = mask;
  const auto [o, lse] = ops::attention(r, input);
  if (tap != nullptr) tap->layers.push_back(softmax_record(name_, grid, input, lse));
  return o;
}

Tensor Attention::project(Recorder& r, const Tensor& o, const Tensor& residual, const Tensor& scale) const {
  return proj_(r, norm_ ? (*norm_)(r, o) : o, {ops::Activation::none, scale, residual});
}

Step::Middle Attention::again(Recorder& r, const ops::AttentionInput& in, const Tensor& residual,
                              const Tensor& scale) const {
  const auto scope = r.scope(name_);
  const Tensor o = ops::attention(r, in).o;
  return {o, project(r, o, residual, scale)};
}

Tensor Attention::heads_gradient(Recorder& r, const Tensor& o, const Tensor& dy, const Tensor& scale,
                                 bool held) const {
  const Tensor d = proj_.backward(r, dy, scale);
  return norm_ ? norm_->backward(r, o, d, {}, held) : d;
}

Tensor Attention::backward(Recorder& r, const Tensor& x, const ops::AttentionInput& in,
                           const ops::AttentionResult& forward, const Tensor& heads_gradient) const {
  const auto scope = r.scope(name_);
  if (cosine_)
    throw Error(ErrorKind::unsupported,
                fmt::format("[attention] {}: there is no gradient of cosine attention", name_));
  const Tensor dqkv = ops::attention_backward(r, in, forward, heads_gradient);
  if (rotary_) (*rotary_)(r, dqkv, heads_, /*back=*/true);
  if (q_norm_ || k_norm_) {  // was normalised in place: make what it was again
    const Tensor qkv = qkv_(r, x);
    if (q_norm_) q_norm_->on_heads_backward(r, qkv, dqkv, heads_.count, 0);
    if (k_norm_) k_norm_->on_heads_backward(r, qkv, dqkv, heads_.count, 1);
  }
  return qkv_.backward(r, dqkv);
}

std::vector<Step::Product> Attention::constants(Recorder& r, const Tensor& dy, const Tensor& scale) const {
  std::vector<Step::Product> out;
  if (const Tensor& bias = proj_.weights().bias) out.push_back({dy, bias, scale});
  if (norm_) out.push_back({proj_.backward(r, dy, scale), norm_->beta(), {}});
  return out;
}

}  // namespace fovea::layers
