// Bottleneck Transformers (Srinivas et al. 2021): a ResNet whose last bottlenecks attend where others
// convolve, with positions relative along rows and columns.
#include <fmt/format.h>

#include <utility>

#include "fovea/error.h"
#include "models/arch/byob/blocks.h"
#include "models/model/family.h"
#include "models/nn/activation.h"
#include "models/nn/heads.h"
#include "models/nn/shapes.h"
#include "runtime/ops/attention/relative_logits.h"
#include "runtime/ops/conv/pool.h"
#include "runtime/ops/nn/modulate.h"

namespace fovea {
namespace {

using byob::FeatureMap;
using ops::Activation;

struct AttentionShape {
  FeatureMap map;
  layers::Heads heads;
};

AttentionShape attention_shape(const io::Weights& w, const FeatureMap& map) {
  const io::Weights pos = w / "pos_embed";
  const uint32_t head = layers::dimension(pos, "height_rel", 2, 1),
                 rows = layers::dimension(w / "qkv", "weight", 4, 0);
  if (map.channels % head != 0 || rows != 3 * map.channels)
    throw Error(ErrorKind::model,
                fmt::format("[load] {} has {} rows for heads of {} channels and {} values: queries, keys and "
                            "values must be as wide as one another",
                            w.path("qkv.weight"), rows, head, map.channels));
  // 2 n − 1 distances between n positions.
  const uint32_t heights = layers::dimension(pos, "height_rel", 2, 0),
                 widths = layers::dimension(pos, "width_rel", 2, 0);
  if (heights != 2 * map.rows - 1 || widths != 2 * map.cols - 1)
    throw Error(ErrorKind::usage,
                fmt::format("[load] {} holds relative positions for a map of {}×{}, this input gives one of "
                            "{}×{}: use an input of {}×{}",
                            w.path("pos_embed"), (heights + 1) / 2, (widths + 1) / 2, map.rows, map.cols,
                            (heights + 1) / 2 * map.reduction, (widths + 1) / 2 * map.reduction));
  return {map, {map.channels / head, head}};
}

// Section 3 and fig. 4: softmax(q kᵀ / √d + q (r_height + r_width)ᵀ) v, all pairs of cells.
class SelfAttention {
 public:
  SelfAttention(WeightStore& store, const io::Weights& w, const AttentionShape& shape);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const;

 private:
  Tensor distances(WeightStore& store, const io::Weights& w, const char* name, uint32_t size) const;

  std::string name_;
  AttentionShape s_;
  layers::Linear qkv_;
  Tensor heights_, widths_;  // [2 rows − 1, padded] and [2 cols − 1, padded], f32
};

// The 1×1 convolution behind, which reads padded heads.
layers::Linear padded_conv3(WeightStore& store, const io::Weights& w, const AttentionShape& s) {
  const auto shape = layers::centred_conv(w / "conv", s.map.channels);
  auto [name, weight, bias] = layers::conv_numbers(w / "conv", w / "bn", shape);
  return {store, layers::padded_inputs(
                     {name, shape.columns, shape.inputs, std::move(weight), std::move(bias)}, s.heads)};
}

SelfAttention::SelfAttention(WeightStore& store, const io::Weights& w, const AttentionShape& shape)
    : name_(w.scope()),
      s_(shape),
      qkv_(store, layers::padded_rows(layers::qkv_numbers(w, shape.map.channels, shape.heads.count,
                                                          layers::QkvOrder::parts_first),
                                      shape.heads)),
      heights_(distances(store, w / "pos_embed", "height_rel", shape.map.rows)),
      widths_(distances(store, w / "pos_embed", "width_rel", shape.map.cols)) {}

Tensor SelfAttention::distances(WeightStore& store, const io::Weights& w, const char* name,
                                uint32_t size) const {
  const uint32_t count = 2 * size - 1;
  return store.vector(layers::padded_heads(w.take(name, {count, s_.heads.width}), s_.heads, 1),
                      {count, s_.heads.padded()});
}

// x [images, rows, cols, channels] → [images, rows, cols, padded channels of heads]
Tensor SelfAttention::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  const uint32_t images = x.shape[0], rows = s_.map.rows, cols = s_.map.cols, tokens = rows * cols;
  const Tensor qkv = qkv_(r, x).reshaped({images, tokens, 3 * s_.heads.padded_channels()});
  auto input = ops::AttentionInput::packed(qkv, s_.heads.count);
  input.layout.scale = s_.heads.scale();
  input.bias = ops::relative_logits(r, input, widths_, heights_);
  const auto [o, lse] = ops::attention(r, input);
  if (tap != nullptr) {
    AttentionRecord record = softmax_record(name_, {rows, cols}, input, lse);
    record.reference = {images * s_.heads.count, tokens, tokens};
    tap->layers.push_back(std::move(record));
  }
  return o.reshaped({images, rows, cols, s_.heads.padded_channels()});
}

// A bottleneck with attention in place of its k×k convolution; stride 2 averages 2×2 cells after it.
class AttentionBlock : public byob::Block {
 public:
  AttentionBlock(WeightStore& store, const io::Weights& w, const FeatureMap& in, uint32_t stride,
                 const byob::Style& style);
  Tensor operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const override;
  FeatureMap out() const override { return out_; }

 private:
  byob::Style style_;
  ops::Window pooling_;
  byob::ConvNorm conv1_;
  AttentionShape shape_;
  SelfAttention attention_;
  Tensor norm_scale_, norm_shift_;  // of the BatchNorm behind it, [padded channels]
  layers::Linear conv3_;
  FeatureMap out_;
  byob::Shortcut shortcut_;
};

AttentionBlock::AttentionBlock(WeightStore& store, const io::Weights& w, const FeatureMap& in,
                               uint32_t stride, const byob::Style& style)
    : style_(style),
      pooling_(ops::Window::square(stride, stride)),
      conv1_(store, w / "conv1_1x1", in, 1, style.activation),
      shape_(attention_shape(w / "self_attn", conv1_.out())),
      attention_(store, w / "self_attn", shape_),
      conv3_(padded_conv3(store, w / "conv3_1x1", shape_)),
      out_{pooling_.out_rows(in.rows), pooling_.out_cols(in.cols), conv3_.weights().columns,
           in.reduction * stride},
      shortcut_(store, w / "shortcut", in, out_, stride, style) {
  const layers::Affine norm = layers::batch_norm(w / "post_attn", shape_.map.channels);
  const auto padded = [&](const std::vector<float>& values) {
    return store.vector(layers::padded_heads(values, shape_.heads, 1), {shape_.heads.padded_channels()});
  };
  norm_scale_ = padded(norm.scale);
  norm_shift_ = padded(norm.shift);
}

// x [images, rows, cols, inputs] → as out() says
Tensor AttentionBlock::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  Tensor y = attention_(r, conv1_(r, x), tap);
  if (pooling_.stride != 1)
    y = ops::pool(r, y, pooling_, ops::PoolKind::mean, /*count_pad=*/false, /*ceil=*/false);
  ops::ModulateOptions norm;
  norm.scale = norm_scale_;
  norm.shift = norm_shift_;
  norm.activation = style_.activation;
  return conv3_(r, ops::modulate(r, y, norm), {Activation::none, {}, shortcut_(r, x), style_.final});
}

std::unique_ptr<byob::Block> make_block(WeightStore& store, const io::Weights& w, const FeatureMap& in,
                                        uint32_t stride, const byob::Style& style) {
  if (w.has("self_attn.qkv.weight")) return std::make_unique<AttentionBlock>(store, w, in, stride, style);
  return std::make_unique<byob::Bottleneck>(store, w, in, stride, style);
}

byob::Style style_of(const io::ModelConfig& config) {
  // timm's names end in s where the activation is SiLU: botnet50ts_256, but botnet26t_256.
  const bool silu = config.architecture.find("ts_") != std::string::npos;
  const Activation activation = layers::activation_of(config, "act_layer", silu ? "silu" : "relu");
  return {.activation = activation, .final = activation, .projects = true};
}

struct BotNet : byob::Network {
  explicit BotNet(const Loading& from) : Network(from, style_of(from.config), &make_block) {}
};

bool matches(const io::ModelConfig& config) {
  return io::is_called(config, {"botnet{26t,50ts}_256"});
}

}  // namespace

Family botnet_family() {
  return family<BotNet>("BoTNet", "timm botnet*", &matches);
}

}  // namespace fovea
