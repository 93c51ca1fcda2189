// Tokens of a recurrent decoder, which looks at the picture once a step.
#pragma once

#include <optional>
#include <vector>

#include "models/tasks/token_source.h"
#include "models/tasks/write_steps.h"

namespace fovea {

class RecurrentTokens : public TokenSource {
 public:
  explicit RecurrentTokens(const LoadedModel& model);

  const TokenTraits& traits() const override { return traits_; }
  uint32_t record(uint32_t words, uint32_t most) override;
  Tensor pixels() const override { return steps_->input(pixels_); }
  void start(std::span<const uint32_t> words) override;
  std::optional<Token> next() override;
  std::vector<float> looked(const TokenMapRequest& request) override;

 private:
  const LoadedModel& model_;
  TokenTraits traits_;
  size_t pixels_ = 0;  // input
  std::optional<WriteSteps> steps_;
  struct Evidence {
    Tensor chosen, values;
    Program program;
  };
  Evidence record_evidence() const;
  std::optional<Evidence> evidence_;  // when it is asked for
  uint32_t last_ = 0;
};

}  // namespace fovea
