// What the program is told: commands, their options and what they run. CLI11 reads it, behind this header:
// its own makes two seconds of code in every source that includes it, a part of which runs whenever the
// program starts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace fovea::apps {

// An option of a command, valid as long as the command line.
class Option {
 public:
  Option() = default;
  explicit Option(CLI::Option* option) : option_(option) {}

  // What stands for its value in the help, such as FILE.
  Option type_name(const std::string& name) const;
  Option with_default() const;  // The help says what the variable holds now.
  Option required() const;
  Option between(uint32_t low, uint32_t high) const;
  Option one_of(const std::vector<std::string>& values) const;
  Option separated_by(char delimiter) const;
  // It may stand without a value, and is this one then.
  Option alone(const std::string& value) const;
  Option needs(const Option& other) const;
  Option excludes(const Option& other) const;

  bool given() const;
  std::string name() const;

 private:
  CLI::Option* option_ = nullptr;
};

// A command, or the program itself, valid as long as the command line. What options write to must live until
// it runs.
class Command {
 public:
  Command(CLI::App& app, int& exit_code) : app_(&app), exit_code_(&exit_code) {}

  Command command(const std::string& name, const std::string& help) const;
  // With one name that begins with dashes, or without them for what stands at its place. T: std::string, a
  // vector of them, int, uint32_t, uint64_t, float, or std::optional of int or float.
  template <class T>
  Option option(const std::string& name, T& to, const std::string& help) const;
  Option flag(const std::string& name, bool& to, const std::string& help) const;
  Option option(const std::string& name) const;  // one that was declared

  Command footer(const std::string& text) const;
  Command hidden() const;
  Command needs_command() const;
  // What to run when it was chosen, and none of its own commands was; returns the exit code.
  void runs(std::function<int()> action) const;

 private:
  CLI::App* app_;
  int* exit_code_;
};

class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& description, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Command program();
  // Runs the command that was chosen, and returns its exit code; that of wrong usage after a line on stderr.
  int run(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  int exit_code_;
};

}  // namespace fovea::apps
