// The gradient of a chosen token's score by what the head of a text reads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/tasks/retrace.h"

namespace fovea {

class TokenGradient {
 public:
  explicit TokenGradient(const LoadedModel& model);

  // Of the token that was chosen behind ids.back(), the text as it was run: [1, longest, width], zeros but at
  // the last position.
  std::vector<float> operator()(const Retrace& retrace, std::span<const uint32_t> ids, uint32_t chosen);

 private:
  struct Part {
    Tensor x, token, gradient;
    Program program;
  };
  uint32_t size_;            // tokens of a part
  std::vector<Part> parts_;  // of the vocabulary
};

}  // namespace fovea
