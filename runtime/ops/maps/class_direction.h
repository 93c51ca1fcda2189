// How each channel of a feature map moves a class's logit, through pooling, norm and head.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/nn/linear.h"
#include "shaders/maps/class_direction.h"

namespace fovea::ops {

struct ClassDirection {
  static constexpr const gpu::Shader& shader = shaders::class_direction;
  using Push = ClassDirectionPush;
  struct Spec {
    uint32_t group = 64, has_norm = 0, pooled_norm = 0;
  };
  struct Bind {
    In head, gamma, pooled, classes;
    Out v;
  };
  static Grid grid(const Push& p, const Spec&) { return {p.images, 1, 1}; }
  static std::vector<Spec> variants(const DeviceInfo&) { return {{64, 0, 0}, {64, 1, 0}, {64, 1, 1}}; }
};
inline const KernelRegistration<ClassDirection> register_class_direction;

struct ClassDirectionCase {
  LinearWeights head;
  Tensor classes;     // u32 [images, any]
  uint32_t rank = 0;  // which of its row is the image's class
  Tensor gamma;       // [channels] f32, empty without a norm
  Tensor pooled;      // [images, channels] where the norm reads it, empty otherwise
  float factor = 1;   // 1 / cells for a mean
  float epsilon = 0;
};

// v = factor · γ ⊙ w_class, centred behind a norm, divided by the deviation of `pooled`: [images, channels],
// f32.
inline Tensor class_direction(Recorder& r, const ClassDirectionCase& c) {
  const uint32_t channels = c.head.w.shape[0], images = c.classes.shape[0];
  check(c.classes.dtype == DType::u32 && c.classes.shape.rank() == 2 && c.rank < c.classes.shape[1] &&
            (!c.gamma || c.gamma.shape == Shape{channels}) &&
            (!c.pooled || (c.gamma && c.pooled.shape == Shape{images, channels})),
        "class_direction", [&] {
          return fmt::format("{}, {}, rank {}, {}, {}", shape_of("head", c.head.w),
                             shape_of("classes", c.classes), c.rank, shape_of("gamma", c.gamma),
                             shape_of("pooled", c.pooled));
        });
  const Tensor v = r.temporary({images, channels}, DType::f32, "class direction");
  r.dispatch<ClassDirection>(
      {c.head.w, c.gamma ? c.gamma : c.head.w, c.pooled ? c.pooled : c.head.w, c.classes, v},
      {images, channels, c.head.w.shape[1], c.classes.shape[1], c.rank, c.factor, c.epsilon},
      {64, c.gamma ? 1U : 0U, c.pooled ? 1U : 0U});
  return v;
}

}  // namespace fovea::ops
