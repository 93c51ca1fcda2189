// `fovea ask`: answers to a question about each picture.
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/text_command.h"

namespace fovea::apps {

void add_ask(const Command& program) {
  const auto flags = std::make_shared<TextFlags>();
  const Command command = program.command("ask", "Answer a question about each picture");
  command.option("QUESTION", flags->words,
                 "\"how many cats are there?\"; with --serve, what the page begins with");
  add_text_flags(command, *flags);
  command.runs([flags] { return write_texts(*flags, TextTask::answer); });
}

}  // namespace fovea::apps
