#include "models/nn/window_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "fovea/error.h"
#include "models/config/text.h"

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

// Zero channels make every head's width a multiple of four; products and outputs do not change.
uint32_t padded(uint32_t width) {
  return (width + 3) / 4 * 4;
}

// Rows [3, heads, padded width], whatever order they had.
Linear padded_qkv(WeightStore& store, const Matrix& qkv, uint32_t heads, QkvOrder order) {
  const uint32_t width = qkv.rows / 3 / heads, columns = 3 * heads * padded(width);
  std::vector<float> values(size_t{columns} * qkv.cols), bias(qkv.bias.empty() ? 0 : columns);
  for (uint32_t part = 0; part < 3; ++part)
    for (uint32_t h = 0; h < heads; ++h)
      for (uint32_t c = 0; c < width; ++c) {
        const size_t from = (order == QkvOrder::parts_first ? part * heads + h : h * 3 + part) * width + c,
                     to = (part * heads + h) * padded(width) + c;
        std::copy_n(&qkv.values[from * qkv.cols], qkv.cols, &values[to * qkv.cols]);
        if (!bias.empty()) bias[to] = qkv.bias[from];
      }
  return {store, values, bias, columns};
}

Linear padded_proj(WeightStore& store, const Matrix& proj, uint32_t width) {
  std::vector<float> values(proj.values.size() / width * padded(width));
  for (size_t i = 0; i < proj.values.size(); ++i)
    values[i / width * padded(width) + i % width] = proj.values[i];
  return {store, values, proj.bias, proj.rows};
}

}  // namespace

WindowAttention::WindowAttention(WeightStore& store, const io::Weights& w, uint32_t inputs, uint32_t outputs,
                                 QkvOrder order, const OffsetBias& bias)
    : name_(w.scope()), heads_(bias.heads), bias_(expanded(store, bias)) {
  const Matrix qkv = matrix_of(w / "qkv"), proj = matrix_of(w / "proj");
  if (qkv.rows % (3 * heads_) != 0 || qkv.cols != inputs) refuse(w / "qkv", qkv, heads_, inputs);
  const uint32_t width = qkv.rows / 3 / heads_;
  if (proj.rows != outputs || proj.cols != heads_ * width) refuse(w / "proj", proj, heads_, outputs);
  scale_ = 1.0F / std::sqrt(static_cast<float>(width));
  qkv_.emplace(padded_qkv(store, qkv, heads_, order));
  proj_.emplace(padded_proj(store, proj, width));
}

Tensor WindowAttention::operator()(Recorder& r, const Tensor& x, const Windows& windows,
                                   const Tensor& residual, const Tensor& scale, AttentionTap* tap) const {
  const WindowShape& s = windows.shape();
  ops::AttentionInput input = ops::AttentionInput::packed((*qkv_)(r, x), heads_);
  input.layout.scale = scale_;
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
  return (*proj_)(r, windows.join(r, o), {ops::Activation::none, scale, residual, {}});
}

}  // namespace fovea::layers
