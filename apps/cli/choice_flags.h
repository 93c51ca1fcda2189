// How a model that writes chooses its tokens, as typed.
#pragma once

#include "apps/command_line/command_line.h"
#include "fovea/token_choice.h"

namespace fovea::apps {

struct ChoiceFlags {
  TokenChoice choice;
  Option temperature, top_k, seed, beams, penalty;

  // Throws Error(usage) for those that would change nothing, and those that exclude one another.
  void check() const;
};

// needs: an option without which they mean nothing, or empty.
void add_choice_flags(const Command& command, ChoiceFlags& flags, const char* needs = "");

}  // namespace fovea::apps
