// The subcommands. Each add_ function hangs its options on the program, and what to run when the user chose
// it. Exit codes: 0 all good, 1 some or all inputs failed, 2 wrong usage.
#pragma once

#include "apps/command_line/command_line.h"
#include "apps/util/exit_codes.h"

namespace fovea::apps {

void add_classify(const Command& program);
void add_read(const Command& program);
void add_caption(const Command& program);
void add_ask(const Command& program);
void add_overlay(const Command& program);
void add_maps(const Command& program);
void add_evaluate(const Command& program);
void add_run(const Command& program);
void add_pull(const Command& program);
void add_models(const Command& program);
void add_default(const Command& program);
void add_devices(const Command& program);
void add_bench(const Command& program);
// Hidden: classifies one grey picture in a fresh process; `bench` times it.
void add_first_result(const Command& program);
// Hidden: opens a window and closes it; `overlay` asks it whether there is a display.
void add_window_check(const Command& program);

}  // namespace fovea::apps
