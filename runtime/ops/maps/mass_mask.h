// Which patches hold most of a row of attention.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/attention/attention_rows.h"
#include "shaders/maps/mass_mask.h"

namespace fovea::ops {

struct MassMask {
  static constexpr const gpu::Shader& shader = shaders::mass_mask;
  using Push = MassMaskPush;
  struct Spec {
    uint32_t group = 64, fusion = 1;
  };
  struct Bind {
    In a;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    return {groups(p.tokens - p.first, s.group), p.images, 1};
  }
  static std::vector<Spec> variants(const DeviceInfo&) { return {{64, 1}, {64, 2}, {64, 3}}; }
};
inline const KernelRegistration<MassMask> register_mass_mask;

// a [images, heads, tokens] f32, not negative → [images, tokens − first] f32: 1 for the tokens from `first`
// on that hold the top `mass` of their sum, 0 for others; over heads the mean, maximum or minimum of that.
inline Tensor mass_mask(Recorder& r, const Tensor& a, uint32_t first, float mass, RowFusion fusion) {
  check(a.shape.rank() == 3 && a.dtype == DType::f32 && first < a.shape[2] && mass > 0 && mass <= 1 &&
            (fusion == RowFusion::mean || fusion == RowFusion::max || fusion == RowFusion::min),
        "mass_mask", [&] { return fmt::format("{}, first {}, mass {}", shape_of("a", a), first, mass); });
  const uint32_t images = a.shape[0], heads = a.shape[1], tokens = a.shape[2], patches = tokens - first;
  const Tensor y = r.temporary({images, patches}, DType::f32, "mass_mask");
  r.dispatch<MassMask>({a, y}, {images, heads, tokens, first, mass}, {64, static_cast<uint32_t>(fusion)},
                       uint64_t{2} * images * heads * patches * patches);
  return y;
}

}  // namespace fovea::ops
