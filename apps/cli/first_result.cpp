#include "apps/cli/first_result.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/cli/commands.h"
#include "apps/hub/model_flags.h"
#include "apps/util/child.h"
#include "apps/util/decode.h"
#include "fovea/error.h"
#include "fovea/session.h"

namespace fovea::apps {
namespace {

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
  std::string path;
};

// Wall time of one child, process start and end included.
double time_child(const ModelFlags& flags, const std::string& cache) {
  std::vector<std::string> arguments = {first_result_command, "--dtype", flags.dtype};
  for (const auto& [option, value] : {std::pair<const char*, const std::string&>{"--model", flags.model},
                                      {"--device", flags.device},
                                      {"--size", flags.size}})
    if (!value.empty()) arguments.insert(arguments.end(), {option, value});
  const auto start = std::chrono::steady_clock::now();
  // The Vulkan driver's own cache too, or "cold" would not be.
  const int code = run_child(arguments, {"XDG_CACHE_HOME=" + cache, "MESA_SHADER_CACHE_DIR=" + cache});
  const auto end = std::chrono::steady_clock::now();
  if (code != exit_good) fail(fmt::format("`fovea {}` ended with code {}", first_result_command, code));
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

void add_first_result(const Command& program) {
  const auto flags = std::make_shared<ModelFlags>();
  // An empty group hides it from the help.
  const Command command = program.command(first_result_command, "Classify one grey picture and end").hidden();
  add_model_flags(command, *flags);
  command.runs([flags] { return first_result(*flags); });
}

}  // namespace fovea::apps
