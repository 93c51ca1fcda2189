#include "models/layers/window_attention.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "fovea/error.h"
#include "models/io/text.h"

namespace fovea::layers {
namespace {

// A matrix of a linear layer or a 1×1 convolution.
struct Matrix {
  uint32_t rows = 0, cols = 0;
  std::vector<float> values, bias;  // bias empty where there is none
};

Matrix matrix_of(const io::Weights& w) {
  auto shape = w.shape("weight");
  const bool usable = (shape.size() == 2 || (shape.size() == 4 && shape[2] == 1 && shape[3] == 1)) &&
                      shape[0] != 0 && shape[1] != 0 && shape[0] < (1U << 20) && shape[1] < (1U << 20);
  if (!usable)
    throw Error(ErrorKind::model, fmt::format("[load] tensor {} is {}, attention needs a matrix or a 1×1 "
                                              "convolution",
                                              w.path("weight"), io::shape_text(shape)));
  Matrix out{static_cast<uint32_t>(shape[0]), static_cast<uint32_t>(shape[1]), w.take("weight", shape), {}};
  if (w.has("bias")) out.bias = w.take("bias", {shape[0]});
  return out;
}

[[noreturn]] void refuse(const io::Weights& w, const Matrix& m, uint32_t heads, uint32_t inputs) {
  throw Error(ErrorKind::model,
              fmt::format("[load] tensor {} is [{}, {}], {} heads over {} channels do not fit it",
                          w.path("weight"), m.rows, m.cols, heads, inputs));
}

ops::LinearWeights packed(WeightStore& store, const Matrix& m) {
  const uint32_t padded = (m.rows + 3) / 4 * 4;
  ops::LinearWeights out;
  out.columns = m.rows;
  out.w = store.matrix(ops::pack_linear(m.values, m.rows, m.cols), {m.cols, padded});
  if (!m.bias.empty()) out.bias = store.vector(ops::pad_to_fours(m.bias), {padded});
  return out;
}

}  // namespace

WindowAttention::WindowAttention(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t outputs,
                                 QkvOrder order, const OffsetBias& bias)
    : name_(w.scope()), heads_(bias.heads), bias_(expanded(store, bias)) {
  const Matrix qkv = matrix_of(w / "qkv"), proj = matrix_of(w / "proj");
  if (qkv.rows % (3 * heads_) != 0 || qkv.cols != inputs) refuse(w / "qkv", qkv, heads_, inputs);
  width_ = qkv.rows / 3 / heads_;
  stored_ = (width_ + 3) / 4 * 4;
  if (proj.rows != outputs || proj.cols != heads_ * width_) refuse(w / "proj", proj, heads_, outputs);

  // Zero channels make every head's width a multiple of four; products and outputs do not change.
  Matrix wide_qkv{3 * heads_ * stored_, qkv.cols, {}, {}};
  wide_qkv.values.resize(size_t{wide_qkv.rows} * qkv.cols);
  if (!qkv.bias.empty()) wide_qkv.bias.resize(wide_qkv.rows);
  for (uint32_t part = 0; part < 3; ++part)
    for (uint32_t h = 0; h < heads_; ++h)
      for (uint32_t c = 0; c < width_; ++c) {
        const uint32_t from = (order == QkvOrder::parts_first ? part * heads_ + h : h * 3 + part) * width_ + c,
                       to = (part * heads_ + h) * stored_ + c;
        std::copy_n(qkv.values.begin() + std::ptrdiff_t{from} * qkv.cols, qkv.cols,
                    wide_qkv.values.begin() + std::ptrdiff_t{to} * qkv.cols);
        if (!qkv.bias.empty()) wide_qkv.bias[to] = qkv.bias[from];
      }
  qkv_ = packed(store, wide_qkv);

  Matrix wide_proj{proj.rows, heads_ * stored_, {}, proj.bias};
  wide_proj.values.resize(size_t{proj.rows} * wide_proj.cols);
  for (size_t i = 0; i < proj.values.size(); ++i) {
    const size_t row = i / proj.cols, head = i % proj.cols / width_, c = i % width_;
    wide_proj.values[row * wide_proj.cols + head * stored_ + c] = proj.values[i];
  }
  proj_ = packed(store, wide_proj);
}

Tensor WindowAttention::operator()(Recorder& r, const Tensor& x, const Windows& windows, const Tensor& residual,
                                   const Tensor& scale, AttentionTap* tap) const {
  const WindowShape& s = windows.shape();
  ops::AttentionInput input = ops::AttentionInput::packed(ops::linear(r, x, qkv_), heads_);
  input.layout.scale = 1.0F / std::sqrt(static_cast<float>(width_));
  input.bias = bias_;
  input.mask = windows.mask();
  const auto [o, lse] = ops::attention(r, input);
  if (tap != nullptr) {
    AttentionRecord record;
    record.layer.name = name_;
    record.layer.heads = heads_;
    record.layer.rows = s.rows;
    record.layer.cols = s.cols;
    record.input = input;
    record.lse = lse;
    record.groups = s.windows();
    record.stitch = windows.stitch();
    tap->layers.push_back(std::move(record));
  }
  return ops::linear(r, windows.join(r, o), proj_, {ops::Activation::none, scale, residual, {}});
}

}  // namespace fovea::layers
