// The subcommands. Each add_ function hangs its options on the program and, when the user chose it, runs it
// and stores the exit code: 0 all good, 1 some or all inputs failed, 2 wrong usage.
#pragma once

#include <CLI/CLI.hpp>

namespace fovea::apps {

constexpr int exit_good = 0, exit_failed = 1, exit_usage = 2, exit_interrupted = 130;

void add_classify(CLI::App& program, int& exit_code);
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
// Hidden: opens a window and closes it; where no display answers, the GUI library aborts the process.
void add_window_check(CLI::App& program, int& exit_code);

}  // namespace fovea::apps
