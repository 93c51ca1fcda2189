#include "apps/cli/commands.h"
#include "apps/ui/window.h"
#include "apps/util/child.h"

namespace fovea::apps {

void add_window_check(const Command& program) {
  const Command command = program.command(window_check_command, "Open a window and close it").hidden();
  command.runs([] {
    open_and_close_window();
    return exit_good;
  });
}

}  // namespace fovea::apps
