#include "models/model/model.h"

#include <utility>

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
}

void LoadedModel::set_maps(std::vector<AttentionLayer> layers, std::vector<MapMethod> methods,
                           const PooledHead& head) {
  info_.attention = std::move(layers);
  info_.maps = std::move(methods);
  info_.cam_rows = head.rows;
  info_.cam_cols = head.cols;
}

}  // namespace fovea
