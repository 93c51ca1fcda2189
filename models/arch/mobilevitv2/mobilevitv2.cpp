// MobileViTv2 (Mehta & Rastegari 2022, "Separable Self-attention for Mobile Vision Transformers"): MobileViT
// with attention that is linear in the number of tokens.
#include <fmt/format.h>

#include <algorithm>

#include "models/arch/byob/blocks.h"
#include "models/model/family.h"
#include "models/nn/activation.h"
#include "models/nn/mlp.h"
#include "models/nn/shapes.h"
#include "models/nn/windows.h"
#include "runtime/ops/attention/separable_attention.h"
#include "runtime/ops/conv/resize2d.h"
#include "runtime/ops/nn/group_norm.h"

namespace fovea {
namespace {

using byob::FeatureMap;
using layers::Windows;

// Over all tokens and channels of an image: GroupNorm of one group.
class ImageNorm {
 public:
  ImageNorm(WeightStore& store, const io::Weights& w, uint32_t width)
      : gamma_(store.vector(w.take("weight", {width}), {width})),
        beta_(store.vector(w.take("bias", {width}), {width})) {}
  Tensor operator()(Recorder& r, const Tensor& x) const {
    return ops::group_norm(r, x, gamma_, beta_, /*epsilon=*/1e-5F);
  }

 private:
  Tensor gamma_, beta_;
};

// Section 3.2: one softmax over a group's tokens weighs the keys' sum, by which relu(values) are multiplied.
class SeparableAttention {
 public:
  SeparableAttention(WeightStore& store, const io::Weights& w, uint32_t width)
      : name_(w.scope()),
        qkv_(packed_qkv(store, w / "qkv_proj", width)),
        out_(store, w / "out_proj", width, {width, width, 1, 1}) {}
  Tensor operator()(Recorder& r, const Tensor& x, const Tensor& residual, const Windows& groups,
                    AttentionTap* tap) const;

 private:
  // The checkpoint's rows are query, keys, values; the kernel reads keys, values, query, 0, 0, 0.
  static layers::Linear packed_qkv(WeightStore& store, const io::Weights& w, uint32_t width) {
    layers::LinearNumbers rows = layers::linear_numbers(w, 2 * width + 1, width);
    rows.bias.resize(rows.columns);
    std::rotate(rows.weight.begin(), rows.weight.begin() + width, rows.weight.end());
    std::rotate(rows.bias.begin(), rows.bias.begin() + 1, rows.bias.end());
    rows.columns += 3;
    rows.weight.resize(size_t{rows.columns} * width);
    rows.bias.resize(rows.columns);
    return {store, rows};
  }

  std::string name_;
  layers::Linear qkv_, out_;
};

// x [images, groups * patches, width]
Tensor SeparableAttention::operator()(Recorder& r, const Tensor& x, const Tensor& residual,
                                      const Windows& groups, AttentionTap* tap) const {
  const uint32_t images = x.shape[0], count = groups.shape().windows(), patches = groups.shape().tokens();
  const Tensor qkv = qkv_(r, x);
  const auto [o, scores] =
      ops::separable_attention(r, qkv.reshaped({images * count, patches, qkv.shape.last()}));
  if (tap != nullptr) {
    AttentionRecord record;
    record.layer.name = name_;
    record.layer.kind = AttentionKind::token_scores;
    record.values = scores;
    record.reference = {images, 1, count, patches};
    record.layer.rows = groups.shape().rows;
    record.layer.cols = groups.shape().cols;
    record.groups = count;
    record.stitch = groups.grid().stitch;
    tap->layers.push_back(std::move(record));
  }
  return out_(r, o.reshaped(x.shape), {ops::Activation::none, {}, residual, ops::Activation::none});
}

class TransformerBlock {
 public:
  TransformerBlock(WeightStore& store, const io::Weights& w, uint32_t width, ops::Activation activation)
      : norm1_(store, w / "norm1", width),
        norm2_(store, w / "norm2", width),
        attn_(store, w / "attn", width),
        mlp_(store, w / "mlp", width, activation) {}

  Tensor operator()(Recorder& r, const Tensor& x, const Windows& groups, AttentionTap* tap) const {
    const Tensor y = attn_(r, norm1_(r, x), x, groups, tap);  // x + attention(norm(x))
    return mlp_(r, norm2_(r, y), y, {});                      // y + MLP(norm(y))
  }

 private:
  ImageNorm norm1_, norm2_;
  SeparableAttention attn_;
  layers::Mlp mlp_;
};

class MobileVitV2Block : public byob::Block {
 public:
  MobileVitV2Block(WeightStore& store, const io::Weights& w, const FeatureMap& in, const byob::Style& style);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const override;
  FeatureMap out() const override { return project_.out(); }

 private:
  FeatureMap map_;  // the input's, whole patches
  uint32_t width_;  // of the transformer
  byob::ConvNorm local_;
  layers::Linear widen_;
  Windows groups_;  // of pixels
  std::vector<TransformerBlock> transformer_;
  ImageNorm norm_;
  byob::ConvNorm project_;
};

FeatureMap in_whole_patches(const FeatureMap& in) {
  const layers::WindowShape whole = layers::pixels_of_patches(in.rows, in.cols);
  return {whole.rows, whole.cols, in.channels, in.reduction};
}

MobileVitV2Block::MobileVitV2Block(WeightStore& store, const io::Weights& w, const FeatureMap& in,
                                   const byob::Style& style)
    : map_(in_whole_patches(in)),
      width_(layers::dimension(w / "conv_1x1", "weight", 4, 0)),
      local_(store, w / "conv_kxk", map_, 1, style.activation),
      widen_(store, w / "conv_1x1", width_, {width_, in.channels, 1, 1}),
      groups_(store, layers::pixels_of_patches(map_.rows, map_.cols)),
      norm_(store, w / "norm", width_),
      project_(store, w / "conv_proj", {map_.rows, map_.cols, width_, map_.reduction}, 1,
               ops::Activation::none) {
  do transformer_.emplace_back(store, w / "transformer" / transformer_.size(), width_, style.activation);
  while (w.has(fmt::format("transformer.{}.norm1.weight", transformer_.size())));
}

// x [images, rows, cols, channels] → the same, rounded up to whole patches
Tensor MobileVitV2Block::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  // Stretched corner to corner, and left so.
  const bool whole = x.shape[1] == map_.rows && x.shape[2] == map_.cols;
  Tensor y = whole ? x : ops::resize2d(r, x, map_.rows, map_.cols, ops::ResizeMode::bilinear_corners);
  const Shape cells{x.shape[0], map_.rows * map_.cols, width_};
  y = groups_.cut(r, widen_(r, local_(r, y)).reshaped(cells));  // [images * groups, patches, width]
  y = y.reshaped(cells);                                        // norms see all of an image
  for (const auto& block : transformer_) y = block(r, y, groups_, tap);
  const Tensor groups =
      norm_(r, y).reshaped({cells[0] * groups_.shape().windows(), groups_.shape().tokens(), width_});
  return project_(r, groups_.join(r, groups).reshaped({cells[0], map_.rows, map_.cols, width_}));
}

std::unique_ptr<byob::Block> make_block(WeightStore& store, const io::Weights& w, const FeatureMap& in,
                                        uint32_t stride, const byob::Style& style) {
  if (w.has("conv_kxk.conv.weight")) return std::make_unique<MobileVitV2Block>(store, w, in, style);
  return std::make_unique<byob::Bottleneck>(store, w, in, stride, style);
}

struct MobileVitV2 : byob::Network {
  explicit MobileVitV2(const Loading& from)
      : Network(from, {.activation = layers::activation_of(from.config, "act_layer", "silu")}, &make_block) {}
};

bool matches(const io::ModelConfig& config) {
  return io::is_called(config, {"mobilevitv2_{050,075,100,125,150,175,200}{_384,}"});
}

}  // namespace

Family mobilevitv2_family() {
  return family<MobileVitV2>("MobileViTv2", "timm mobilevitv2_*", &matches);
}

}  // namespace fovea
