#include "apps/cli/choice_flags.h"

#include <fmt/format.h>

#include <cmath>

#include "apps/text/typed.h"

namespace fovea::apps {

void ChoiceFlags::check() const {
  if (!std::isfinite(choice.temperature) || choice.temperature < 0)
    wrong(fmt::format("--temperature {}: want 0 for the most probable token, or more", choice.temperature));
  if (!std::isfinite(choice.length_penalty))
    wrong(fmt::format("--length-penalty {}: want a number", choice.length_penalty));
  for (const Option& option : {top_k, seed})
    if (option.given() && !choice.draws())
      wrong(fmt::format("{}: goes with --temperature above 0", option.name()));
  if (penalty.given() && choice.beams == 1) wrong("--length-penalty: goes with --beams 2 or more");
  if (choice.beams > 1 && choice.draws())
    wrong(fmt::format("--beams {}: beams take the best, without a --temperature", choice.beams));
}

void add_choice_flags(const Command& command, ChoiceFlags& flags, const char* needs) {
  TokenChoice& choice = flags.choice;
  flags.temperature = command
                          .option("--temperature", choice.temperature,
                                  "Draw tokens from the softmax of logits / T; 0 takes the most probable one")
                          .type_name("T")
                          .with_default();
  flags.top_k = command.option("--top-k", choice.top_k, "Draw from the K most probable ones alone")
                    .type_name("K")
                    .between(1, 1U << 31);
  flags.seed =
      command.option("--seed", choice.seed, "Equal seeds draw equal tokens").type_name("S").with_default();
  flags.beams =
      command.option("--beams", choice.beams, "Go on with the K best texts at once, and take the best of all")
          .type_name("K")
          .between(1, most_beams)
          .with_default();
  flags.penalty = command
                      .option("--length-penalty", choice.length_penalty,
                              "With beams: the best by sum of log p / length^A")
                      .type_name("A")
                      .with_default();
  if (*needs == '\0') return;
  for (const Option& option : {flags.temperature, flags.top_k, flags.seed, flags.beams, flags.penalty})
    option.needs(command.option(needs));
}

}  // namespace fovea::apps
