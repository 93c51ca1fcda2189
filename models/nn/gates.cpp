#include "models/nn/gates.h"

#include "models/nn/shapes.h"
#include "runtime/ops/nn/channel_stats.h"
#include "runtime/ops/nn/token_pool.h"

namespace fovea::layers {
namespace {

Tensor tokens_of(const Tensor& x) {
  return x.reshaped({x.shape[0], x.shape[1] * x.shape[2], x.shape[3]});
}

// features [images, rows, cols, channels]
AttentionRecord record_of(AttentionKind kind, std::string name, const Tensor& gate, const Tensor& features) {
  AttentionRecord record;
  record.layer.kind = kind;
  record.layer.name = std::move(name);
  record.layer.rows = features.shape[1];
  record.layer.cols = features.shape[2];
  record.values = gate;
  record.features = tokens_of(features);
  return record;
}

// x: the block's output where the gate ends the block, what the gate weighs elsewhere.
void offer_channels(AttentionTap* tap, const std::string& name, const Tensor& gate, const Tensor& x) {
  if (tap == nullptr) return;
  AttentionRecord record = record_of(AttentionKind::channel_gate, name, gate, x);
  record.reference = {gate.shape[0], gate.shape[1], 1, 1};
  tap->layers.push_back(std::move(record));
}

// gate [images, rows, cols, 1]
void offer_pixels(Recorder& r, AttentionTap* tap, const std::string& name, const Tensor& gate,
                  const Tensor& x) {
  if (tap == nullptr) return;
  const uint32_t images = gate.shape[0], rows = gate.shape[1], cols = gate.shape[2];
  const Tensor cells = gate.reshaped({images, rows * cols});
  AttentionRecord record =
      record_of(AttentionKind::spatial_gate, name, cells, ops::modulate(r, x, {.spatial_gate = cells}));
  record.reference = {images, 1, rows, cols};
  tap->layers.push_back(std::move(record));
}

}  // namespace

SqueezeExcite::SqueezeExcite(WeightStore& store, const io::Weights& w, uint32_t channels,
                             const SqueezeExciteStyle& style)
    : name_(w.scope()),
      activation_(style.activation),
      gate_(style.gate),
      fc1_(store, w / style.squeeze, linear_columns(w / style.squeeze), channels),
      fc2_(store, w / style.excite, channels, linear_columns(w / style.squeeze)) {}

Tensor SqueezeExcite::operator()(Recorder& r, const Tensor& x, const GateOptions& options,
                                 AttentionTap* tap) const {
  const auto scope = r.scope(name_);
  const Tensor squeezed = ops::token_mean(r, tokens_of(x), 0);         // [images, channels]
  const Tensor hidden = fc1_(r, squeezed, {activation_, {}, {}, {}});  // [images, reduced]
  const Tensor gate = fc2_(r, hidden, {gate_, {}, {}, {}});            // [images, channels]
  const Tensor y =
      ops::modulate(r, x, {.channel_gate = gate, .residual = options.residual, .final = options.final});
  offer_channels(tap, name_, gate, options.residual ? y : x);
  return y;
}

Cbam::Cbam(WeightStore& store, const io::Weights& w, uint32_t channels)
    : name_(w.scope()),
      fc1_(store, w / "channel" / "fc1", linear_columns(w / "channel" / "fc1"), channels),
      fc2_(store, w / "channel" / "fc2", channels, linear_columns(w / "channel" / "fc1")),
      spatial_(store, w / "spatial" / "conv" / "conv", w / "spatial" / "conv" / "bn",
               centred_conv(w / "spatial" / "conv" / "conv", 2)) {}

Tensor Cbam::operator()(Recorder& r, const Tensor& x, const GateOptions& options, AttentionTap* tap) const {
  const auto scope = r.scope(name_);
  const auto hidden = [&](const Tensor& pooled) {
    return fc1_(r, pooled, {ops::Activation::relu, {}, {}, {}});
  };
  const Tensor mean = fc2_(r, hidden(ops::token_mean(r, tokens_of(x), 0)));
  const Tensor channels =
      fc2_(r, hidden(ops::token_max(r, tokens_of(x))),
           {ops::Activation::none, {}, mean, ops::Activation::sigmoid});  // [images, channels]
  const Tensor y = ops::modulate(r, x, {.channel_gate = channels});

  const Tensor stats = ops::channel_stats(r, y, /*mean_first=*/true);  // [images, rows, cols, 4]
  const Tensor pixels = spatial_(r, stats, {ops::Activation::sigmoid, {}, {}, {}});
  const Tensor out = ops::modulate(r, y,
                                   {.spatial_gate = pixels.reshaped({x.shape[0], x.shape[1] * x.shape[2]}),
                                    .residual = options.residual,
                                    .final = options.final});
  offer_channels(tap, name_ + ".channel", channels, options.residual ? out : x);
  offer_pixels(r, tap, name_ + ".spatial", pixels, y);
  return out;
}

}  // namespace fovea::layers
