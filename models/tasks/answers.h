// What a pass tells, in the words of the public headers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fovea/image.h"
#include "fovea/session.h"

namespace fovea {

// Weights are finite and inputs are pixels: logits that are not numbers left the range of fp16, or the driver
// erred. Throws Error(unsupported).
void check_finite(const ModelInfo& info, std::span<const float> logits);

// One image's classes, from its logits and what softmax_topk gave.
std::vector<Prediction> predictions(std::span<const float> logits, std::span<const float> probabilities,
                                    std::span<const uint32_t> indices);

// The patch of a layer's grid under a pixel of a width × height picture of which the model sees a region.
// Throws Error(usage) when it does not see it.
PatchIndex patch_under(const ModelInfo& info, const Region& seen, uint32_t width, uint32_t height, double x,
                       double y, int layer);

}  // namespace fovea
