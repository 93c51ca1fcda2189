// What the program tells the shell.
#pragma once

namespace fovea::apps {

// All good; some or all inputs failed; wrong usage; stopped by Ctrl-C.
constexpr int exit_good = 0, exit_failed = 1, exit_usage = 2, exit_interrupted = 130;

}  // namespace fovea::apps
