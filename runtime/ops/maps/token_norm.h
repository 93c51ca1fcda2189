// Lengths of tokens, and angles between them.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/maps/token_norm.h"

namespace fovea::ops {

struct TokenNorm {
  static constexpr const gpu::Shader& shader = shaders::token_norm;
  using Push = TokenNormPush;
  struct Spec {
    uint32_t group = 64, cosine = 0;
  };
  struct Bind {
    In x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.tokens, s.group), p.images, 1}; }
  static std::vector<Spec> variants(const DeviceInfo&) { return {{64, 0}, {64, 1}}; }
};
inline const KernelRegistration<TokenNorm> register_token_norm;

inline Tensor token_norm(Recorder& r, const Tensor& x, uint32_t with, bool cosine, const char* name) {
  check(x.shape.rank() == 3 && x.shape.elements() <= UINT32_MAX && with < x.shape[1], name,
        [&] { return fmt::format("{}, token {}", shape_of("x", x), with); });
  const Tensor y = r.temporary({x.shape[0], x.shape[1]}, DType::f32, name);
  r.dispatch<TokenNorm>({x, y}, {x.shape[0], x.shape[1], x.shape[2], with}, {64, cosine ? 1U : 0U},
                        (cosine ? 6 : 2) * x.shape.elements());
  return y;
}

// x [images, tokens, width] → length of each token, [images, tokens] f32.
inline Tensor token_norm(Recorder& r, const Tensor& x) {
  return token_norm(r, x, 0, false, "token_norm");
}
// The cosine between each token and token `with` of the same image, 0 where either has no length.
inline Tensor token_cosine(Recorder& r, const Tensor& x, uint32_t with) {
  return token_norm(r, x, with, true, "token_cosine");
}

}  // namespace fovea::ops
