// `fovea default`: the model that is meant when nobody says which.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "apps/cli/commands.h"
#include "apps/hub/model_choice.h"
#include "apps/hub/name.h"
#include "apps/util/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

struct Flags {
  std::string name;
  bool unset = false;
};

// As it means the same tomorrow and in another folder.
std::string lasting(const std::string& text) {
  const ModelChoice choice = resolve_model(text, "default");
  std::error_code error;
  if (choice.embedded) return choice.text();
  if (std::filesystem::is_directory(text, error)) return std::filesystem::absolute(text).lexically_normal();
  return hub::parse_name(text, "default").text();
}

int show() {
  write_out(user_default().value_or(std::string(embedded_model().name)) + '\n');
  return exit_good;
}

int run(const Flags& flags) {
  if (flags.unset && !flags.name.empty()) throw Error(ErrorKind::usage, "--unset: takes no NAME");
  if (flags.unset) {
    if (!unset_user_default()) complain("there was no default");
    return exit_good;
  }
  if (flags.name.empty()) return show();
  set_user_default(lasting(flags.name));
  return exit_good;
}

}  // namespace

void add_default(const Command& program) {
  const auto flags = std::make_shared<Flags>();
  const Command command = program.command("default", "Show or set the model that is meant without --model");
  command.option("NAME", flags->name, "A pulled model, a folder, `embedded` or `embedded-reader`");
  command.flag("--unset", flags->unset, "Forget it");
  command.runs([flags] { return run(*flags); });
}

}  // namespace fovea::apps
