// What kernels that choose from the scores of a vocabulary have in common.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "runtime/tune/candidates.h"

namespace fovea::ops {

// Lanes for a row. On a CPU driver barriers between subgroups cost more than they save.
inline uint32_t vocabulary_group(const DeviceInfo& device) {
  if (device.type == DeviceType::cpu) return std::max(8U, device.subgroup_size);
  return device.max_invocations >= 256 ? 256 : 128;
}

template <gpu::Family F>
struct VocabularyKernel {
  static constexpr gpu::Family family = F;
  template <class Push>
  static Grid rows_grid(const Push& p) {
    const uint32_t wide = std::min(p.rows, 65535U);
    return {wide, groups(p.rows, wide), 1};
  }
};

// scores [rows, any multiple of four], of which the first `classes` of each row count.
inline void check_scores(const char* operation, const Tensor& scores, uint32_t classes, uint32_t k) {
  check(scores.shape.rank() == 2 && is_real(scores.dtype) && scores.shape[1] % 4 == 0 && classes != 0 &&
            classes <= scores.shape[1] && k <= classes && scores.shape.elements() <= UINT32_MAX,
        operation, [&] {
          return fmt::format("{} {}, {} classes in rows of fours, k is {}", shape_of("scores", scores),
                             to_string(scores.dtype), classes, k);
        });
}

}  // namespace fovea::ops
