#include "apps/first_result.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/commands.h"
#include "apps/decode.h"
#include "apps/terminal.h"
#include "fovea/error.h"
#include "fovea/session.h"

namespace fovea::apps {
namespace {

constexpr const char* command_name = "first-result";

[[noreturn]] void fail(const std::string& reason) {
  throw Error(ErrorKind::file, "cannot measure the time to the first result: " + reason);
}

struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "fovea-bench-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) fail(std::strerror(errno));
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

// This process's environment with the cache somewhere else, the Vulkan driver's own included.
std::vector<std::string> environment_with_cache(const std::string& cache) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!text.starts_with("XDG_CACHE_HOME=") && !text.starts_with("MESA_SHADER_CACHE_DIR="))
      variables.emplace_back(text);
  }
  variables.push_back("XDG_CACHE_HOME=" + cache);
  variables.push_back("MESA_SHADER_CACHE_DIR=" + cache);
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Wall time of one child, process start and end included.
double time_child(const ModelFlags& flags, const std::string& cache) {
  std::vector<std::string> arguments = {"fovea", command_name, "--dtype", flags.dtype};
  for (const auto& [option, value] : {std::pair<const char*, const std::string&>{"--model", flags.model},
                                      {"--device", flags.device},
                                      {"--size", flags.size}})
    if (!value.empty()) arguments.insert(arguments.end(), {option, value});
  std::vector<std::string> variables = environment_with_cache(cache);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
  const auto start = std::chrono::steady_clock::now();
  pid_t child = 0;
  const int error = posix_spawn(&child, "/proc/self/exe", &actions, nullptr, pointers(arguments).data(),
                                pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail(std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail(std::strerror(errno));
  const auto end = std::chrono::steady_clock::now();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != exit_good)
    fail(WIFEXITED(status) ? fmt::format("the child ended with code {}", WEXITSTATUS(status))
                           : fmt::format("the child was ended by signal {}", WTERMSIG(status)));
  return std::chrono::duration<double, std::milli>(end - start).count();
}

int first_result(const ModelFlags& flags) {
  Session session(load_model(flags));
  const cv::Mat grey(256, 256, CV_8UC3, cv::Scalar::all(128));
  const ImageView view = view_of(grey);
  session.classify({&view, 1});
  return exit_good;
}

}  // namespace

FirstResult measure_first_result(const ModelFlags& flags) {
  const TemporaryFolder cache;
  FirstResult result;
  result.cold_ms = time_child(flags, cache.path);
  result.warm_ms = time_child(flags, cache.path);
  return result;
}

void add_first_result(CLI::App& program, int& exit_code) {
  const auto flags = std::make_shared<ModelFlags>();
  // An empty group hides it from the help.
  CLI::App* command = program.add_subcommand(command_name, "Classify one grey picture and end")->group("");
  add_model_flags(*command, *flags);
  command->callback([flags, &exit_code] { exit_code = first_result(*flags); });
}

}  // namespace fovea::apps
