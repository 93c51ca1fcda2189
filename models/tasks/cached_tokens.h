// Tokens of a transformer that keeps the keys and values of what it has written.
#pragma once

#include <optional>
#include <vector>

#include "models/tasks/beams.h"
#include "models/tasks/retrace.h"
#include "models/tasks/text_evidence.h"
#include "models/tasks/text_relevance.h"
#include "models/tasks/text_rollout.h"
#include "models/tasks/token_source.h"

namespace fovea {

class CachedTokens : public TokenSource {
 public:
  // Throws Error(usage) for a model whose pictures have no grid.
  CachedTokens(const LoadedModel& model, const TokenChoice& choice);

  const TokenTraits& traits() const override { return traits_; }
  uint32_t record(uint32_t words, uint32_t most) override;
  Tensor pixels() const override { return generation_->input(pixels_); }
  void start(std::span<const uint32_t> words) override;
  // With beams the first one is known when all are.
  std::optional<Token> next() override;
  std::vector<float> looked(const TokenMapRequest& request) override;

 private:
  bool answers() const { return writer_.task() == TextTask::answer; }
  std::vector<float> through_question(const std::vector<float>& weights) const;
  std::vector<float> traced(MapMethod method);

  const LoadedModel& model_;
  const Writer& writer_;
  TokenTraits traits_;
  size_t pixels_ = 0, question_ = 0;  // inputs
  TokenChoice choice_;
  std::optional<Generation> generation_;
  std::optional<Retrace> retrace_;  // these when they are asked for
  std::optional<TextRollout> rollout_;
  std::optional<TextRelevance> relevance_;
  std::optional<TextEvidence> evidence_;
  std::vector<uint32_t> read_;                  // the prompt, and the tokens that were given
  std::optional<std::vector<BeamText>> found_;  // with beams, when they were searched
  size_t given_ = 0;                            // of those
  std::vector<float> question_rows_;            // [heads, tokens, keys]
};

}  // namespace fovea
