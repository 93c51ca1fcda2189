#include "models/arch/coatnet/coatnet_blocks.h"

#include "models/nn/shapes.h"
#include "runtime/ops/conv/pool.h"
#include "runtime/ops/nn/modulate.h"

namespace fovea::coatnet {
namespace {

using layers::dimension;
using ops::Activation;

Tensor averaged(Recorder& r, const Tensor& x) {
  return ops::pool(r, x, ops::Window::square(2, 2), ops::PoolKind::mean, false, false);
}

Tensor halved(Recorder& r, const Tensor& x, const Variant& v) {
  return v.max_pool ? ops::pool(r, x, ops::Window::square(3, 2, 1), ops::PoolKind::max, false, false)
                    : averaged(r, x);
}

std::optional<layers::Linear> pointwise_if_there(WeightStore& store, const io::Weights& w, uint32_t columns,
                                                 uint32_t inputs) {
  if (!w.has("weight")) return std::nullopt;
  return layers::Linear(store, w, columns, inputs);
}

// after(W before(x)) of a 1×1 convolution and its two BatchNorms, as one matrix.
layers::Linear folded(WeightStore& store, const io::Weights& conv, const layers::Affine& before,
                      const layers::Affine& after) {
  const auto inputs = static_cast<uint32_t>(before.scale.size()),
             columns = static_cast<uint32_t>(after.scale.size());
  layers::LinearNumbers out = layers::linear_numbers(conv, columns, inputs);
  out.bias.assign(columns, 0.0F);
  for (uint32_t c = 0; c < columns; ++c) {
    double sum = 0;
    for (uint32_t i = 0; i < inputs; ++i) {
      float& value = out.weight[size_t{c} * inputs + i];
      sum += double{value} * double{before.shift[i]};
      value = static_cast<float>(double{after.scale[c]} * double{value} * double{before.scale[i]});
    }
    out.bias[c] = static_cast<float>(double{after.shift[c]} + double{after.scale[c]} * sum);
  }
  return {store, out};
}

layers::OffsetBias bias_of(const io::Weights& w, uint32_t rows, uint32_t cols) {
  if (w.has("mlp.fc1.weight")) return layers::bias_mlp(w, rows, cols);
  const bool of_keys = w.shape("relative_position_bias_table").size() == 3;
  return layers::resampled(of_keys ? layers::bias_table_of_keys(w) : layers::bias_table(w, rows, cols), rows,
                           cols);
}

layers::AttentionShape attention_shape(WeightStore& store, uint32_t inputs, uint32_t outputs,
                                       layers::QkvOrder order, const layers::OffsetBias& bias) {
  return {.inputs = inputs,
          .outputs = outputs,
          .heads = bias.heads,
          .order = order,
          .bias = expanded(store, bias)};
}

io::Weights first_norm(const io::Weights& w, uint32_t stride) {
  return stride == 1 ? w / "norm1" : w / "norm1" / "norm";
}

Tensor layer_scale(WeightStore& store, const io::Weights& w, uint32_t width) {
  if (!w.has("gamma")) return {};
  return layers::channel_vector(store, w.take("gamma", {width}));
}

Tensor cells_of(const Tensor& x) {
  return x.reshaped({x.shape[0], x.shape[1] * x.shape[2], x.shape[3]});
}

}  // namespace

layers::ConvShape padded(layers::ConvShape shape, const Variant& v) {
  if (!v.same_padding) return shape;
  ops::Window& window = shape.window;  // of an even input
  window.top = (window.rows - window.stride) / 2;
  window.left = (window.cols - window.stride) / 2;
  window.bottom = window.rows - window.stride - window.top;
  window.right = window.cols - window.stride - window.left;
  return shape;
}

Norm::Norm(WeightStore& store, const io::Weights& w, uint32_t width, float epsilon) {
  if (!w.has("running_mean")) {
    layer_norm_.emplace(store, w, width, epsilon);
    return;
  }
  const auto affine = layers::batch_norm(w, width, epsilon);
  scale_ = layers::channel_vector(store, affine.scale);
  shift_ = layers::channel_vector(store, affine.shift);
}

Tensor Norm::operator()(Recorder& r, const Tensor& x) const {
  return layer_norm_ ? (*layer_norm_)(r, x) : ops::modulate(r, x, {.scale = scale_, .shift = shift_});
}

MbConv::MbConv(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride, const Variant& v)
    : v_(v),
      stride_(stride),
      width_(dimension(w, "conv3_1x1.weight", 4, 0)),
      gate_first_(w.has("se_early.fc1.weight")),
      narrow_(store, w / "conv3_1x1", width_, dimension(w, "conv3_1x1.weight", 4, 1)),
      shortcut_(pointwise_if_there(store, w / "shortcut" / "expand", width_, inputs)) {
  const uint32_t wide = dimension(w, "conv1_1x1.weight", 4, 0);
  // The mean commutes with the first norm, so that the norm is part of the convolution behind both.
  layers::Affine first = layers::batch_norm(w / "pre_norm", inputs, v.conv_epsilon);
  if (v.pre_activation) {
    norm_scale_ = layers::channel_vector(store, first.scale);
    norm_shift_ = layers::channel_vector(store, first.shift);
    first = {std::vector<float>(inputs, 1.0F), std::vector<float>(inputs)};
  }
  widen_.emplace(
      folded(store, w / "conv1_1x1", first, layers::batch_norm(w / "norm1", wide, v.conv_epsilon)));

  const io::Weights conv = w / "conv2_kxk";
  const auto shape = padded(layers::centred_conv(conv, wide, v.stride_by_pool ? 1 : stride), v);
  if (gate_first_) {
    const auto late = layers::batch_norm(w / "norm2", wide, v.conv_epsilon);
    depthwise_.emplace(store, conv, shape);
    late_scale_ = layers::channel_vector(store, late.scale);
    late_shift_ = layers::channel_vector(store, late.shift);
  } else {
    depthwise_.emplace(store, conv, w / "norm2", shape, v.conv_epsilon);
  }
  const io::Weights gate = w / (gate_first_ ? "se_early" : "se");
  if (gate.has("fc1.weight")) gate_.emplace(store, gate, wide, layers::SqueezeExciteStyle{v.squeeze});
}

// x [images, rows, cols, inputs] → [images, rows / stride, cols / stride, width]
Tensor MbConv::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  const Tensor small = stride_ == 1 ? x : halved(r, x, v_);
  const Tensor residual = shortcut_ ? (*shortcut_)(r, small) : small;
  Tensor y = x;
  if (v_.pre_activation)
    y = ops::modulate(r, x, {.scale = norm_scale_, .shift = norm_shift_, .activation = v_.activation});
  if (v_.stride_by_pool && stride_ != 1) y = v_.pre_activation || v_.max_pool ? averaged(r, y) : small;
  y = (*widen_)(r, y, {v_.activation, {}, {}, {}});
  y = (*depthwise_)(r, y, {gate_first_ ? Activation::none : v_.activation, {}, {}, {}});
  if (gate_) y = (*gate_)(r, y, {}, tap);
  if (gate_first_)
    y = ops::modulate(r, y, {.scale = late_scale_, .shift = late_shift_, .activation = v_.activation});
  return narrow_(r, y, {Activation::none, {}, residual, {}});
}

AttentionBlock::AttentionBlock(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t stride,
                               const layers::WindowShape& windows, const Variant& v)
    : v_(v),
      stride_(stride),
      width_(layers::linear_columns(w / "attn" / "proj")),
      norm1_(store, first_norm(w, stride), inputs, v.epsilon),
      norm2_(store, w / "norm2", width_, v.epsilon),
      windows_(store, windows),
      attn_(store, w / "attn",
            attention_shape(store, inputs, width_, v.order,
                            bias_of(w / "attn" / "rel_pos", windows.window_rows, windows.window_cols))),
      mlp_(store, w / "mlp", width_, v.mlp),
      shortcut_(pointwise_if_there(store, w / "shortcut" / "expand", width_, inputs)),
      scale1_(layer_scale(store, w / "ls1", width_)),
      scale2_(layer_scale(store, w / "ls2", width_)) {}

// x [images, rows, cols, inputs] → [images, rows / stride, cols / stride, width]
Tensor AttentionBlock::operator()(Recorder& r, const Tensor& x, AttentionTap* tap) const {
  const auto small = [&](const Tensor& t) { return stride_ == 1 ? t : halved(r, t, v_); };
  const Tensor residual = shortcut_ ? (*shortcut_)(r, small(x)) : small(x);
  const Tensor h = small(norm1_(r, x));
  const Tensor y = attn_(r, windows_.cut(r, cells_of(h)), windows_, cells_of(residual), scale1_, tap)
                       .reshaped(residual.shape);
  return mlp_(r, norm2_(r, y), y, scale2_);
}

}  // namespace fovea::coatnet
