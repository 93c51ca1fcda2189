// How a model wants its pictures, as its configuration says: for records of how a result came about.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "fovea/model.h"

namespace fovea {

struct Preprocessing {
  uint32_t height = 0, width = 0;  // of the model's input, pixels
  std::string interpolation;       // PIL's filter: "bicubic"
  std::string crop_mode;           // timm's: "center", "squash" or "border"
  double crop_pct = 1;
  std::array<float, 3> mean{}, std{};  // of pixels scaled to 0…1
};

Preprocessing preprocessing_of(const Model& model);

}  // namespace fovea
