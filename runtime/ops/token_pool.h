// Global average pooling over tokens.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/check.h"
#include "runtime/recorder.h"
#include "shaders/token_mean.h"

namespace fovea::ops {

struct TokenMean {
  static constexpr const gpu::Shader& shader = shaders::token_mean;
  using Push = TokenMeanPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.width, s.group), p.images, 1}; }
};
inline const KernelRegistration<TokenMean> register_token_mean;

// x [images, tokens, width] → [images, width], over tokens `first` and later.
inline Tensor token_mean(Recorder& r, const Tensor& x, uint32_t first) {
  check(x.shape.rank() == 3 && first < x.shape[1], "token_mean",
        [&] { return fmt::format("{}, first {}", shape_of("x", x), first); });
  const Tensor y = r.temporary({x.shape[0], x.shape[2]}, x.dtype, "token_mean");
  r.dispatch<TokenMean>({x, y}, {x.shape[0], x.shape[1], first, x.shape[2]});
  return y;
}

}  // namespace fovea::ops
