// The program `fovea`: option parsing, and the one place where errors become a line and an exit code.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <new>
#include <opencv2/core/utils/logger.hpp>
#include <string>
#include <string_view>

#include "apps/cli/commands.h"
#include "apps/util/codec_messages.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

// Help and version come as "errors" too, with code 0.
int report(const CLI::App& program, const CLI::ParseError& error, std::string_view first_argument) {
  if (error.get_exit_code() == 0) return program.exit(error);
  std::string_view message = error.what();
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  const auto named = [&](const CLI::App* command) { return command->get_name() == first_argument; };
  if (!program.get_subcommands(named).empty())
    complain(fmt::format("{} (see fovea {} --help)", printable(message), first_argument));
  else if (!first_argument.empty() && first_argument.front() != '-')
    complain(fmt::format("no command `{}` (see fovea --help)", printable(first_argument)));
  else
    complain(fmt::format("{} (see fovea --help)", printable(message)));
  return exit_usage;
}

int run(int argc, char** argv) {
  CLI::App program{"Vision attention models on Vulkan: what a picture shows, and where the model looked",
                   "fovea"};
  program.set_version_flag("--version", "fovea " FOVEA_VERSION);
  program.require_subcommand(1);
  program.footer(
      "Exit codes: 0 all good, 1 some or all inputs failed, 2 wrong usage.\n"
      "fovea COMMAND --help lists a command's options.");
  int exit_code = exit_good;
  add_classify(program, exit_code);
  add_read(program, exit_code);
  add_caption(program, exit_code);
  add_ask(program, exit_code);
  add_overlay(program, exit_code);
  add_maps(program, exit_code);
  add_evaluate(program, exit_code);
  add_run(program, exit_code);
  add_pull(program, exit_code);
  add_models(program, exit_code);
  add_default(program, exit_code);
  add_devices(program, exit_code);
  add_bench(program, exit_code);
  add_first_result(program, exit_code);
  add_window_check(program, exit_code);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = report(program, error, argc > 1 ? argv[1] : "");
  }
  flush_out();
  return exit_code;
}

int guarded_run(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const ReaderGone&) {
    return exit_good;
  } catch (const Error& error) {
    complain(error.what());
    return error.kind() == ErrorKind::usage ? exit_usage : exit_failed;
  } catch (const std::bad_alloc&) {
    complain("not enough memory");
  } catch (const std::exception& error) {
    complain(error.what());
  }
  return exit_failed;
}

}  // namespace
}  // namespace fovea::apps

int main(int argc, char** argv) {
  fovea::apps::guard_standard_streams();
  fovea::apps::CodecMessages::install();
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  return fovea::apps::guarded_run(argc, argv);
}
