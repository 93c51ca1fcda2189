// Where local attention looks (Luong et al. 2015).
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/sequence/centres.h"

namespace fovea::ops {

struct CentresSpec {
  uint32_t group = 64, monotonic = 0;
};
inline Grid centres_grid(const CentresPush& p, uint32_t group) {
  return {std::min(groups(uint64_t{p.batch} * p.queries, group), 65535U), 1, 1};
}

struct Centres {
  static constexpr const gpu::Shader& shader = shaders::centres;
  using Push = CentresPush;
  using Spec = CentresSpec;
  struct Bind {
    In x, lengths;
    Out centres, whole;
  };
  static Grid grid(const Push& p, const Spec& s) { return centres_grid(p, s.group); }
};
inline const KernelRegistration<Centres> register_centres;

struct CentresBackward {
  static constexpr const gpu::Shader& shader = shaders::centres_backward;
  using Push = CentresPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In centres, dcentres, lengths;
    Out dx;
  };
  static Grid grid(const Push& p, const Spec& s) { return centres_grid(p, s.group); }
};
inline const KernelRegistration<CentresBackward> register_centres_backward;

struct MonotonicCentres {
  Tensor centres;  // f32 [batch, queries]
  Tensor whole;    // the same, u32
};
// ⌊query · length / queries⌋, lengths u32 [batch].
inline MonotonicCentres monotonic_centres(Recorder& r, const Tensor& lengths, uint32_t queries) {
  check(lengths.shape.rank() == 1 && lengths.dtype == DType::u32 && queries != 0, "monotonic_centres",
        [&] { return fmt::format("{}, {} queries", shape_of("lengths", lengths), queries); });
  const uint32_t batch = lengths.shape[0];
  const MonotonicCentres out{r.temporary({batch, queries}, DType::f32, "centres"),
                             r.temporary({batch, queries}, DType::u32, "centres")};
  r.dispatch<Centres>({lengths, lengths, out.centres, out.whole}, {batch, queries}, {64, 1});
  return out;
}

// length · logistic(x): x [batch, queries] → f32.
inline Tensor predicted_centres(Recorder& r, const Tensor& x, const Tensor& lengths) {
  check(x.shape.rank() == 2 && is_real(x.dtype) && lengths.shape == Shape{x.shape[0]}, "predicted_centres",
        [&] { return fmt::format("{}, {}", shape_of("x", x), shape_of("lengths", lengths)); });
  const Tensor centres = r.temporary(x.shape, DType::f32, "centres");
  r.dispatch<Centres>({x, lengths, centres, centres}, {x.shape[0], x.shape[1]}, {64, 0});
  return centres;
}

// The gradient by x, f32.
inline Tensor predicted_centres_backward(Recorder& r, const Tensor& centres, const Tensor& dcentres,
                                         const Tensor& lengths) {
  check(centres.shape.rank() == 2 && dcentres.shape == centres.shape &&
            lengths.shape == Shape{centres.shape[0]},
        "predicted_centres_backward",
        [&] { return fmt::format("{}, {}", shape_of("centres", centres), shape_of("dcentres", dcentres)); });
  const Tensor dx = r.temporary(centres.shape, DType::f32, "gradient of centres");
  r.dispatch<CentresBackward>({centres, dcentres, lengths, dx}, {centres.shape[0], centres.shape[1]});
  return dx;
}

}  // namespace fovea::ops
