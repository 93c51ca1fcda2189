// What a decoder remembers after it has chosen a token.
#pragma once

#include <fmt/format.h>

#include "generated/shaders.h"
#include "runtime/ops/common/check.h"
#include "runtime/record/recorder.h"
#include "shaders/nn/next_token.h"

namespace fovea::ops {

struct NextToken {
  static constexpr const gpu::Shader& shader = shaders::next_token;
  using Push = NextTokenPush;
  struct Spec {
    uint32_t group = 64;
  };
  struct Bind {
    In best;
    InOut token, past, seen, finished;
    Out chosen;
  };
  static Grid grid(const Push& p, const Spec& s) { return {groups(p.rows, s.group), 1, 1}; }
};
inline const KernelRegistration<NextToken> register_next_token;

// All u32 [rows]. token: what the next step reads; past: tokens in front of it; seen: keys that it attends
// to, its own among them; finished: whether the row has ended.
struct Progress {
  Tensor token, past, seen, finished;
};

// Goes on with `best` u32 [rows, 1] in place and returns what each row chose, u32 [rows]: pads in rows that
// have ended, which stay as they are. A row ends with the id `end`.
inline Tensor next_token(Recorder& r, const Tensor& best, const Progress& state, uint32_t end, uint32_t pad) {
  const auto fits = [&](const Tensor& t) {
    return t.dtype == DType::u32 && t.shape.elements() == best.shape[0];
  };
  check(best.shape.rank() == 2 && fits(best) && fits(state.token) && fits(state.past) && fits(state.seen) &&
            fits(state.finished),
        "next_token", [&] {
          return fmt::format("{} {}, {}, {}, {}, {}", shape_of("best", best), to_string(best.dtype),
                             shape_of("token", state.token), shape_of("past", state.past),
                             shape_of("seen", state.seen), shape_of("finished", state.finished));
        });
  const Tensor chosen = r.temporary({best.shape[0]}, DType::u32, "next_token");
  r.dispatch<NextToken>({best, state.token, state.past, state.seen, state.finished, chosen},
                        {best.shape[0], end, pad});
  return chosen;
}

}  // namespace fovea::ops
