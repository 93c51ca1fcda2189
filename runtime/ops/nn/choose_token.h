// A token for each row of a vocabulary's scores: the best one, or one drawn by chance.
#pragma once

#include <cmath>

#include "generated/shaders.h"
#include "runtime/ops/nn/vocabulary.h"
#include "shaders/nn/choose_token.h"

namespace fovea::ops {

template <gpu::Family F>
struct ChooseToken : VocabularyKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::choose_token;
  using Push = ChooseTokenPush;
  struct Spec {
    uint32_t group = 64;  // a power of two
    uint32_t drawn = 0, limited = 0;
  };
  struct Bind {
    ReadBy<F> scores;
    In past, chance;
    Out chosen, probabilities;
  };
  static Grid grid(const Push& p, const Spec&) { return ChooseToken::rows_grid(p); }
  static std::vector<Spec> variants(const DeviceInfo& device) {
    const uint32_t group = vocabulary_group(device);
    return {{group, 0, 0}, {group, 1, 0}, {group, 1, 1}};
  }
};
inline const BothFamilies<ChooseToken> choose_token_kernels;

struct Draw {
  float temperature = 0;  // 0: the best one
  uint32_t top_k = 0;     // drawn from the best ones alone; 0: from all
  Tensor past{};          // u32 [rows]: the position, of which and of `chance` the draw is a function
  Tensor chance{};        // u32 [rows, 3]: a seed's low and high word, and the row's own number
};

struct ChosenToken {
  Tensor ids;            // u32 [rows, 1]
  Tensor probabilities;  // f32 [rows]: by the softmax of the scores, whatever the temperature
};

// scores: [rows, any multiple of four], of which the first `classes` count. Of equal scores the lower id is
// the better one; a NaN is the last choice and makes the probability NaN.
inline ChosenToken choose_token(Recorder& r, const Tensor& scores, uint32_t classes, const Draw& draw = {}) {
  const bool drawn = draw.temperature != 0, limited = draw.top_k != 0 && draw.top_k < classes;
  check_scores("choose_token", scores, classes, 0);
  const uint32_t rows = scores.shape[0];
  check(!drawn || (std::isfinite(draw.temperature) && draw.temperature > 0 && draw.past.dtype == DType::u32 &&
                   draw.past.shape == Shape{rows} && draw.chance.dtype == DType::u32 &&
                   draw.chance.shape == Shape{rows, 3}),
        "choose_token", [&] {
          return fmt::format("temperature {}, {}, {} for {} rows", draw.temperature,
                             shape_of("past", draw.past), shape_of("chance", draw.chance), rows);
        });
  const ChosenToken out{r.temporary({rows, 1}, DType::u32, "chosen"),
                        r.temporary({rows}, DType::f32, "probability")};
  const ChooseTokenPush push{rows, classes, scores.shape[1] / 4, draw.top_k,
                             drawn ? 1 / draw.temperature : 1.0F};
  const uint32_t group = vocabulary_group(r.device().info());
  choose_token_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{
        {scores, drawn ? draw.past : scores, drawn ? draw.chance : scores, out.ids, out.probabilities},
        push,
        {group, drawn ? 1U : 0U, drawn && limited ? 1U : 0U},
        uint64_t{rows} * classes * (drawn ? 6 : 4)};
  });
  return out;
}

}  // namespace fovea::ops
