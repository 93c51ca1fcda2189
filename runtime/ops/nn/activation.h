// Elementwise activations that kernels apply to a result before they store it.
#pragma once

#include <cstdint>

namespace fovea::ops {

// In the order of shaders/common/activation.glsl.
enum class Activation : uint32_t {
  none = 0,
  gelu = 1,
  gelu_tanh = 2,
  quick_gelu = 3,
  relu = 4,
  relu6 = 5,
  silu = 6,
  hardswish = 7,
  sigmoid = 8,
  hard_sigmoid = 9
};

}  // namespace fovea::ops
