// Cross entropy against targets.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/sequence/cross_entropy.h"

namespace fovea::ops {

struct CrossEntropy {
  static constexpr const gpu::Shader& shader = shaders::cross_entropy;
  using Push = CrossEntropyPush;
  struct Spec {
    uint32_t group = 64;  // a power of two
  };
  struct Bind {
    In x, targets;
    Out losses, dx;
  };
  static Grid grid(const Push& p, const Spec&) {
    const uint32_t wide = std::min(p.steps * p.batch, 65535U);
    return {wide, groups(p.steps * p.batch, wide), 1};
  }
};
inline const KernelRegistration<CrossEntropy> register_cross_entropy;

struct Loss {
  Tensor losses;    // f32 [steps, batch]: they add up to the mean over targets that count
  Tensor gradient;  // of that, by the logits, f32
};
// logits [steps, batch, classes], targets u32 [batch, steps]; those that are `ignored` do not count.
inline Loss cross_entropy(Recorder& r, const Tensor& logits, const Tensor& targets,
                          uint32_t ignored = UINT32_MAX) {
  const uint32_t steps = logits.shape[0], batch = logits.shape[1], classes = logits.shape[2];
  check(logits.shape.rank() == 3 && is_real(logits.dtype) && logits.shape.elements() != 0 &&
            logits.shape.elements() <= UINT32_MAX && targets.shape == Shape{batch, steps} &&
            targets.dtype == DType::u32,
        "cross_entropy",
        [&] { return fmt::format("{}, {}", shape_of("logits", logits), shape_of("targets", targets)); });
  const Loss out{r.temporary({steps, batch}, DType::f32, "losses"),
                 r.temporary(logits.shape, DType::f32, "gradient of logits")};
  r.dispatch<CrossEntropy>({logits, targets, out.losses, out.gradient}, {batch, steps, classes, ignored}, {},
                           10 * logits.shape.elements());
  return out;
}

}  // namespace fovea::ops
