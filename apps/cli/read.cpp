// `fovea read`: the text that stands in each picture.
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/text_command.h"

namespace fovea::apps {

void add_read(CLI::App& program, int& exit_code) {
  const auto flags = std::make_shared<TextFlags>();
  CLI::App* command = program.add_subcommand("read", "Read the text in each picture");
  add_text_flags(*command, *flags);
  command->callback([flags, &exit_code] { exit_code = write_texts(*flags, TextTask::read); });
}

}  // namespace fovea::apps
