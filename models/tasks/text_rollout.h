// Attention rollout of texts.
#pragma once

#include <optional>
#include <vector>

#include "models/tasks/retrace.h"

namespace fovea {

// Attention rollout (Abnar & Zuidema 2020, eq. 1) of a stack, where every sum x + attention(x) counts half
// for x and half for what attention took it from. `above` is of tokens behind the last layer; what is left of
// it before the first one, and what went to keys.
struct RolledDown {
  std::vector<double> tokens, keys;
};
RolledDown roll_down(const TracedStack& stack, std::vector<double> above);

class TextRollout {
 public:
  TextRollout(const LoadedModel& model, Retrace& retrace);

  // What the choice behind ids.back() came from: a share for each token of the picture. What they sum to less
  // than 1 stayed with words.
  std::vector<float> operator()(std::span<const uint32_t> ids);

 private:
  struct Rows {
    AttentionKind kind = AttentionKind::self_attention;
    Tensor rows;  // [1, tokens, keys] f32
  };
  static std::vector<Rows> record_rows(Recorder& r, const AttentionTap& tap);
  static std::vector<TracedStack> stacks_of(const Program& program, const std::vector<Rows>& rows);

  Retrace& retrace_;
  std::vector<Rows> below_rows_, text_rows_;
  Program below_, text_;
  std::vector<TracedStack> stacks_;  // of what the text is about, the last one first
  uint64_t picture_ = 0;             // whose these are: Retrace::pictures()
};

}  // namespace fovea
