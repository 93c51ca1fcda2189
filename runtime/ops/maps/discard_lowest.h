// Zero for the lowest entries of a matrix.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/maps/discard_lowest.h"

namespace fovea::ops {

struct DiscardLowest {
  static constexpr const gpu::Shader& shader = shaders::discard_lowest;
  using Push = DiscardLowestPush;
  struct Spec {
    uint32_t group = 128;
  };
  struct Bind {
    InOut a;
  };
  static Grid grid(const Push& p, const Spec&) { return {p.images, 1, 1}; }
};
inline const KernelRegistration<DiscardLowest> register_discard_lowest;

// Sets the `count` lowest entries of each image of a [images, rows, columns] f32, which has no negative ones,
// to zero; of equal ones the earlier go first. With keep_first entry (0, 0) stays although it counts.
inline void discard_lowest(Recorder& r, const Tensor& a, uint32_t count, bool keep_first) {
  const uint64_t entries = a.shape.rank() == 3 ? uint64_t{a.shape[1]} * a.shape[2] : 0;
  check(a.dtype == DType::f32 && count != 0 && count <= entries && a.shape.elements() <= UINT32_MAX,
        "discard_lowest", [&] { return fmt::format("{} entries of {}", count, shape_of("a", a)); });
  r.dispatch<DiscardLowest>({a}, {a.shape[0], static_cast<uint32_t>(entries), count, keep_first ? 1U : 0U},
                            {}, 6 * a.shape.elements());
}

}  // namespace fovea::ops
