// A vector over tokens times an attention matrix: rollout steps and received attention.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/maps/token_mix.h"

namespace fovea::ops {

struct TokenMix {
  static constexpr const gpu::Shader& shader = shaders::token_mix;
  using Push = TokenMixPush;
  struct Spec {
    uint32_t group = 128, identity = 1, start = 0;
  };
  struct Bind {
    In a, x;
    InOut weights;
    Out y;
  };
  static Grid grid(const Push& p, const Spec&) { return {p.images, 1, 1}; }
  static std::vector<Spec> variants(const DeviceInfo&) {
    return {{128, 0, 0}, {128, 0, 1}, {128, 0, 2}, {128, 1, 0}, {128, 1, 1}, {128, 1, 2}};
  }
};
inline const KernelRegistration<TokenMix> register_token_mix;

enum class MixStart : uint32_t { given = 0, one_hot = 1, uniform = 2 };

// y = x A for a [images, tokens, tokens]; x [images, tokens] is only read for MixStart::given. With
// `identity` y = x · rownorm(A + I). All f32.
inline Tensor token_mix(Recorder& r, const Tensor& a, const Tensor& x, MixStart start, uint32_t start_token,
                        bool identity) {
  const uint32_t images = a.shape[0], tokens = a.shape[1];
  check(a.shape.rank() == 3 && a.shape[2] == tokens && start_token < tokens &&
            (start != MixStart::given || x.shape == Shape{images, tokens}),
        "token_mix", [&] {
          return fmt::format("{}, {}, start token {}", shape_of("a", a), shape_of("x", x), start_token);
        });
  const Tensor weights = r.temporary({images, tokens}, DType::f32, "token_mix weights");
  const Tensor y = r.temporary({images, tokens}, DType::f32, "token_mix");
  r.dispatch<TokenMix>({a, start == MixStart::given ? x : a, weights, y}, {images, tokens, start_token},
                       {128, identity ? 1U : 0U, static_cast<uint32_t>(start)},
                       uint64_t{4} * images * tokens * tokens);
  return y;
}

}  // namespace fovea::ops
