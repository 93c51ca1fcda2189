// The arithmetic peak kernel: nothing a model needs, everything a bench is measured against.
#pragma once

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/common/fma_peak.h"

namespace fovea::ops {

struct FmaPeak {
  static constexpr const gpu::Shader& shader = shaders::fma_peak;
  using Push = FmaPeakPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    Out y;
  };
  static Grid grid(const Push& p, const Spec&) { return {p.workgroups, 1, 1}; }
};
inline const KernelRegistration<FmaPeak> register_fma_peak;

constexpr uint64_t fma_peak_flops_per_round =
    16 * 3 * 4 * 2;  // one lane: sixteen times three chains of four, multiply and add

inline Tensor fma_peak(Recorder& r, uint32_t workgroups, uint32_t rounds) {
  const FmaPeak::Spec spec;
  const Tensor y = r.temporary({workgroups * spec.group}, DType::f32, "fma_peak");
  r.dispatch<FmaPeak>({y}, {workgroups, rounds, 0.5F}, spec,
                      fma_peak_flops_per_round * rounds * workgroups * spec.group);
  return y;
}

}  // namespace fovea::ops
