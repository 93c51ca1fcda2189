// `fovea pull`: a model of a hub, by its name.
#include "apps/hub/pull.h"

#include <fmt/format.h>

#include <csignal>
#include <memory>
#include <string>

#include "apps/cli/commands.h"
#include "apps/hub/patience.h"
#include "apps/util/terminal.h"

namespace fovea::apps {
namespace {

int pull(const std::string& text) {
  const hub::ModelName model = hub::parse_name(text, "NAME");
  catch_interrupts();
  // A limit on the size of files is then an error of writing, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    write_out(hub::pull(model).string() + '\n');
  } catch (const hub::Interrupted&) {
    complain("interrupted: what came is kept, the same command goes on there");
    return exit_interrupted;
  }
  return exit_good;
}

}  // namespace

void add_pull(const Command& program) {
  const auto name = std::make_shared<std::string>();
  const Command command =
      program.command("pull", "Download a hub's model for --model NAME; prints its folder");
  command
      .option("NAME", *name,
              "org/name as on the hub, or a short name of `fovea models`; @REVISION may follow")
      .required();
  command.footer(
      "Takes $HF_ENDPOINT, $HF_TOKEN and $https_proxy, and $HF_HUB_CACHE where the files may be already.\n"
      "What breaks off goes on with the same command.");
  command.runs([name] { return pull(*name); });
}

}  // namespace fovea::apps
