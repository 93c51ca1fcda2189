// Gated activation of SwiGLU MLPs.
#pragma once

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/nn/swiglu.h"

namespace fovea::ops {

struct Swiglu {
  static constexpr const gpu::Shader& shader = shaders::swiglu;
  using Push = SwigluPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In x;
    Out y;
  };
  static Grid grid(const Push& p, const Spec& s) {
    const uint32_t wide = p.rows < 65535 ? p.rows : 65535;
    return {groups(p.hidden, s.group), wide, groups(p.rows, wide)};
  }
};
inline const KernelRegistration<Swiglu> register_swiglu;

// x [images, tokens, 2 · hidden] → [images, tokens, hidden]: silu(first half) ⊙ second half.
inline Tensor swiglu(Recorder& r, const Tensor& x) {
  check(x.shape.rank() == 3 && x.shape.last() % 2 == 0, "swiglu", [&] { return shape_of("x", x); });
  const uint32_t hidden = x.shape.last() / 2;
  const Tensor y = r.temporary({x.shape[0], x.shape[1], hidden}, x.dtype, "swiglu");
  r.dispatch<Swiglu>({x, y}, {static_cast<uint32_t>(x.shape.rows()), hidden});
  return y;
}

}  // namespace fovea::ops
