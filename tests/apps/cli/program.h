// Runs the real program, named by FOVEA_PROGRAM, as a user's shell would.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"

namespace fovea::e2e {

namespace fs = std::filesystem;

// A folder of its own for every test, gone afterwards; programs run in it.
class Folder {
 public:
  Folder() { fs::create_directory(outside_ / "work"); }

  fs::path operator/(const fs::path& name) const { return outside_ / "work" / name; }
  const fs::path& outside() const { return outside_.path(); }

 private:
  test::TemporaryFolder outside_;
};

inline std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_text(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

inline size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

// A small ViT with random weights: 64 x 64 pixels, patches of 16, 3 layers, 3 heads, 10 classes.
inline std::string model_folder() {
  const fs::path folder = fs::path(FOVEA_SOURCE_DIR) / "tests" / "golden" / "vit_mini";
  if (!fs::exists(folder / "model.safetensors")) throw std::runtime_error("no model in " + folder.string());
  return folder;
}

struct Outcome {
  int code = -1;  // 128 + N when signal N ended it
  std::string out, err;

  // Without the notice that there is only a CPU driver, which depends on the machine.
  std::vector<std::string> complaints() const {
    std::vector<std::string> result;
    for (const std::string& line : lines_of(err))
      if (line.find("no GPU found") == line.npos) result.push_back(line);
    return result;
  }
  std::vector<nlohmann::json> json_lines() const {
    std::vector<nlohmann::json> result;
    for (const std::string& line : lines_of(out)) result.push_back(nlohmann::json::parse(line));
    return result;
  }
};

struct Call {
  std::vector<std::string> arguments;
  std::string input = {};      // standard input
  bool model = true;           // FOVEA_MODEL names the small model
  std::string stdout_to = {};  // a file instead of Outcome::out
  std::vector<std::string> variables = {};
};

class Running {
 public:
  Running(const Folder& folder, const Call& call) : folder_(folder) {
    const char* program = std::getenv("FOVEA_PROGRAM");
    if (program == nullptr) throw std::runtime_error("FOVEA_PROGRAM does not name the program to test");
    std::vector<std::string> words = {program};
    words.insert(words.end(), call.arguments.begin(), call.arguments.end());
    std::vector<std::string> variables = call.variables;
    if (call.model) variables.push_back("FOVEA_MODEL=" + model_folder());
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      // A display would open windows on somebody's screen.
      if (!text.starts_with("FOVEA_MODEL=") && !text.starts_with("DISPLAY=") &&
          !text.starts_with("WAYLAND_DISPLAY="))
        variables.push_back(text);
    }
    write_text(folder.outside() / "stdin", call.input);
    out_ = call.stdout_to.empty() ? (folder.outside() / "stdout").string() : call.stdout_to;
    capture_ = call.stdout_to.empty();
    const std::string in = folder.outside() / "stdin", err = folder.outside() / "stderr";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, in.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_addchdir_np(&actions, (folder / "").c_str());
    const int error = posix_spawn(&process_, program, &actions, nullptr, pointers(words).data(),
                                  pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
      throw std::runtime_error(std::string("cannot start ") + program + ": " + std::strerror(error));
  }

  pid_t process() const { return process_; }

  Outcome wait() {
    int status = 0;
    if (waitpid(process_, &status, 0) != process_) throw std::runtime_error("cannot wait for the program");
    Outcome outcome;
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (capture_) outcome.out = read_text(out_);
    outcome.err = read_text(folder_.outside() / "stderr");
    return outcome;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (std::string& text : strings) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  }

  const Folder& folder_;
  std::string out_;
  bool capture_ = true;
  pid_t process_ = 0;
};

inline Outcome run(const Folder& folder, const Call& call) {
  return Running(folder, call).wait();
}

inline Outcome run(const Folder& folder, std::vector<std::string> arguments) {
  Call call;
  call.arguments = std::move(arguments);
  return run(folder, call);
}

}  // namespace fovea::e2e
