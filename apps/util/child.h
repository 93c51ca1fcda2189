// This program once more, as a child process.
#pragma once

#include <string>
#include <vector>

namespace fovea::apps {

// Hidden subcommands that such a child runs.
constexpr const char* first_result_command = "first-result";
constexpr const char* window_check_command = "window-check";

// Runs `fovea ARGUMENTS…` with the variables ("NAME=VALUE") put in place of those of the same name, its
// output thrown away, and waits for it. Returns its exit code, 128 + N when signal N ended it. Throws
// Error(file) when it cannot be started.
int run_child(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {});

}  // namespace fovea::apps
