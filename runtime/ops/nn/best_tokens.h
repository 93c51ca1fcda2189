// The best of each row of a vocabulary's scores, with the logarithms of their probabilities.
#pragma once

#include "generated/shaders.h"
#include "runtime/ops/nn/vocabulary.h"
#include "shaders/nn/best_tokens.h"

namespace fovea::ops {

template <gpu::Family F>
struct BestTokensOf : VocabularyKernel<F> {
  static constexpr const gpu::Shader& shader = shaders::best_tokens;
  using Push = BestTokensPush;
  struct Spec {
    uint32_t group = 64;  // a power of two
  };
  struct Bind {
    ReadBy<F> scores;
    Out tokens, logs;
  };
  static Grid grid(const Push& p, const Spec&) { return BestTokensOf::rows_grid(p); }
  static std::vector<Spec> variants(const DeviceInfo& device) { return {{vocabulary_group(device)}}; }
};
inline const BothFamilies<BestTokensOf> best_tokens_kernels;

struct BestTokens {
  Tensor ids;   // u32 [rows, k], best first, equal scores in the order of their ids
  Tensor logs;  // f32 [rows, k], the logarithms of their probabilities
};

constexpr uint32_t most_best_tokens = 32;

// scores: [rows, any multiple of four], of which the first `classes` count; 1 ≤ k ≤ 32. A NaN in a row makes
// its logarithms NaN.
inline BestTokens best_tokens(Recorder& r, const Tensor& scores, uint32_t classes, uint32_t k) {
  check_scores("best_tokens", scores, classes, k);
  check(k != 0 && k <= most_best_tokens, "best_tokens",
        [&] { return fmt::format("k is {}, it finds 1…{}", k, most_best_tokens); });
  const uint32_t rows = scores.shape[0];
  const BestTokens out{r.temporary({rows, k}, DType::u32, "best tokens"),
                       r.temporary({rows, k}, DType::f32, "their logarithms")};
  const BestTokensPush push{rows, classes, scores.shape[1] / 4, k};
  const uint32_t group = vocabulary_group(r.device().info());
  best_tokens_kernels.dispatch(r, [&]<class K>(K) {
    return Call<K>{{scores, out.ids, out.logs}, push, {group}, uint64_t{rows} * classes * 8};
  });
  return out;
}

}  // namespace fovea::ops
