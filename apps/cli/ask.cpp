// `fovea ask`: answers to a question about each picture.
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/text_command.h"

namespace fovea::apps {

void add_ask(CLI::App& program, int& exit_code) {
  const auto flags = std::make_shared<TextFlags>();
  CLI::App* command = program.add_subcommand("ask", "Answer a question about each picture");
  command->add_option("QUESTION", flags->words,
                      "\"how many cats are there?\"; with --serve, what the page begins with");
  add_text_flags(*command, *flags);
  command->callback([flags, &exit_code] { exit_code = write_texts(*flags, TextTask::answer); });
}

}  // namespace fovea::apps
