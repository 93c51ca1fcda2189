#include "models/tasks/classify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fovea/error.h"
#include "runtime/ops/nn/softmax_topk.h"

namespace fovea {

namespace {

// Of classes: a model that writes has logits for each token.
std::optional<size_t> class_scores(const LoadedModel& model) {
  const std::optional<size_t> logits = model.output("logits");
  return logits && model.outputs()[*logits].shape.rank() == 1 ? logits : std::nullopt;
}

}  // namespace

Classify::Classify(const LoadedModel& model, uint32_t top_k)
    : logits_(class_scores(model)), top_k_(std::min(std::max(top_k, 1U), model.info().classes)) {}

Classify::Answer Classify::record(Recorder& r, const Tensor& given) const {
  if (!has_logits()) return {given, {}, {}};
  const auto top = ops::softmax_topk(r, given, top_k_);
  return {given, top.best, top.indices};
}

std::vector<Tensor*> Classify::Answer::tensors() {
  return indices ? std::vector{&given, &probabilities, &indices} : std::vector{&given};
}

void check_finite(const ModelInfo& info, std::span<const float> answer) {
  for (const float value : answer)
    if (!std::isfinite(value))
      throw Error(
          ErrorKind::unsupported,
          fmt::format("[forward] {} with {} storage gives an answer that is not numbers: use fp32 storage",
                      info.architecture, to_string(info.precision)));
}

std::vector<Prediction> predictions(std::span<const float> logits, std::span<const float> probabilities,
                                    std::span<const uint32_t> indices) {
  std::vector<Prediction> out;
  for (size_t i = 0; i < indices.size(); ++i)
    out.push_back({indices[i], probabilities[i], logits[indices[i]]});
  return out;
}

}  // namespace fovea
