// `fovea read`: the text that stands in each picture.
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/text_command.h"

namespace fovea::apps {

void add_read(const Command& program) {
  const auto flags = std::make_shared<TextFlags>();
  const Command command = program.command("read", "Read the text in each picture");
  add_text_flags(command, *flags);
  command.runs([flags] { return write_texts(*flags, TextTask::read); });
}

}  // namespace fovea::apps
