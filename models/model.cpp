#include "models/model.h"

#include <fmt/format.h>

#include "models/maps/methods.h"

namespace fovea {

const char* to_string(AttentionKind kind) {
  switch (kind) {
    case AttentionKind::self_attention:
      return "self-attention";
    case AttentionKind::token_scores:
      return "token scores";
    case AttentionKind::channel_gate:
      return "channel gate";
    case AttentionKind::spatial_gate:
      break;
  }
  return "spatial gate";
}

void LoadedModel::take_input_size(const io::ModelConfig& config, const ModelOptions& options) {
  preprocess_ = config.preprocess;
  if (options.height != 0) preprocess_.height = options.height;
  if (options.width != 0) preprocess_.width = options.width;
}

void LoadedModel::describe(const io::ModelConfig& config, uint32_t classes, bool has_head) {
  info_.architecture = config.architecture;
  info_.height = preprocess_.height;
  info_.width = preprocess_.width;
  info_.classes = classes;
  info_.has_head = has_head;
  if (has_head) info_.labels = config.labels_for(classes);
}

void LoadedModel::finish(uint64_t parameters) {
  store_.finish();
  info_.parameters = parameters;
  info_.precision = store_.storage() == DType::f16 ? Precision::fp16 : Precision::fp32;

  // What a forward pass offers to its tap is the description of the model's attention.
  Recorder::Options options;
  options.describe = true;
  Recorder r(device_.impl(), options);
  AttentionTap tap;
  const Tensor input = r.input({1, 3, info_.height, info_.width}, store_.storage(), "input");
  const ForwardResult result = forward(r, input, false, &tap);
  uint32_t softmaxes = 0, gates = 0;
  for (const AttentionRecord& record : tap.layers) {
    AttentionLayer layer = record.layer;
    const bool gate = layer.kind == AttentionKind::channel_gate || layer.kind == AttentionKind::spatial_gate;
    layer.tensor = gate ? fmt::format("gate.{}", gates++) : fmt::format("attn.{}", softmaxes++);
    info_.attention.push_back(layer);
  }
  info_.maps = maps::methods_of(tap, result);
  info_.cam_rows = result.pooled_head.rows;
  info_.cam_cols = result.pooled_head.cols;
}

}  // namespace fovea
