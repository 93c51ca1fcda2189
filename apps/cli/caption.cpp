// `fovea caption`: what each picture shows, in words.
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/text_command.h"

namespace fovea::apps {

void add_caption(const Command& program) {
  const auto flags = std::make_shared<TextFlags>();
  const Command command = program.command("caption", "Describe each picture in words");
  command
      .option("--prompt", flags->words,
              "How the description begins, for models that go on with one: \"a photograph of\"")
      .type_name("TEXT");
  add_text_flags(command, *flags);
  command.runs([flags] { return write_texts(*flags, TextTask::describe); });
}

}  // namespace fovea::apps
