// Tokens of a transformer that keeps the keys and values of what it has written.
#pragma once

#include <optional>
#include <vector>

#include "models/tasks/generate.h"
#include "models/tasks/token_source.h"

namespace fovea {

class CachedTokens : public TokenSource {
 public:
  // Throws Error(usage) for a model whose pictures have no grid.
  explicit CachedTokens(const LoadedModel& model);

  const TokenTraits& traits() const override { return traits_; }
  uint32_t record(uint32_t words, uint32_t most) override;
  Tensor pixels() const override { return generation_->input(pixels_); }
  void start(std::span<const uint32_t> words) override;
  Token next() override { return {generation_->step()[0], generation_->probabilities()[0]}; }
  std::vector<float> looked(const TokenMapRequest& request) const override;

 private:
  bool answers() const { return writer_.task() == TextTask::answer; }
  std::vector<float> through_question(const std::vector<float>& weights) const;

  const LoadedModel& model_;
  const Writer& writer_;
  TokenTraits traits_;
  size_t pixels_ = 0, question_ = 0;  // inputs
  std::optional<Generation> generation_;
  std::vector<float> question_rows_;  // [heads, tokens, keys]
};

}  // namespace fovea
