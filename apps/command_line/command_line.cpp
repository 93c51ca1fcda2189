#include "apps/command_line/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string_view>

#include "apps/util/exit_codes.h"
#include "apps/util/terminal.h"
#include "core/text.h"

namespace fovea::apps {
namespace {

// Help and version come as "errors" too, with code 0.
int report(const CLI::App& program, const CLI::ParseError& error, std::string_view first_argument) {
  if (error.get_exit_code() == 0) return program.exit(error);
  std::string_view message = error.what();
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  const auto named = [&](const CLI::App* command) { return command->get_name() == first_argument; };
  const std::string& name = program.get_name();
  if (!program.get_subcommands(named).empty())
    complain(fmt::format("{} (see {} {} --help)", printable(message), name, first_argument));
  else if (!first_argument.empty() && first_argument.front() != '-')
    complain(fmt::format("no command `{}` (see {} --help)", printable(first_argument), name));
  else
    complain(fmt::format("{} (see {} --help)", printable(message), name));
  return exit_usage;
}

}  // namespace

Option Option::type_name(const std::string& name) const {
  return Option(option_->type_name(name));
}

Option Option::with_default() const {
  return Option(option_->capture_default_str());
}

Option Option::required() const {
  return Option(option_->required());
}

Option Option::between(uint32_t low, uint32_t high) const {
  return Option(option_->check(CLI::Range(low, high)));
}

Option Option::one_of(const std::vector<std::string>& values) const {
  return Option(option_->check(CLI::IsMember(values)));
}

Option Option::separated_by(char delimiter) const {
  return Option(option_->delimiter(delimiter));
}

Option Option::alone(const std::string& value) const {
  return Option(option_->expected(0, 1)->default_str(value)->run_callback_for_default());
}

Option Option::needs(const Option& other) const {
  return Option(option_->needs(other.option_));
}

Option Option::excludes(const Option& other) const {
  return Option(option_->excludes(other.option_));
}

bool Option::given() const {
  return option_->count() != 0;
}

std::string Option::name() const {
  return option_->get_name();
}

Command Command::command(const std::string& name, const std::string& help) const {
  return {*app_->add_subcommand(name, help), *exit_code_};
}

template <class T>
Option Command::option(const std::string& name, T& to, const std::string& help) const {
  return Option(app_->add_option(name, to, help));
}

template Option Command::option(const std::string&, std::string&, const std::string&) const;
template Option Command::option(const std::string&, std::vector<std::string>&, const std::string&) const;
template Option Command::option(const std::string&, int&, const std::string&) const;
template Option Command::option(const std::string&, uint32_t&, const std::string&) const;
template Option Command::option(const std::string&, uint64_t&, const std::string&) const;
template Option Command::option(const std::string&, float&, const std::string&) const;
template Option Command::option(const std::string&, std::optional<int>&, const std::string&) const;
template Option Command::option(const std::string&, std::optional<float>&, const std::string&) const;

Option Command::flag(const std::string& name, bool& to, const std::string& help) const {
  return Option(app_->add_flag(name, to, help));
}

Option Command::option(const std::string& name) const {
  return Option(app_->get_option(name));
}

Command Command::footer(const std::string& text) const {
  app_->footer(text);
  return *this;
}

Command Command::hidden() const {
  app_->group("");
  return *this;
}

Command Command::needs_command() const {
  app_->require_subcommand(1);
  return *this;
}

void Command::runs(std::function<int()> action) const {
  app_->callback([app = app_, code = exit_code_, action = std::move(action)] {
    if (app->get_subcommands().empty()) *code = action();
  });
}

CommandLine::CommandLine(const std::string& name, const std::string& description, const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)), exit_code_(exit_good) {
  app_->set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

Command CommandLine::program() {
  return {*app_, exit_code_};
}

int CommandLine::run(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report(*app_, error, argc > 1 ? argv[1] : "");
  }
  return exit_code_;
}

}  // namespace fovea::apps
