// Which continuations of beams are gone on with.
#pragma once

#include "generated/shaders.h"
#include "runtime/ops/nn/best_tokens.h"
#include "runtime/ops/nn/next_token.h"
#include "shaders/nn/pick_beams.h"

namespace fovea::ops {

struct PickBeams {
  static constexpr const gpu::Shader& shader = shaders::pick_beams;
  using Push = PickBeamsPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In tokens, logs;
    InOut sums;
    Out token;
    InOut past, seen;
    Out parents, candidates;
  };
  static Grid grid(const Push& p, const Spec&) { return {p.pictures, 1, 1}; }
};
inline const KernelRegistration<PickBeams> register_pick_beams;

struct PickedBeams {
  Tensor parents;  // u32 [rows]: the row that each goes on from
  // u32 [pictures, 2 · beams, 4], best first: a token, the beam of the picture that it goes on, its sum and
  // the logarithm of its own probability as bits of f32.
  Tensor candidates;
};

// best [pictures · beams, k ≥ 2]: continuations of each beam; sums f32 [rows]: of logarithms so far, which
// those of the chosen ones replace. The beams that go on are the first of the candidates that are not `end`;
// their tokens and positions are written to `state`, whose `finished` is left alone.
inline PickedBeams pick_beams(Recorder& r, const BestTokens& best, const Tensor& sums, const Progress& state,
                              uint32_t beams, uint32_t end) {
  const Shape& shape = best.ids.shape;
  const auto fits = [&](const Tensor& t, DType dtype) {
    return t.dtype == dtype && t.shape.elements() == shape[0];
  };
  check(shape.rank() == 2 && beams != 0 && 2 * beams <= most_best_tokens && shape[0] % beams == 0 &&
            shape[0] / beams <= 65535 && shape[1] >= 2 && shape[1] <= 2 * beams && best.logs.shape == shape &&
            best.ids.dtype == DType::u32 && best.logs.dtype == DType::f32 && fits(sums, DType::f32) &&
            fits(state.token, DType::u32) && fits(state.past, DType::u32) && fits(state.seen, DType::u32),
        "pick_beams", [&] {
          return fmt::format("{} beams, {}, {}, {}, {}", beams, shape_of("ids", best.ids),
                             shape_of("logs", best.logs), shape_of("sums", sums),
                             shape_of("token", state.token));
        });
  const uint32_t pictures = shape[0] / beams;
  const PickedBeams out{r.temporary({shape[0]}, DType::u32, "parents"),
                        r.temporary({pictures, 2 * beams, 4}, DType::u32, "candidates")};
  r.dispatch<PickBeams>(
      {best.ids, best.logs, sums, state.token, state.past, state.seen, out.parents, out.candidates},
      {pictures, beams, shape[1], end});
  return out;
}

}  // namespace fovea::ops
