#include "apps/cli/commands.h"
#include "apps/ui/window.h"
#include "apps/util/child.h"

namespace fovea::apps {

void add_window_check(CLI::App& program, int& exit_code) {
  CLI::App* command = program.add_subcommand(window_check_command, "Open a window and close it")->group("");
  command->callback([&exit_code] {
    open_and_close_window();
    exit_code = exit_good;
  });
}

}  // namespace fovea::apps
