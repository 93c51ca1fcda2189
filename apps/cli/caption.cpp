// `fovea caption`: what each picture shows, in words.
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/text_command.h"

namespace fovea::apps {

void add_caption(CLI::App& program, int& exit_code) {
  const auto flags = std::make_shared<TextFlags>();
  CLI::App* command = program.add_subcommand("caption", "Describe each picture in words");
  command
      ->add_option("--prompt", flags->words,
                   "How the description begins, for models that go on with one: \"a photograph of\"")
      ->type_name("TEXT");
  add_text_flags(*command, *flags);
  command->callback([flags, &exit_code] { exit_code = write_texts(*flags, TextTask::describe); });
}

}  // namespace fovea::apps
