// Probabilities and the best classes.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/nn/softmax_topk.h"

namespace fovea::ops {

struct SoftmaxTopk {
  static constexpr const gpu::Shader& shader = shaders::softmax_topk;
  using Push = SoftmaxTopkPush;
  struct Spec {
    uint32_t group = 64;  // a power of two
  };
  struct Bind {
    In logits;
    Out probabilities, indices, best;
  };
  static Grid grid(const Push& p, const Spec&) {
    const uint32_t wide = std::min(p.rows, 65535U);
    return {wide, groups(p.rows, wide), 1};
  }
};
inline const KernelRegistration<SoftmaxTopk> register_softmax_topk;

struct TopClasses {
  Tensor probabilities;  // f32 [B, C]
  Tensor indices;        // u32 [B, k], best first, equal logits in the order of their indices
  Tensor best;           // f32 [B, k], their probabilities
};

// logits: [B, C], 1 ≤ k ≤ C. A NaN among a row's logits makes its probabilities NaN; it is itself the last
// choice.
inline TopClasses softmax_topk(Recorder& r, const Tensor& logits, uint32_t k) {
  check(logits.shape.rank() == 2 && is_real(logits.dtype) && k != 0 && k <= logits.shape[1] &&
            logits.shape.elements() <= UINT32_MAX,
        "softmax_topk", [&] {
          return fmt::format("{} {}, k is {}", shape_of("logits", logits), to_string(logits.dtype), k);
        });
  const uint32_t rows = logits.shape[0], classes = logits.shape[1];
  const TopClasses top{r.temporary({rows, classes}, DType::f32, "probabilities"),
                       r.temporary({rows, k}, DType::u32, "top indices"),
                       r.temporary({rows, k}, DType::f32, "top probabilities")};
  r.dispatch<SoftmaxTopk>({logits, top.probabilities, top.indices, top.best}, {rows, classes, k}, {},
                          uint64_t{rows} * classes * (4 + k));
  return top;
}

}  // namespace fovea::ops
