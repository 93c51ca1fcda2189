// CoAtNet (Dai et al. 2021), convolutional stages and then attention over the whole grid, and MaxViT (Tu et
// al. 2022), where every block has a convolution, attention in windows and attention over a dilated grid.
#include <fmt/format.h>

#include <array>

#include "fovea/error.h"
#include "models/arch/coatnet/coatnet_blocks.h"
#include "models/model/family.h"
#include "models/nn/activation.h"
#include "models/nn/layout.h"
#include "models/nn/shapes.h"
#include "models/nn/tanh_linear.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea {
namespace {

using coatnet::AttentionBlock;
using coatnet::MbConv;
using coatnet::Variant;
using layers::dimension;
using ops::Activation;

using Size = std::array<uint32_t, 2>;  // rows, columns

// timm's configurations differ in what no weight shows; they are told apart by name, as in timm, and
// model_args may change them.
Variant variant_of(const io::ModelConfig& config) {
  const std::string& name = config.architecture;
  const auto is = [&](std::initializer_list<const char*> prefixes) {
    for (const char* prefix : prefixes)
      if (name.starts_with(prefix)) return true;
    return false;
  };
  Variant v;
  if (name.find("_tf_") != std::string::npos) {
    v.activation = v.mlp = Activation::gelu_tanh;
    v.same_padding = true;
    v.conv_epsilon = 1e-3F;
    v.epsilon = 1e-5F;
    v.order = layers::QkvOrder::parts_first;
  } else if (name.find("_rw") != std::string::npos || is({"coatnet_nano_cc"})) {
    v.activation = Activation::silu;
    // timm trained its first CoAtNets with an activation after the first norm. Its published coatnet_nano_rw
    // is a later one; the reference numbers for that name with widths of their own are of the first kind.
    const bool later_nano = is({"coatnet_nano_rw"}) && !config.model_args.contains("embed_dim");
    v.pre_activation = !later_nano && !is({"maxvit_", "coatnet_pico_rw", "coatnet_rmlp_nano_rw"});
    if (v.pre_activation && !is({"coatnet_2_rw", "coatnet_3_rw", "coatnet_rmlp_2_rw", "coatnet_rmlp_3_rw"}))
      v.squeeze = Activation::relu;
    v.stride_by_pool = is({"coatnet_nano_rw", "coatnet_0_rw", "coatnet_rmlp_1_rw_", "coatnet_nano_cc"});
    v.max_pool = is({"coatnet_rmlp_1_rw_"});
  }
  io::check_known_args(
      config, {"embed_dim", "depths", "stem_width", "stem_bias", "head_hidden_size", "conv_act_layer",
               "conv_attn_act_layer", "conv_pre_norm_act", "conv_stride_mode", "conv_output_bias",
               "conv_expand_ratio", "conv_attn_ratio", "transformer_act_layer", "transformer_window_size",
               "transformer_dim_head", "transformer_expand_ratio", "transformer_init_values"});
  v.activation = layers::activation_of(config, "conv_act_layer", v.activation);
  v.squeeze = layers::activation_of(config, "conv_attn_act_layer", v.squeeze);
  v.mlp = layers::activation_of(config, "transformer_act_layer", v.mlp);
  v.pre_activation = io::arg_bool(config.model_args, "conv_pre_norm_act", v.pre_activation, config.file);
  const std::string stride =
      io::arg_string(config.model_args, "conv_stride_mode", v.stride_by_pool ? "pool" : "dw", config.file);
  if (stride != "pool" && stride != "dw")
    throw Error(ErrorKind::model,
                fmt::format("[load] {}: conv_stride_mode '{}' is unknown; there are pool, dw",
                            config.file.string(), stride));
  v.stride_by_pool = stride == "pool";
  return v;
}

// A convolution, attention, or one convolution and two attentions (MaxViT).
struct Block {
  std::optional<MbConv> conv;
  std::vector<AttentionBlock> attention;

  Tensor operator()(Recorder& r, Tensor x, AttentionTap* tap) const {
    if (conv) x = (*conv)(r, x, tap);
    for (const AttentionBlock& block : attention) x = block(r, x, tap);
    return x;
  }
};

class CoAtNet : public LoadedModel {
 public:
  explicit CoAtNet(const Loading& from);
  void forward(Pass& pass) const override;

 private:
  Block block_of(const io::ModelConfig& config, const io::Weights& w, uint32_t stride, Size grid,
                 Size window);
  void add_head(const io::ModelConfig& config, const io::Weights& w);
  Tensor classified(Recorder& r, const Tensor& cells) const;

  const size_t pixels_ = declare_pixels();
  const size_t features_ = declare_features(), logits_ = declare_output("logits");
  Variant v_;
  uint32_t width_;  // of the last block so far
  layers::Conv stem1_, stem2_;
  std::vector<Block> blocks_;
  std::optional<coatnet::Norm> norm_;
  std::optional<layers::LayerNorm> head_norm_;
  std::optional<layers::TanhLinear> head_hidden_;
  std::optional<layers::Linear> head_;
};

layers::ConvShape stem_shape(const io::Weights& conv, uint32_t inputs, uint32_t stride, const Variant& v) {
  return coatnet::padded(layers::centred_conv(conv, inputs, stride), v);
}

CoAtNet::CoAtNet(const Loading& from)
    : LoadedModel(from),
      v_(variant_of(from.config)),
      width_(dimension(from.weights, "stem.conv2.weight", 4, 0)),
      stem1_(store_, from.weights / "stem" / "conv1", from.weights / "stem" / "norm1",
             stem_shape(from.weights / "stem" / "conv1", 3, 2, v_), v_.conv_epsilon),
      stem2_(store_, from.weights / "stem" / "conv2",
             stem_shape(from.weights / "stem" / "conv2", dimension(from.weights, "stem.conv1.weight", 4, 0),
                        1, v_)) {
  const io::ModelConfig& config = from.config;
  const io::Weights& w = from.weights;

  uint32_t stages = 0;
  const auto is_block = [](const io::Weights& block) {
    return block.has("attn.qkv.weight") || block.has("conv1_1x1.weight") ||
           block.has("conv.conv1_1x1.weight");
  };
  while (stages < 8 && is_block(w / "stages" / stages / "blocks" / 0)) ++stages;
  if (stages == 0)
    throw Error(
        ErrorKind::model,
        fmt::format("[load] {}: stages.0.blocks.0 is neither an MBConv, attention, nor MaxViT's three in "
                    "a row; ConvNeXt and parallel blocks are not supported",
                    config.file.string()));
  const uint32_t reduction = 2U << stages;
  const Size size{preprocess_.height, preprocess_.width};
  if (size[0] % reduction != 0 || size[1] % reduction != 0)
    throw Error(ErrorKind::usage,
                fmt::format("[load] an input of {}×{} for {}: both sides must be multiples of {}", size[0],
                            size[1], config.architecture, reduction));
  // Windows of attention grow with the input: timm's partition_ratio.
  const Size window =
      io::arg_size(config.model_args, "transformer_window_size", {size[0] / 32, size[1] / 32}, config.file);
  for (uint32_t s = 0; s < stages; ++s) {
    const io::Weights stage = w / "stages" / s / "blocks";
    const Size grid{size[0] >> (s + 2), size[1] >> (s + 2)};
    for (size_t b = 0; is_block(stage / b); ++b)
      blocks_.push_back(block_of(config, stage / b, b == 0 ? 2 : 1, grid, window));
  }
  add_head(config, w);
}

Block CoAtNet::block_of(const io::ModelConfig& config, const io::Weights& w, uint32_t stride, Size grid,
                        Size window) {
  Block out;
  const bool both = w.has("conv.conv1_1x1.weight");
  if (both || w.has("conv1_1x1.weight")) {
    out.conv.emplace(store_, both ? w / "conv" : w, width_, stride, v_);
    width_ = out.conv->width();
    if (!both) return out;
    if (grid[0] % window[0] != 0 || grid[1] % window[1] != 0)
      throw Error(
          ErrorKind::usage,
          fmt::format("[load] {} has a grid of {}×{} and windows of {}×{} at {}: the grid must be whole "
                      "windows",
                      config.architecture, grid[0], grid[1], window[0], window[1], w.scope()));
    const layers::WindowShape near{grid[0], grid[1], window[0], window[1]};
    layers::WindowShape far = near;
    far.strided = true;
    out.attention.emplace_back(store_, w / "attn_block", width_, 1, near, v_);
    out.attention.emplace_back(store_, w / "attn_grid", width_, 1, far, v_);
    return out;
  }
  out.attention.emplace_back(store_, w, width_, stride,
                             layers::WindowShape{grid[0], grid[1], grid[0], grid[1]}, v_);
  width_ = out.attention.back().width();
  return out;
}

void CoAtNet::add_head(const io::ModelConfig& config, const io::Weights& w) {
  const std::string pool = io::arg_string(config.model_args, "global_pool", "avg", config.file);
  if (pool != "avg")
    throw Error(ErrorKind::model, fmt::format("[load] {}: global_pool is '{}', this family here has 'avg'",
                                              config.file.string(), pool));
  if (w.has("norm.weight")) norm_.emplace(store_, w / "norm", width_, v_.epsilon);
  const io::Weights head = w / "head";
  if (head.has("norm.weight")) head_norm_.emplace(store_, head / "norm", width_, v_.epsilon);
  uint32_t inputs = width_;
  if (head.has("pre_logits.fc.weight")) {
    inputs = dimension(head, "pre_logits.fc.weight", 2, 0);
    head_hidden_.emplace(store_, head / "pre_logits" / "fc", inputs, width_);
  }
  head_ = classifier(config, head / "fc", inputs);
}

void CoAtNet::forward(Pass& pass) const {
  Recorder& r = pass.recorder();
  Tensor x = layers::channels_last(r, pass.input(pixels_));
  x = stem2_(r, stem1_(r, x, {v_.activation, {}, {}, {}}));  // [images, rows, cols, channels]
  for (const Block& block : blocks_) x = block(r, x, pass.tap());
  const uint32_t images = x.shape[0], rows = x.shape[1], cols = x.shape[2];
  const Tensor last = x.reshaped({images, rows * cols, width_}), cells = norm_ ? (*norm_)(r, last) : last;
  if (pass.wants(features_)) pass.give(features_, layers::channels_first(r, cells, rows, cols));
  if (pass.wants(logits_)) pass.give(logits_, classified(r, cells));
  if (pass.tap() == nullptr || !head_ || head_norm_ || head_hidden_) return;
  PooledHead& head = pass.tap()->head;
  head = {cells, rows, cols, 0, PooledHead::Norm::none, {}, 0, head_->weights()};
  if (norm_ && norm_->layer_norm()) {
    head.features = last;
    head.norm = PooledHead::Norm::before_pooling;
    head.gamma = norm_->layer_norm()->gamma();
    head.epsilon = norm_->layer_norm()->epsilon();
  }
}

// What the head makes of the cells' mean.
Tensor CoAtNet::classified(Recorder& r, const Tensor& cells) const {
  Tensor pooled = ops::token_mean(r, cells);
  if (head_norm_) pooled = (*head_norm_)(r, pooled);
  if (head_hidden_) pooled = (*head_hidden_)(r, pooled);
  return head_ ? (*head_)(r, pooled) : pooled;
}

bool matches(const io::ModelConfig& config) {
  return io::is_called(
      config, {"coatnet_{0,1,2,3,4,5}_224",
               "coatnet_{nano,pico,0,1,2,3,bn_0,rmlp_nano,rmlp_0,rmlp_1,rmlp_2,rmlp_3}_{rw,rw2}_{224,384}",
               "coatnet_nano_cc_224",
               "maxvit_{pico,nano,tiny,rmlp_pico,rmlp_nano,rmlp_tiny,rmlp_small,rmlp_base}_rw_{224,256,384}",
               "maxvit_{tiny,small,base,large,xlarge}_tf_{224,384,512}"});
}

}  // namespace

Family coatnet_family() {
  return family<CoAtNet>("CoAtNet", "timm coatnet_*, maxvit_*", &matches);
}

}  // namespace fovea
