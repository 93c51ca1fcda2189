// The subcommands. Each add_ function hangs its options on the program and, when the user chose it, runs it
// and stores the exit code: 0 all good, 1 some or all inputs failed, 2 wrong usage.
#pragma once

#include <CLI/CLI.hpp>

#include "apps/util/exit_codes.h"

namespace fovea::apps {

void add_classify(CLI::App& program, int& exit_code);
void add_read(CLI::App& program, int& exit_code);
void add_caption(CLI::App& program, int& exit_code);
void add_ask(CLI::App& program, int& exit_code);
void add_overlay(CLI::App& program, int& exit_code);
void add_maps(CLI::App& program, int& exit_code);
void add_evaluate(CLI::App& program, int& exit_code);
void add_run(CLI::App& program, int& exit_code);
void add_pull(CLI::App& program, int& exit_code);
void add_models(CLI::App& program, int& exit_code);
void add_default(CLI::App& program, int& exit_code);
void add_devices(CLI::App& program, int& exit_code);
void add_bench(CLI::App& program, int& exit_code);
// Hidden: classifies one grey picture in a fresh process; `bench` times it.
void add_first_result(CLI::App& program, int& exit_code);
// Hidden: opens a window and closes it; `overlay` asks it whether there is a display.
void add_window_check(CLI::App& program, int& exit_code);

}  // namespace fovea::apps
