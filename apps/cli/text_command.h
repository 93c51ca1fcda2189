// What `read`, `caption` and `ask` have in common.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/choice_flags.h"
#include "apps/cli/serve_flags.h"
#include "apps/hub/model_flags.h"
#include "apps/ui/text_report.h"
#include "fovea/generate.h"

namespace fovea::apps {

// As typed; strings are understood once the model is known.
struct TextFlags {
  ModelFlags model;
  std::vector<std::string> inputs;
  std::string words;  // a question, or how a description begins
  TokenMapNames map;
  std::string region, overlay;
  ServeFlags serve;
  uint32_t most_tokens = 64;
  ChoiceFlags choice;
  bool json = false, window = false;
};

// Throws Error(usage), with the command that it is for, for a model that writes about pictures.
void refuse_writers(const Model& model, const char* command);

void add_text_flags(const Command& command, TextFlags& flags);
// Returns the exit code. Throws Error(usage) for a model that does something else with pictures.
int write_texts(const TextFlags& flags, TextTask task);

}  // namespace fovea::apps
