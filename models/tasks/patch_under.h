// From a picture's pixels to the cells of a map.
#pragma once

#include <cstdint>

#include "fovea/image.h"
#include "fovea/model.h"

namespace fovea {

// The patch of a layer's grid under a pixel of a width × height picture of which the model sees a region.
// Throws Error(usage) when it does not see it.
PatchIndex patch_under(const ModelInfo& info, const Region& seen, uint32_t width, uint32_t height, double x,
                       double y, int layer);

}  // namespace fovea
