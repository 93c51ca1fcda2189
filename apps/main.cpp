// The program `fovea`: its commands, and the one place where errors become a line and an exit code.
#include <exception>
#include <new>
#include <opencv2/core/utils/logger.hpp>

#include "apps/cli/commands.h"
#include "apps/util/codec_messages.h"
#include "apps/util/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

int run(int argc, char** argv) {
  CommandLine line("fovea",
                   "Vision attention models on Vulkan: what a picture shows, and where the model looked",
                   "fovea " FOVEA_VERSION);
  const Command program = line.program();
  program.needs_command();
  program.footer(
      "Exit codes: 0 all good, 1 some or all inputs failed, 2 wrong usage.\n"
      "fovea COMMAND --help lists a command's options.");
  add_classify(program);
  add_read(program);
  add_caption(program);
  add_ask(program);
  add_overlay(program);
  add_maps(program);
  add_evaluate(program);
  add_run(program);
  add_pull(program);
  add_models(program);
  add_default(program);
  add_devices(program);
  add_bench(program);
  add_first_result(program);
  add_window_check(program);
  const int exit_code = line.run(argc, argv);
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
