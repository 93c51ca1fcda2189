// How a model that writes chooses its tokens, as typed.
#pragma once

#include <CLI/CLI.hpp>

#include "fovea/token_choice.h"

namespace fovea::apps {

struct ChoiceFlags {
  TokenChoice choice;
  CLI::Option *temperature = nullptr, *top_k = nullptr, *seed = nullptr, *beams = nullptr, *penalty = nullptr;

  // Throws Error(usage) for those that would change nothing, and those that exclude one another.
  void check() const;
};

// needs: an option without which they mean nothing, or empty.
void add_choice_flags(CLI::App& command, ChoiceFlags& flags, const char* needs = "");

}  // namespace fovea::apps
