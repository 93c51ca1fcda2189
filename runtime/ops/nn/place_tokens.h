// Tokens taken out of a sequence, put into one, or spread over it: what heads do, and its gradient.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/units.h"
#include "shaders/nn/place_tokens.h"

namespace fovea::ops {

template <gpu::Family F>
struct PlaceTokens : UnitKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::place_tokens;
  using Push = PlaceTokensPush;
  struct Spec {
    UnitGroup group;
    uint32_t has_base = 0;
  };
  struct Bind {
    ReadBy<F> x, base;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) { return unit_grid(p.units, p.y_tokens, p.images, s.group); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    std::vector<Spec> out;
    for (const UnitGroup& group : unit_variants<F>(device, unit_group))
      out.insert(out.end(), {{group, 0}, {group, 1}});
    return out;
  }
};
inline const BothFamilies<PlaceTokens> place_tokens_kernels;

struct Placing {
  uint32_t tokens = 1;            // of y
  uint32_t first = 0, count = 1;  // those that get something of x
  bool spread = false;            // each the first token of x, not one after the other
  float factor = 1;
  Tensor base{};  // as y; what y has besides, zeros where empty
};

// x [images, any, channels] → [images, tokens, channels], of x's type.
inline Tensor place_tokens(Recorder& r, const Tensor& x, const Placing& p) {
  const bool images_fit = x.shape.rank() == 3 && is_real(x.dtype);
  check(images_fit && p.count <= p.tokens && p.first <= p.tokens - p.count &&
            (p.spread || p.count <= x.shape[1]) &&
            (!p.base || (p.base.dtype == x.dtype && p.base.shape == Shape{x.shape[0], p.tokens, x.shape[2]})),
        "place_tokens", [&] {
          return fmt::format("{}, {} from {} of {} tokens, {}", shape_of("x", x), p.count, p.first, p.tokens,
                             shape_of("base", p.base));
        });
  const uint32_t images = x.shape[0], channels = x.shape[2];
  const Tensor y = r.temporary({images, p.tokens, channels}, x.dtype, "place_tokens");
  const PlaceTokensPush push{images,  x.shape[1], p.tokens,           units_of(channels),
                             p.first, p.count,    p.spread ? 0U : 1U, p.factor};
  const UnitGroup group = unit_group(r.device().info(), channels);
  const Tensor& base = p.base ? p.base : x;
  place_tokens_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{x, base, y}, push, {group, p.base ? 1U : 0U}};
  });
  return y;
}

// The first `count` tokens of x [images, tokens, channels].
inline Tensor leading_tokens(Recorder& r, const Tensor& x, uint32_t count) {
  return count == x.shape[1] ? x : place_tokens(r, x, {.tokens = count, .count = count});
}

}  // namespace fovea::ops
